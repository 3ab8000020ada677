"""
Finding: what lies in the sources within a period, and which log files digests list, wherever they may lie.

Puts what digests say beside what is there. Judges nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from trailhouse.integrity import logs, places, tables
from trailhouse.integrity.digest import Digest
from trailhouse.integrity.places import Place, Places
from trailhouse.integrity.tables import Row
from trailhouse.integrity.values import MISSING, VALID, DigestFile, Entry, Gap, LogFile, Period, There, Verdict, shifted
from trailhouse.sources.keys import DIGEST_KIND, LogKey, digest_name, parse_any
from trailhouse.sources.values import Problem

AFTER = timedelta(hours=3)  # of a period: digests that know what happened to its last ones

GONE = "gone"  # a check


@dataclass
class Found:
    """What was found of some sources."""

    logs: dict[str, list[There]] = field(default_factory=lambda: defaultdict(list))  # by their place
    digests: list[There] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    calls: int = 0
    hidden: tuple[str, ...] = ()  # how places and names begin of what could not be listed: it may be there


def listed(where: Places, period: Period) -> Found:
    """Everything of a period."""
    found = Found()
    days = period.around(0, 1)
    for place in where.all:
        got = places.listed(place, days.since, days.until)
        found.calls += got.calls
        _take(found, place, got.problems)
        for each in got.files:
            if each.kind != DIGEST_KIND:
                found.logs[each.place].append(each)
                continue
            name = digest_name(each.file)
            if name and _is_looked_at(name.end, period):
                found.digests.append(each)
    return found


def _take(found: Found, place: Place, problems: Sequence[Problem]) -> None:
    """Of a folder of which a part can't be read, nobody knows what is not there."""
    found.problems += [each for each in problems if each not in found.problems]
    for each in problems:
        found.hidden += (each.where,) if each.where.startswith("s3://") else (f"{place.name}/",)
        found.hidden += (f"{place.bucket}//",) if place.is_copy else ()


def _is_looked_at(end: datetime, period: Period) -> bool:
    """Whether a digest of that end tells of a period, or of what comes right after."""
    since, until = period.moments()
    return (since is None or end > since) and (until is None or end <= shifted(until, AFTER))


def is_asked(each: DigestFile, period: Period) -> bool:
    """Whether a digest tells of a period; else it tells of what comes after."""
    _, until = period.moments()
    return until is None or shifted(each.end, timedelta(hours=-1)) < until


# ── what digests list ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Lists:
    """Log files as digests list them, by place."""

    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    def add(self, entry: Entry) -> None:
        self.entries[entry.place].append(entry)


def lists(digests: Sequence[DigestFile], known: Iterable[Row], found: Found, where: Places, period: Period) -> Lists:
    """What the digests list: those that were read now by their own words, others by what earlier runs know of them."""
    made = Lists()
    for each in digests:
        if each.digest and each.words:
            for entry in _entries(each, each.digest, where, found):
                if is_asked(each, period) or _is_inside(entry, found, period):
                    made.add(entry)
    sound = {each.there.key: each for each in digests if each.known}
    for row in known:
        old = tables.known_entry(row, where.of_row(row["source"], row["key"]))
        if old is None:
            continue
        told = digest_name(old.by.rpartition("/")[2])
        if by := sound.get(old.by):
            if is_asked(by, period) or _is_inside(old, found, period):
                made.add(replace(old, evidence=by.verdict.verdict))
        elif told and not _is_looked_at(told.end, period) and period.has(row["key_day"]):
            made.add(old)
    return made


def _is_inside(entry: Entry, found: Found, period: Period) -> bool:
    """Whether a file of the period is listed by a digest that tells of what comes after."""
    return any(period.has(each.day) for each in found.logs.get(entry.place, ()))


def _entries(each: DigestFile, told: Digest, where: Places, found: Found) -> Iterable[Entry]:
    for one in each.words:
        may_be = where.find(one.bucket, one.key)
        there = [place for place in may_be if place in found.logs]
        for place in there or may_be[:1] or (f"s3://{one.bucket}/{one.key}",):
            yield Entry(
                place=place,
                bucket=one.bucket,
                key=one.key,
                sha256=one.sha256,
                algorithm=one.algorithm,
                by=each.there.key,
                source=each.there.source,
                day=each.there.day,
                account_id=told.account_id,
                region=each.there.region,
                evidence=each.verdict.verdict,
            )


def look_further(made: Lists, found: Found, where: Places, period: Period) -> None:
    """List the folders of days that were not listed, and that digests say files lie in."""
    days, wanted = period.around(0, 1), dict[tuple[str, str, date], LogKey]()
    for place, entries in made.entries.items():
        entry, log = entries[0], parse_any(entries[0].key)
        if place in found.logs or not isinstance(log, LogKey) or days.has(log.day):
            continue
        wanted[entry.bucket, f"{log.prefix}{log.org}{log.account_id}{log.kind}{log.region}", log.day] = log
    for (bucket, _, _), log in wanted.items():
        for source in where.all:
            if not source.is_copy and source.bucket == bucket:
                got = places.of_day(source, log)
                found.calls += got.calls
                _take(found, source, got.problems)
                _add(found, made, got.files)
    for source in where.all:
        of = {log.day for (bucket, _, _), log in wanted.items() if source.bucket in (bucket, "")}
        if source.is_copy and of:
            got = places.of_days(source, sorted(of))
            found.calls += got.calls
            _take(found, source, got.problems)
            _add(found, made, got.files)


def _add(found: Found, made: Lists, files: Iterable[There]) -> None:
    """Those that a digest lists, each once."""
    had = {(one.source, one.key) for each in files for one in found.logs.get(each.place, ())}
    for each in files:
        if each.place in made.entries and each.kind != DIGEST_KIND and (each.source, each.key) not in had:
            found.logs[each.place].append(each)


def not_there(made: Lists, found: Found, where: Places) -> list[tuple[There, list[Entry]]]:
    """The files that are listed and not there."""
    return [
        (logs.not_there(entries[0], _log_key(entries[0]), _source(entries[0], where)), entries)
        for place, entries in made.entries.items()
        if place not in found.logs
    ]


def _log_key(entry: Entry) -> LogKey | None:
    log = parse_any(entry.key)
    return log if isinstance(log, LogKey) else None


def _source(entry: Entry, where: Places) -> str:
    """The source that a listed file is missing from; "" where its bucket is none."""
    if not entry.bucket:  # known from an earlier run
        return "" if entry.key.startswith("s3://") else entry.source
    return where.home(entry.bucket, entry.key, entry.source)


# ── what is not there any more ───────────────────────────────────────────────────────────────────────────────────────


def digests_gone(known: Iterable[Row], found: Found, where: Places, period: Period) -> list[Gap]:
    """Digests that were sound in an earlier run, or missing, and that nobody sees now: a chain may not miss its own."""
    there, (since, until) = {each.place for each in found.digests}, period.moments()
    made, told = [], set[tuple[str, str]]()
    for row in sorted(known, key=lambda row: (row["what"], row["window_start"] or row["window_end"])):
        was_there = row["verdict"] == (VALID if row["what"] == "digest" else MISSING) and row["key"]
        if not was_there or where.of_row(row["source"], row["key"]) in there or _is_hidden(row, found):
            continue
        if (row["source"], row["key"]) in told:
            continue  # by its own row, and as a gap of the day before
        told.add((row["source"], row["key"]))
        begins, ends = row["window_start"], row["window_end"]
        if (since is None or ends > since) and (until is None or begins < until):
            verdict = Verdict(
                MISSING, (GONE,), "it was there, when it was verified before, or a sound digest missed it"
            )
            chain = (row["account_id"], row["region"], row["trail"], row["home_region"], row["backfill"])
            made.append(Gap(*chain, begins, ends, verdict, row["source"], row["key"]))
    return made


def logs_gone(known: Iterable[Row], found: Found, made: Lists, where: Places, period: Period) -> list[LogFile]:
    """Log files of which the same is true."""
    there = {(each.source, each.key) for files in found.logs.values() for each in files}
    gone = []
    for row in known:
        place = where.of_row(row["source"], row["key"])
        was_missing = row["verdict"] == MISSING and (row["evidence"] == VALID or GONE in (row["checks"] or ()))
        is_told = (row["source"], row["key"]) in there or place in made.entries or (was_missing and place in found.logs)
        if not (was_missing or row["verdict"] == VALID) or is_told or _is_hidden(row, found):
            continue
        if not period.has(row["key_day"]):
            continue
        log = parse_any(row["key"])
        seen = There(
            source=row["source"],
            key=row["key"],
            etag="",
            size=0,
            modified=None,
            kind=row["kind"],
            account_id=row["account_id"],
            region=row["region"],
            day=row["key_day"],
            file=log.file if isinstance(log, LogKey) else "",
            place=place,
        )
        verdict = Verdict(MISSING, (GONE,), "it was there, when it was verified before, or a sound digest listed it")
        entry = tables.known_entry(row, place)
        gone.append(LogFile(seen, None, verdict, entry, row["evidence"] or "", row["ingested"] or ""))
    return gone


def _is_hidden(row: Row, found: Found) -> bool:
    """Whether it lies where nobody could look."""
    return f"{row['source']}/{row['key']}".startswith(found.hidden)
