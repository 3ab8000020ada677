"""
Ingest, the whole way: settle what an earlier run left, plan, and for each batch write, then settle it.

This module and its second half, `settle`, put the steps in order; a step knows only the value of the one before it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from pyiceberg.manifest import DataFile

from trailhouse import faults, settings
from trailhouse.errors import GateError
from trailhouse.ingest import audit, isolate, plan, publish, settle, stage, task, waiting
from trailhouse.ingest.job import Run
from trailhouse.ingest.values import PendingObject, Plan, Result, Written
from trailhouse.lake import catalog, door, failures, seals
from trailhouse.lake.catalog import Lake
from trailhouse.sources.values import Range

__all__ = ["Run", "dry_run", "ingest", "settle_left"]

log = logging.getLogger("trailhouse.ingest")


def dry_run(
    config: settings.Settings,
    now: datetime,
    only: Range | None = None,
    listed: Callable[[int], None] = lambda _: None,
) -> tuple[plan.Survey, dict[str, float]]:
    """What an ingest would do; nothing is written."""
    plan.check(config.sources)
    with failures.told(config.lake):
        lake = catalog.open_lake(config.lake) if catalog.exists(config.lake) else None
        found = plan.survey(config, lake, now, only, listed)
    return found, plan.estimate(found, os.cpu_count() or 1)


def ingest(run: Run, only: Range | None = None) -> Result:
    """Bring the lake up to date with its sources, or with a part of them."""
    began = time.monotonic()
    plan.check(run.config.sources)
    run.expectations()  # what is wrong with them is said before any work
    with door.writing(run.config.lake):
        result = _ingest(run, catalog.make_lake(run.config.lake), only)
    result.phases = {name: round(seconds, 2) for name, seconds in run.phases.items()}
    result.spark_jobs = dict(run.jobs)
    result.seconds = round(time.monotonic() - began, 2)
    return result


def settle_left(run: Run) -> Result:
    """Bring to an end what earlier runs left, and look for nothing new."""
    began = time.monotonic()
    run.expectations()
    result = run.result
    with failures.told(run.config.lake):
        there = catalog.exists(run.config.lake)
    if there:
        with door.writing(run.config.lake):
            # Made, not opened: a run that died while it made the lake is settled as well.
            settle.settle_unfinished(run, catalog.make_lake(run.config.lake), result)
    result.conclude()
    result.seconds = round(time.monotonic() - began, 2)
    return result


def _ingest(run: Run, lake: Lake, only: Range | None) -> Result:
    result = run.result = Result()
    settle.settle_unfinished(run, lake, result)
    with run.phase("plan"):
        found = plan.survey(run.config, lake, run.clock(), only, run.listed)
    log.info("plan: %d new objects, %d bytes, %d known", len(found.new), found.new.bytes, found.known)
    result.list_calls, result.skipped = found.list_calls, dict(found.skipped)
    result.problems = [{"where": p.where, "reason": p.reason, "detail": p.detail} for p in found.problems]
    pending: list[PendingObject] = []
    done = 0
    if found.new:
        with audit.ready():
            for batch in plan.batches(found.new, run.config.batch, run.clock()):
                with seals.kept(run.config.lake):
                    pending += _ingest_batch(run, lake, batch, result, (done, len(found.new)))
                done += len(batch.objects)
    result.pending = len(pending)
    result.problems += [{"where": p.key, "reason": p.reason, "detail": p.detail} for p in pending]
    with faults.at("pending_told"), run.phase("pending"):
        waiting.follow(lake, found.new, pending, found.whole, run.clock())
    plan.remember(found, pending, run.config)
    result.conclude()
    return result


def _ingest_batch(
    run: Run, lake: Lake, batch: Plan, result: Result, so_far: tuple[int, int]
) -> tuple[PendingObject, ...]:
    """One batch, from the plan to its row in `batches`. Returns what is left for the next run."""
    log.info("write: batch %s, %d objects, %d bytes", batch.batch_id, len(batch.objects), batch.bytes)
    with faults.at("plan_written"):
        plan.write_down(batch, run.config.lake)
    written = write(run, lake, batch, (*so_far, result.records))
    written = replace(written, list_calls=0 if result.batches else result.list_calls)
    if not written.outcomes:
        return written.pending  # nothing could be read: there is nothing to stage
    try:
        settled = settle.settle(run, lake, written)
    except GateError as refused:  # held; the next batch is none the worse for it
        result.refuse(batch.batch_id, refused)
        return written.pending
    count(result, settled, run.config)
    return written.pending


def count(result: Result, settled: settle.Settled, config: settings.Settings) -> None:
    """Add a published batch to what the run tells of."""
    batch_id, totals = settled.written.batch_id, task.tallied(settled.written.outcomes)
    for name in ("objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects", "conflicts"):
        setattr(result, name, getattr(result, name) + totals[name])
    result.bytes_in += totals["bytes_in"]
    result.bytes_out += settled.written.bytes
    result.batch_id = batch_id
    result.batches.append(batch_id)
    result.data_docs = publish.docs_of(config.lake, batch_id)
    result.findings += settled.findings


def write(run: Run, lake: Lake, batch: Plan, so_far: tuple[int, int, int], salvaging: bool = False) -> Written:
    """Spark tasks fetch, decode, and write data files."""
    from trailhouse.lake import session

    spark = run.spark()
    counter = session.Counter(spark.sparkContext, ("objects", "records"))
    work = task.Work(
        batch_id=batch.batch_id,
        now=batch.planned_at,
        lake=run.config.lake,
        sources=run.config.sources,
        limits=run.config.limits,
        threads=run.config.batch.fetch_threads,
        fast=run.fast,
        tables=stage.metadata(lake),
        objects=(),
        tally=counter.adders(),
        salvaging=salvaging,
    )
    groups = plan.groups(batch, run.config.batch, spark.sparkContext.defaultParallelism)
    objects, total, records = so_far
    watch = session.Watch(counter, lambda c: run.tell(objects + c["objects"], records + c["records"], total))
    with faults.at("tasks_done"), run.phase("write"), watch:
        parts = isolate.done(
            lambda tasks: run.ran("decode and write", task.work, tasks),
            [replace(work, objects=group) for group in groups],
        )
    files: dict[str, list[DataFile]] = {}
    for part in parts:
        for name, made in part.files.items():
            files.setdefault(name, []).extend(made)
    return Written(
        batch.batch_id,
        {name: tuple(made) for name, made in files.items()},
        tuple(o for part in parts for o in part.outcomes),
        tuple(p for part in parts for p in part.pending),
    )
