"""
One ingest of a lake at a time, where the catalog is a file: the second waits for the first, but not for ever.

An advisory lock beside the catalog's file, which the system lets go when its holder dies; in it stands who holds it.
Catalogs that are servers have no such file: there, two runs are kept apart by the compare-and-swap of their commits
alone, and the slower one fails clean and is run again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import FileIO

from trailhouse import settings
from trailhouse.errors import TrailhouseError
from trailhouse.lake import catalog, pointers

log = logging.getLogger("trailhouse.lake")

SAID_AFTER = timedelta(seconds=2)  # most waits are shorter
LONGEST = timedelta(minutes=10)  # a scheduler's next run would wait for the same
_PAUSE = 0.1  # seconds between two looks


@contextmanager
def alone(where: settings.Lake) -> Iterator[None]:
    """Hold the lake's lock, waiting for it where another run has it."""
    if where.catalog != "sqlite":
        yield
        return
    path = pointers.sqlite_path(where).with_suffix(".lock")
    catalog.make_folder(path.parent)
    with path.open("ab+", buffering=0) as file:
        _wait_for(file, where)
        _sign(file, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        try:
            yield
        finally:
            _sign(file, "")


def _wait_for(file: FileIO, where: settings.Lake) -> None:
    began, said = time.monotonic(), False
    while not _is_mine(file):
        waited = timedelta(seconds=time.monotonic() - began)
        if waited >= LONGEST:
            raise TrailhouseError(
                f"the lake at {where.location} is still being written to by another command ({_holder(file)}), after "
                f"a wait of {LONGEST}: nothing was begun; see what it does, end it where it hangs, then run again"
            )
        if waited >= SAID_AFTER and not said:
            said = True
            log.warning("another command is writing to this lake (%s); waiting for it to end", _holder(file))
        time.sleep(_PAUSE)


def _is_mine(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(file: FileIO, who: str) -> None:
    """Only whoever holds the lock writes into its file. Nothing hangs on it: a disk may be full."""
    with suppress(OSError):
        file.truncate(0)
        file.write(who.encode())


def _holder(file: FileIO) -> str:
    file.seek(0)
    return file.read(200).decode(errors="replace") or "nobody knows which"
