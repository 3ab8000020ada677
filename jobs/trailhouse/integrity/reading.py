"""
What workers do for `verify`: files are fetched, inflated, hashed. What each comes to is small, and no verdict yet.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from trailhouse import settings
from trailhouse.integrity import digest, trail_events
from trailhouse.integrity.values import Read
from trailhouse.sources.objects import Fetched, Reader, ReadLimits, TooLarge, ToRead, fetch, reader_for

FORMAT, WRAPPING, LIMIT = "format", "wrapping", "too_large"
DAMAGE = (FORMAT, WRAPPING)  # a file's own fault; with another problem, nothing is known of it

BESIDE = ".metadata.json"  # what `aws s3api head-object --query Metadata` says of a file, in a copy on this machine
MOST_BESIDE = 2**14

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Reading:
    """A task: files of a source."""

    source: settings.Source
    name: str  # of the source
    objects: tuple[ToRead, ...]
    digests: bool  # then content and what stands beside the file are told as well
    inflated_bytes: int
    limits: ReadLimits
    threads: int
    tally: Mapping[str, Any]  # accumulators: files, bytes


def read(task: Reading) -> list[Read]:
    """Read files, each whole."""
    reader, is_copy = reader_for(task.source), not task.source.url.startswith("s3://")
    return list(_read(task, reader, is_copy))


def _read(task: Reading, reader: Reader, is_copy: bool) -> Iterator[Read]:
    got_all = fetch(task.objects, reader, task.threads, task.limits)
    for wanted, got in zip(task.objects, got_all, strict=True):
        if not isinstance(got, Fetched):
            yield Read(wanted.key, LIMIT if isinstance(got, TooLarge) else got.reason)
            continue
        task.tally["files"].add(1)
        task.tally["bytes"].add(got.size)
        made = content_of(got.data, task.inflated_bytes, is_copy)
        if isinstance(made, str):
            yield _beside(Read(wanted.key, made), got, reader) if task.digests else Read(wanted.key, made)
            continue
        sha256 = hashlib.sha256(made).hexdigest()
        if task.digests:
            yield _beside(Read(wanted.key, sha256=sha256, content=made), got, reader)
        else:
            yield Read(wanted.key, sha256=sha256, trail_events=trail_events.found(made))


def content_of(stored: bytes, most: int, is_copy: bool) -> bytes | str:
    """
    The inflated bytes; or a word for why not.

    Stricter than what ingest takes, since this is what CloudTrail delivered and nothing else: one gzip stream, whole,
    with its trailer and nothing behind it. A copy may have been inflated on its way here.
    """
    if is_copy and stored and stored[:2] != _GZIP:
        return stored if len(stored) <= most else LIMIT
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        made = stream.decompress(stored, most + 1)
    except zlib.error:
        return FORMAT
    if len(made) > most:
        return LIMIT
    if not stream.eof:
        return FORMAT
    return WRAPPING if stream.unused_data else made


def _beside(made: Read, got: Fetched, reader: Reader) -> Read:
    """With what stands beside a digest: object metadata, or in a folder a file of the same name."""
    told = got.metadata or _file_beside(got.object.key, reader)
    return replace(
        made,
        signature=told.get(digest.SIGNATURE, ""),
        algorithm=told.get(digest.ALGORITHM, ""),
        backfilled_at=told.get(digest.BACKFILLED, ""),
    )


def _file_beside(key: str, reader: Reader) -> dict[str, str]:
    got = reader.beside(f"{key}{BESIDE}", MOST_BESIDE)
    try:
        told = msgspec.json.decode(got) if got else {}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    return {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
