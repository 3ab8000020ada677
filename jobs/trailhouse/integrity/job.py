"""
One call of verify: its settings, its clock, its Spark session, what it has read; and how files are read, few or many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trailhouse import settings
from trailhouse.integrity import reading
from trailhouse.integrity.places import Places
from trailhouse.integrity.values import Read, There
from trailhouse.lake import session
from trailhouse.sources.objects import ReadLimits, ToRead

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEW = 10_000  # files that this process reads alone: sooner than Spark has started and shared them out
TASK_FILES, TASK_BYTES = 500, 64 * 2**20
THREADS = 4  # times as many as ingest has: what is read is small, so that the time goes to waiting

Tell = Callable[[int, int, int], None]  # files so far, bytes so far, files in all


@dataclass
class Run:
    """One call of verify: its settings, its clock, and the Spark session, which starts when first needed."""

    config: settings.Settings
    tell: Tell
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    session: SparkSession | None = None
    read: Counter[str] = field(default_factory=Counter)  # digests, logs, bytes
    list_calls: int = 0

    @property
    def now(self) -> datetime:
        """UTC, without zone, as the tables have it."""
        return self.clock().astimezone(UTC).replace(tzinfo=None)


def files(
    run: Run, where: Places, there: Sequence[There], what: str, of: tuple[int, int] = (0, 0)
) -> Iterator[tuple[There, Read]]:
    """Read files: few of them here, many by Spark's workers."""
    if not there:
        return
    tasks = list(_tasks(run.config, where, there, what == "digests"))
    before, in_all = of[0], of[1] or len(there)
    if len(there) <= FEW and run.session is None:
        tally = {name: _Number() for name in ("files", "bytes")}
        results = []
        for each in tasks:
            results.append(reading.read(replace(each, tally=tally)))
            run.tell(before + tally["files"].value, tally["bytes"].value, in_all)
        counted = {name: number.value for name, number in tally.items()}
    else:
        run.session = run.session or session.start(run.config.spark)
        counter = session.Counter(run.session.sparkContext, ["files", "bytes"])
        tasks = [replace(each, tally=counter.adders()) for each in tasks]
        with session.Watch(counter, lambda now: run.tell(before + now["files"], now["bytes"], in_all)):
            results = session.run(run.session, reading.read, tasks, f"verify {what}", run.config.spark.job_timeout)
        counted = counter.read()
    run.read.update({what: counted["files"], "bytes": counted["bytes"]})
    by_name = {(each.source, each.key): each for each in there}
    for task, result in zip(tasks, results, strict=True):
        for read in result:
            yield by_name[task.name, read.key], read


class _Number:
    """Counts in this process as Spark's accumulators do over many."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, term: int) -> None:
        self.value += term


def _tasks(
    config: settings.Settings, where: Places, there: Sequence[There], digests: bool
) -> Iterator[reading.Reading]:
    limits = ReadLimits(stored_bytes=config.limits.stored_bytes)
    by_source: dict[str, list[ToRead]] = defaultdict(list)
    for each in there:
        zoned = each.modified.replace(tzinfo=UTC) if each.modified else None
        by_source[each.source].append(ToRead(each.key, each.etag, each.size, zoned))
    for name, objects in by_source.items():
        for portion in _portions(objects):
            yield reading.Reading(
                source=where.by_name[name].source,
                name=name,
                objects=portion,
                digests=digests,
                inflated_bytes=config.limits.inflated_bytes,
                limits=limits,
                threads=THREADS * config.batch.fetch_threads,
                tally={},
            )


def _portions(objects: Sequence[ToRead]) -> Iterator[tuple[ToRead, ...]]:
    held, size = list[ToRead](), 0
    for each in objects:
        if held and (len(held) >= TASK_FILES or size + each.size > TASK_BYTES):
            yield tuple(held)
            held, size = [], 0
        held.append(each)
        size += each.size
    if held:
        yield tuple(held)
