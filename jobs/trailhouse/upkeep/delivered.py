"""
What was delivered, hour by hour, and what became of it: from the ledger and from what is pending.

One row per feed (source, account, region, kind), day and hour of delivery, as the file's name says it. A name without a
time, or with one that isn't of the key's day or a neighbour of it, counts for the day in the key. Reads the ledger in
pieces of some days, and keeps only the sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, GreaterThanOrEqual, LessThanOrEqual

from trailhouse.lake import schema
from trailhouse.lake.catalog import Lake
from trailhouse.sources.keys import DELIVERED, DELIVERED_FORM

FEED = ("source", "account_id", "region", "kind")
HOUR = (*FEED, "day", "hour")

# Days of the ledger that are held at once.
DAYS_AT_ONCE = 2

_PLACE = (*FEED, "key", "key_day", "size", "modified")
_LEDGER = (*_PLACE, "state", "records", "settled_at")
_SUMS = ("objects", "ingested", "quarantined", "held", "pending", "records", "bytes")


def hours(lake: Lake, first: date, last: date) -> pa.Table:
    """The rows of these days: the columns of the table `coverage`, and what lateness is judged by."""
    day = timedelta(days=1)  # a file of midnight may lie in the folder of the day before, or after
    read = (_ledger(lake, since, until) for since, until in _pieces(first - day, last + day))
    pieces = [_summed(found, first, last) for found in read]
    waiting = pending(lake)
    also = pa.table(
        {
            **{name: waiting[name] for name in _PLACE},
            "state": pa.array(["pending"] * waiting.num_rows, pa.string()),
            "records": pa.nulls(waiting.num_rows, pa.int64()),
            "settled_at": pa.nulls(waiting.num_rows, pa.timestamp("us")),
        }
    )
    return _together(pa.concat_tables([*pieces, _summed(also, first, last)]))


def pending(lake: Lake) -> pa.Table:
    """What could not be settled yet; nothing, in a lake that is older than the table."""
    table = lake.find("pending")
    return table.scan().to_arrow() if table else schema.arrow_schema("pending").empty_table()


def _pieces(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        until = min(last, first + timedelta(days=DAYS_AT_ONCE - 1))
        yield first, until
        first = until + timedelta(days=1)


def _ledger(lake: Lake, first: date, last: date) -> pa.Table:
    which = And(GreaterThanOrEqual("key_day", first), LessThanOrEqual("key_day", last))
    return lake.table("ledger").scan(which, selected_fields=_LEDGER).to_arrow().select(_LEDGER)


def _summed(found: pa.Table, first: date, last: date) -> pa.Table:
    """Objects of these days, by hour."""
    named = delivered(found["key"], found["key_day"])
    day = pc.coalesce(pc.cast(named, pa.date32()), found["key_day"])
    state = found["state"]
    counted = {
        "day": day,
        "hour": pc.cast(pc.hour(named), pa.int32()),
        "objects": pa.array([1] * found.num_rows, pa.int64()),
        **{name: pc.cast(pc.equal(state, word), pa.int64()) for name, word in _STATES.items()},
        "records": pc.coalesce(found["records"], 0),
        "bytes": found["size"],
        "first_delivered": named,
        "last_delivered": named,
        "delivered_late": _seconds(named, found["modified"]),
        "ingested_late": _seconds(found["modified"], found["settled_at"]),
        "first_modified": found["modified"],
        "first_settled": found["settled_at"],
    }
    made = pa.table({**{name: found[name] for name in FEED}, **counted})
    inside = pc.and_(pc.greater_equal(day, pa.scalar(first)), pc.less_equal(day, pa.scalar(last)))
    return _together(made.filter(inside))


_STATES = {"ingested": "done", "quarantined": "quarantined", "held": "held", "pending": "pending"}


def delivered(key: pa.ChunkedArray, key_day: pa.ChunkedArray) -> pa.ChunkedArray:
    """The time in the file's name; NULL where there is none, or one that its folder belies."""
    stamp = pc.struct_field(pc.extract_regex(key, DELIVERED), "stamp")
    named = pc.strptime(stamp, format=DELIVERED_FORM, unit="us", error_is_null=True)
    apart = pc.abs(pc.days_between(key_day, pc.cast(named, pa.date32())))
    return pc.if_else(pc.less_equal(apart, 1), named, pa.scalar(None, pa.timestamp("us")))


def _seconds(since: pa.ChunkedArray, until: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(pc.cast(pc.subtract(until, since), pa.int64()), 1_000_000)


def _together(rows: pa.Table) -> pa.Table:
    """One row per hour of a feed."""
    wanted = [
        *((name, "sum") for name in _SUMS),
        *((name, "min") for name in ("first_delivered", "first_modified", "first_settled")),
        *((name, "max") for name in ("last_delivered", "delivered_late", "ingested_late")),
    ]
    made = rows.group_by(list(HOUR)).aggregate(wanted).rename_columns([*HOUR, *(name for name, _ in wanted)])
    plain = {name: pc.cast(made[name], pa.string()) for name in FEED}
    return pa.table({**dict(zip(made.column_names, made.columns, strict=True)), **plain})


def newest(rows: pa.Table, most: datetime) -> dict[str, datetime]:
    """The newest delivery of each source that is not after `most`: nobody can make a source look ahead of its time."""
    sane = rows.filter(pc.less_equal(rows["last_delivered"], pa.scalar(most, pa.timestamp("us"))))
    found = sane.group_by("source").aggregate([("last_delivered", "max")])
    return dict(zip(found["source"].to_pylist(), found["last_delivered_max"].to_pylist(), strict=True))
