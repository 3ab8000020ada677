"""
Maintain: keep a lake small and fast. Gathers small files, and takes away what nothing needs any more.

This module puts the steps in order, deletion last: each changes no row, can be killed anywhere, and be done again.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyiceberg.table import Table

from trailhouse import faults, settings
from trailhouse.errors import UsageError
from trailhouse.ingest import publish, settle, stage
from trailhouse.ingest.job import Run
from trailhouse.lake import catalog, commits, failures, lease, schema, seals, tidy
from trailhouse.lake.catalog import Lake
from trailhouse.lake.listing import Stored, listed
from trailhouse.upkeep import compact, expire, orphans

log = logging.getLogger("trailhouse.upkeep")

YOUNGEST = timedelta(hours=24)  # less than that no orphan is old, unless somebody insists


@dataclass(frozen=True, slots=True)
class Asked:
    """Which steps, of which tables."""

    steps: tuple[str, ...] = ()  # all
    tables: tuple[str, ...] = schema.TABLES
    dry_run: bool = False
    allow_young: bool = False


@dataclass(slots=True)
class State:
    """How much a table is: what readers go through, and what its folder holds on top."""

    files: int
    bytes: int
    manifests: int
    snapshots: int
    metadata_bytes: int
    stored_files: int
    stored_bytes: int


@dataclass(slots=True)
class Told:
    """What was done to a table, or would be."""

    table: str
    before: State
    after: State | None = None  # of a dry run, none
    gathered: int = 0  # files
    into: int = 0
    gathered_bytes: int = 0
    into_bytes: int = 0
    manifests: int = 0  # that were written together
    snapshots: int = 0  # that were forgotten
    refs: list[str] = field(default_factory=list)
    deleted: int = 0  # files
    deleted_bytes: int = 0


@dataclass(slots=True)
class Report:
    """What became of the lake."""

    tables: list[Told]
    status: str = "nothing_to_do"
    pages: int = 0  # plans and Data Docs that were deleted, or would be
    pages_bytes: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)

    def conclude(self, dry_run: bool) -> None:
        """Say in one word how it went."""
        did = self.pages or any(t.gathered or t.manifests or t.snapshots or t.refs or t.deleted for t in self.tables)
        if self.problems:
            self.status = "partial"
        elif did:
            self.status = "planned" if dry_run else "maintained"


def maintain(run: Run, asked: Asked) -> Report:
    """Do what is to be done, or say what that would be."""
    _check(run, asked)
    with failures.told(run.config.lake), nullcontext() if asked.dry_run else seals.kept(run.config.lake):
        lake = catalog.open_lake(run.config.lake)
        names = [name for name in asked.tables if lake.find(name) is not None]
        report = Report([Told(name, state(lake.table(name))) for name in names])
        going = _Going(run, lake, asked, report, f"maintain {uuid.uuid4()}")
        for name, step in STEPS.items():
            if name in (asked.steps or STEPS):
                log.info("maintain: %s", name)
                step(going)
        if not asked.dry_run:
            for told in report.tables:
                told.after = state(lake.table(told.table))
    report.conclude(asked.dry_run)
    return report


def _check(run: Run, asked: Asked) -> None:
    if run.config.maintain.orphans_after < YOUNGEST and not asked.allow_young:
        raise UsageError(
            "`maintain.orphans_after` is less than 24h: a run that takes longer would lose the files it is writing; "
            "where nothing else is running, give --allow-young as well"
        )


@dataclass(frozen=True, slots=True)
class _Going:
    """One call: what all of its steps need."""

    run: Run
    lake: Lake
    asked: Asked
    report: Report
    holder: str  # of the lease

    @property
    def bounds(self) -> settings.Maintain:
        return self.run.config.maintain

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A moment to commit in: whoever has the claim is brought to his end, whoever goes first is waited for."""
        settle.finish(self.run, self.lake)
        with lease.had(self.lake, self.holder, self.run.clock):
            yield

    @contextmanager
    def turn_for(self, some: Iterable[Told]) -> Iterator[list[Told]]:
        """One for what is to be done to these tables, where anything is; a dry run does nothing."""
        tables = [] if self.asked.dry_run else list(some)
        with self.turn() if tables else nullcontext():
            yield tables


def _compact(going: _Going) -> None:
    for told in going.report.tables:
        found = compact.groups(going.lake.table(told.table), going.bounds, going.run.clock())
        if going.asked.dry_run:
            told.gathered, told.into = sum(len(group.files) for group in found), len(found)
            told.gathered_bytes = sum(group.bytes for group in found)
            continue
        done = compact.compact(going.run, going.lake, told.table, found, going.turn)
        told.gathered, told.into = done.files, done.into
        told.gathered_bytes, told.into_bytes = done.bytes, done.into_bytes
        going.report.problems += [{"where": path, "reason": "damaged"} for path in done.damaged]


def _regroup(going: _Going) -> None:
    for told in going.report.tables:
        told.manifests = len(expire.small_manifests(going.lake.table(told.table)))
    with going.turn_for(told for told in going.report.tables if told.manifests) as tables:
        for told in tables:
            with faults.at("manifests_regrouped"):
                told.manifests = expire.regroup(going.lake, told.table)


def _drop_refs(going: _Going) -> None:
    ended = publish.states(going.lake)
    for told in going.report.tables:
        told.refs = expire.leftovers(going.lake, told.table, ended)
    with going.turn_for(told for told in going.report.tables if told.refs) as tables:
        for told in tables:
            for ref in told.refs:
                with faults.at("refs_dropped"):
                    commits.drop_branch(going.lake, told.table, ref)


def _forget(going: _Going) -> None:
    now, busy = going.run.clock(), _unsettled(going.lake)
    for told in going.report.tables:
        told.snapshots = len(expire.unneeded(going.lake.table(told.table), going.bounds, now, busy))
    with going.turn_for(told for told in going.report.tables if told.snapshots) as tables:
        for told in tables:
            with faults.at("snapshots_forgotten"):
                told.snapshots = expire.forget(going.lake, told.table, going.bounds, now, busy)


def _delete(going: _Going) -> None:
    """Everything is looked at before anything is deleted."""
    where, now = going.run.config.lake, _now(going)
    before = now - going.bounds.orphans_after
    found = {
        told.table: orphans.look(going.lake.table(told.table), going.bounds.metadata_kept, before)
        for told in going.report.tables
    }
    pages = orphans.pages(where, _going_on(going.lake), now - going.bounds.pages_after)
    for told in going.report.tables:
        told.deleted, told.deleted_bytes = _deleted(going, found[told.table])
    going.report.pages, going.report.pages_bytes = _deleted(going, pages)


def _deleted(going: _Going, files: Sequence[Stored]) -> tuple[int, int]:
    """How many files went, or would, and their bytes."""
    failed: dict[str, str] = {}
    if files and not going.asked.dry_run:
        seals.tell_gone(going.run.config.lake, [each.path for each in files])
        failed = orphans.delete(files)
    going.report.problems += [{"where": path, "reason": why} for path, why in failed.items()]
    gone = [each for each in files if each.path not in failed]
    return len(gone), sum(each.size for each in gone)


# In the order in which they are done: what one leaves behind, a later one takes away.
STEPS: dict[str, Callable[[_Going], None]] = {
    "compact": _compact,
    "manifests": _regroup,
    "refs": _drop_refs,
    "snapshots": _forget,
    "orphans": _delete,
}


def _now(going: _Going) -> datetime:
    """The time by which files are judged: our clock's, or that of the store of the files, whichever is behind."""
    ours = going.run.clock()
    if going.asked.dry_run:
        return ours
    where = going.run.config.lake
    path = catalog.write_file(where, "maintain/began.json", json.dumps({"by": going.holder, "at": str(ours)}).encode())
    return min(ours, next((each.modified for each in listed(path.rpartition("/")[0]) if each.path == path), ours))


def _unsettled(lake: Lake) -> Collection[str]:
    return set(commits.unsettled(lake, (*stage.ORDER, "batches")))


_OVER = ("published", "freed", "rolled_back", "rollback")


def _going_on(lake: Lake) -> Collection[str]:
    """Batches that somebody may still want to know all of: those that are not over, and those that were given up."""
    kept = {batch_id for batch_id, each in publish.states(lake).items() if each.state not in _OVER}
    return kept | set(_unsettled(lake))


def state(table: Table) -> State:
    """As it is now."""
    snapshot = table.current_snapshot()
    said = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    folder = [*listed(f"{table.location()}/metadata"), *listed(f"{table.location()}/data")]
    return State(
        files=int(said.get("total-data-files", 0)),
        bytes=int(said.get("total-files-size", 0)),
        manifests=len(tidy.manifests(table)),
        snapshots=len(table.metadata.snapshots),
        metadata_bytes=sum(each.size for each in folder if "/metadata/" in each.path.removeprefix(table.location())),
        stored_files=len(folder),
        stored_bytes=sum(each.size for each in folder),
    )
