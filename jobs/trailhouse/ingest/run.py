"""
Ingest, the whole way: settle what an earlier run left, plan, and for each batch write, stage, audit, publish.

This module alone puts the steps in order; a step knows only the value of the one before it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pyiceberg.manifest import DataFile

from trailhouse import faults, settings
from trailhouse.errors import GateError, TrailhouseError
from trailhouse.ingest import audit, inspect, isolate, plan, publish, rewrite, stage, task
from trailhouse.ingest.values import Check, Outcome, PendingObject, Plan, Result, Twins, Verdict, Written
from trailhouse.lake import catalog, commits, failures, lease, lock, rows, schema, write
from trailhouse.lake.catalog import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("trailhouse.ingest")

# How often a batch is staged anew because another run published in between, or because it held twins.
ROUNDS = 8

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

    def spark(self) -> SparkSession:
        """The session. A run with nothing to do never starts it."""
        if self.session is None:
            from trailhouse.lake import session

            self.session = session.start(self.config.spark)
        return self.session

    def each(self, what: str, work: Callable[[Task], Done], tasks: Sequence[Task]) -> list[Done]:
        """A result per task, by Spark's workers; without tasks, without Spark."""
        from trailhouse.lake import session

        with faults.at("workers"):
            return session.run(self.spark(), work, tasks, what) if tasks else []


def dry_run(config: settings.Settings, now: datetime) -> tuple[plan.Survey, dict[str, float]]:
    """What an ingest would do; nothing is written."""
    plan.check(config.sources)
    lake = catalog.open_lake(config.lake) if catalog.exists(config.lake) else None
    found = plan.survey(config, lake, now)
    return found, plan.estimate(found, os.cpu_count() or 1)


def ingest(run: Run) -> Result:
    """Bring the lake up to date with its sources."""
    began = time.monotonic()
    plan.check(run.config.sources)
    with failures.told(run.config.lake), lock.alone(run.config.lake):
        result = _ingest(run, catalog.make_lake(run.config.lake))
    result.seconds = round(time.monotonic() - began, 2)
    return result


def _ingest(run: Run, lake: Lake) -> Result:
    result = Result()
    _settle_unfinished(run, lake, result)
    found = plan.survey(run.config, lake, run.clock())
    log.info("plan: %d new objects, %d bytes, %d known", len(found.new), found.bytes, found.known)
    result.list_calls, result.skipped = found.list_calls, dict(found.skipped)
    result.problems = [{"where": p.where, "reason": p.reason, "detail": p.detail} for p in found.problems]
    pending: list[PendingObject] = []
    done = 0
    for batch in plan.batches(found, run.config.batch, run.clock()):
        pending += _ingest_batch(run, lake, batch, result, (done, len(found.new)))
        done += len(batch.objects)
    result.pending = len(pending)
    result.problems += [{"where": p.key, "reason": p.reason, "detail": p.detail} for p in pending]
    plan.remember(found, pending, run.config)
    result.status = _status(result)
    return result


def _status(result: Result) -> str:
    if result.refused:
        return "refused"
    if result.problems:
        return "partial"
    return "published" if result.batches or result.settled else "nothing_to_do"


def _ingest_batch(
    run: Run, lake: Lake, batch: Plan, result: Result, so_far: tuple[int, int]
) -> tuple[PendingObject, ...]:
    """One batch, from the plan to its row in `batches`. Returns what is left for the next run."""
    log.info("write: batch %s, %d objects, %d bytes", batch.batch_id, len(batch.objects), batch.bytes)
    with faults.at("plan_written"):
        plan.write_down(batch, run.config.lake)
    written = _write(run, lake, batch, (*so_far, result.records))
    if not written.outcomes:
        return written.pending  # nothing could be read: there is nothing to stage
    try:
        with lease.Turn(lake, batch.batch_id, run.clock) as turn:
            calls = result.list_calls if not result.batches else 0
            written, findings = _stage_and_publish(run, lake, written, calls, turn)
    except GateError as refused:  # held; the next batch is none the worse for it
        result.refused.append(str(refused))
        return written.pending
    totals = task.tallied(written.outcomes)
    for name in ("objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects", "conflicts"):
        setattr(result, name, getattr(result, name) + totals[name])
    result.bytes_in += totals["bytes_in"]
    result.bytes_out += _bytes_out(written)
    result.batch_id = batch.batch_id
    result.batches.append(batch.batch_id)
    result.findings += findings
    return written.pending


def _write(run: Run, lake: Lake, batch: Plan, so_far: tuple[int, int, int]) -> Written:
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
        tables=_metadata(lake, stage.ORDER[:-1]),
        objects=(),
        tally=counter.adders(),
    )
    groups = plan.groups(batch, run.config.batch, spark.sparkContext.defaultParallelism)
    objects, total, records = so_far
    watch = session.Watch(counter, lambda c: run.tell(objects + c["objects"], records + c["records"], total))
    with faults.at("tasks_done"), watch:
        parts = isolate.done(
            lambda tasks: session.run(spark, task.work, tasks, "decode and write"),
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


def _stage_and_publish(
    run: Run, lake: Lake, written: Written, list_calls: int, turn: lease.Turn
) -> tuple[Written, list[dict[str, object]]]:
    """Stage, audit, and publish; again where twins turned up or another run published in between."""
    mended: set[int] = set()  # bases on which twins were taken out already
    for _ in range(ROUNDS):
        _look_who_was_faster(lake, written)
        log.info("stage: %s", {name: len(made) for name, made in written.files.items()})
        ready = stage.stage(lake, written, run.clock())
        log.info("audit: %s", {each.table: each.snapshot for each in ready.tables})
        with faults.at("audit"):
            verdict = audit.audit(lake, ready, written.outcomes, partial(run.each, "audit", inspect.look))
        bases = {each.base for each in ready.tables if each.table in schema.LAKE_TABLES}
        attached_twice = any(check.name == "files" for check in verdict.broken)
        if verdict.twins and not bases <= mended and not attached_twice:
            twins = sum(len(t.duplicates) + len(t.conflicts) for t in verdict.twins)
            log.info("twins: %d, in %d files, which are written again", twins, len(verdict.twins))
            written = _without_twins(run, lake, written, verdict.twins)
            mended |= bases
            continue
        totals = {**task.tallied(written.outcomes), "pending": len(written.pending), "list_calls": list_calls}
        totals["bytes_out"] = _bytes_out(written)
        _refuse_if_broken(lake, verdict, written.outcomes, totals, run.clock())
        try:
            publish.publish(lake, verdict, totals, run.clock())
        except commits.MainMovedError:
            turn.lost()
            continue
        log.info("published %s: %s", written.batch_id, totals)
        return written, [_finding(check) for check in verdict.findings]
    raise TrailhouseError(f"batch {written.batch_id}: other runs kept publishing in between; run again")


def _refuse_if_broken(
    lake: Lake, verdict: Verdict, outcomes: Sequence[Outcome], totals: dict[str, int], now: datetime
) -> None:
    if not verdict.broken:
        return
    with faults.at("held"):
        publish.hold(lake, verdict, outcomes, totals, now)
    first, batch_id = verdict.broken[0], verdict.staged.batch_id
    question = f"SELECT * FROM quality WHERE batch_id = '{batch_id}' AND NOT success"  # noqa: S608 (for people to type)
    raise GateError(
        f"batch {batch_id} was refused and nothing of it is visible: check {first.name} of table {first.table} failed "
        f'({first.observed}); see: trailhouse sql "{question}"'
    )


def _look_who_was_faster(lake: Lake, written: Written) -> None:
    """Where another run has settled objects of this batch, its own rows of them must not be published as well."""
    ours = {(o.object.source_id, o.object.key, o.etag) for o in written.outcomes}
    days: dict[str, set[date]] = {}
    for o in written.outcomes:
        days.setdefault(o.object.source_id, set()).add(o.object.log.day)
    for source, of in days.items():
        known = rows.known_objects(lake, source, of).select(["key", "etag", "batch_id"]).to_pylist()
        if any((source, row["key"], row["etag"]) in ours and row["batch_id"] != written.batch_id for row in known):
            stage.discard(lake, written.batch_id)
            raise TrailhouseError(
                f"batch {written.batch_id}: another run ingested the same objects at the same time; nothing is lost or "
                "doubled: run again for what is left"
            )


def _without_twins(run: Run, lake: Lake, written: Written, twins: Sequence[Twins]) -> Written:
    """The same batch, with the files that hold duplicates or conflicts written again."""
    metadata = _metadata(lake, stage.ORDER[:-1])
    work = [rewrite.Rewrite(run.config.lake, metadata, each) for each in twins]
    replaced = dict(zip(((t.table, t.file) for t in twins), run.each("rewrite", rewrite.rewrite, work), strict=True))
    files = {
        name: tuple(new for old in made for new in replaced.get((name, old.file_path), (old,)))
        for name, made in written.files.items()
    }
    changes: dict[tuple[str, str], tuple[int, int]] = {}
    for each in twins:
        for place in each.dropped.keys() | each.flagged.keys():
            dropped, flagged = changes.get(place, (0, 0))
            changes[place] = (dropped + each.dropped.get(place, 0), flagged + each.flagged.get(place, 0))
    outcomes = tuple(
        task.adjusted(o, *changes.get((o.object.source_id, o.object.key), (0, 0))) for o in written.outcomes
    )
    return replace(written, files=files, outcomes=outcomes)


def _settle_unfinished(run: Run, lake: Lake, result: Result) -> None:
    """Bring to an end what an earlier run staged: publish it where it was staged whole, else forget it."""
    waiting = commits.unsettled(lake, stage.ORDER)
    ended = publish.states(lake) if waiting else {}
    for batch_id in sorted(waiting):
        if batch_id in ended:
            if ended[batch_id] == "published":  # it died before it took its last branch away
                stage.discard(lake, batch_id)
            continue
        written = stage.written(lake, batch_id)
        if written is None:
            stage.discard(lake, batch_id)
            continue
        try:
            with lease.Turn(lake, batch_id, run.clock) as turn:
                _, findings = _stage_and_publish(run, lake, written, 0, turn)
        except GateError as refused:
            result.refused.append(str(refused))
        else:
            result.findings += findings
            result.settled.append(batch_id)


def _metadata(lake: Lake, names: Sequence[str]) -> dict[str, str]:
    return {name: write.to_text(lake.table(name).metadata) for name in names}


def _bytes_out(written: Written) -> int:
    return sum(file.file_size_in_bytes for made in written.files.values() for file in made)


def _finding(check: Check) -> dict[str, object]:
    return {"table": check.table, "name": check.name, "rows": check.rows, "observed": check.observed}
