"""Proof: that log files are what CloudTrail delivered, none missing, none added."""
