"""
One ingest of a lake at a time, where the catalog is a file: the second waits for the first.

An advisory lock beside the catalog's file, which the system lets go when its holder dies. Catalogs that are servers
have no such file: there, two runs are kept apart by the compare-and-swap of their commits alone, and the slower one
fails clean and is run again.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from trailhouse import settings
from trailhouse.lake import catalog

log = logging.getLogger("trailhouse.lake")


@contextmanager
def alone(where: settings.Lake) -> Iterator[None]:
    """Hold the lake's lock, waiting for it where another run has it."""
    if where.catalog != "sqlite":
        yield
        return
    path = catalog.sqlite_path(where).with_suffix(".lock")
    catalog.make_folder(path.parent)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("another ingest of this lake is running; waiting for it to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
