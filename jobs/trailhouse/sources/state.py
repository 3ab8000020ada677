"""
What is remembered between two listings of a bucket, and what follows from it for the next one.

Listing is paid per request, so days that have passed are listed less and less often. Knows which feeds (region folders)
live, how far each has come, and when each tier was last completed. Knows nothing of S3, and never decides by time or by
key order whether an object is *new*: that is the difference between what is listed and the ledger (bugs B1-B5 in the
fault catalogue were all cursors).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from trailhouse import settings
from trailhouse.sources.keys import under

STATE_VERSION = 1

Tier = Literal["yesterday", "lookback", "reconcile", "discover"]
PIECES = 16  # that everything is listed in at most
PIECE = 50_000  # objects that are worth one

TIERS: tuple[Tier, ...] = ("yesterday", "lookback", "reconcile", "discover")


@dataclass(frozen=True, slots=True)
class ListingState:
    """Stored by the caller once its run has finished; None in its place means: everything has to be listed."""

    place: str  # "s3://bucket/prefix/" that it speaks of: of any other place it says nothing
    feeds: Mapping[str, date] = field(default_factory=dict)  # region folder → newest day seen in it
    done: Mapping[Tier, datetime] = field(default_factory=dict)  # tier → start of its last complete scan
    objects: int = 0  # that the last full listing saw

    def to_json(self) -> str:
        """As text, to be kept until the next run."""
        feeds = {prefix: day.isoformat() for prefix, day in sorted(self.feeds.items())}
        done = {tier: when.isoformat() for tier, when in sorted(self.done.items())}
        stored = {"version": STATE_VERSION, "place": self.place, "feeds": feeds, "done": done, "objects": self.objects}
        return json.dumps(stored)

    @staticmethod
    def from_json(text: str) -> ListingState | None:
        """What was remembered. None when it can't be read: one full listing costs less than a wrong guess."""
        try:
            stored = json.loads(text)
            if stored["version"] != STATE_VERSION:
                return None
            place = str(stored["place"])
            feeds = {str(prefix): date.fromisoformat(day) for prefix, day in stored["feeds"].items()}
            objects = int(stored.get("objects", 0))  # which older releases did not count
            done = {tier: datetime.fromisoformat(stored["done"][tier]) for tier in TIERS if tier in stored["done"]}
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return ListingState(place, feeds, done, objects) if all(when.tzinfo for when in done.values()) else None


@dataclass(frozen=True, slots=True)
class Scope:
    """One piece of a listing."""

    what: Literal["all", "feed", "discover"]
    prefix: str
    start_after: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What to list, and which tiers are done when all of it was listed."""

    scopes: tuple[Scope, ...]
    tiers: tuple[Tier, ...]


def scopes(state: ListingState | None, every: settings.Listing, now: datetime, root: str = "") -> Agenda:
    """What this run lists below `root`."""
    if state is None or _due(state, "reconcile", every.reconcile_every, now):
        return Agenda(_pieces(state, root), TIERS)
    lookback = _due(state, "lookback", every.lookback_every, now)
    yesterday = lookback or _due(state, "yesterday", every.yesterday_every, now)
    discover = _due(state, "discover", every.discover_every, now)
    back = timedelta(days=every.lookback_days if lookback else 1 if yesterday else 0)
    listed = [Scope("feed", feed, _start(feed, newest, now, back)) for feed, newest in sorted(state.feeds.items())]
    if discover:
        listed.append(Scope("discover", root))
    due: dict[Tier, bool] = {"yesterday": yesterday, "lookback": lookback, "discover": discover}
    return Agenda(tuple(listed), tuple(tier for tier, is_due in due.items() if is_due))


def _pieces(state: ListingState | None, root: str) -> tuple[Scope, ...]:
    """
    Everything, in pieces that can be listed at the same time: S3 tells a listing's next page by the one before.

    Where they meet, a feed begins; what lies between feeds is in one of them too. A page each is what it may cost.
    """
    feeds = sorted(state.feeds) if state else []
    many = min(PIECES, len(feeds), state.objects // PIECE) if state else 0
    meet = [feeds[len(feeds) * number // many] for number in range(1, many)]
    return tuple(Scope("all", root, *ends) for ends in pairwise(["", *meet, ""]))


def advance(
    before: ListingState, done: Collection[Tier], now: datetime, seen: Mapping[str, date], objects: int = 0
) -> ListingState:
    """
    What to remember after a listing.

    `objects` is how many this listing saw. `done` holds only tiers of which everything was listed: a mark that moved
    after a broken scan would skip what the scan had not seen (B3). `seen` holds the newest day of every feed whose own
    listing came to its end.
    """
    whole = "reconcile" in done
    feeds: dict[str, date] = {} if whole else dict(before.feeds)
    for feed, day in seen.items():
        feeds[feed] = max(day, feeds.get(feed, day))
    objects = objects if whole else before.objects
    return ListingState(before.place, feeds, {**before.done, **dict.fromkeys(done, now)}, objects)


def _due(state: ListingState, tier: Tier, every: timedelta, now: datetime) -> bool:
    """A mark in the future means that the clock was set back: then nothing is known of the time since."""
    last = state.done.get(tier)
    return last is None or last > now or now - last >= every


def _start(feed: str, newest: date, now: datetime, back: timedelta) -> str:
    """
    The folder that a feed's listing starts with.

    The newest day seen and not the host's date, so that a clock that runs ahead hides nothing. But never a day that is
    still to come: a single object planted under 2099/ would hide everything until the next full listing.
    """
    first = min(newest, now.astimezone(UTC).date())
    return under(feed, first - back if first - date.min > back else date.min)
