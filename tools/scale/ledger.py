"""
A ledger that has settled keys which nobody has stored: real rows in a real table, a commit a day.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from tools.scale.bucket import NAME
from tools.scale.keys import REGIONS, Space
from trailhouse.lake import commits, rows, schema
from trailhouse.lake.catalog import Lake

SOURCE = f"s3://{NAME}"


def settle(lake: Lake, space: Space) -> int:
    """Say of every object that it was ingested; how many data files that took."""
    made = 0
    for day in range(space.days):
        files = rows.files_of(lake, "ledger", _day(space, day))
        commits.append_once(lake, "ledger", files, commits.mark(f"day {day}"))
        made += len(files)
    return made


def _day(space: Space, day: int) -> pa.Table:
    """What a day's batches would have written."""
    feeds = range(space.feeds)
    numbers = [(feed * space.days + day) * space.files + slot for feed in feeds for slot in range(space.files)]
    told: dict[str, Any] = {
        "key": [space.key(number) for number in numbers],
        "etag": [space.etag(number) for number in numbers],
        "size": [space.size(number) for number in numbers],
        "account_id": [space.account(feed // len(REGIONS)) for feed in feeds for _ in range(space.files)],
        "region": [REGIONS[feed % len(REGIONS)] for feed in feeds for _ in range(space.files)],
        # As long as they are, and as hard to compress.
        "stored_sha256": [2 * space.etag(number + 1) for number in numbers],
        "sha256": [2 * space.etag(number + 2) for number in numbers],
    }
    when = datetime(2026, 3, 1, 12)
    same = {
        "source": SOURCE,
        "modified": when,
        "kind": "CloudTrail",
        "key_day": space.day(day),
        "inflated_bytes": 60_000,
        "target": "events",
        "state": "done",
        "reason": None,
        "flags": None,
        "records": 40,
        "rows": 40,
        "duplicates": 0,
        "quarantined": 0,
        "conflicts": 0,
        "batch_id": f"{space.day(day):%Y%m%d}T120000_00000000",
        "settled_at": when,
    }
    form = schema.arrow_schema("ledger")
    columns = [
        pa.array(told[field.name], field.type)
        if field.name in told
        else pa.repeat(pa.scalar(same[field.name], field.type), len(numbers))
        for field in form
    ]
    return pa.Table.from_arrays(columns, schema=form)
