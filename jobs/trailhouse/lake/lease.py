"""
The lake's lease: whoever kept losing the race for main asks the others, for a while, to let it go first.

A courtesy and no lock: what is published is kept right by the compare-and-swap of commits alone, so that a clock that
is wrong or a holder that is dead costs time and nothing else. Ingest takes it after some losses; maintenance has it
around each of its commits, and waits for whoever else has it.

A branch of the table `batches`, whose newest snapshot says who has it and until when: a catalog refuses to make a
branch that is there, or to move one that has moved, so that only one can take it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.update import AssertRefSnapshotId, RemoveSnapshotRefUpdate

from trailhouse.errors import TrailhouseError
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import head, unrepeated
from trailhouse.lake.failures import UNSURE

log = logging.getLogger("trailhouse.lake")

BRANCH = "lease"
HOLDER, UNTIL = "trailhouse.lease-holder", "trailhouse.lease-until"
TABLE = "batches"

LASTS = timedelta(minutes=10)
LOSSES = 2  # before it is taken
PATIENCE = 60  # looks, a second apart, before it goes on without
LONGEST = 660  # looks of maintenance, which can wait: longer than a dead holder has it

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who goes first, and until when."""

    holder: str
    until: datetime
    snapshot: int


def held(lake: Lake, now: datetime) -> Lease | None:
    """The lease, where somebody has it."""
    lease = _last(lake.table(TABLE))
    return lease if lease and lease.until > now else None


def take(lake: Lake, holder: str, now: datetime) -> bool:
    """Take it, where it is free or has run out. False: another has it."""
    try:
        if BRANCH not in lake.table(TABLE).metadata.refs:
            table = lake.table(TABLE)
            table.manage_snapshots().create_branch(head(table), BRANCH).commit()
        table = unrepeated(lake.table(TABLE))
        last = _last(table)
        if last is None or (last.holder != holder and last.until > now):
            return False
        said = {HOLDER: holder, UNTIL: (now + LASTS).isoformat()}
        with table.transaction() as transaction, transaction.update_snapshot(said, branch=BRANCH).fast_append():
            pass  # no file: the snapshot itself is the message
    except (CommitFailedException, *UNSURE) as error:
        log.info("the lake's lease: %s", error)  # refused, or the answer lost: the table knows
    lease = held(lake, now)
    return lease is not None and lease.holder == holder


def give_back(lake: Lake, holder: str) -> None:
    """Let the others go on. A lease that can't be given back runs out by itself."""
    try:
        table = lake.table(TABLE)
        last = _last(table)
        if last and last.holder == holder:
            mine = (AssertRefSnapshotId(ref=BRANCH, snapshot_id=last.snapshot),)
            lake.catalog.commit_table(table, mine, (RemoveSnapshotRefUpdate(ref_name=BRANCH),))
    except (CommitFailedException, *UNSURE) as error:
        log.warning("the lake's lease could not be given back (%s); it runs out by itself", error)


@contextmanager
def had(lake: Lake, holder: str, clock: Clock) -> Iterator[None]:
    """Have it for a while. Who must not go first waits for whoever does, and gives up where nobody lets go."""
    for _ in range(LONGEST):
        if take(lake, holder, clock()):
            break
        time.sleep(1)
    else:
        other = held(lake, clock())
        raise TrailhouseError(
            f"{other.holder if other else 'another run'} goes first and has not let go of the lake's lease for "
            f"{LONGEST // 60} minutes; what was done is whole: run again"
        )
    try:
        yield
    finally:
        give_back(lake, holder)


class Turn:
    """One batch's way to main: after some losses it asks to go first, and it gives back what it was given."""

    def __init__(self, lake: Lake, holder: str, clock: Clock) -> None:
        self._lake, self._holder, self._clock = lake, holder, clock
        self._losses, self._has = 0, False

    def lost(self) -> None:
        """Another was faster. Waits where somebody else goes first; where nobody ever lets go, it goes on without."""
        self._losses += 1
        if self._losses < LOSSES or self._has:
            return
        for _ in range(PATIENCE):
            self._has = take(self._lake, self._holder, self._clock())
            if self._has:
                return
            time.sleep(1)

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        if self._has:
            give_back(self._lake, self._holder)


def _last(table: Table) -> Lease | None:
    """Who took it last; None where the branch is not there."""
    ref = table.metadata.refs.get(BRANCH)
    snapshot = table.metadata.snapshot_by_id(ref.snapshot_id) if ref else None
    if snapshot is None:
        return None
    said = snapshot.summary.additional_properties if snapshot.summary else {}
    # A branch that is made and not signed yet is anybody's.
    until = datetime.fromisoformat(said[UNTIL]) if UNTIL in said else datetime.min.replace(tzinfo=UTC)
    return Lease(said.get(HOLDER, ""), until, snapshot.snapshot_id)
