"""Looking after a lake: what was refused, what is missing, what it costs."""
