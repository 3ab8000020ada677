"""
Verify: list, read what is new, judge, keep. The whole way on one screen, in `verify`.

What an earlier run has read and what is still the same is not read again; everything is listed and judged each time,
so that what is gone, or came later, shows. What is read is kept as it comes: a run that was killed is gone on with.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThanOrEqual, LessThanOrEqual

from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.integrity import chains, digest, finding, horizons, logs, public_keys, reading, tables, trail_events
from trailhouse.integrity.finding import Found, Lists, Row
from trailhouse.integrity.places import Place, Places
from trailhouse.integrity.public_keys import Keys
from trailhouse.integrity.values import (
    FINDINGS,
    NOTHING,
    UNCHECKED,
    VALID,
    DigestFile,
    Gap,
    LogFile,
    Period,
    Read,
    There,
    Verdict,
    worst,
)
from trailhouse.lake import catalog, failures, seals, session
from trailhouse.lake.catalog import Lake
from trailhouse.sources.keys import digest_name
from trailhouse.sources.objects import ReadLimits, ToRead
from trailhouse.sources.values import Problem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("trailhouse.integrity")

FEW = 400  # files that this process reads alone: sooner than Spark has started
TASK_FILES, TASK_BYTES = 500, 64 * 2**20

Tell = Callable[[int, int, int], None]  # files so far, bytes so far, files in all
Name = tuple[str, str]  # of a file: source and key


@dataclass(frozen=True, slots=True)
class Asked:
    """What to verify, and how."""

    period: Period = field(default_factory=Period)
    keys: Path | None = None
    full: bool = False  # read everything again
    live: bool = False  # every source, whatever its settings say


@dataclass
class Run:
    """One call of verify: its settings, its clock, and the Spark session, which starts when first needed."""

    config: settings.Settings
    tell: Tell
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    session: SparkSession | None = None
    read: Counter[str] = field(default_factory=Counter)  # digests, logs, bytes
    list_calls: int = 0

    @property
    def now(self) -> datetime:
        """UTC, without zone, as the tables have it."""
        return self.clock().astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Proof:
    """What was verified, and what it came to."""

    period: Period
    sources: tuple[Place, ...]
    digests: tuple[DigestFile, ...]
    gaps: tuple[Gap, ...]
    logs: tuple[LogFile, ...]
    keys: Keys
    problems: tuple[Problem, ...]  # what could not be listed, and keys that could not be had

    @property
    def verdict(self) -> str:
        """The worst of all."""
        parts = (each.verdict.verdict for group in (self.digests, self.gaps, self.logs) for each in group)
        return worst((*parts, *(UNCHECKED for _ in self.problems)))

    @property
    def has_finding(self) -> bool:
        return self.verdict in FINDINGS


def verify(run: Run, asked: Asked) -> Proof:
    """Verify all sources of the settings, over the period that is asked about."""
    _check(run.config, asked)
    where = Places(run.config.sources)
    with failures.told(run.config.lake), seals.kept(run.config.lake):
        lake = catalog.make_lake(run.config.lake)
        found = finding.listed(where, asked.period)
        known = _known(lake, where, asked)
        digests, fresh = _digests(run, where, found.digests, known)
        keys, problems = _keys(run, lake, asked, digests)
        digests = chains.judged(digests, keys, where)
        lists = finding.lists(digests, known.logs.values(), found, where, asked.period)
        finding.look_further(lists, found, where, asked.period)
        reads = _log_files(run, lake, where, _wanted(found, lists, asked.period), known)
        when = {**known.read_at, **fresh, **reads.when}
        proof = _judged(run, asked, where, _Evidence(lake, digests, lists, found, reads.reads, when))
        proof = replace(proof, keys=keys, problems=(*found.problems, *problems))
        run.list_calls = found.calls
        _keep(lake, where, proof)
    return proof


def _check(config: settings.Settings, asked: Asked) -> None:
    if not config.sources:
        raise UsageError("there is nothing to verify: name a SOURCE, or a settings file that has one")
    since, until = asked.period.since, asked.period.until
    if since and until and since > until:
        raise UsageError(f"--since {since} is after --until {until}: give an earlier one")


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Known:
    """Rows of an earlier run."""

    digests: dict[Name, Row] = field(default_factory=dict)
    logs: dict[Name, Row] = field(default_factory=dict)
    read_at: dict[Name, datetime] = field(default_factory=dict)


def _known(lake: Lake, where: Places, asked: Asked) -> _Known:
    """What need not be found out again; digests where all that they say of log files is known as well."""
    known = _Known()
    if asked.full:
        return known
    names, period = list(where.by_name), asked.period.around(1, 1)
    again: set[tuple[str, str]] = set()  # accounts and regions of which a digest's whole word is needed
    for row in tables.kept(lake, tables.LOGS, names, period):
        known.logs[row["source"], row["key"]] = row
        if tables.OF_LISTING.intersection(row["checks"] or ()):
            again.add((row["account_id"], row["region"]))
    for row in tables.kept(lake, tables.DIGESTS, names, period):
        if row["what"] == "digest" and (row["account_id"], row["region"]) not in again:
            known.digests[row["source"], row["key"]] = row
    both = (*known.logs.items(), *known.digests.items())
    known.read_at = {name: row["checked_at"] for name, row in both if row["checked_at"]}
    return known


# ── digests and keys ─────────────────────────────────────────────────────────────────────────────────────────────────


def _digests(
    run: Run, where: Places, there: Sequence[There], known: _Known
) -> tuple[list[DigestFile], dict[Name, datetime]]:
    """Each digest as it is: what is known of it, or read now; and when those were read."""
    made, new = list[DigestFile](), list[There]()
    for each in there:
        name, row = digest_name(each.file), known.digests.get((each.source, each.key))
        old = tables.known_digest(row, each, name) if row and name else None
        (made.append(old) if old else new.append(each))
    now = run.now
    for each, read in _read(run, where, new, "digests"):
        name = digest_name(each.file)
        told = digest.parse(read.content) if read.content else None
        if name:
            count = len(told.logs) if told else 0
            made.append(DigestFile(each, name, replace(read, content=b""), told, count, now))
    return made, dict.fromkeys(((each.source, each.key) for each in new), now)


def _keys(run: Run, lake: Lake, asked: Asked, digests: Sequence[DigestFile]) -> tuple[Keys, list[Problem]]:
    """The public keys that are needed: those of the lake, of the file that was named, else of CloudTrail."""
    kept = [*public_keys.of_lake(lake), *(public_keys.of_file(asked.keys) if asked.keys else ())]
    keys, lacking = Keys(kept), defaultdict[str, list[digest.Digest]](list)
    for each in digests:
        if each.digest and not each.known and keys.find(each.digest.fingerprint) is None:
            lacking[each.there.region].append(each.digest)
    problems = list[Problem]()
    for region, of in sorted(lacking.items()) if not asked.keys else ():
        try:
            kept += public_keys.of_api(region, min(each.start for each in of), max(each.end for each in of))
        except TrailhouseError as error:
            problems.append(Problem("CloudTrail", f"public keys in {region}", "no_key", str(error)))
    public_keys.keep(lake, kept, run.clock())
    return Keys(kept), problems


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Reads:
    """What log files came to."""

    reads: dict[Name, Read] = field(default_factory=dict)
    when: dict[Name, datetime] = field(default_factory=dict)  # of those that were read now


def _wanted(found: Found, lists: Lists, period: Period) -> list[There]:
    """The log files to judge: those of the period, and whatever else a digest of it lists."""
    wanted = (
        each for place, files in found.logs.items() for each in files if period.has(each.day) or place in lists.entries
    )
    return sorted(wanted, key=lambda each: (each.day, each.source, each.key))


def _log_files(run: Run, lake: Lake, where: Places, wanted: Sequence[There], known: _Known) -> _Reads:
    """Each log file as it is: what is known of it, or read now. Kept portion by portion, day by day."""
    made, new = _Reads(), list[There]()
    for each in wanted:
        name = (each.source, each.key)
        row = known.logs.get(name)
        read = tables.known_read(row, each) if row else None
        if read:
            made.reads[name] = read
        else:
            new.append(each)
    most = run.config.batch.objects
    for start in range(0, len(new), most):
        portion, now = new[start : start + most], run.now
        got = list(_read(run, where, portion, "logs", (start, len(new))))
        for each, read in got:
            made.reads[each.source, each.key] = read
            made.when[each.source, each.key] = now
        if start + most < len(new):
            _keep_unjudged(lake, where, got, now)
    return made


def _keep_unjudged(lake: Lake, where: Places, got: Sequence[tuple[There, Read]], now: datetime) -> None:
    """So that who goes on after a run that was killed need not read them again."""
    verdict = Verdict(UNCHECKED, (tables.NOT_JUDGED,), "it was read, and the run that read it did not come to its end")
    files = (LogFile(each, read, verdict, None, "", checked_at=now) for each, read in got)
    tables.store(lake, tables.LOGS, list(where.by_name), map(tables.log_row, files), NOTHING)


def _read(
    run: Run, where: Places, there: Sequence[There], what: str, of: tuple[int, int] = (0, 0)
) -> Iterator[tuple[There, Read]]:
    """Read files: few of them here, many by Spark's workers."""
    if not there:
        return
    tasks = list(_tasks(run.config, where, there, what == "digests"))
    before, in_all = of[0], of[1] or len(there)
    if len(there) <= FEW and run.session is None:
        tally = {name: _Number() for name in ("files", "bytes")}
        results = [reading.read(replace(each, tally=tally)) for each in tasks]
        counted = {name: number.value for name, number in tally.items()}
        run.tell(before + counted["files"], counted["bytes"], in_all)
    else:
        run.session = run.session or session.start(run.config.spark)
        counter = session.Counter(run.session.sparkContext, ["files", "bytes"])
        tasks = [replace(each, tally=counter.adders()) for each in tasks]
        with session.Watch(counter, lambda now: run.tell(before + now["files"], now["bytes"], in_all)):
            results = session.run(run.session, reading.read, tasks, f"verify {what}", run.config.spark.job_timeout)
        counted = counter.read()
    run.read.update({what: counted["files"], "bytes": counted["bytes"]})
    by_name = {(each.source, each.key): each for each in there}
    for task, result in zip(tasks, results, strict=True):
        for read in result:
            yield by_name[task.name, read.key], read


class _Number:
    """Counts in this process as Spark's accumulators do over many."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, term: int) -> None:
        self.value += term


def _tasks(
    config: settings.Settings, where: Places, there: Sequence[There], digests: bool
) -> Iterator[reading.Reading]:
    limits = ReadLimits(stored_bytes=config.limits.stored_bytes)
    by_source: dict[str, list[ToRead]] = defaultdict(list)
    for each in there:
        zoned = each.modified.replace(tzinfo=UTC) if each.modified else None
        by_source[each.source].append(ToRead(each.key, each.etag, each.size, zoned))
    for name, objects in by_source.items():
        for portion in _portions(objects):
            yield reading.Reading(
                source=where.by_name[name].source,
                name=name,
                objects=portion,
                digests=digests,
                inflated_bytes=config.limits.inflated_bytes,
                limits=limits,
                threads=config.batch.fetch_threads,
                tally={},
            )


def _portions(objects: Sequence[ToRead]) -> Iterator[tuple[ToRead, ...]]:
    held, size = list[ToRead](), 0
    for each in objects:
        if held and (len(held) >= TASK_FILES or size + each.size > TASK_BYTES):
            yield tuple(held)
            held, size = [], 0
        held.append(each)
        size += each.size
    if held:
        yield tuple(held)


# ── judging and keeping ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Evidence:
    """All that is judged by."""

    lake: Lake
    digests: Sequence[DigestFile]
    lists: Lists
    found: Found
    reads: Mapping[Name, Read]
    when: Mapping[Name, datetime]


def _judged(run: Run, asked: Asked, where: Places, given: _Evidence) -> Proof:
    """What is listed first: its calls explain gaps, and gaps tell what it means to be listed nowhere."""
    period, now = asked.period, run.now
    ingested = _ingested(given.lake, where, period)
    wanted = _wanted(given.found, given.lists, period)
    setting = logs.Setting(logs.Coverage((), ()), ingested, given.found.unlisted)
    listed = [_log(each, given, setting) for each in wanted if each.place in given.lists.entries]
    gone = [
        logs.judged(each, None, entries, setting)
        for each, entries in finding.not_there(given.lists, given.found, where)
    ]
    live = frozenset(each.name for each in where.all if asked.live or each.source.live)
    there = [each for files in given.found.logs.values() for each in files]
    horizon = horizons.horizons(given.digests, there, period, now, live)
    sound = [one for one in listed if one.verdict.verdict == VALID and one.read and one.read.trail_events]
    events = [trail_events.of_text(text) for one in sound if one.read for text in one.read.trail_events]
    since, until = period.moments()
    gaps = chains.gaps(given.digests, chains.Setting(where, horizon, events, since, until))
    gaps += horizons.without(given.digests, there)
    coverage = logs.Coverage(given.digests, gaps)
    coverage.kinds |= {one.there.kind for one in listed if one.evidence == VALID}
    setting = replace(setting, coverage=coverage)
    rest = [_log(each, given, setting) for each in wanted if each.place not in given.lists.entries]
    digests = (each for each in given.digests if finding.is_asked(each, period))
    return Proof(
        period=period,
        sources=where.all,
        digests=tuple(sorted(digests, key=lambda each: (*each.chain, each.end, each.there.source, each.there.key))),
        gaps=tuple(sorted(gaps, key=lambda gap: (gap.account_id, gap.region, gap.trail, gap.since, gap.key))),
        logs=tuple(sorted((*listed, *gone, *rest), key=lambda each: (each.there.source, each.there.key))),
        keys=Keys(),
        problems=(),
    )


def _log(there: There, given: _Evidence, setting: logs.Setting) -> LogFile:
    name = (there.source, there.key)
    made = logs.judged(there, given.reads.get(name), given.lists.entries.get(there.place, ()), setting)
    return replace(made, checked_at=given.when.get(name))


def _ingested(lake: Lake, where: Places, period: Period) -> dict[Name, frozenset[str]]:
    """The hashes of what the lake took in, of each object all generations."""
    made: dict[Name, set[str]] = defaultdict(set)
    days = period.around(1, 1)
    for name in where.by_name:
        which: BooleanExpression = And(EqualTo("source", name), EqualTo("state", "done"))
        which = And(which, GreaterThanOrEqual("key_day", days.since)) if days.since else which
        which = And(which, LessThanOrEqual("key_day", days.until)) if days.until else which
        rows = lake.table("ledger").scan(which, selected_fields=("key", "sha256")).to_arrow()
        for key, sha256 in zip(rows["key"].to_pylist(), rows["sha256"].to_pylist(), strict=True):
            made[name, key].add(sha256 or "")
    return {name: frozenset(hashes) for name, hashes in made.items()}


def _keep(lake: Lake, where: Places, proof: Proof) -> None:
    """Log files first: what is known of a digest speaks for its log files too."""
    names = list(where.by_name)
    tables.store(lake, tables.LOGS, names, map(tables.log_row, proof.logs), proof.period)
    rows = (*map(tables.digest_row, proof.digests), *map(tables.gap_row, proof.gaps))
    tables.store(lake, tables.DIGESTS, names, rows, proof.period)
