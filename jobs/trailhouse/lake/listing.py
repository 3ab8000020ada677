"""
What lies in a folder of the lake, by its store: each file with its size and when the store says it was written.

Knows folders of this machine and buckets. A store's own time tells a file's age, whatever the clocks of writers say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from trailhouse.sources import aws


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as its store knows it; its place is spelt as the tables' metadata spells it."""

    path: str
    size: int
    modified: datetime


def listed(folder: str) -> Iterator[Stored]:
    """Every file in a folder and its folders."""
    yield from _in_bucket(folder) if folder.startswith("s3://") else _in_folder(folder)


def _unless_gone(error: OSError) -> None:
    """What can't be looked into is not to pass for empty; a folder that is not there is."""
    if not isinstance(error, FileNotFoundError):
        raise error


def of_bucket(path: str) -> tuple[str, str]:
    """Bucket and key of a place in one."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key


def _in_bucket(folder: str) -> Iterator[Stored]:
    bucket, prefix = of_bucket(folder.rstrip("/") + "/")
    for page in aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", ()):
            yield Stored(f"s3://{bucket}/{each['Key']}", each["Size"], each["LastModified"])


def _in_folder(folder: str) -> Iterator[Stored]:
    for place, _, names in os.walk(folder, onerror=_unless_gone):
        for name in names:
            path = f"{place}/{name}"
            try:
                told = os.stat(path)
            except FileNotFoundError:  # another was faster
                continue
            yield Stored(path, told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))
