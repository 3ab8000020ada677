"""
The claim: one batch at a time is on its way to readers.

A batch becomes visible table by table. So that meanwhile no other settles the same objects, or brings in rows that it
was not compared with, it claims the way first: by a reference on the ledger, made only where the ledger is what the
batch was compared with. What has the claim has passed its audit and will be published whole; whoever finds a claim
brings that batch to its end, whether its own run is slow, frozen or dead. So nothing has to run out, and no claim is
ever broken.
"""

from __future__ import annotations

from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import AssertRefSnapshotId, RemoveSnapshotRefUpdate, SetSnapshotRefUpdate

from trailhouse.lake.catalog import MAIN, Lake
from trailhouse.lake.commits import MainMovedError, StagedTable, batch_of, head, until_sure

REF = "claim"


def take(lake: Lake, ready: StagedTable) -> None:
    """Claim the way for a batch, by what it has staged on the ledger. MainMovedError: another was faster."""

    def commit() -> None:
        table = lake.table(ready.table)
        refs = table.metadata.refs
        mine = ready.branch in refs and refs[ready.branch].snapshot_id == ready.snapshot
        if REF in refs or head(table) != ready.base or not mine:
            raise MainMovedError(ready.table)
        lake.catalog.commit_table(
            table,
            (
                AssertRefSnapshotId(ref=MAIN, snapshot_id=ready.base),
                AssertRefSnapshotId(ref=ready.branch, snapshot_id=ready.snapshot),
                AssertRefSnapshotId(ref=REF, snapshot_id=None),
            ),
            (SetSnapshotRefUpdate(ref_name=REF, type=SnapshotRefType.TAG, snapshot_id=ready.snapshot),),
        )

    def is_done() -> bool:
        snapshot = standing(lake)
        return snapshot is not None and snapshot.snapshot_id == ready.snapshot

    until_sure(commit, is_done)


def standing(lake: Lake) -> Snapshot | None:
    """What the batch that has the claim has staged on the ledger."""
    return _claimed(lake.table("ledger"))


def holder(lake: Lake) -> str:
    """The batch that has the claim; "" where none has."""
    return _holder(lake.table("ledger"))


def is_of(batch_id: str, ledger: Table) -> bool:
    """Whether this version of the ledger says that the batch has the claim; else its way is over, or not begun."""
    return _holder(ledger) == batch_id


def let_go(lake: Lake, batch_id: str, branch: str) -> None:
    """Take the claim of a batch away, and its branch of the ledger with it: the last sign that it was not over."""

    def commit() -> None:
        table = lake.table("ledger")
        refs = table.metadata.refs
        mine = (REF, branch) if _holder(table) == batch_id else (branch,)
        gone = [name for name in mine if name in refs]
        if gone:
            lake.catalog.commit_table(
                table,
                tuple(AssertRefSnapshotId(ref=name, snapshot_id=refs[name].snapshot_id) for name in gone),
                tuple(RemoveSnapshotRefUpdate(ref_name=name) for name in gone),
            )

    def is_done() -> bool:
        table = lake.table("ledger")
        return _holder(table) != batch_id and branch not in table.metadata.refs

    until_sure(commit, is_done)


def _claimed(ledger: Table) -> Snapshot | None:
    ref = ledger.metadata.refs.get(REF)
    return ledger.metadata.snapshot_by_id(ref.snapshot_id) if ref else None


def _holder(ledger: Table) -> str:
    snapshot = _claimed(ledger)
    return (batch_of(snapshot) or "") if snapshot else ""
