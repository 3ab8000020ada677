"""
Where files lie and what a digest's word leads to: sources listed within days, digests and log files together.

A digest names a bucket and a key. In a bucket that is a source, that is a place. A folder is a copy: there, what counts
is the key from `AWSLogs/` on, or in a flat one the file's name, and whatever bucket is named, it is the folder that is
looked into. A bucket that is no source is never asked (S5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse import settings
from trailhouse.integrity.values import There
from trailhouse.sources import bucket as s3
from trailhouse.sources import folder
from trailhouse.sources.keys import (
    DIGEST_KIND,
    LOG_KINDS,
    LogKey,
    Skipped,
    digest_name,
    folder_role,
    format_key,
    prefix_of,
)
from trailhouse.sources.listing import bucket_of, parser, source_id
from trailhouse.sources.values import Found, Problem, Range

KINDS = (*LOG_KINDS, DIGEST_KIND)
THREADS = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A source, and the bucket that digests name when they mean it."""

    source: settings.Source
    name: str  # as in the ledger
    bucket: str  # "": whichever is named

    @property
    def is_copy(self) -> bool:
        """Whether files were brought here by others than CloudTrail, without what it writes beside them."""
        return bool(self.source.copy_of) or not self.source.url.startswith("s3://")

    def reaches(self, bucket: str, key: str) -> bool:
        """Whether what is named so would be listed: outside of the bucket, or of the prefix, nobody looks."""
        if self.is_copy:
            return self.bucket in (bucket, "")
        within = bucket_of(self.source)
        return self.bucket == bucket and within is not None and key.startswith(within.prefix)

    def parse(self, key: str) -> LogKey | Skipped:
        """What a key here says: of a folder within the tree, what lies above it belongs to its keys."""
        parse = parser(self.source, digests=True)
        return parse(key) if self.source.url.startswith("s3://") else parse(_absolute(self.source.url, key))

    def of(self, key: str, log: LogKey) -> str:
        """By what a file that lies here is found."""
        if not self.is_copy:
            return f"s3://{self.bucket}/{key}"
        tail = log.file if self.source.layout == "flat" else format_key(log).removeprefix(log.prefix)
        return f"{self.bucket}//{tail}"


def place_of(source: settings.Source) -> Place:
    """What a source stands for."""
    bucket = bucket_of(source)
    return Place(source, source_id(source), source.copy_of or (bucket.name if bucket else ""))


def _absolute(root: str, key: str) -> str:
    """As `folder.walk` has it."""
    return f"{Path(root).absolute().as_posix()}/{key}".removeprefix("/")


class Places:
    """The sources of a run."""

    def __init__(self, sources: Iterable[settings.Source]) -> None:
        self.all = tuple(place_of(source) for source in sources)
        self.by_name = {each.name: each for each in self.all}

    def find(self, bucket: str, key: str) -> tuple[str, ...]:
        """Where a file may lie that a digest names: places, of which one is enough."""
        found = (each for each in self.all if each.reaches(bucket, key))
        return tuple(
            dict.fromkeys(
                f"{each.bucket}//{_tail(each, key)}" if each.is_copy else f"s3://{bucket}/{key}" for each in found
            )
        )

    def home(self, bucket: str, key: str, asking: str) -> str:
        """The source in which a file must lie that a digest of another names; "" where it lies in none."""
        exact = (each.name for each in self.all if not each.is_copy and each.reaches(bucket, key))
        return next(exact, asking if self.find(bucket, key) else "")

    def of_row(self, source: str, key: str) -> str:
        """Where a file lies, or was thought to lie, that an earlier run knew."""
        place = self.by_name.get(source)
        log = place.parse(key) if place else None
        if place and isinstance(log, LogKey):
            return place.of(key, log)
        return key if key.startswith("s3://") else f"{source}/{key}"


def _tail(place: Place, key: str) -> str:
    if place.source.layout == "flat":
        return key.rpartition("/")[2]
    log = parser(place.source, digests=True)(key)
    return format_key(log).removeprefix(log.prefix) if isinstance(log, LogKey) else key


@dataclass(frozen=True, slots=True)
class Listed:
    """What lies in a source, within some days."""

    files: tuple[There, ...]
    problems: tuple[Problem, ...]
    calls: int


def listed(place: Place, since: date | None, until: date | None) -> Listed:
    """Everything of these days' folders."""
    bucket = bucket_of(place.source)
    if bucket is None:
        return _in_folder(place, since, until)
    calls = s3.Calls()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="list") as pool:
        feeds, problems = _feeds(place, bucket, calls, pool)
        files = []
        for got in pool.map(lambda feed: _feed(place, bucket, feed, (since, until), calls), feeds):
            problems += [got] if isinstance(got, Problem) else []
            files += [] if isinstance(got, Problem) else got
    return Listed(tuple(files), tuple(problems), calls.made)


def of_days(place: Place, days: Sequence[date]) -> Listed:
    """A copy's files of some days: where in it a feed lies, the original's key doesn't tell."""
    if bucket_of(place.source) is None:
        got = _in_folder(place, days[0], days[-1])
        return Listed(tuple(each for each in got.files if each.day in days), got.problems, 0)
    all_of = [listed(place, day, day) for day in days]
    return Listed(
        tuple(each for got in all_of for each in got.files),
        tuple(each for got in all_of for each in got.problems),
        sum(got.calls for got in all_of),
    )


def of_day(place: Place, log: LogKey) -> Listed:
    """One day's folder of a feed: where a digest lists a file of a day that was not listed."""
    bucket = bucket_of(place.source)
    if bucket is None:
        return Listed((), (), 0)
    calls = s3.Calls()
    got = _feed(place, bucket, prefix_of(log), (log.day, log.day), calls)
    return Listed((), (got,), calls.made) if isinstance(got, Problem) else Listed(tuple(got), (), calls.made)


def _in_folder(place: Place, since: date | None, until: date | None) -> Listed:
    files, problems = [], []
    for each in folder.walk(Path(place.source.url), parser(place.source, digests=True)):
        if isinstance(each, Problem):
            problems.append(each)
        elif isinstance(each, Found) and _is_wanted(each.log, since, until):
            files.append(_there(place, each))
    return Listed(tuple(files), tuple(problems), 0)


def _is_wanted(log: LogKey, since: date | None, until: date | None) -> bool:
    return Range((), since, until).has(log) and (log.kind != DIGEST_KIND or digest_name(log.file) is not None)


def _there(place: Place, found: Found) -> There:
    log = found.log
    when = found.modified.astimezone(UTC).replace(tzinfo=None) if found.modified else None
    return There(
        source=place.name,
        key=found.key,
        etag=found.etag,
        size=found.size,
        modified=when,
        kind=log.kind,
        account_id=log.account_id,
        region=log.region,
        day=log.day,
        file=log.file,
        place=place.of(found.key, log),
    )


_Answer = tuple[list[str], list[str]] | Problem


def _feeds(
    place: Place, bucket: s3.Bucket, calls: s3.Calls, pool: ThreadPoolExecutor
) -> tuple[list[str], list[Problem]]:
    """The region folders of all kinds, level by level; where there is no telling, the whole prefix."""
    if place.source.layout == "flat":
        return [bucket.prefix], []
    feeds: list[str] = []
    problems: list[Problem] = []
    walk: Sequence[str] = [bucket.prefix]
    role = folder_role(bucket.prefix, KINDS) if bucket.prefix else "walk"
    if role != "walk":
        return [bucket.prefix], []

    def look(folder: str) -> _Answer:
        try:
            return s3.split(bucket, folder, calls, KINDS)
        except (ClientError, BotoCoreError) as error:
            return s3.problem(bucket, folder, error)

    while walk:
        below: list[str] = []
        for got in pool.map(look, walk):
            if isinstance(got, Problem):
                problems.append(got)
                continue
            feeds += got[0]
            below += got[1]
        walk = below
    return feeds, problems


def _feed(
    place: Place, bucket: s3.Bucket, feed: str, days: tuple[date | None, date | None], calls: s3.Calls
) -> list[There] | Problem:
    """The files of a region's folder, of these days."""
    since, until = days
    between = Range((), since, until).within(feed) if folder_role(feed, KINDS) == "feed" else ("", "")
    parse, files = parser(place.source, digests=True), list[There]()
    try:
        for page in s3.pages(bucket, feed, between, calls):
            for each in page:
                log = parse(each["Key"])
                if isinstance(log, LogKey) and _is_wanted(log, since, until):
                    files.append(_there(place, _found(each, log)))
    except (ClientError, BotoCoreError) as error:
        return s3.problem(bucket, feed, error)
    return files


def _found(each: dict[str, Any], log: LogKey) -> Found:
    return Found(each["Key"], each.get("ETag", "").strip('"'), int(each["Size"]), each.get("LastModified"), log)
