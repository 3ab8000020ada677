"""
Trailhouse's decode-and-write alone: what its Spark tasks do, in plain processes, one a core.

The same function, over the same groups of objects as a run would make of them: it reads, hashes, decodes, drops what
came twice, sorts, and writes data files. There is no Spark, no audit and no commit: nobody can see what was written.
The lake and the workers are there before the time counts, as a session is; listing counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from bench.contenders.told import CORES, arguments, working
from trailhouse import settings
from trailhouse.ingest import plan, stage, task
from trailhouse.ingest.values import Object
from trailhouse.lake import catalog


class Nobody:
    """Takes what a task tells of its progress."""

    def add(self, count: int) -> None:
        """Say nothing."""


def main() -> None:
    """As many workers as cores."""
    given = arguments()
    work = task_of(given.folder, given.out)
    said = {"rows": 0}
    with ProcessPoolExecutor(CORES, get_context("spawn")) as pool:
        list(pool.map(task.work, [work] * CORES))  # a rehearsal, as every worker has one
        with working(said):
            tasks = [replace(work, objects=group) for group in groups(work)]
            said["rows"] = sum(outcome.rows for done in pool.map(task.work, tasks) for outcome in done.outcomes)


def task_of(folder: Path, out: Path) -> task.Work:
    """A task without objects, of a lake that has no rows yet."""
    config = settings.Settings(
        sources=(settings.Source(url=str(folder)),),
        lake=settings.Lake(location=str(out), catalog_uri=str(out / "catalog.sqlite")),
    )
    lake = catalog.make_lake(config.lake)
    now = datetime.now(UTC)
    return task.Work(
        batch_id=plan.new_batch_id(now),
        now=now,
        lake=config.lake,
        sources=config.sources,
        limits=config.limits,
        threads=config.batch.fetch_threads,
        fast=True,
        tables=stage.metadata(lake),
        objects=(),
        tally={"objects": Nobody(), "records": Nobody()},
    )


def groups(work: task.Work) -> Iterator[tuple[Object, ...]]:
    """The objects of the folder as a run takes them: in batches of bounded size, each in tasks."""
    config = settings.Settings(sources=work.sources, lake=work.lake)
    found = plan.survey(config, None, work.now)
    for batch in plan.batches(found.new, config.batch, work.now):
        yield from plan.groups(batch, config.batch, CORES)


if __name__ == "__main__":
    main()
