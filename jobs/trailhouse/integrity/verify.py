"""
Verify: list, read what is new, judge, keep. The whole way on one screen, in `verify`.

What an earlier run has read and what is still the same is not read again; everything is listed and judged each time,
so that what is gone, or came later, shows. What is read is kept as it comes: a run that was killed is gone on with.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThanOrEqual, LessThanOrEqual

from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.integrity import chains, digest, finding, horizons, job, logs, public_keys, tables, trail_events
from trailhouse.integrity.finding import Found, Lists, Row
from trailhouse.integrity.job import Run
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
from trailhouse.lake import catalog, failures, seals
from trailhouse.lake.catalog import Lake
from trailhouse.sources.keys import digest_name
from trailhouse.sources.values import Problem

log = logging.getLogger("trailhouse.integrity")

Name = tuple[str, str]  # of a file: source and key


@dataclass(frozen=True, slots=True)
class Asked:
    """What to verify, and how."""

    period: Period = field(default_factory=Period)
    keys: Path | None = None
    full: bool = False  # read everything again
    live: bool = False  # every source, whatever its settings say


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
        found.problems += _empty(found, where)
        known = _known(lake, where, asked)
        digests, fresh = _digests(run, where, found.digests, known)
        keys, problems = _keys(run, lake, asked, digests)
        digests = chains.judged(digests, keys, where)
        lists = finding.lists(digests, known.logs.values(), found, where, asked.period)
        finding.look_further(lists, found, where, asked.period)
        reads = _log_files(run, lake, where, _wanted(found, lists, asked.period), known)
        when = {**known.read_at, **fresh, **reads.when}
        proof = _judged(run, asked, where, _Evidence(lake, known, digests, lists, found, reads.reads, when))
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


def _empty(found: Found, where: Places) -> list[Problem]:
    """Where nothing is there at all, nothing is proven."""
    if found.logs or found.digests:
        return []
    said = "no log file and no digest lies there in this time"
    return [Problem(each.name, each.source.url, "nothing", said) for each in where.all]


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Known:
    """Rows of earlier runs: all, and by name those that spare reading."""

    digest_rows: list[Row]
    log_rows: list[Row]
    digests: dict[Name, Row] = field(default_factory=dict)
    logs: dict[Name, Row] = field(default_factory=dict)

    @property
    def read_at(self) -> dict[Name, datetime]:
        """When what need not be read again was read."""
        both = (*self.logs.items(), *self.digests.items())
        return {name: row["checked_at"] for name, row in both if row["checked_at"]}


def _known(lake: Lake, where: Places, asked: Asked) -> _Known:
    """What earlier runs found; digests spare reading where all that they say of log files is known as well."""
    names, period = list(where.by_name), asked.period.around(1, 1)
    digests, logs = (list(tables.kept(lake, name, names, period)) for name in (tables.DIGESTS, tables.LOGS))
    known = _Known([*digests], [*logs])
    if asked.full:
        return known
    known.logs = {(row["source"], row["key"]): row for row in logs}
    odd = (row for row in logs if tables.OF_LISTING.intersection(row["checks"] or ()))
    again = {(row["account_id"], row["region"]) for row in odd}  # where a digest's whole word is needed
    files = (row for row in digests if row["what"] == "digest" and (row["account_id"], row["region"]) not in again)
    known.digests = {(row["source"], row["key"]): row for row in files}
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
    for each, read in job.files(run, where, new, "digests"):
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
        got = list(job.files(run, where, portion, "logs", (start, len(new))))
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


# ── judging and keeping ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Evidence:
    """All that is judged by."""

    lake: Lake
    known: _Known
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
    setting = logs.Setting(logs.Coverage((), ()), ingested, given.found.hidden)
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
    found = given.found
    gaps = chains.gaps(given.digests, chains.Setting(where, horizon, events, found.hidden, since, until))
    gaps += horizons.without(given.digests, there, found.hidden)
    named = {gap.key for gap in gaps}
    gaps += [gap for gap in finding.digests_gone(given.known.digest_rows, found, period) if gap.key not in named]
    gone += finding.logs_gone(given.known.log_rows, found, given.lists, where, period)
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
