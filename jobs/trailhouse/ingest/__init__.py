"""The way in: log files become audited, published tables."""
