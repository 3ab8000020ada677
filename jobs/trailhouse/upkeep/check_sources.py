"""
`check --sources`: the sources are listed whole, and what lies there is compared with what the ledger says was read.

Each object listed is one of: ingested as it is, changed since, pending, new, extra, or skipped by class. An object of
the ledger that is not listed is missing, which may be the bucket's own lifecycle. Deep, every object is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pyarrow.compute as pc
from pyiceberg.expressions import EqualTo

from trailhouse import settings
from trailhouse.errors import UsageError
from trailhouse.ingest import plan
from trailhouse.ingest.job import Run
from trailhouse.ingest.values import too_large
from trailhouse.lake import rows
from trailhouse.lake.catalog import Lake
from trailhouse.sources.listing import Found, Scan, bucket_of, look, source_id
from trailhouse.sources.objects import Fetched, ReadLimits, TooLarge, ToRead, fetch, reader_for
from trailhouse.upkeep.damage import CHANGED, EXTRA, MISSING, NEW, UNCHECKED, Finding, Report

WHAT = "source object"
DAYS_AT_ONCE = 60  # of the ledger
TASK_OBJECTS, TASK_BYTES = 1000, 64 * 2**20

_COLUMNS = ("key", "etag", "size", "modified", "stored_sha256")
_GONE = ("missing",)
_OTHER = ("changed", "size_mismatch")


@dataclass(frozen=True, slots=True)
class Days:
    """Days in keys, from one to another; None is open."""

    since: date | None = None
    until: date | None = None

    def has(self, day: date) -> bool:
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Reading:
    """A task: objects of a source, with the SHA-256 that their bytes may have."""

    source: settings.Source
    objects: tuple[ToRead, ...]
    known: Mapping[str, frozenset[str]]  # key -> SHA-256 of each generation that was ingested
    limits: ReadLimits
    threads: int


@dataclass
class _Source:
    """One source, while it is compared."""

    source: settings.Source
    name: str
    prefix: str
    whole: bool  # whether the listing came to its end
    listed: list[Found]
    pending: frozenset[str]
    findings: list[Finding] = field(default_factory=list)
    to_read: list[tuple[Found, frozenset[str]]] = field(default_factory=list)

    def say(self, kind: str, key: str, expected: str, found: str) -> None:
        self.findings.append(Finding(kind, WHAT, "ledger", f"{self.name}/{key}", expected, found))


def check(run: Run, lake: Lake, days: Days, deep: bool, report: Report) -> None:
    """Compare every source of the settings with the ledger."""
    plan.check(run.config.sources)
    if days.since and days.until and days.since > days.until:
        raise UsageError(f"--since {days.since} is after --until {days.until}: give an earlier one")
    for source in run.config.sources:
        each = _listed(run, lake, source, days, report)
        last = plan.listed_last(run.config.lake, source) or _settled_last(lake, each.name)
        for piece in _pieces(lake, each, days):
            _compare(lake, each, piece, last, deep)
        report.add(each.findings)
        if each.to_read:
            for found in run.each("check sources", read, list(_readings(run, each))):
                report.add(found)


def _listed(run: Run, lake: Lake, source: settings.Source, days: Days, report: Report) -> _Source:
    scan = Scan(look(source, None, run.config.listing, run.clock()))
    listed = [found for found in scan if days.has(found.log.day)]
    result, place = scan.result(), bucket_of(source)
    report.looked_at["objects listed"] += len(listed)
    report.skipped.update(result.skipped)
    report.add(Finding(UNCHECKED, "source", "", each.where, "to be listed", each.reason) for each in result.problems)
    waiting = lake.find("pending")
    which = EqualTo("source", source_id(source))
    known = waiting.scan(which, selected_fields=("key",)).to_arrow()["key"].to_pylist() if waiting else []
    prefix = place.prefix if place else ""
    return _Source(source, source_id(source), prefix, not result.problems, listed, frozenset(known))


def _settled_last(lake: Lake, source: str) -> datetime | None:
    """When the last run that settled something of a source did: of a folder, no more is kept."""
    told = lake.table("ledger").scan(EqualTo("source", source), selected_fields=("settled_at",)).to_arrow()
    last = pc.max(told["settled_at"]).as_py()
    return last.replace(tzinfo=UTC) if last else None


def _pieces(lake: Lake, each: _Source, days: Days) -> Iterator[list[date]]:
    """The days that have objects, here or there, some at a time."""
    which = EqualTo("source", each.name)
    told = lake.table("ledger").scan(which, selected_fields=("key_day",)).to_arrow()["key_day"]
    known = {day for day in pc.unique(told).to_pylist() if days.has(day)}
    every = sorted(known | {found.log.day for found in each.listed})
    for start in range(0, len(every), DAYS_AT_ONCE):
        yield every[start : start + DAYS_AT_ONCE]


def _compare(lake: Lake, each: _Source, days: Sequence[date], last: datetime | None, deep: bool) -> None:
    known: dict[str, list[dict[str, Any]]] = {}
    for row in rows.known_objects(lake, each.name, days, _COLUMNS).to_pylist():
        known.setdefault(row["key"], []).append(row)
    inside = set(days)
    for found in each.listed:
        if found.log.day in inside:
            _judge(each, found, known.pop(found.key, []), last, deep)
    for key, generations in known.items():
        if each.whole and key.startswith(each.prefix):
            each.say(
                MISSING, key, f"ETag {generations[-1]['etag']}", "nothing (the bucket's lifecycle may have done it)"
            )


def _judge(each: _Source, found: Found, known: list[dict[str, Any]], last: datetime | None, deep: bool) -> None:
    """One object that is there."""
    if not known:
        if found.key in each.pending:
            each.say(NEW, found.key, "to be read", "pending")
        elif last is None or found.modified is None or found.modified >= last:
            each.say(NEW, found.key, "to be read", f"there since {found.modified}")
        else:
            each.say(EXTRA, found.key, "a row of the ledger", f"{found.size} bytes of {found.modified}, and no row")
        return
    hashes = frozenset(row["stored_sha256"] for row in known if row["stored_sha256"])
    if not _is_known(found, known):
        if found.etag or not any(row["size"] == found.size for row in known):
            was = known[-1]
            told = f"ETag {found.etag}" if found.etag else f"{found.size} bytes"
            each.say(CHANGED, found.key, f"ETag {was['etag']}, {was['size']} bytes", told)
            return
        each.to_read.append((found, hashes))  # a file whose time alone is another
    elif deep and hashes:
        each.to_read.append((found, hashes))


def _is_known(found: Found, known: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a generation in the ledger is the one that is listed."""
    if found.etag:
        return any(row["etag"] == found.etag for row in known)
    when = found.modified.replace(tzinfo=None) if found.modified else None
    return any(
        row["size"] == found.size and (row["modified"] == when or row["etag"] == too_large(found.size)) for row in known
    )


def _readings(run: Run, each: _Source) -> Iterator[Reading]:
    limits = ReadLimits(stored_bytes=run.config.limits.stored_bytes)
    held: list[tuple[Found, frozenset[str]]] = []
    for item in each.to_read:
        if held and (len(held) >= TASK_OBJECTS or sum(f.size for f, _ in held) + item[0].size > TASK_BYTES):
            yield _reading(run, each, held, limits)
            held = []
        held.append(item)
    yield _reading(run, each, held, limits)


def _reading(run: Run, each: _Source, held: Sequence[tuple[Found, frozenset[str]]], limits: ReadLimits) -> Reading:
    objects = tuple(ToRead(found.key, found.etag, found.size, found.modified) for found, _ in held)
    known = {found.key: hashes for found, hashes in held}
    return Reading(each.source, objects, known, limits, run.config.batch.fetch_threads)


def read(task: Reading) -> list[Finding]:
    """In a worker: whether each object's bytes are those that were ingested."""
    made = _Source(task.source, source_id(task.source), "", True, [], frozenset())
    got_all = fetch(task.objects, reader_for(task.source), task.threads, task.limits)
    for wanted, got in zip(task.objects, got_all, strict=True):
        expected = f"SHA-256 {', '.join(sorted(task.known[wanted.key]))}"
        if isinstance(got, Fetched):
            if got.stored_sha256 not in task.known[wanted.key]:
                made.say(CHANGED, wanted.key, expected, f"SHA-256 {got.stored_sha256}")
        elif isinstance(got, TooLarge):
            made.say(UNCHECKED, wanted.key, expected, f"{got.size} bytes, over limits.stored_bytes")
        else:
            kind = MISSING if got.reason in _GONE else CHANGED if got.reason in _OTHER else UNCHECKED
            made.say(kind, wanted.key, expected, f"{got.reason} {got.detail}".strip())
    return made.findings
