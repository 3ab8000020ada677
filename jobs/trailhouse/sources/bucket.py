"""
Log files in a bucket: the LIST requests, counted and checked.

Knows S3's listing protocol and what its errors mean. Knows nothing of tiers or of what was listed before. A listing
that breaks its own rules (an order, a page twice, an end that is none) is an error and not a short answer: what it
leaves out would be taken for absent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from trailhouse.errors import TrailhouseError
from trailhouse.sources.aws import Access, client
from trailhouse.sources.keys import LOG_KINDS, folder_role
from trailhouse.sources.values import Problem

_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket or a part of one, and how it is reached. Travels to workers."""

    name: str
    prefix: str = ""  # "" or ending in "/"
    access: Access = field(default_factory=Access)
    expected_owner: str = ""

    def owner(self) -> dict[str, str]:
        """The argument by which S3 refuses a bucket that has changed hands."""
        return {"ExpectedBucketOwner": self.expected_owner} if self.expected_owner else {}

    def url(self, key: str = "") -> str:
        """For messages."""
        return f"s3://{self.name}/{key}"


@dataclass(slots=True)
class Calls:
    """Counts LIST requests over threads, since each is paid for."""

    made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> None:
        with self._lock:
            self.made += 1


def pages(bucket: Bucket, prefix: str, between: tuple[str, str], calls: Calls) -> Iterator[list[dict[str, Any]]]:
    """The objects below a prefix, page by page, in key order; after one key, up to and with another, where named."""
    start_after, until = between
    last = start_after
    for page in _requests(bucket, {"Prefix": prefix} | ({"StartAfter": start_after} if start_after else {}), calls):
        objects = page.get("Contents", [])
        for each in objects:
            key = each["Key"]
            if last and key <= last:
                raise _broken(bucket, prefix, f"the key {key[:200]!r} comes after {last[:200]!r}")
            if not key.startswith(prefix):
                raise _broken(bucket, prefix, f"it contains the key {key[:200]!r}")
            last = key
        if until and last > until:
            yield [each for each in objects if each["Key"] <= until]
            return
        yield objects


def folders(bucket: Bucket, prefix: str, calls: Calls) -> list[str]:
    """The folders right below a prefix."""
    found: list[str] = []
    for page in _requests(bucket, {"Prefix": prefix, "Delimiter": "/"}, calls):
        found += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
    return found


def split(bucket: Bucket, folder: str, calls: Calls, kinds: tuple[str, ...] = LOG_KINDS) -> tuple[list[str], list[str]]:
    """
    Of the folders right below: those that are feeds, and those to look into.

    Never into days, other kinds or other services.
    """
    below = [(path, folder_role(path, kinds)) for path in folders(bucket, folder, calls)]
    return [path for path, role in below if role == "feed"], [path for path, role in below if role == "walk"]


def _requests(bucket: Bucket, arguments: dict[str, str], calls: Calls) -> Iterator[dict[str, Any]]:
    s3 = client("s3", bucket.access)
    token = ""
    while True:
        calls.count()
        more = {"ContinuationToken": token} if token else {}
        # boto3 asks for encoding-type=url and undoes it, once, as long as the caller doesn't ask for it himself.
        page = s3.list_objects_v2(Bucket=bucket.name, **arguments, **more, **bucket.owner())
        yield page
        if not page.get("IsTruncated"):
            return
        following = page.get("NextContinuationToken", "")
        if not following or following == token:
            raise _broken(bucket, arguments["Prefix"], "it says that there is more, but not where")
        token = following


def _broken(bucket: Bucket, prefix: str, what: str) -> TrailhouseError:
    return TrailhouseError(
        f"the listing of {bucket.url(prefix)} is broken: {what}. Nothing of it was used; run again, and if it "
        "stays so, look at what stands between here and S3"
    )


_REASONS = {
    "NoSuchBucket": "missing_bucket",
    "PermanentRedirect": "wrong_region",
    "AuthorizationHeaderMalformed": "wrong_region",
    "IllegalLocationConstraintException": "wrong_region",
}
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"}
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError)
_DENIED = {"ExpiredToken", "InvalidToken", "ExpiredTokenException"}


def reason_of(error: ClientError | BotoCoreError) -> str:
    """The fixed word for what went wrong with a request."""
    if not isinstance(error, ClientError):
        return "access" if isinstance(error, _NO_CREDENTIALS) else "unavailable"
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _REASONS:
        return _REASONS[code]
    if code in _THROTTLED or status in (429, 503):
        return "throttled"
    if status in (401, 403) or code in _DENIED:
        return "access"
    return "unavailable" if status >= 500 else "error"


def problem(bucket: Bucket, prefix: str, error: ClientError | BotoCoreError) -> Problem:
    """A listing that did not come to its end, as a value."""
    return Problem(f"s3://{bucket.name}", bucket.url(prefix), reason_of(error), str(error)[:_DETAIL])
