"""Where log files come from: their keys, what is there, and their bytes."""
