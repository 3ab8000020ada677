"""
Verbs that die at a commit: in this process, before the commit of some number, as if it had never been sent.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pyiceberg.catalog.sql import SqlCatalog

from trailhouse import settings

STEP = int(os.environ.get("TRAILHOUSE_KILL_STEP", "8"))  # 1 takes every commit: a minute or two each

Made = TypeVar("Made")


class Dies(BaseException):
    """As an interrupt, so that nothing in between takes it for a failure of its own."""


def dying(monkeypatch: Any, at: int, verb: Callable[[], object]) -> int:
    """Do it, and die before the commit of that number. Returns how many commits were made."""
    plainly, made = SqlCatalog.commit_table, 0

    def commit(self: SqlCatalog, *given: Any) -> Any:
        nonlocal made
        if made == at:
            raise Dies
        made += 1
        return plainly(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(SqlCatalog, "commit_table", commit)
        try:
            verb()
        except Dies:
            return made
    return made


def at_some_commits(
    folder: Path,
    make: Callable[[settings.Lake, Path], Made],
    verb: Callable[[Made], object],
    monkeypatch: Any,
) -> Iterator[tuple[Path, Made]]:
    """A fresh lake for each STEP-th commit that the verb makes, killed there."""
    first = random.randrange(STEP)
    print(f"from commit {first} in steps of {STEP}")
    for at in range(first, 100, STEP):
        place = folder / str(at)
        place.mkdir()
        made = make(settings.Lake(location=str(place / "lake"), catalog_uri=str(place / "lake/catalog.sqlite")), place)
        if dying(monkeypatch, at, partial(verb, made)) < at:
            assert at > 3
            return
        yield place, made
    raise AssertionError("it never ended")
