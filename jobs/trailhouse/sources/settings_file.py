"""
A settings file that lies in S3: jobs in the cloud begin with no file of their own.

Knows how it is fetched. What stands in it is for `settings`.
"""

from __future__ import annotations

from trailhouse.errors import SettingsError
from trailhouse.sources import aws


def read(url: str) -> bytes:
    """Its bytes."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not bucket or not key or key.endswith("/"):
        raise SettingsError(f"{url} names no file: write s3://bucket/key")
    with aws.told(f"reading the settings file {url}"):
        body: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
