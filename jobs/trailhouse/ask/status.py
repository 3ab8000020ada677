"""
How the lake is doing, in four tables: its tables, its last batches, its accounts and regions, and what is held back.
"""

from __future__ import annotations

from typing import Any

from pyiceberg.table import Table

from trailhouse.ask import local
from trailhouse.ask.answer import Answer
from trailhouse.lake import schema
from trailhouse.lake.catalog import Lake

BATCHES = """
SELECT batch_id, state, objects, records, rows, duplicates, quarantined, quarantined_objects, pending, published_at
FROM batches ORDER BY published_at DESC LIMIT 10
"""

PLACES = """
SELECT e.account_id, max(a.name) AS name, e.region, min(e.event_time) AS first_event, max(e.event_time) AS last_event,
  count(*) AS events
FROM events AS e LEFT JOIN accounts AS a ON a.account_id = e.account_id GROUP BY 1, 3 ORDER BY 1, 3
"""

QUARANTINE = """
SELECT reason, count(*) AS found, count(DISTINCT key) AS objects FROM quarantine GROUP BY 1 ORDER BY 2 DESC, 1
"""


def status(lake: Lake) -> dict[str, Answer]:
    """The tables to show, by title."""
    return {
        "tables": Answer(("table", "rows", "files", "bytes", "snapshot"), _tables(lake)),
        "batches": local.ask(lake.where, BATCHES),
        "accounts": local.ask(lake.where, PLACES),
        "quarantine": local.ask(lake.where, QUARANTINE),
    }


def _tables(lake: Lake) -> list[tuple[Any, ...]]:
    """Every table that the lake has: one of an older release lacks the newer ones until it is ingested into."""
    found = ((name, lake.find(name)) for name in schema.TABLES)
    return [(".".join(lake.name(name)), *_numbers(table)) for name, table in found if table]


def _numbers(table: Table) -> tuple[int | None, ...]:
    """From the snapshot's own summary: no data file is read."""
    snapshot = table.current_snapshot()
    summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    numbers = (int(summary.get(key, "0")) for key in ("total-records", "total-data-files", "total-files-size"))
    return (*numbers, snapshot.snapshot_id if snapshot else None)
