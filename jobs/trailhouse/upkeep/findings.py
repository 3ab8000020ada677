"""
Findings of coverage: what wants looking at, each as one line that says what, where, since when, and what to look at.

Pure: hours and pauses in, findings out. A bucket's times are AWS's own; those of a copied folder are the copying's, so
that lateness is judged of buckets alone, and of what came after a source was first read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trailhouse import settings
from trailhouse.upkeep.delivered import newest
from trailhouse.upkeep.feeds import Pause

# In the order of their weight: an hour's state is the first that applies, and `full` where none does. `absent` is no
# state: an account that never delivered has no feed and no hour.
WORDS = ("silent", "absent", "hole", "pending", "held", "quarantined", "late")

FIRST_LOOK = {
    "silent": "does the trail still log there, may it still write: `aws cloudtrail get-trail-status`, bucket policy",
    "absent": "is it closed, does the organization's trail cover it; else take it out of the list of accounts",
    "hole": "the bucket's folder of that day, and digest files: were objects deleted, or never delivered?",
    "pending": "`trailhouse sql 'SELECT key, reason, detail FROM pending'`: a missing right, a key, an archived object",
    "held": "`trailhouse batch list --state held`, then release, retry or discard",
    "quarantined": "`trailhouse sql 'SELECT key, reason FROM quarantine WHERE record_index IS NULL'`",
    "delivered": "AWS Health, the bucket's policy at that time; in a bucket that is a copy, when it was copied",
    "ingested": "how often `trailhouse ingest` runs, and `listing.lookback_every`",
    "stopped": "does `trailhouse ingest` still run, and is it the bucket that the trail writes to?",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    what: str  # one of WORDS
    source: str
    account_id: str  # "" for all of the source
    region: str
    kind: str
    since: datetime
    until: datetime
    objects: int
    said: str
    look: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is judged."""

    hours: pa.Table  # all that are known, see `delivered`
    inside: pa.Table  # those of the days that were asked for
    pauses: Sequence[tuple[str, Pause]]  # what each is, "silent" or "hole"
    pending: pa.Table
    expected: Sequence[str]  # accounts that somebody has named
    now: datetime


def findings(seen: Seen, bounds: settings.Coverage) -> Iterator[Finding]:
    """What wants looking at in these days, by weight."""
    yield from _silences([pause for word, pause in seen.pauses if word == "silent"], seen, bounds)
    yield from _absent(seen)
    yield from (_hole(pause) for word, pause in seen.pauses if word == "hole")
    yield from _waiting(seen, bounds)
    for word, said in (("held", "held with a batch that the gate refused"), ("quarantined", "unreadable as a whole")):
        yield from _counted(seen.inside, word, said)
    yield from _late(seen, bounds)


def states(seen: Seen, bounds: settings.Coverage) -> pa.Array:
    """The state of each hour that had deliveries."""
    made = pa.array(["full"] * seen.inside.num_rows, pa.string())
    made = pc.if_else(pc.or_(*late(seen, bounds)), "late", made)
    for word in ("quarantined", "held", "pending"):
        made = pc.if_else(pc.greater(seen.inside[word], 0), word, made)
    return made


def late(seen: Seen, bounds: settings.Coverage) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Which hours had objects that AWS delivered late, and which had objects that we settled late."""
    rows, settled = seen.inside, _first_settled(seen.hours)
    which = pc.index_in(rows["source"], pa.array(list(settled), pa.string()))
    begun = pa.array(list(settled.values()), pa.timestamp("us")).take(which)
    of_bucket = pa.array([is_bucket(source) for source in settled], pa.bool_()).take(which)
    by_aws = pc.greater(rows["delivered_late"], bounds.delivered_late_after.total_seconds())
    by_us = pc.greater(rows["ingested_late"], bounds.ingested_late_after.total_seconds())
    since = pc.greater_equal(rows["first_modified"], begun)
    return (
        pc.fill_null(pc.and_(of_bucket, by_aws), False),
        pc.fill_null(pc.and_(of_bucket, pc.and_(by_us, since)), False),
    )


def is_bucket(source: str) -> bool:
    """Whether times of objects are AWS's own, and deliveries go on by themselves."""
    return source.startswith("s3://")


def _first_settled(rows: pa.Table) -> dict[str, datetime]:
    """When each source was first read, as far as these hours tell."""
    found = rows.group_by("source").aggregate([("first_settled", "min")])
    return dict(zip(found["source"].to_pylist(), found["first_settled_min"].to_pylist(), strict=True))


def _silences(silent: Sequence[Pause], seen: Seen, bounds: settings.Coverage) -> Iterator[Finding]:
    """Where every feed of a source fell silent, it is the source."""
    for source, group in groupby(sorted(silent, key=lambda p: p.feed.source), key=lambda p: p.feed.source):
        of = list(group)
        last = newest(seen.hours, of[0].until).get(source, of[0].feed.last)
        if len(of) > 1 and of[0].until - last > bounds.silent_after:
            said = f"nothing from any feed since {_time(last)}, for {_span(of[0].until - last)}"
            yield Finding("silent", source, "", "", "", last, of[0].until, 0, said, FIRST_LOOK["stopped"])
            continue
        for each in of:
            said = f"nothing since {_time(each.feed.last)}, for {_span(each.until - each.feed.last)}"
            said += f"; its longest pause before was {_span(each.feed.longest)}"
            yield Finding("silent", *_feed(each), each.feed.last, each.until, 0, said, FIRST_LOOK["silent"])


def _absent(seen: Seen) -> Iterator[Finding]:
    """Accounts that are in the list of accounts, and of which nothing has come in all the days that are known."""
    if not seen.hours.num_rows:
        return
    first = datetime.combine(pc.min(seen.hours["day"]).as_py(), datetime.min.time())
    for account in sorted({*seen.expected} - set(pc.unique(seen.hours["account_id"]).to_pylist())):
        said = f"in the list of accounts, and nothing was delivered since {first:%Y-%m-%d} at least"
        yield Finding("absent", "", account, "", "", first, seen.now, 0, said, FIRST_LOOK["absent"])


def _hole(pause: Pause) -> Finding:
    count = int((pause.until - pause.since) / timedelta(hours=1))
    hours = "an hour" if count == 1 else f"{count} hours"
    said = f"{hours} without delivery from {_time(pause.since)} to {_time(pause.until)}, in a feed that is steady"
    return Finding("hole", *_feed(pause), pause.since, pause.until, 0, said, FIRST_LOOK["hole"])


def _waiting(seen: Seen, bounds: settings.Coverage) -> Iterator[Finding]:
    columns = ("source", "account_id", "region", "kind", "reason", "since", "last_tried")
    rows = sorted(zip(*(seen.pending[name].to_pylist() for name in columns), strict=True))
    for (source, account_id, region, kind, reason), group in groupby(rows, key=lambda row: row[:5]):
        each = list(group)
        since, tried = min(row[5] for row in each), max(row[6] for row in each)
        if seen.now - since >= bounds.pending_after:
            said = f"{_objects(len(each))} not readable since {_time(since)}, last tried {_time(tried)}: {reason}"
            where = (source, account_id, region, kind)
            yield Finding("pending", *where, since, tried, len(each), said, FIRST_LOOK["pending"])


def _counted(inside: pa.Table, word: str, what: str) -> Iterator[Finding]:
    for place, each in _by_feed(inside.filter(pc.greater(inside[word], 0))):
        count = pc.sum(each[word]).as_py()
        since, until = _range(each)
        said = f"{_objects(count)} {what}, delivered {_time(since)} to {_time(until)}"
        yield Finding(word, *place, since, until, count, said, FIRST_LOOK[word])


def _late(seen: Seen, bounds: settings.Coverage) -> Iterator[Finding]:
    verbs = ("delivered_late", "delivered"), ("ingested_late", "ingested")
    for is_late, (column, verb) in zip(late(seen, bounds), verbs, strict=True):
        for place, each in _by_feed(seen.inside.filter(is_late)):
            worst = timedelta(seconds=pc.max(each[column]).as_py())
            since, until = _range(each)
            said = f"{verb} late, by up to {_span(worst)}: objects of {_time(since)} to {_time(until)}"
            count = pc.sum(each["objects"]).as_py()
            yield Finding("late", *place, since, until, count, said, FIRST_LOOK[verb])


def _by_feed(rows: pa.Table) -> Iterator[tuple[tuple[str, str, str, str], pa.Table]]:
    names = ["source", "account_id", "region", "kind"]
    ordered = rows.sort_by([(name, "ascending") for name in names])
    keys = list(zip(*(ordered[name].to_pylist() for name in names), strict=True))
    start = 0
    for place, group in groupby(keys):
        count = len(list(group))
        yield place, ordered.slice(start, count)
        start += count


def _range(rows: pa.Table) -> tuple[datetime, datetime]:
    """From the first to the last delivery; by the day, where names have no time."""
    days = pc.min_max(rows["day"]).as_py()
    first, last = pc.min(rows["first_delivered"]).as_py(), pc.max(rows["last_delivered"]).as_py()
    midnight = datetime.min.time()
    return first or datetime.combine(days["min"], midnight), last or datetime.combine(days["max"], midnight)


def _feed(pause: Pause) -> tuple[str, str, str, str]:
    feed = pause.feed
    return feed.source, feed.account_id, feed.region, feed.kind


def _objects(count: Any) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"


def _span(long: timedelta) -> str:
    """In the two largest units."""
    minutes = int(long.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    told = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(told[:2]) or "less than a minute"
