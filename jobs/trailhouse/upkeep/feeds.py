"""
Feeds and their rhythm: which have gone silent, and which hours have a hole.

A feed is what one account delivers of one kind from one region to one source. Quiet ones deliver rarely, and rest at
night or at weekends: each is judged by its own days before, and one that has no rhythm yet is not judged. Pure: hours
in, pauses out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trailhouse import settings

# Insights tell of what is unusual: that none come says nothing.
WITHOUT_RHYTHM = ("CloudTrail-Insight",)
# On fewer days than so many, deliveries are an episode and no rhythm.
DAYS_OF_RHYTHM = 3
# A hole is judged by the day before and the day after, of which so many hours must be known, and so many on each side:
# a late file that comes alone is no resumption.
AROUND, KNOWN, SIDE = 24, 12, 3
# A pause that a feed makes more often in a week is its own, as is one of hours that rest every day or every week.
USUAL = 2
# Where the same hours of the day or the week before or after were quiet too, the feed rests.
RHYTHMS = (-168, -24, 24, 168)
# One feed in so many may be later than the end of its source.
STRAGGLERS = 5

_EPOCH = datetime(1970, 1, 1)
_HOUR = timedelta(hours=1)

Hours = np.ndarray[Any, np.dtype[np.int64]]  # since 1970, ascending


@dataclass(frozen=True, slots=True)
class Feed:
    """What one account delivers of one kind from one region to one source, over the days that are known."""

    source: str
    account_id: str
    region: str
    kind: str
    hours: Hours  # with a delivery
    last: datetime
    longest: timedelta  # pause between two deliveries


@dataclass(frozen=True, slots=True)
class Pause:
    """Hours without delivery where something should have come."""

    feed: Feed
    since: datetime  # the first of them
    until: datetime  # when they ended: the next delivery's hour, or the time that it is seen from


def feeds(rows: pa.Table, until: datetime) -> Iterator[Feed]:
    """Each feed that may have a rhythm, with its hours; what claims to be delivered after `until` is left out."""
    names = ["source", "account_id", "region", "kind"]
    rows = rows.filter(pc.invert(pc.is_in(rows["kind"], pa.array(WITHOUT_RHYTHM))))
    timed = rows.filter(pc.less_equal(rows["last_delivered"], pa.scalar(until, pa.timestamp("us"))))
    ordered = timed.sort_by([(name, "ascending") for name in (*names, "first_delivered")])
    first, last = (ordered[name].to_numpy() for name in ("first_delivered", "last_delivered"))
    keys = list(zip(*(ordered[name].to_pylist() for name in names), strict=True))
    starts = [n for n, key in enumerate(keys) if not n or key != keys[n - 1]]
    for start, end in pairwise([*starts, len(keys)]):
        began, ended = first[start:end], last[start:end]
        longest = (began[1:] - ended[:-1]).max().astype(timedelta) if end - start > 1 else timedelta()
        hours = began.astype("datetime64[h]").astype(np.int64)
        source, account_id, region, kind = keys[start]
        yield Feed(source, account_id, region, kind, hours, ended[-1].astype(datetime), longest)


def end_of(feeds: Sequence[Feed]) -> datetime:
    """When a source that does not go on ends: a late file or two must not make all the other feeds look silent."""
    return sorted((feed.last for feed in feeds), reverse=True)[len(feeds) // STRAGGLERS]


def silence(feed: Feed, seen_from: datetime, bounds: settings.Coverage) -> Pause | None:
    """Whether nothing has come for longer than the bound, and longer than the feed is used to."""
    has_rhythm = len(np.unique(feed.hours // 24)) >= DAYS_OF_RHYTHM
    bound = max(bounds.silent_after, bounds.silent_pauses * feed.longest)
    if not has_rhythm or seen_from - feed.last <= bound:
        return None
    return Pause(feed, _time(int(feed.hours[-1]) + 1), seen_from)


def holes(feed: Feed, bounds: settings.Coverage) -> Iterator[Pause]:
    """Hours without delivery, where the feed is steady before and after, and not for resting."""
    has = np.zeros(int(feed.hours[-1] - feed.hours[0]) + 1, dtype=bool)
    has[feed.hours - feed.hours[0]] = True
    gaps = [(int(a) + 1, int(b)) for a, b in pairwise(feed.hours - feed.hours[0]) if b - a > 1]
    for start, end in gaps:
        before, after = has[max(0, start - AROUND) : start], has[end : end + AROUND]
        around = np.concatenate((before, after))
        is_known = len(around) >= KNOWN and min(len(before), len(after)) >= SIDE
        others = sum(b - a >= end - start for a, b in gaps) - 1
        is_steady = is_known and 100 * around.mean() >= bounds.steady_percent
        is_usual = others * 168 > USUAL * max(len(has), 168)
        if is_steady and not is_usual and not any(_rests(has, start, end, offset) for offset in RHYTHMS):
            yield Pause(feed, _time(int(feed.hours[0]) + start), _time(int(feed.hours[0]) + end))


def _rests(has: np.ndarray[Any, Any], start: int, end: int, offset: int) -> bool:
    """Whether most of these hours, so many hours away, were quiet too; the pause itself does not speak for itself."""
    there = np.arange(start, end) + offset
    known = there[(there >= 0) & (there < len(has)) & ((there < start) | (there >= end))]
    return 2 * len(known) >= end - start and 2 * int(has[known].sum()) <= len(known)


def _time(hour: int) -> datetime:
    return _EPOCH + hour * _HOUR
