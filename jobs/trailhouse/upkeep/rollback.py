"""
Rollback: the lake as it was when a batch was over.

All tables, and the ledger with them, so that what is taken back is planned again by the next ingest, or held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.ingest import plan, settle, takeback
from trailhouse.ingest.job import Run
from trailhouse.ingest.values import Result
from trailhouse.lake import catalog, commits, door
from trailhouse.lake.catalog import Lake
from trailhouse.upkeep import batches

LISTED = ("batch_id", "objects", "records", "rows", "published_at", "reason")
START = "start"  # stands for the lake before its first batch

ROUNDS = 8  # how often it looks again because something came in between


@dataclass(frozen=True, slots=True)
class Back:
    """How far: to the end of a batch, or by so many of the newest."""

    to: str = ""
    last: int = 0


def chosen(lake: Lake, back: Back) -> list[str]:
    """The batches to be taken back, newest first; refused where history no longer has what was before them."""
    if bool(back.to) == bool(back.last):
        raise UsageError("say how far: --to BATCH (the newest that stays) or --last N")
    known = takeback.published(lake)
    if back.to == START:
        taken = known
    elif back.last:
        if back.last > len(known):
            raise UsageError(f"there are only {len(known)} published batches that history still has")
        taken = known[: back.last]
    elif back.to in known:
        taken = known[: known.index(back.to)]
    else:
        raise UsageError(f"{back.to} is no published batch that history still has: see `trailhouse batch list`")
    takeback.check_kept(lake, taken)
    return taken


def told(lake: Lake, taken: Sequence[str]) -> list[dict[str, Any]]:
    """What is known of the batches, in their order."""
    read = lake.table("batches").scan(selected_fields=LISTED).to_arrow().to_pylist()
    rows = {row["batch_id"]: row for row in read}
    return [{name: rows[batch][name] for name in LISTED} for batch in taken]


def rollback(going: Run, back: Back, reason: str, hold: bool = False) -> tuple[Result, list[dict[str, Any]]]:
    """Take batches back. Returns also what is known of them."""
    if not reason.strip():
        raise UsageError('say why: --reason "…"; it is kept with the batches')
    with door.writing(going.config.lake):
        lake = catalog.open_lake(going.config.lake)
        result = Result()
        settle.finish(going, lake)  # what is staged only is not there to be taken back
        taken = chosen(lake, back)
        about = told(lake, taken)
        batches.check_sources(going, takeback.ledger(lake, taken, hold).free if taken else ())
        for _ in range(ROUNDS if taken else 0):
            undo = takeback.seen(lake, plan.new_batch_id(going.clock()), taken, reason.strip(), hold)
            if takeback.published(lake)[: len(taken)] != taken:
                break  # what came in between, nobody has asked to take back
            try:
                settle.take_back(going, lake, undo)
            except commits.MainMovedError:
                settle.finish(going, lake)
                continue
            result.batch_id, result.status = undo.batch_id, "rolled_back"
            result.objects = sum(row["objects"] for row in about)
            result.rows = sum(row["rows"] for row in about)
            return result, about
    if taken:
        raise TrailhouseError("another run published in between: nothing was taken back; look again, then run again")
    return result, about
