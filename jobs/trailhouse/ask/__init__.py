"""The way out: queries, and answers from the lake."""
