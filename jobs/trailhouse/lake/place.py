"""
One file, written whole: to a folder or a bucket, and never half.

For what a command makes beside the lake: its outcome for a scheduler, evidence, answers of reports. What lies in the
lake is written by `lake.files`, which seals it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse.errors import TrailhouseError
from trailhouse.sources import aws


def write(where: str, data: bytes) -> None:
    """A file of these bytes there, in place of what was there before."""
    try:
        if is_in_a_bucket(where):
            bucket, _, key = where.removeprefix("s3://").partition("/")
            aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
        else:
            _write(Path(where), data)
    except OSError as error:
        raise TrailhouseError(f"can't write {where}: {error.strerror or error}") from error
    except (BotoCoreError, ClientError) as error:
        raise TrailhouseError(f"can't write {where}: {error}") from error


def is_in_a_bucket(where: str) -> bool:
    return where.startswith("s3://")


def inside(folder: str, name: str) -> str:
    """A file's place in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_in_a_bucket(folder) else str(Path(folder, name))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o644)
    os.replace(made, path)
