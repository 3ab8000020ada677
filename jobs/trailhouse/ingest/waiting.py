"""
Waiting: the table `pending` follows what could not be settled, so that whoever asks need not have seen the run.

It is derived: where a run dies before it gets here, the next one puts it right. Written as a whole, in one commit, and
only when it changes; while nothing waits, it costs a look at the table's own metadata.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pyiceberg.expressions import AlwaysTrue
from pyiceberg.table import Table

from trailhouse.ingest.backlog import Backlog
from trailhouse.ingest.values import Object, PendingObject
from trailhouse.lake import rows
from trailhouse.lake.catalog import Lake

TABLE = "pending"
_GENERATION = ("key", "etag", "size", "modified")

Row = Mapping[str, Any]
Place = tuple[str, str]  # source and key of an object; or a source and the prefix that was listed whole


def follow(
    lake: Lake, planned: Backlog, pending: Sequence[PendingObject], whole: Sequence[Place], now: datetime
) -> None:
    """
    Bring the table up to date after a run: what it planned, what of that is pending, which places it listed whole.

    What waited before and was not listed this time goes on waiting, unless the ledger has settled it meanwhile.
    """
    before = {(row["source"], row["key"]): row for row in _read(lake.table(TABLE))}
    why = {(each.source_id, each.key): each for each in pending}
    tried = {(o.source_id, o.key): o for o in planned.at({*before, *why})}
    held = {place: _row(tried[place], each, before.get(place), now) for place, each in why.items() if place in tried}
    left = [row for place, row in before.items() if place not in tried and not _is_gone(row, whole)]
    settled = _settled(lake, left) if left else set()
    held |= {(row["source"], row["key"]): row for row in left if (row["source"], row["key"]) not in settled}
    if held != before:
        rows.replace(lake, TABLE, AlwaysTrue(), rows.table_of(TABLE, list(held.values())))


def _read(table: Table) -> list[dict[str, Any]]:
    snapshot = table.current_snapshot()
    summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    return [] if summary.get("total-records") == "0" else table.scan().to_arrow().to_pylist()


def _row(it: Object, why: PendingObject, before: Row | None, now: datetime) -> Row:
    told = now.replace(tzinfo=None)
    return {
        "source": it.source_id,
        "key": it.key,
        "etag": it.etag,
        "size": it.size,
        "modified": it.modified.replace(tzinfo=None) if it.modified else None,
        "kind": it.log.kind,
        "account_id": it.log.account_id,
        "region": it.log.region,
        "key_day": it.log.day,
        "reason": why.reason,
        "detail": why.detail or None,
        "since": before["since"] if before else told,
        "last_tried": told,
        "tries": before["tries"] + 1 if before else 1,
    }


def _is_gone(row: Row, whole: Sequence[Place]) -> bool:
    """Whether its place was listed from end to end and it was not among what is new: settled, or deleted there."""
    return any(row["source"] == source and row["key"].startswith(prefix) for source, prefix in whole)


def _settled(lake: Lake, waiting: Sequence[Row]) -> set[Place]:
    """Those whose very generation the ledger knows: a run settled them and died before it came here."""
    days: defaultdict[str, set[date]] = defaultdict(set)
    for row in waiting:
        days[row["source"]].add(row["key_day"])
    known: set[tuple[Any, ...]] = set()
    for source, of in days.items():
        for each in rows.known_objects(lake, source, of, _GENERATION).to_pylist():
            known.add((source, each["key"], each["etag"]))
            known.add((source, each["key"], each["size"], each["modified"]))
    return {
        (row["source"], row["key"])
        for row in waiting
        if (row["source"], row["key"], row["etag"]) in known
        or (not row["etag"] and (row["source"], row["key"], row["size"], row["modified"]) in known)
    }
