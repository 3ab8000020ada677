"""
Reading back what was written: a data file that is damaged is told from a store that does not answer.

A damaged file stays so: whoever reads it gets None, and must not fail over it again and again. What a store does may
pass, and is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO

from trailhouse.errors import TrailhouseError
from trailhouse.lake import write
from trailhouse.lake.files import Seal, seal_of

Read = TypeVar("Read")

# What Parquet's reader raises over bytes that are none; from a store come OSErrors too.
FAILS = (OSError, ValueError, OverflowError, pa.ArrowException)


def read_back(path: str, io: FileIO, read: Callable[[pq.ParquetFile], Read]) -> Read | None:
    """What `read` makes of a data file; None where the file is gone, or its bytes can't be read as Parquet."""
    try:
        return read(write.open_file(path, io))
    except MemoryError:
        raise
    except FAILS:
        data = _bytes(path, io)  # raises where it is the store
    return None if data is None else _parsed(data, read)


def published(path: str, io: FileIO, read: Callable[[pq.ParquetFile], Read]) -> Read:
    """The same of a file that readers see: without it, nobody can say what is there."""
    found = read_back(path, io, read)
    if found is None:
        raise TrailhouseError(f"the published file {path} is gone or damaged: restore it from a copy, then run again")
    return found


def read_whole(path: str, io: FileIO, read: Callable[[pq.ParquetFile], Read]) -> tuple[Read, Seal] | None:
    """The same of every byte of it, with its seal: one request for a file, however many columns are read."""
    data = _bytes(path, io)
    parsed = None if data is None else _parsed(data, read)
    return None if data is None or parsed is None else (parsed, seal_of(data))


def _parsed(data: bytes, read: Callable[[pq.ParquetFile], Read]) -> Read | None:
    try:
        return read(write.in_memory(data))
    except MemoryError:
        raise
    except FAILS:
        return None


def _bytes(path: str, io: FileIO) -> bytes | None:
    """The whole file, past Parquet's reader; None where there is none."""
    try:
        file = io.new_input(path)
        with file.open() as stream:
            data = stream.read()
        if len(data) < len(file):
            raise OSError(f"{path} gave {len(data)} of {len(file)} bytes")
    except (FileNotFoundError, ValueError):  # a damaged manifest may name what no file can be called
        return None
    return data
