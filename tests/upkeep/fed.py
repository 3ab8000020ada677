"""
A lake fed in many small batches, maintained as if days had passed, and compared as a whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.buckets import ACCOUNT, DAY, NEXT_DAY, OTHER, Bucket, event, key
from tests.ingest.contents import DATA, OPS, Contents, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from trailhouse import settings
from trailhouse.ingest.job import Run
from trailhouse.upkeep import maintain

LATER = datetime.now(UTC) + timedelta(days=10)  # every snapshot of a test is old by then


def maintained(where: settings.Lake, *steps: str, now: datetime = LATER, **more: Any) -> maintain.Report:
    """One call; `tables`, `dry_run`, `allow_young` stand for themselves, the rest are bounds."""
    asked = {name: more.pop(name) for name in ("tables", "dry_run", "allow_young") if name in more}
    session = more.pop("session", INLINE)
    config = settings.Settings(lake=where, maintain=settings.Maintain(**more))
    return maintain.maintain(Run(config, quiet, session=session, clock=lambda: now), maintain.Asked(steps, **asked))


@dataclass
class Fed:
    """Batches of two accounts and two days, a record that is refused in each."""

    where: settings.Lake
    folder: Path
    made: Bucket = field(default_factory=Bucket)
    batches: int = 0

    def feed(self, batches: int) -> Fed:
        """More batches, each with earlier times than those before it: what is sorted shows."""
        for _ in range(batches):
            first, name = 10 * self.batches, f"f{self.batches}"
            for day in (DAY, NEXT_DAY):
                mine = [earlier(first, day), earlier(first + 1, day, sourceIPAddress="192.0.2.9")]
                self.made.put(key(name, day=day), *mine)
                self.made.put(
                    key(name, OTHER, day=day), earlier(first + 2, day, OTHER), b'{"eventID":"x","eventID":"y"}'
                )
            self.batches += 1
            assert ingest(self.where, self.made.save(self.folder)).status == "published"
        return self

    @property
    def contents(self) -> Contents:
        return Contents(self.where)

    def rows(self) -> dict[str, Counter[str]]:
        """Every row of every table, whole."""
        return {name: _counted(self.contents.rows(name)) for name in (*DATA, *OPS)}

    def files(self, name: str = "events") -> list[str]:
        return [task.file.file_path for task in self.contents.table(name).scan().plan_files()]

    def stored(self) -> set[str]:
        """Every file of the tables."""
        lake = Path(self.where.location)
        return {
            str(path) for name in (self.where.database, self.where.ops_database) for path in lake.glob(f"{name}/**/*.*")
        }

    def age(self, days: float = 10, only: set[str] | None = None) -> None:
        """Have files be as old as that, by their store."""
        then = datetime.now(UTC).timestamp() - days * 86400
        for path in self.stored() if only is None else only:
            os.utime(path, (then, then))

    def is_whole(self) -> None:
        holds_together(self.contents)
        assert not self.contents.branches()


def earlier(number: int, day: str, account: str = ACCOUNT, **fields: str) -> dict[str, Any]:
    minute = (59 - number - 15 * (number % 2)) % 60  # what a file holds overlaps with what the next ones do
    when = f"{day.replace('/', '-')}T09:{minute:02d}:00Z"
    return event(number, account, day=day, eventTime=when, **fields)


def _counted(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(row, default=repr, sort_keys=True) for row in rows)


class Kept:
    """A lake that is made once; each test has it anew, at the same place, since its files name their places."""

    def __init__(self, folder: Path) -> None:
        self._place, self._saved = folder / "now", folder / "saved"
        lake = self._place / "lake"
        where = settings.Lake(location=str(lake), catalog_uri=str(lake / "catalog.sqlite"))
        self._fed = Fed(where, self._place / "logs").feed(4)
        shutil.copytree(self._place, self._saved)

    def anew(self) -> Fed:
        shutil.rmtree(self._place)
        shutil.copytree(self._saved, self._place)
        return replace(self._fed, made=Bucket(dict(self._fed.made.objects)))
