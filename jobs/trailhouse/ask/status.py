"""
How the lake is doing, in four tables: its tables, its last batches, its accounts and regions, and what is held back.
"""

from __future__ import annotations

from typing import Any

from trailhouse.ask import local
from trailhouse.ask.local import Answer
from trailhouse.lake import schema
from trailhouse.lake.catalog import Lake

BATCHES = """
SELECT batch_id, state, objects, records, rows, duplicates, quarantined, quarantined_objects, pending, published_at
FROM batches ORDER BY published_at DESC LIMIT 10
"""

PLACES = """
SELECT account_id, region, min(event_time) AS first_event, max(event_time) AS last_event, count(*) AS events
FROM events GROUP BY 1, 2 ORDER BY 1, 2
"""

QUARANTINE = """
SELECT reason, count(*) AS found, count(DISTINCT key) AS objects FROM quarantine GROUP BY 1 ORDER BY 2 DESC, 1
"""


def status(lake: Lake) -> dict[str, Answer]:
    """The tables to show, by title."""
    return {
        "tables": Answer(("table", "rows", "files", "bytes", "snapshot"), [_table(lake, n) for n in schema.TABLES]),
        "batches": local.ask(lake, BATCHES),
        "accounts": local.ask(lake, PLACES),
        "quarantine": local.ask(lake, QUARANTINE),
    }


def _table(lake: Lake, name: str) -> tuple[Any, ...]:
    """From the snapshot's own summary: no data file is read."""
    snapshot = lake.table(name).current_snapshot()
    summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    numbers = (int(summary.get(key, "0")) for key in ("total-records", "total-data-files", "total-files-size"))
    return (".".join(lake.name(name)), *numbers, snapshot.snapshot_id if snapshot else None)
