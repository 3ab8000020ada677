"""
One file, written whole: to a folder or a bucket, and never half.

For what a command makes beside the lake: its outcome for a scheduler, evidence, answers of reports. What lies in the
lake is written by `lake.files`, which seals it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse.errors import TrailhouseError
from trailhouse.sources import aws


def write(where: str, data: bytes) -> None:
    """A file of these bytes there, in place of what was there before."""
    if not is_in_a_bucket(where):
        with replaced(where) as fresh:
            fresh.write_bytes(data)
            fresh.chmod(0o644)
        return
    bucket, _, key = where.removeprefix("s3://").partition("/")
    try:
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    except (BotoCoreError, ClientError) as error:
        raise TrailhouseError(f"can't write {where}: {error}") from error


@contextmanager
def replaced(where: str) -> Iterator[Path]:
    """Where to write a file that takes the place of what was there when the block ends, and only then."""
    there = None if is_in_a_bucket(where) else Path(where)
    try:
        if there:
            there.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=there and there.parent, prefix=".trailhouse-") as folder:
            fresh = Path(folder, "fresh")
            yield fresh
            if there:
                fresh.replace(there)
            else:
                write(where, fresh.read_bytes())
    except OSError as error:
        raise TrailhouseError(f"can't write {where}: {error.strerror or error}") from error


def is_in_a_bucket(where: str) -> bool:
    return where.startswith("s3://")


def inside(folder: str, name: str) -> str:
    """A file's place in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_in_a_bucket(folder) else str(Path(folder, name))
