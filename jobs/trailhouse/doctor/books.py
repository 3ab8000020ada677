"""
What the lake's own books say: when it was last fed, what is held or pending, whether it is kept small.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pyiceberg.table import Table as IcebergTable

from trailhouse import settings
from trailhouse.doctor import checks
from trailhouse.doctor.checks import found
from trailhouse.doctor.values import Finding, LakeSeen, Table
from trailhouse.errors import UsageError
from trailhouse.lake import catalog, failures, schema
from trailhouse.lake.catalog import Lake
from trailhouse.settings import Doctor, Maintain


def read(where: settings.Lake) -> LakeSeen:
    """The lake as it is; its metadata, and four tables of its books."""
    with failures.told(where):
        try:
            lake = catalog.open_lake(where, to_read=True)
        except UsageError:
            return LakeSeen(there=False)
        batches = _rows(lake, "batches", "batch_id", "state", "published_at")
        published = [each["published_at"] for each in batches if each["state"] == "published"]
        return LakeSeen(
            there=True,
            published=max(published, default=None),
            held=tuple(sorted(each["batch_id"] for each in batches if each["state"] == "held")),
            pending=tuple(
                sorted((each["reason"], each["since"]) for each in _rows(lake, "pending", "reason", "since"))
            ),
            tables=tuple(_table(name, table) for name in schema.TABLES if (table := lake.find(name))),
            accounts=frozenset(each["account_id"] for each in _rows(lake, "coverage", "account_id")),
        )


def _rows(lake: Lake, name: str, *columns: str) -> list[dict[str, Any]]:
    table = lake.find(name)
    return table.scan(selected_fields=columns).to_arrow().to_pylist() if table else []


def _table(name: str, table: IcebergTable) -> Table:
    times = [each.timestamp_ms for each in table.metadata.snapshots]
    oldest = datetime.fromtimestamp(min(times) / 1000, UTC).replace(tzinfo=None) if times else None
    return Table(name, len(times), oldest)


def check(lake: LakeSeen, config: settings.Settings, now: datetime) -> Iterator[Finding]:
    """`now` is UTC, without zone, as the tables have it."""
    if not lake.there:
        yield found("lake_missing", config.lake.location)
        return
    yield from _fed(lake, config.doctor, now)
    for batch in lake.held:
        yield found("batch_held", batch, batch=batch)
    since: dict[str, list[datetime]] = {}
    for reason, when in lake.pending:
        since.setdefault(reason, []).append(when)
    for reason, times in since.items():
        if now - min(times) > config.coverage.pending_after:
            cure = checks.CURES.get(reason, checks.OTHERWISE)
            age, place = span(now - min(times)), config.lake.location
            yield found("objects_pending", place, count=len(times), age=age, reason=reason, cure=cure)
    for table in lake.tables:
        yield from _kept_small(table, config.maintain, config.doctor, now)


def _fed(lake: LakeSeen, bounds: Doctor, now: datetime) -> Iterator[Finding]:
    if lake.published is not None and now - lake.published > bounds.ingest_within:
        yield found("ingest_overdue", "batches", age=span(now - lake.published))


def _kept_small(table: Table, kept: Maintain, bounds: Doctor, now: datetime) -> Iterator[Finding]:
    """Once a day is enough: what it would have forgotten before that is overdue."""
    if table.oldest is None or table.snapshots <= kept.snapshots_kept:
        return
    if now - table.oldest > kept.snapshots_after + bounds.maintain_within:
        yield found("maintain_overdue", table.name, snapshots=table.snapshots, age=span(now - table.oldest))


def span(long: timedelta) -> str:
    """In its largest unit."""
    for unit, seconds in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if long.total_seconds() >= 2 * seconds:
            return f"{int(long.total_seconds()) // seconds} {unit}"
    return "a minute"
