"""
Take back: the tables as they were before some batches; their objects are planned again, or held.

It goes the way of a batch: staged as new snapshots on top of what is there, claimed, shown table by table; whoever
finds it half done brings it to its end. Main never moves back, so that a run that slept through it loses, and history
tells what was taken back.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.expressions import And, BooleanExpression, In, NotEqualTo
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot

from trailhouse.errors import UsageError
from trailhouse.ingest import publish, stage
from trailhouse.ingest.values import TAKES_BACK, Object, Staged, too_large
from trailhouse.lake import changes, claim, commits, rows
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import Change, StagedTable


@dataclass(frozen=True, slots=True)
class Undo:
    """Batches to be taken back: all that were published since the first of them."""

    batch_id: str  # of the taking back itself
    taken: tuple[str, ...]  # newest first
    reason: str
    hold: bool  # their objects, until somebody says otherwise
    base: int  # the ledger, as it was seen


@dataclass(frozen=True, slots=True)
class Ledger:
    """What becomes of the ledger's rows."""

    gone: BooleanExpression
    back: Sequence[Mapping[str, Any]]  # of objects that the batches said anew, and of those to be held
    free: tuple[Object, ...]  # to be planned again


def published(lake: Lake) -> list[str]:
    """The batches that readers see, newest first, as far back as history goes."""
    ended = publish.states(lake)
    marks = (commits.batch_of(each) or "" for each in commits.history(lake.table("ledger")))
    return [mark for mark in marks if mark in ended and ended[mark].state == "published"]


def seen(lake: Lake, batch_id: str, taken: Sequence[str], reason: str, hold: bool) -> Undo:
    """What is to be taken back, on the ledger as it is."""
    return Undo(batch_id, tuple(taken), reason, hold, commits.head(lake.table("ledger")))


def take(lake: Lake, undo: Undo) -> None:
    """Stage it and claim the way. MainMovedError where something came in between: look again."""
    files, change = _of_ledger(lake, undo.taken, undo.hold)
    ways = {"ledger": change}
    for name in stage.ORDER[:-1]:
        then = _before(lake.table(name), undo.taken)
        if then:
            ways[name] = changes.as_of(then)
    notes = {TAKES_BACK: json.dumps({"taken": undo.taken, "reason": undo.reason, "hold": undo.hold})}
    staged = stage.stage_files(lake, undo.batch_id, {"ledger": files}, ways, notes)
    if staged.on("ledger").base != undo.base or not stage.is_as_compared(lake, staged):
        raise commits.MainMovedError("ledger")
    claim.take(lake, staged.on("ledger"))


def stage_again(lake: Lake, staged: Staged, ready: StagedTable) -> StagedTable:
    """The same on what main of a table is now: a compaction changes no rows."""
    told = json.loads(staged.notes[TAKES_BACK])
    branch = commits.again(staged.batch_id)
    if ready.table != "ledger":
        then = _before(lake.table(ready.table), told["taken"])
        change = changes.as_of(then) if then else None
        return commits.stage(lake, ready.table, (), commits.mark(staged.batch_id, change=change), branch)
    files, change = _of_ledger(lake, told["taken"], told["hold"])
    return commits.stage(lake, "ledger", files, commits.mark(staged.batch_id, staged.notes, change=change), branch)


def _of_ledger(lake: Lake, taken: Collection[str], hold: bool) -> tuple[list[DataFile], Change]:
    """What comes to the ledger, and what goes."""
    told = ledger(lake, taken, hold)
    return rows.files_of(lake, "ledger", rows.table_of("ledger", told.back)), changes.without(told.gone)


def ledger(lake: Lake, taken: Collection[str], hold: bool) -> Ledger:
    """What the ledger says of the batches' objects goes; what it said of them before comes back."""
    table = lake.table("ledger")
    gone = And(In("batch_id", set(taken)), NotEqualTo("state", "held"))
    now = table.scan(gone).to_arrow().to_pylist()
    then = _before(table, taken)
    days = {row["key_day"] for row in now}
    found = (
        table.scan(In("key_day", days), snapshot_id=then.snapshot_id).to_arrow().to_pylist() if then and days else []
    )
    known = {_generation(row): row for row in found if row["state"] != "held"}
    before = [known.get(_generation(row)) or known.get(_unread(row)) for row in now]
    back = [row for row in before if row]
    others = [row for row, was in zip(now, before, strict=True) if was is None]
    held = [row | {"state": "held"} for row in others] if hold else []
    return Ledger(gone, back + held, () if hold else tuple(stage.object_of(row) for row in others))


def _generation(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (row["source"], row["key"], row["etag"])


def _unread(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """The same, where it was too large to be read before."""
    return (row["source"], row["key"], too_large(row["size"]))


def _before(table: Table, taken: Collection[str]) -> Snapshot | None:
    """The table as it was before the first of the batches came to it; None where none of them did."""
    marks = {*taken, *(f"{each} before" for each in taken)}
    theirs = [each for each in commits.history(table) if commits.batch_of(each) in marks]
    if not theirs:
        return None
    then = table.metadata.snapshot_by_id(theirs[-1].parent_snapshot_id or 0)
    if then is None:
        raise UsageError(
            f"table {table.name()[-1]} as it was before batch {commits.batch_of(theirs[-1])} is no longer kept: "
            "maintenance has expired it; take back fewer batches"
        )
    return then


def check_kept(lake: Lake, taken: Sequence[str]) -> None:
    """Refuse batches whose snapshots history has lost: nobody could say what the tables were without them."""
    for batch_id in taken:
        told = json.loads(publish.row(lake, batch_id)["snapshots"])
        for name in told:
            if not commits.published(lake.table(name), batch_id):
                raise UsageError(
                    f"what batch {batch_id} did to table {name} is no longer kept: maintenance has expired it; "
                    "take back fewer batches"
                )
    for name in stage.ORDER:
        table = lake.table(name)
        if then := _before(table, taken):
            _check_alone(table, then)


def _check_alone(table: Table, then: Snapshot) -> None:
    """Refuse to undo what another writer did to the rows in between."""
    for each in itertools.takewhile(lambda snapshot: snapshot.snapshot_id != then.snapshot_id, commits.history(table)):
        compacted = each.summary is not None and each.summary.operation == Operation.REPLACE
        if not commits.batch_of(each) and not compacted:
            raise UsageError(
                f"another writer has changed table {table.name()[-1]} since (snapshot {each.snapshot_id}), which would "
                "be undone as well: take back fewer batches"
            )
