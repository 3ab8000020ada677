"""Trailhouse: the CloudTrail lake you own."""

__version__ = "0.1.0"
