"""
Ingest, the whole way: settle what an earlier run left, plan, and for each batch write, stage, audit, publish.

This module alone puts the steps in order; a step knows only the value of the one before it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pyiceberg.manifest import DataFile

from trailhouse import faults, settings
from trailhouse.errors import GateError, SettingsError, TrailhouseError
from trailhouse.ingest import audit, inspect, isolate, measure, plan, publish, refusal, rewrite, rules, stage, task
from trailhouse.ingest.values import Check, PendingObject, Plan, Result, Twins, Written
from trailhouse.lake import catalog, commits, expectations, failures, lease, lock, rows, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.expectations import Expectation

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("trailhouse.ingest")

# How often a batch is staged anew because another run published in between, or because it held twins.
ROUNDS = 8

Task = TypeVar("Task")
Done = TypeVar("Done")
Tell = Callable[[int, int, int], None]  # objects so far, records so far, objects in all


@dataclass(frozen=True, slots=True)
class Reopened:
    """What somebody wants of a batch that was held: an audit again, or, for a reason, that it is published."""

    reason: str = ""
    force: bool = False  # also where it breaks the lake's own invariants


@dataclass
class Run:
    """One call of ingest: its settings, its clock, and the Spark session, which starts when first needed."""

    config: settings.Settings
    tell: Tell
    fast: bool = True
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    session: SparkSession | None = None
    phases: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # seconds, for the result
    jobs: Counter[str] = field(default_factory=Counter)  # Spark jobs of each kind

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


def dry_run(config: settings.Settings, now: datetime) -> tuple[plan.Survey, dict[str, float]]:
    """What an ingest would do; nothing is written."""
    plan.check(config.sources)
    with failures.told(config.lake):
        lake = catalog.open_lake(config.lake) if catalog.exists(config.lake) else None
        found = plan.survey(config, lake, now)
    return found, plan.estimate(found, os.cpu_count() or 1)


def ingest(run: Run) -> Result:
    """Bring the lake up to date with its sources."""
    began = time.monotonic()
    plan.check(run.config.sources)
    run.expectations()  # what is wrong with them is said before any work
    with failures.told(run.config.lake), lock.alone(run.config.lake):
        result = _ingest(run, catalog.make_lake(run.config.lake))
    result.phases = {name: round(seconds, 2) for name, seconds in run.phases.items()}
    result.spark_jobs = dict(run.jobs)
    result.seconds = round(time.monotonic() - began, 2)
    return result


def _ingest(run: Run, lake: Lake) -> Result:
    result = Result()
    _settle_unfinished(run, lake, result)
    with run.phase("plan"):
        found = plan.survey(run.config, lake, run.clock())
    log.info("plan: %d new objects, %d bytes, %d known", len(found.new), found.bytes, found.known)
    result.list_calls, result.skipped = found.list_calls, dict(found.skipped)
    result.problems = [{"where": p.where, "reason": p.reason, "detail": p.detail} for p in found.problems]
    pending: list[PendingObject] = []
    done = 0
    if found.new:
        with audit.ready():
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
        written, findings = _stage_and_publish(run, lake, written, result.list_calls if not result.batches else 0)
    except GateError as refused:  # held; the next batch is none the worse for it
        result.refuse(batch.batch_id, refused)
        return written.pending
    totals = task.tallied(written.outcomes)
    for name in ("objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects", "conflicts"):
        setattr(result, name, getattr(result, name) + totals[name])
    result.bytes_in += totals["bytes_in"]
    result.bytes_out += _bytes_out(written)
    result.batch_id = batch.batch_id
    result.batches.append(batch.batch_id)
    result.data_docs = f"{catalog.own_folder(run.config.lake)}/{publish.pages_of(batch.batch_id)}/index.html"
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


def _stage_and_publish(
    run: Run, lake: Lake, written: Written, list_calls: int, wish: Reopened | None = None
) -> tuple[Written, list[dict[str, object]]]:
    """Stage, audit, and publish; again where twins turned up or another run published in between."""
    wish = wish or Reopened()
    mended: set[int] = set()  # bases on which twins were taken out already
    with lease.Turn(lake, written.batch_id, run.clock) as turn:
        for _ in range(ROUNDS):
            _look_who_was_faster(lake, written)
            log.info("stage: %s", {name: len(made) for name, made in written.files.items()})
            with run.phase("stage"):
                ready = stage.stage(lake, written, run.clock())
            log.info("audit: %s", {each.table: each.snapshot for each in ready.tables})
            look = partial(run.each, "audit", inspect.look)
            with run.phase("look"):
                measured = measure.measure(lake, ready, written.outcomes, look, _asked(run, lake, written))
            bases = {each.base for each in ready.tables if each.table in schema.LAKE_TABLES}
            attached_twice = any(gauge.name == "files" and gauge.value for gauge in measured.gauges)
            if measured.twins and not bases <= mended and not attached_twice:
                twins = sum(len(t.duplicates) + len(t.conflicts) for t in measured.twins)
                log.info("twins: %d, in %d files, which are written again", twins, len(measured.twins))
                with run.phase("twins"):
                    written = _without_twins(run, lake, written, measured.twins)
                mended |= bases
                continue
            with faults.at("audit"), run.phase("judge"):
                verdict = audit.audit(measured, run.expectations(), run.config.quality)
            totals = {**task.tallied(written.outcomes), "pending": len(written.pending), "list_calls": list_calls}
            totals["bytes_out"] = _bytes_out(written)
            if not verdict.passed and not (wish.reason and (wish.force or not audit.breaks_the_lake(verdict))):
                with faults.at("held"):
                    publish.hold(lake, verdict, written.outcomes, totals, run.clock())
                raise GateError(refusal.refusal(verdict, run.config, bool(wish.reason)))
            try:
                with run.phase("publish"):
                    publish.publish(lake, verdict, totals, run.clock(), wish.reason)
            except commits.MainMovedError:
                turn.lost()
                continue
            log.info("published %s: %s", written.batch_id, totals)
            return written, [_finding(check) for check in verdict.findings]
    raise TrailhouseError(f"batch {written.batch_id}: other runs kept publishing in between; run again")


def _asked(run: Run, lake: Lake, written: Written) -> measure.Asked:
    first = min(o.object.log.day for o in written.outcomes) - timedelta(days=measure.DAYS_BEFORE + 1)
    return measure.Asked(run.expectations(), publish.days_since(lake, first), run.clock())


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
    waiting = commits.unsettled(lake, (*stage.ORDER, "batches"))
    ended = publish.states(lake) if waiting else {}
    for batch_id in sorted(waiting):
        told = ended.get(batch_id, publish.Ended("", ""))
        if told.state == "held":
            commits.drop_branch(lake, "batches", commits.BRANCH + batch_id)
            continue
        if told.state not in ("", "reopened"):  # it died before it took its last branch away
            publish.forget(lake, batch_id)
            continue
        wish = Reopened(told.reason) if told.state == "reopened" else None
        try:
            _settle(run, lake, batch_id, wish, result)
        except GateError as refused:
            result.refuse(batch_id, refused)


def _settle(run: Run, lake: Lake, batch_id: str, wish: Reopened | None, result: Result) -> None:
    written = stage.written(lake, batch_id)
    if written is not None:
        with audit.ready():
            _, findings = _stage_and_publish(run, lake, written, 0, wish)
        result.findings += findings
        result.settled.append(batch_id)
    elif wish:  # it died while it was staged anew: what it had written is read again
        free(run, lake, batch_id, wish.reason)
    else:
        publish.forget(lake, batch_id)


def reopen(run: Run, lake: Lake, batch_id: str, wish: Reopened) -> Result:
    """Settle a batch that was held anew."""
    began = time.monotonic()
    result = Result(batch_id=batch_id)
    publish.reopen(lake, batch_id, wish.reason, run.clock())
    try:
        _settle(run, lake, batch_id, wish, result)
    except GateError as refused:
        result.refuse(batch_id, refused)
    result.status = _status(result)
    result.seconds = round(time.monotonic() - began, 2)
    return result


def free(run: Run, lake: Lake, batch_id: str, reason: str) -> int:
    """Have the objects of a batch that was given up read again by the next run. Returns how many."""
    objects = stage.held(lake, batch_id)
    plan.list_again(objects, run.config)
    publish.free(lake, batch_id, reason, run.clock())
    return len(objects)


def _metadata(lake: Lake, names: Sequence[str]) -> dict[str, str]:
    return {name: write.to_text(lake.table(name).metadata) for name in names}


def _bytes_out(written: Written) -> int:
    return sum(file.file_size_in_bytes for made in written.files.values() for file in made)


def _finding(check: Check) -> dict[str, object]:
    return {"table": check.table, "name": check.name, "rows": check.rows, "observed": check.observed}


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
