"""
Reading: many small objects at once, in the order asked for.

Knows how an object is fetched whole and unchanged, and which of the ways to fail may pass. Knows nothing of what is in
it. Whatever goes wrong with one object is a value: it costs that object (promise P5), and nothing transient is ever
taken for damage (bug B22).
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError
from botocore.exceptions import ReadTimeoutError as BotocoreReadTimeout
from urllib3.exceptions import HTTPError

from trailhouse import faults, settings
from trailhouse.limits import Limits
from trailhouse.sources.aws import client, renew
from trailhouse.sources.bucket import Bucket, reason_of
from trailhouse.sources.folder import modified_at
from trailhouse.sources.listing import bucket_of

_CHUNK = 16 * 2**10  # small, so that a trickle notices the deadline
_DETAIL = 300


@dataclass(frozen=True, slots=True)
class ToRead:
    """An object as the listing saw it: read is exactly this one or none."""

    key: str
    etag: str  # "" when not known: then what is there now is read
    size: int
    modified: datetime | None = None  # of a local file


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object's bytes, as stored."""

    object: ToRead
    data: bytes
    etag: str  # of a local file: the SHA-256 of its bytes
    stored_sha256: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)  # the user's; of a local file there is none


@dataclass(frozen=True, slots=True)
class Pending:
    """An object that could not be read this time. It stays on the list; nothing is said of its content."""

    object: ToRead
    reason: str  # see PENDING_REASONS
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """An object over the limit. It was not downloaded."""

    object: ToRead
    size: int


PENDING_REASONS = (
    "changed",  # another object lies there now, or the file was written to
    "missing",
    "access",
    "access_kms",
    "archived",  # in Glacier, to be restored first
    "size_mismatch",  # fewer or more bytes came than the listing promised, every time
    "throttled",
    "unavailable",
    "timeout",
    "error",
)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on reading."""

    stored_bytes: int = Limits().stored_bytes
    ahead_bytes: int = 64 * 2**20  # fetched or being fetched, and not yet taken
    attempts: int = 6
    deadline: float = 120.0  # seconds for one object, all attempts together
    backoff: float = 0.2  # seconds; doubled for each attempt, up to 20


class Reader(Protocol):
    """Reads one object. A plain value that travels to workers."""

    def read(self, wanted: ToRead, limits: ReadLimits) -> Fetched | Pending:
        """Never raises for what is wrong with the object."""
        ...

    def beside(self, key: str, most: int) -> bytes:
        """A small file that says of another what a bucket would keep as its metadata; empty where there is none."""
        ...


def reader_for(source: settings.Source) -> Reader:
    """The reader of a source's objects."""
    bucket = bucket_of(source)
    return BucketReader(bucket) if bucket else FolderReader(source.url)


def fetch(
    objects: Iterable[ToRead], reader: Reader, threads: int = 8, limits: ReadLimits = ReadLimits()
) -> Iterator[Fetched | Pending | TooLarge]:
    """Each object's bytes or why not, in the order asked for, with a bounded read-ahead."""
    waiting: deque[tuple[int, Future[Fetched | Pending | TooLarge]]] = deque()
    ahead = 0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
    try:
        for wanted in objects:
            cost = min(wanted.size, limits.stored_bytes)
            while waiting and (ahead + cost > limits.ahead_bytes or len(waiting) >= 4 * threads):
                paid, first = waiting.popleft()
                yield first.result()
                ahead -= paid
            waiting.append((cost, pool.submit(_read, wanted, reader, limits)))
            ahead += cost
        while waiting:
            yield waiting.popleft()[1].result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(wanted: ToRead, reader: Reader, limits: ReadLimits) -> Fetched | Pending | TooLarge:
    if wanted.size > limits.stored_bytes:
        return TooLarge(wanted, wanted.size)
    return reader.read(wanted, limits)


@dataclass(frozen=True, slots=True)
class BucketReader:
    """Objects of a bucket."""

    bucket: Bucket

    def read(self, wanted: ToRead, limits: ReadLimits) -> Fetched | Pending:
        """Try until it is there whole, until a failure that will not pass, or until time is up."""
        until = time.monotonic() + limits.deadline
        failure = Pending(wanted, "timeout")
        renewed, doubted = False, ""
        for attempt in range(limits.attempts):
            if attempt:
                pause = random.uniform(0, min(20.0, limits.backoff * 2**attempt))  # full jitter
                if time.monotonic() + pause >= until:
                    break
                time.sleep(pause)
            got = self._try(wanted, until)
            if isinstance(got, Fetched):
                if not _in_doubt(got, self.bucket.name):
                    return got
                if got.stored_sha256 == doubted:
                    _NO_MD5.add(self.bucket.name)
                    return got
                doubted = got.stored_sha256
                failure = Pending(wanted, "unavailable", "each reading gave other bytes")
                continue
            failure = got
            if got.reason == "access" and "ExpiredToken" in got.detail and not renewed:
                renewed = True
                renew(self.bucket.access)
                continue
            if got.reason not in _PASSING or time.monotonic() >= until:
                break
        return failure

    def beside(self, key: str, most: int) -> bytes:
        """Nothing: a bucket keeps metadata with the object."""
        return b""

    def _try(self, wanted: ToRead, until: float) -> Fetched | Pending:
        pinned = {"IfMatch": f'"{wanted.etag}"'} if wanted.etag else {}
        try:
            # One attempt: the retry that counts is ours, since botocore's ends where the body begins.
            s3 = client("s3", self.bucket.access, attempts=1)
            answer = s3.get_object(Bucket=self.bucket.name, Key=wanted.key, **pinned, **self.bucket.owner())
            return _received(wanted, answer, until)
        except (BotocoreReadTimeout, TimeoutError) as error:
            return Pending(wanted, "timeout", _cut(error))
        except FlexibleChecksumError as error:
            return Pending(wanted, "unavailable", _cut(error))
        except ClientError as error:
            return Pending(wanted, _reason(error), _cut(error))
        except (BotoCoreError, HTTPError, OSError) as error:
            reason = reason_of(error) if isinstance(error, BotoCoreError) else "unavailable"
            return Pending(wanted, reason, _cut(error))


# Buckets whose ETags have turned out to be no MD5, of this process: nothing there is read twice for it again.
_NO_MD5: set[str] = set()


def _in_doubt(got: Fetched, bucket: str) -> bool:
    """
    Whether a bit may have turned over on the way: the ETag looks like an MD5 and is not the one of these bytes.

    It need not be one (an object encrypted with a key of KMS, a server of another make), so that a second reading
    decides: the same bytes again are what is stored.
    """
    if not _MD5.fullmatch(got.etag) or bucket in _NO_MD5:
        return False
    return hashlib.md5(got.data, usedforsecurity=False).hexdigest() != got.etag


_MD5 = re.compile("[0-9a-f]{32}")

# Worth another attempt. `changed` is not: what was listed is gone, and the next listing shows what is there instead.
_PASSING = {"throttled", "unavailable", "timeout", "size_mismatch"}


def _received(wanted: ToRead, answer: dict[str, Any], until: float) -> Fetched | Pending:
    """
    The body, if it is the one listed.

    By length and ETag. Whether the bytes are those of the ETag can't be told for sure: see `_in_doubt`.
    """
    body = answer["Body"]
    try:
        etag = str(answer.get("ETag", "")).strip('"')
        if wanted.etag and etag != wanted.etag:
            # The request was pinned, so a server that answers 200 with another object, or with none, is out of order.
            return Pending(wanted, "unavailable", "the answer is not the object that was asked for")
        data, late = bytearray(), False
        while len(data) <= wanted.size and not late:
            with faults.at("downloading"):
                chunk = body.read(min(_CHUNK, wanted.size + 1 - len(data)))
            if not chunk:
                break
            data += chunk
            late = time.monotonic() > until
        if len(data) == wanted.size:
            return replace(_fetched(wanted, bytes(data), etag), metadata=answer.get("Metadata", {}))
        if late:
            return Pending(wanted, "timeout", f"{len(data)} of {wanted.size} bytes came in time")
        return Pending(wanted, "size_mismatch", f"{len(data)} bytes came, {wanted.size} were listed")
    finally:
        body.close()


_FINAL = {
    "NoSuchKey": "missing",
    "NoSuchBucket": "missing",
    "NoSuchVersion": "missing",
    "PreconditionFailed": "changed",
    "InvalidObjectState": "archived",
    "RequestTimeout": "timeout",
}


def _reason(error: ClientError) -> str:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _FINAL:
        return _FINAL[code]
    # S3 hands on what KMS says: its own AccessDenied with kms:Decrypt in the text, or a code such as
    # KMS.DisabledException.
    if code.startswith("KMS.") or (status == 403 and "kms" in message.lower()):
        return "access_kms"
    if status in (404, 412):
        return "missing" if status == 404 else "changed"
    return reason_of(error) if reason_of(error) in PENDING_REASONS else "error"


@dataclass(frozen=True, slots=True)
class FolderReader:
    """Files below a folder on this machine."""

    root: str  # a path, or a file:// URL

    def read(self, wanted: ToRead, limits: ReadLimits) -> Fetched | Pending:
        """Read the file, if it still is the one that was listed."""
        if wanted.key.startswith("/") or ".." in wanted.key.split("/"):
            return Pending(wanted, "missing", "the key leads out of the source's folder")
        try:
            return _read_file(self._path(wanted.key), wanted)
        except (FileNotFoundError, NotADirectoryError):
            return Pending(wanted, "missing")
        except PermissionError as error:
            return Pending(wanted, "access", error.strerror or "")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the key
            return Pending(wanted, "unavailable", _cut(error))

    def beside(self, key: str, most: int) -> bytes:
        """The file, where it is one and small."""
        try:
            with open(self._path(key), "rb", opener=_without_waiting) as file:
                data = file.read(most + 1)
        except (OSError, ValueError):
            return b""
        return data if len(data) <= most else b""

    def _path(self, key: str) -> Path:
        root = Path(unquote(urlsplit(self.root).path)) if self.root.startswith("file://") else Path(self.root)
        return root / key


def _without_waiting(name: str, flags: int) -> int:
    """A FIFO put in the file's place must not hold the run."""
    return os.open(name, flags | os.O_NONBLOCK)


def _read_file(path: Path, wanted: ToRead) -> Fetched | Pending:
    with open(path, "rb", opener=_without_waiting) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            return Pending(wanted, "changed", "it is no regular file any more")
        with faults.at("downloading"):
            data = file.read(wanted.size + 1)
        after = os.fstat(file.fileno())
    if len(data) != wanted.size or after.st_size != wanted.size or before.st_mtime_ns != after.st_mtime_ns:
        return Pending(wanted, "changed", f"listed with {wanted.size} bytes, it has {after.st_size} now")
    if not wanted.etag and wanted.modified is not None and modified_at(after) != wanted.modified:
        return Pending(wanted, "changed", "it was written to after it was listed")
    fetched = _fetched(wanted, data, "")
    if wanted.etag and wanted.etag != fetched.etag:
        return Pending(wanted, "changed", "its content is not the one listed")
    return fetched


def _fetched(wanted: ToRead, data: bytes, etag: str) -> Fetched:
    sha256 = hashlib.sha256(data).hexdigest()
    return Fetched(wanted, data, etag or sha256, sha256, len(data))


def _cut(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:_DETAIL]
