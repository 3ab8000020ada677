"""
Runs that are killed: what a child process does, so that a test may watch it die.

Counts the commits that a run sends to the catalog and dies at one of them; between two commits a run changes nothing that
anybody sees, so that the sweep over them stands for every point of a run.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog

from tests.ingest.contents import ingest
from trailhouse import settings
from trailhouse.ingest import audit

audit._engine()  # taking seconds, once for all children that are forked from here


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(where: settings.Lake, sources: list[str], at: int, told: Path, bounds: dict[str, Any]) -> None:
    """Ingest, and die right after the commit of that number (0: before the first). Writes down what was committed."""
    plainly, count = SqlCatalog.commit_table, 0

    def commit(self: SqlCatalog, table: Any, requirements: Any, updates: Any) -> Any:
        nonlocal count
        if count == at:
            die()
        done = plainly(self, table, requirements, updates)
        count += 1
        with told.open("a") as file:
            file.write(f"{table.name()[-1]}: {', '.join(type(u).__name__ for u in updates)}\n")
        return done

    SqlCatalog.commit_table = commit
    ingest(where, *sources, **bounds)


def race(where: settings.Lake, sources: list[str], barrier: Any, told: Path, bounds: dict[str, Any]) -> None:
    """Ingest together with others, and again until it ends well."""
    from trailhouse.errors import TrailhouseError

    barrier.wait()
    for _ in range(10):
        try:
            ingest(where, *sources, **bounds)
            return
        except TrailhouseError as error:
            with told.open("a") as file:
                file.write(f"{os.getpid()} {type(error).__name__}: {error}\n")
    raise AssertionError("ten runs, and none ended well")
