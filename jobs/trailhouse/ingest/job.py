"""
One call of ingest, or of what settles a batch: its settings, its clock, its Spark session, and what it has spent.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from trailhouse import faults, settings
from trailhouse.errors import SettingsError
from trailhouse.ingest import audit, rules
from trailhouse.ingest.values import Result
from trailhouse.lake import expectations, schema
from trailhouse.lake.expectations import Expectation

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Task = TypeVar("Task")
Done = TypeVar("Done")
Tell = Callable[[int, int, int], None]  # objects so far, records so far, objects in all


@dataclass
class Run:
    """One call of ingest: its settings, its clock, and the Spark session, which starts when first needed."""

    config: settings.Settings
    tell: Tell
    fast: bool = True
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    session: SparkSession | None = None
    listed: Callable[[int], None] = lambda _: None  # objects found so far, while sources are listed
    phases: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # seconds, for the result
    jobs: Counter[str] = field(default_factory=Counter)  # Spark jobs of each kind
    result: Result = field(default_factory=Result)  # what was done so far, also where it fails half-way

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Takes the time of a part of the run."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] += time.monotonic() - began

    def expectations(self) -> tuple[Expectation, ...]:
        """What the schemas and the user's own file expect of columns; read once, so that a run judges by one text."""
        return self._expectations

    @cached_property
    def _expectations(self) -> tuple[Expectation, ...]:
        own = tuple(each for table in schema.LAKE_TABLES for each in expectations.of_schema(table))
        return own + _users_own(self.config.quality.expectations)

    def spark(self) -> SparkSession:
        """The session. A run with nothing to do never starts it."""
        if self.session is None:
            from trailhouse.lake import session

            with self.phase("start"):
                self.session = session.start(self.config.spark)
        return self.session

    def each(self, what: str, work: Callable[[Task], Done], tasks: Sequence[Task]) -> list[Done]:
        """A result per task, by Spark's workers; without tasks, without Spark."""
        with faults.at("workers"):
            return self.ran(what, work, tasks) if tasks else []

    def ran(self, what: str, work: Callable[[Task], Done], tasks: Sequence[Task]) -> list[Done]:
        """One Spark job."""
        from trailhouse.lake import session

        self.jobs[what] += 1
        return session.run(self.spark(), work, tasks, what, self.config.spark.job_timeout)


def _users_own(path: str) -> tuple[Expectation, ...]:
    """The expectations of the user's file; what can't be meant is refused."""
    if not path:
        return ()
    try:
        found = expectations.of_text(Path(path).read_text("utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the file of expectations {path} can't be read: {error}") from error
    for each in found:
        rules.check(each, path)
        if each.name in audit.OF_A_BATCH:
            raise SettingsError(f"the expectation `{each.name}` in {path} has the name of one of our own: give another")
    return found
