"""
Coverage: is everything here? What was delivered hour by hour, what became of it, and what of it wants looking at.

Derived from the ledger and from what is pending, for a range of days, and kept as the table `coverage`: these days are
replaced in one commit, and only where they changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import And, GreaterThanOrEqual, LessThanOrEqual

from trailhouse import settings
from trailhouse.errors import UsageError
from trailhouse.lake import catalog, failures, rows, schema, seals
from trailhouse.lake.catalog import Lake
from trailhouse.upkeep import accounts, delivered, feeds
from trailhouse.upkeep.feeds import Feed, Pause
from trailhouse.upkeep.findings import Finding, Seen, findings, is_bucket, states

TABLE = "coverage"

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_NONE = dict.fromkeys(("objects", "ingested", "quarantined", "held", "pending", "records", "bytes"), 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days, and seen from when."""

    now: datetime
    days: int = 7  # up to `until`
    since: date | None = None
    until: date | None = None  # without it: today for buckets, the newest delivery for folders
    as_of: datetime | None = None  # instead of now, and of a folder's newest delivery


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of some days."""

    since: date
    until: date
    rows: pa.Table  # of the table `coverage`
    findings: tuple[Finding, ...]

    def only(self, account: str = "", region: str = "") -> Report:
        """What of it is about an account, or a region."""
        wanted = {name: value for name, value in (("account_id", account), ("region", region)) if value}
        kept = self.rows
        for name, value in wanted.items():
            kept = kept.filter(pc.equal(kept[name], value))
        told = (f for f in self.findings if all(getattr(f, name) in (value, "") for name, value in wanted.items()))
        return Report(self.since, self.until, kept, tuple(told))


def report(lake: Lake, asked: Asked, bounds: settings.Coverage) -> Report:
    """Look at these days, and at as many before them as tell the rhythm of each feed."""
    most = asked.until or (asked.as_of or asked.now).date()
    newest = rows.newest_day(lake, most) or most
    first = newest - timedelta(days=max(bounds.history_days, asked.days))
    found = delivered.hours(lake, min(first, asked.since or first), min(most, newest + _DAY))
    latest = _plain(asked.as_of) if asked.as_of else min(_plain(asked.now), _start(most + _DAY))
    known = list(feeds.feeds(found, latest + _HOUR))  # a name may be some minutes ahead
    until = asked.until or (most if asked.as_of else _last_day(known, latest, most))
    since = asked.since or until - timedelta(days=asked.days - 1)
    if since > until:
        raise UsageError(f"--since {since} is after {until}, the last day: give an earlier one, or --until")
    pauses = tuple(p for p in _pauses(known, asked, latest, bounds) if _reaches(p[1], since, until))
    inside = _between(found, since, until)
    expected = tuple(str(row["account_id"]) for row in accounts.listed(lake))
    seen = Seen(found, inside, pauses, delivered.pending(lake), expected, _plain(asked.now))
    made = _rows(inside.append_column("state", states(seen, bounds)), pauses, (since, until))
    return Report(since, until, made, tuple(findings(seen, bounds)))


def store(where: settings.Lake, made: Report) -> bool:
    """Keep it as the table `coverage`, in place of what these days had. Returns whether that changed anything."""
    with failures.told(where), seals.kept(where):
        lake = catalog.open_lake(where)
        catalog.make_missing(lake, TABLE)
        days = And(GreaterThanOrEqual("day", made.since), LessThanOrEqual("day", made.until))
        kept = lake.table(TABLE).scan(days).to_arrow().select(made.rows.column_names).cast(made.rows.schema)
        if _sorted(kept).equals(made.rows):
            return False
        rows.replace(lake, TABLE, days, made.rows)
        return True


def _last_day(known: Sequence[Feed], latest: datetime, most: date) -> date:
    """Today, where a bucket goes on; else the day of the newest delivery."""
    goes_on = not known or any(is_bucket(feed.source) for feed in known)
    return most if goes_on else min(max(feed.last for feed in known), latest).date()


def _pauses(
    known: Sequence[Feed], asked: Asked, latest: datetime, bounds: settings.Coverage
) -> Iterator[tuple[str, Pause]]:
    """Holes, and what is silent: seen from now for buckets, for folders from where they end."""
    for source, group in groupby(known, key=lambda feed: feed.source):
        of = list(group)
        seen_from = latest if asked.as_of or is_bucket(source) else feeds.end_of(of)
        for feed in of:
            yield from (("hole", pause) for pause in feeds.holes(feed, bounds))
            silence = feeds.silence(feed, seen_from, bounds)
            if silence:
                yield "silent", silence


def _reaches(pause: Pause, since: date, until: date) -> bool:
    return pause.until > _start(since) and pause.since < _start(until + _DAY)


def _rows(there: pa.Table, pauses: Sequence[tuple[str, Pause]], days: tuple[date, date]) -> pa.Table:
    """The table's rows of these days: the hours that had deliveries, and those that should have had."""
    columns = schema.arrow_schema(TABLE)
    missing = [row for word, pause in pauses for row in _missing(word, pause, days)]
    if missing:  # what was planted for a time to come may lie among them
        taken = set(zip(*(there[name].to_pylist() for name in delivered.HOUR), strict=True))
        missing = [row for row in missing if tuple(row[name] for name in delivered.HOUR) not in taken]
    return _sorted(pa.concat_tables([there.select(columns.names).cast(columns), rows.table_of(TABLE, missing)]))


def _missing(word: str, pause: Pause, days: tuple[date, date]) -> Iterator[Mapping[str, Any]]:
    feed, at = pause.feed, max(pause.since, _start(days[0]))
    place = {name: getattr(feed, name) for name in delivered.FEED}
    while at < min(pause.until, _start(days[1] + _DAY)):
        yield {**place, "day": at.date(), "hour": at.hour, "state": word, **_NONE}
        at += _HOUR


def _between(found: pa.Table, since: date, until: date) -> pa.Table:
    day = found["day"]
    return found.filter(pc.and_(pc.greater_equal(day, pa.scalar(since)), pc.less_equal(day, pa.scalar(until))))


def _sorted(made: pa.Table) -> pa.Table:
    return made.sort_by([(name, "ascending") for name in ("day", *delivered.FEED, "hour")]).combine_chunks()


def _start(day: date) -> datetime:
    return datetime.combine(day, time())


def _plain(when: datetime) -> datetime:
    """In UTC, without a zone, as the tables have it."""
    return when.astimezone(UTC).replace(tzinfo=None)
