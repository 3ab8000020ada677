"""
Commits: staging on a branch, moving main, appending once.

Each commit has three outcomes: done, refused, unknown. None is repeated blindly: the batch id stands in the snapshot's
summary, so that "is it done already?" is asked of the table itself. Nothing here deletes a file.
"""

from __future__ import annotations

import dataclasses
import random
import secrets
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import BooleanExpression
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import AssertRefSnapshotId, RemoveSnapshotRefUpdate, SetSnapshotRefUpdate

from trailhouse import faults
from trailhouse.errors import TrailhouseError, UnknownOutcomeError
from trailhouse.lake.catalog import MAIN, Lake
from trailhouse.lake.failures import UNSURE, lasts

BATCH = "trailhouse.batch-id"  # in the summary of every snapshot that a batch made
BASE = "trailhouse.staged-on"  # likewise where rows gave way first: what main was, which is not the snapshot's parent
BRANCH = "stage_"  # and the batch id
AGAIN = "again_"  # and the batch id: the same files, on what main has become meanwhile

Notes = Mapping[str, str]  # what a snapshot's summary is to say besides what Iceberg does
Change = Callable[[Transaction, str, dict[str, str]], None]  # to rows that are there, on a branch, with a summary

FIRST = 1  # the sequence number of a table's first snapshot

ATTEMPTS = 8
PAUSE = 0.1  # seconds, doubled for each attempt


class MainMovedError(TrailhouseError):
    """Somebody else published to the table since the batch was staged. Stage again on what is there now."""

    def __init__(self, table: str) -> None:
        super().__init__(f"table {table} was published to by another run; run again")
        self.table = table


@dataclass(frozen=True, slots=True)
class Said:
    """What a commit says in its snapshot's summary, the mark it is known by among it; and what else hangs on it."""

    notes: Notes
    may: Callable[[Table], bool]  # asked of the very table that is committed to: what it saw there holds until then
    change: Change | None = None  # to rows that are there, before those that it appends to a branch


@dataclass(frozen=True, slots=True)
class StagedTable:
    """A batch's snapshot of one table, on a branch of its own."""

    table: str
    branch: str
    base: int  # main when it was staged
    snapshot: int
    under: int  # what its rows were appended to: the base, or what was left of it


def stage(lake: Lake, name: str, files: Sequence[DataFile], said: Said, branch: str = "") -> StagedTable:
    """Commit data files to a branch (the batch's), made from main first: else the snapshot would have no parent."""
    text = said.notes[BATCH]
    branch = branch or BRANCH + text
    drop_branch(lake, name, branch)
    table = lake.table(name)
    base = head(table)
    until_sure(lambda: table.manage_snapshots().create_branch(base, branch).commit(), lambda: _has(lake, name, branch))
    if said.change:
        said = dataclasses.replace(said, notes={**said.notes, BASE: str(base)})
    _append(lake.table(name), files, said, branch, lambda: _on(lake, name, branch, text) is not None)
    return _on(lake, name, branch, text) or _vanished(name, branch)


def staged(lake: Lake, name: str, batch_id: str) -> StagedTable | None:
    """What the batch has staged on a table and not published yet."""
    return _on(lake, name, BRANCH + batch_id, batch_id)


def _on(lake: Lake, name: str, branch: str, said: str) -> StagedTable | None:
    table = lake.table(name)
    ref = table.metadata.refs.get(branch)
    snapshot = table.metadata.snapshot_by_id(ref.snapshot_id) if ref else None
    return as_staged(name, branch, snapshot) if snapshot and batch_of(snapshot) == said else None


def as_staged(name: str, branch: str, snapshot: Snapshot) -> StagedTable | None:
    """What a batch's snapshot of a table says of itself; None where it was made on nothing."""
    under = snapshot.parent_snapshot_id
    if under is None:
        return None
    return StagedTable(name, branch, int(said_by(snapshot).get(BASE, under)), snapshot.snapshot_id, under)


def publish(lake: Lake, ready: StagedTable, keep: bool = False, unless: str = "") -> None:
    """
    Move main to exactly the audited snapshot, if it still is where the batch was staged. Repeating it is a no-op.

    What became of the branch meanwhile is nothing to it. The branch goes in the same commit; kept, it is the mark of a
    batch that is not over. Where there is a reference of the name `unless`, main counts as moved.
    """

    def move() -> None:
        table = lake.table(ready.table)
        refs = table.metadata.refs
        if ready.base != head(table) or unless in refs:
            raise MainMovedError(ready.table)
        lake.catalog.commit_table(
            table,
            (
                AssertRefSnapshotId(ref=MAIN, snapshot_id=ready.base),
                *((AssertRefSnapshotId(ref=unless, snapshot_id=None),) if unless else ()),
            ),
            (
                SetSnapshotRefUpdate(ref_name=MAIN, type=SnapshotRefType.BRANCH, snapshot_id=ready.snapshot),
                *(() if keep or ready.branch not in refs else (RemoveSnapshotRefUpdate(ref_name=ready.branch),)),
            ),
        )

    def is_done() -> bool:
        return any(s.snapshot_id == ready.snapshot for s in history(lake.table(ready.table)))

    if not is_done():
        until_sure(move, is_done)


def mark(
    text: str,
    notes: Notes | None = None,
    may: Callable[[Table], bool] = lambda _: True,
    change: Change | None = None,
) -> Said:
    """What a commit is known by afterwards: a batch's id, or a text that begins with it."""
    return Said({**(notes or {}), BATCH: text}, may, change)


def append_once(lake: Lake, name: str, files: Sequence[DataFile], said: Said) -> None:
    """Append to main, unless that was done before under the same mark."""
    table, done = lake.table(name), said.notes[BATCH]
    if not published(table, done):
        _append(table, files, said, MAIN, lambda: published(lake.table(name), done))


def replace(lake: Lake, name: str, gone: BooleanExpression, files: Sequence[DataFile], said: Said) -> None:
    """Take rows out of main and append others, in one commit; not again where main has the mark."""
    notes = said.notes

    def commit() -> None:
        table = lake.table(name)
        if published(table, notes[BATCH]) or not said.may(table):
            return
        with stale_is_refused(), unrepeated(table).transaction() as transaction, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is nothing to take out
            before = _before(notes) if files else dict(notes)
            transaction.delete(gone, snapshot_properties=before)
            if files:
                with transaction.update_snapshot(dict(notes)).fast_append() as update:
                    for file in files:
                        update.append_data_file(file)

    until_sure(commit, lambda: published(lake.table(name), notes[BATCH]))


def mark_unsettled(lake: Lake, name: str, batch_id: str) -> None:
    """Note on a table, by a branch at main, that a batch that was over is to be settled anew."""
    branch = BRANCH + batch_id
    if not _has(lake, name, branch):
        table = lake.table(name)
        until_sure(
            lambda: table.manage_snapshots().create_branch(head(table), branch).commit(),
            lambda: _has(lake, name, branch),
        )


def published(table: Table, batch_id: str) -> bool:
    """Whether main of a table holds the batch."""
    return any(batch_of(snapshot) == batch_id for snapshot in history(table))


def published_as(lake: Lake, name: str, batch_id: str) -> StagedTable | None:
    """The batch's snapshot of a table, where main holds it already."""
    for snapshot in history(lake.table(name)):
        if batch_of(snapshot) == batch_id:
            return as_staged(name, BRANCH + batch_id, snapshot)
    return None


def drop_branch(lake: Lake, name: str, branch: str) -> None:
    """Forget a branch; its files stay until maintenance finds that nothing refers to them."""
    if _has(lake, name, branch):
        until_sure(
            lambda: lake.table(name).manage_snapshots().remove_branch(branch).commit(),
            lambda: not _has(lake, name, branch),
        )


def unsettled(lake: Lake, names: Sequence[str]) -> dict[str, list[str]]:
    """Batches that are staged somewhere: batch id -> tables."""
    found: dict[str, list[str]] = {}
    for name in names:
        for ref in lake.table(name).metadata.refs:
            if ref.startswith(BRANCH):
                found.setdefault(ref.removeprefix(BRANCH), []).append(name)
    return found


def again(batch_id: str) -> str:
    """A branch that no other run makes."""
    return f"{AGAIN}{batch_id}_{secrets.token_hex(4)}"


def branches_of(lake: Lake, name: str, batch_id: str) -> list[str]:
    """Every branch of a table that is named after a batch."""
    return [ref for ref in lake.table(name).metadata.refs if ref.partition("_")[2].startswith(batch_id)]


def head(table: Table) -> int:
    """The snapshot that readers see."""
    return table.metadata.refs[MAIN].snapshot_id


def history(table: Table, start: int | None = None) -> Iterator[Snapshot]:
    """A snapshot (main's, unless told) and its ancestors, newest first."""
    known = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
    at: int | None = start or head(table)
    while at in known:
        yield known[at]
        at = known[at].parent_snapshot_id


def is_whole(table: Table) -> bool:
    """Whether history goes back to the table's first snapshot; else expiry has cut it, and marks may be gone."""
    *_, oldest = history(table)
    return oldest.sequence_number == FIRST


def unrepeated(table: Table) -> Table:
    """
    A table whose refused appends are left to us to try again.

    PyIceberg repeats them by itself, on whatever main has become, and does not ask whether another has done it already.
    """
    table.metadata.properties[TableProperties.COMMIT_NUM_RETRIES] = "0"  # of this copy alone: nothing commits it
    return table


def _append(table: Table, files: Sequence[DataFile], said: Said, branch: str, is_done: Callable[[], bool]) -> None:
    notes = said.notes

    def commit() -> None:
        table.refresh()
        if branch == MAIN and (published(table, notes[BATCH]) or not said.may(table)):
            return  # whoever settles the same batch was faster
        with stale_is_refused(), unrepeated(table).transaction() as transaction:
            if said.change:
                said.change(transaction, branch, _before(notes))
            with transaction.update_snapshot(dict(notes), branch=branch).fast_append() as update:
                for file in files:
                    update.append_data_file(file)

    until_sure(commit, is_done)


@contextmanager
def stale_is_refused() -> Iterator[None]:
    """Where another branch of the table was committed to meanwhile, PyIceberg calls the snapshot's number wrong."""
    try:
        yield
    except ValueError as error:
        if "sequence number" not in str(error):
            raise
        raise CommitFailedException(str(error)) from error


def until_sure(commit: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Commit; where it was refused or its answer lost, look before trying again."""
    for attempt in range(ATTEMPTS):
        try:
            with faults.at("pointer_swapped"):
                commit()
            return
        except CommitFailedException as refused:
            if is_done():
                return
            failure: Exception = refused
        except UNSURE as unsure:
            failure = unsure
            done = _looked(is_done)
            if done:
                return
            if lasts(unsure) and done is not None:
                raise
            if lasts(unsure):
                break  # nothing answers, and nothing will: whether it was done is for the next run to find out
        time.sleep(random.uniform(0.5, 1) * min(PAUSE * 2**attempt, 5))
    if isinstance(failure, CommitFailedException):
        raise TrailhouseError(f"the catalog refused a commit {ATTEMPTS} times: {failure}; run again") from failure
    raise UnknownOutcomeError(
        f"the catalog did not answer ({failure}); the next run finds out what was done: run again"
    ) from failure


def _looked(is_done: Callable[[], bool]) -> bool | None:
    """Whether it was done; None where that can't be found out either."""
    try:
        return is_done()
    except UNSURE:
        return None


def is_marked(lake: Lake, name: str, batch_id: str) -> bool:
    """Whether a table has the branch of a batch that is not over."""
    return _has(lake, name, BRANCH + batch_id)


def _has(lake: Lake, name: str, branch: str) -> bool:
    return branch in lake.table(name).metadata.refs


def _before(notes: Notes) -> dict[str, str]:
    """The summary of what goes before, in the same commit."""
    return {BATCH: f"{notes[BATCH]} before"}


def batch_of(snapshot: Snapshot) -> str | None:
    """The mark of the commit that made a snapshot."""
    return said_by(snapshot).get(BATCH)


def said_by(snapshot: Snapshot) -> Notes:
    """What a snapshot's summary says."""
    return snapshot.summary.additional_properties if snapshot.summary else {}


def _vanished(name: str, branch: str) -> StagedTable:
    raise TrailhouseError(f"branch {branch} of table {name} vanished while the batch was staged; run again")


def added_files(table: Table, snapshot_id: int) -> list[DataFile]:
    """The data files that a snapshot added."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        raise TrailhouseError(f"snapshot {snapshot_id} of {'.'.join(table.name())} is gone; run again")
    return [
        entry.data_file
        for manifest in snapshot.manifests(table.io)
        if manifest.added_snapshot_id == snapshot_id
        for entry in manifest.fetch_manifest_entry(table.io)
        if entry.snapshot_id == snapshot_id
    ]


def exchanged(table: Table, one: int, other: int) -> tuple[set[str], set[str]]:
    """The data files that only the first of two snapshots holds, and those that only the second does."""
    lists = [{m.manifest_path: m for m in _manifests(table, snapshot)} for snapshot in (one, other)]
    apart = lists[0].keys() ^ lists[1].keys()
    first, second = (_paths(table, [held[path] for path in apart & held.keys()]) for held in lists)
    return first - second, second - first


def _paths(table: Table, manifests: Sequence[ManifestFile]) -> set[str]:
    return {entry.data_file.file_path for each in manifests for entry in each.fetch_manifest_entry(table.io)}


def _manifests(table: Table, snapshot_id: int) -> list[ManifestFile]:
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    return snapshot.manifests(table.io) if snapshot else []
