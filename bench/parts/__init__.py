"""What is compared, part by part: each takes the bench and gives the numbers of its part."""
