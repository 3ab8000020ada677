"""
What is there: the log files of a source, bounded by days where a request costs money.

Puts the pieces in order: what to list (`state`), how (`bucket`, `folder`), what a key means (`keys`). Knows nothing of
the ledger: what is found may have been ingested long ago.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse import settings
from trailhouse.errors import TrailhouseError
from trailhouse.sources import bucket as s3
from trailhouse.sources import folder
from trailhouse.sources.aws import Access
from trailhouse.sources.keys import Skipped, folder_role, parse_any, parse_any_flat, parse_flat, parse_key, prefix_of
from trailhouse.sources.state import TIERS, Agenda, ListingState, Scope, Tier, advance, scopes
from trailhouse.sources.values import Found, Problem, Range

__all__ = [
    "Found",
    "Listing",
    "ListingState",
    "Look",
    "Problem",
    "Scan",
    "bucket_of",
    "list_source",
    "look",
    "parser",
    "part",
    "source_id",
]

THREADS = 16  # LIST requests under way at once


@dataclass(frozen=True, slots=True)
class Listing:
    """
    One source, listed. What was neither found nor skipped is named by a problem, or lies in days not listed this time.
    """

    source: str  # as in the ledger: "s3://bucket" or "file:///folder"
    found: tuple[Found, ...]  # empty when it was streamed through a `Scan`
    skipped: Mapping[str, int]  # keys.SKIP_REASONS → number of objects
    list_calls: int  # LIST requests, each of which is paid for
    complete: bool  # everything was listed, from the first day on
    problems: tuple[Problem, ...]
    new_state: ListingState | None  # to be stored once the run has finished; None for a folder


def source_id(source: settings.Source) -> str:
    """How the ledger names the source: keys are unique within it, and the prefix is part of the key."""
    place = bucket_of(source)
    return f"s3://{place.name}" if place else Path(source.url).absolute().as_uri()


def bucket_of(source: settings.Source) -> s3.Bucket | None:
    """The bucket that the source names; None when it is a folder."""
    if not source.url.startswith("s3://"):
        return None
    name, _, prefix = source.url.removeprefix("s3://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    return s3.Bucket(name, prefix, Access(source.role_arn, source.external_id, source.region), source.expected_owner)


def parser(source: settings.Source, digests: bool = False) -> folder.Parse:
    """What tells the source's log files by their keys."""
    if source.layout == "flat":
        return parse_any_flat if digests else parse_flat
    return parse_any if digests else parse_key


@dataclass(frozen=True, slots=True)
class Look:
    """What is listed of a source this time."""

    source: settings.Source
    bucket: s3.Bucket | None
    agenda: Agenda
    before: ListingState
    now: datetime | None = None  # None: it leads to no new state
    only: Range | None = None


def look(source: settings.Source, state: ListingState | None, every: settings.Listing, now: datetime) -> Look:
    """What is due, by what is known of the source."""
    bucket = bucket_of(source)
    place = bucket.url(bucket.prefix) if bucket else ""
    known = state if state and state.place == place else None
    return Look(source, bucket, _agenda(source, bucket, known, every, now), known or ListingState(place), now)


def part(source: settings.Source, only: Range) -> Look:
    """A part of it, whenever that was last listed. Nothing follows for the next listing: the rest was not seen."""
    bucket = bucket_of(source)
    return Look(source, bucket, Agenda(_scopes_of(only, source, bucket), ()), ListingState(""), only=only)


def list_source(source: settings.Source, state: ListingState | None, every: settings.Listing, now: datetime) -> Listing:
    """All of it at once. For a source of many millions of objects, go through a `Scan`."""
    scan = Scan(look(source, state, every, now))
    found = tuple(scan)
    return replace(scan.result(), found=found)


class Scan:
    """
    A listing under way: iterate over it for what is found, then ask for the `result`.

    Whoever stops early gets no result, and so no new state: what he did not see will be listed again.
    """

    def __init__(self, what: Look) -> None:
        self._look, self._bucket, self._source, self._only = what, what.bucket, what.source, what.only
        self._skipped: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._calls = s3.Calls()
        self._seen: dict[str, date] = {}
        self._failed: set[str] = set()
        self._objects = 0
        self._ended = False

    def __iter__(self) -> Iterator[Found]:
        for each in (
            self._bucket_items(self._bucket)
            if self._bucket
            else folder.walk(Path(self._source.url), parser(self._source))
        ):
            if isinstance(each, Found):
                if self._only is None or self._only.has(each.log):
                    yield each
            elif isinstance(each, Skipped):
                self._skipped[each.reason] += 1
            else:
                self._problems.append(each)
        self._ended = True

    def result(self) -> Listing:
        """Everything but the objects themselves, once the last of them has been taken."""
        if not self._ended:
            raise TrailhouseError(f"the listing of {self._source.url} was asked for its result before its end")
        done = self._done()
        return Listing(
            source=source_id(self._source),
            found=(),
            skipped=dict(self._skipped),
            list_calls=self._calls.made,
            complete=not (self._problems or self._only) and (self._bucket is None or "reconcile" in done),
            problems=tuple(self._problems),
            new_state=self._state(done),
        )

    def _state(self, done: tuple[Tier, ...]) -> ListingState | None:
        now = self._look.now
        return advance(self._look.before, done, now, self._seen, self._objects) if self._bucket and now else None

    def _done(self) -> tuple[Tier, ...]:
        """Feeds that failed hold every mark back: one of them may be new, and then only discovery knows of it."""
        if self._failed - {"discover"}:
            return ()
        return tuple(tier for tier in self._look.agenda.tiers if tier != "discover" or not self._failed)

    def _bucket_items(self, bucket: s3.Bucket) -> Iterator[Found | Skipped | Problem]:
        known = set(self._look.before.feeds)
        with _Workers(bucket, self._calls) as workers:
            workers.start(self._look.agenda.scopes)
            newest: dict[Scope, dict[str, date]] = {}
            for scope, answer in workers.answers():
                if isinstance(answer, Problem):
                    self._failed.add(scope.what)
                    yield answer
                elif isinstance(answer, _Folders):
                    fresh = [feed for feed in answer.feeds if feed not in known]
                    known.update(fresh)
                    workers.start(self._below(fresh, answer.walk))
                elif answer is None:
                    self._see(newest.pop(scope, {}))
                else:
                    yield from self._items(scope, answer, known, newest.setdefault(scope, {}))

    def _below(self, feeds: Iterable[str], folders: Iterable[str]) -> list[Scope]:
        """What is listed of the folders that a look into another found."""
        if self._only is None:
            return [Scope("feed", feed) for feed in feeds] + [Scope("discover", path) for path in folders]
        wanted = [feed for feed in feeds if self._only.reaches(feed)]
        within = [Scope("feed", feed, *self._only.within(feed)) for feed in wanted]
        return within + [Scope("discover", path) for path in folders if self._only.reaches(path)]

    def _items(self, scope: Scope, page: _Page, known: set[str], newest: dict[str, date]) -> Iterator[Found | Skipped]:
        self._objects += len(page)
        flat, parse = self._source.layout == "flat", parser(self._source)
        for each in page:
            log = parse(each["Key"])
            if isinstance(log, Skipped):
                yield log
                continue
            if not flat:
                feed = prefix_of(log)
                if scope.what == "feed" and feed != scope.prefix and feed in known:
                    continue  # an AWSLogs/ tree inside a feed is a feed of its own, and listed as such
                newest[feed] = max(log.day, newest.get(feed, log.day))
            yield Found(each["Key"], each.get("ETag", "").strip('"'), int(each["Size"]), each.get("LastModified"), log)

    def _see(self, newest: Mapping[str, date]) -> None:
        for feed, day in newest.items():
            self._seen[feed] = max(day, self._seen.get(feed, day))


def _agenda(
    source: settings.Source,
    bucket: s3.Bucket | None,
    known: ListingState | None,
    every: settings.Listing,
    now: datetime,
) -> Agenda:
    if bucket is None:
        return Agenda((), ())
    if _has_no_days(source, bucket):
        return Agenda((Scope("all", bucket.prefix),), TIERS)
    return scopes(known, every, now, bucket.prefix)


def _scopes_of(only: Range, source: settings.Source, bucket: s3.Bucket | None) -> tuple[Scope, ...]:
    """Where the search for a part begins."""
    if bucket is None:
        return ()
    if _has_no_days(source, bucket):
        return (Scope("all", bucket.prefix),)
    if folder_role(bucket.prefix) == "feed":
        return (Scope("feed", bucket.prefix, *only.within(bucket.prefix)),)
    return (Scope("discover", bucket.prefix),)


def _has_no_days(source: settings.Source, bucket: s3.Bucket) -> bool:
    """Whether there are no days to tell apart, or the root lies below them."""
    return source.layout == "flat" or folder_role(bucket.prefix) == "stop"


@dataclass(frozen=True, slots=True)
class _Folders:
    """What a look into a folder found."""

    feeds: list[str]
    walk: list[str]


_Page = list[dict[str, Any]]
_Last = _Folders | Problem | None  # of a scope: what it leads to, what broke it, or that it came to its end


class _Workers:
    """Lists scopes in threads and hands their pages to one reader, never far ahead of him."""

    def __init__(self, bucket: s3.Bucket, calls: s3.Calls) -> None:
        self._bucket, self._calls = bucket, calls
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="list")
        self._queue: queue.SimpleQueue[tuple[Scope, _Page | Future[_Last]]] = queue.SimpleQueue()
        self._room = threading.Semaphore(2 * THREADS)  # for pages alone: a last word is small, and never waits
        self._stop = threading.Event()
        self._open = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, listed: Iterable[Scope]) -> None:
        """Queue more scopes. Called by the reader only."""
        for scope in listed:
            self._open += 1
            self._pool.submit(self._run, scope).add_done_callback(partial(self._end, scope))

    def answers(self) -> Iterator[tuple[Scope, _Page | _Last]]:
        """Pages, then one last word per scope; raises what broke a worker."""
        while self._open:
            scope, answer = self._queue.get()
            if isinstance(answer, list):
                self._room.release()
                yield scope, answer
            else:
                self._open -= 1
                yield scope, answer.result()

    def _run(self, scope: Scope) -> _Last:
        try:
            if scope.what == "discover":
                return _Folders(*s3.split(self._bucket, scope.prefix, self._calls))
            for page in s3.pages(self._bucket, scope.prefix, (scope.start_after, scope.until), self._calls):
                self._put(scope, page)
                if self._stop.is_set():
                    break
        except (ClientError, BotoCoreError) as error:
            return s3.problem(self._bucket, scope.prefix, error)
        return None

    def _put(self, scope: Scope, page: _Page) -> None:
        while not self._stop.is_set():
            if self._room.acquire(timeout=0.1):
                return self._queue.put((scope, page))

    def _end(self, scope: Scope, last: Future[_Last]) -> None:
        """By the worker or, where it has ended at once, by the reader: who would wait here for himself."""
        self._queue.put((scope, last))
