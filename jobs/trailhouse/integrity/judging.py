"""
Judging: everything that was found and read becomes verdicts. Asks nobody and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trailhouse.integrity import chains, finding, horizons, logs, trail_events
from trailhouse.integrity.finding import Found, Lists
from trailhouse.integrity.places import Place, Places
from trailhouse.integrity.public_keys import Keys
from trailhouse.integrity.tables import Row
from trailhouse.integrity.trail_events import TrailEvent
from trailhouse.integrity.values import (
    FINDINGS,
    UNCHECKED,
    VALID,
    DigestFile,
    Gap,
    LogFile,
    Name,
    Period,
    Read,
    There,
    worst,
)
from trailhouse.sources.values import Problem


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


@dataclass(frozen=True)
class Evidence:
    """All that is judged by."""

    places: Places
    period: Period
    now: datetime
    live: frozenset[str]  # sources that CloudTrail delivers to now
    digests: Sequence[DigestFile]  # judged
    lists: Lists
    found: Found
    reads: Mapping[Name, Read]
    when: Mapping[Name, datetime]  # each was read
    ingested: Mapping[Name, frozenset[str]]
    before: tuple[Sequence[Row], Sequence[Row]]  # digests and gaps, and log files, that earlier runs saw


def wanted(found: Found, lists: Lists, period: Period) -> list[There]:
    """The log files to judge: those of the period, and whatever else a digest of it lists."""
    asked = (
        each for place, files in found.logs.items() for each in files if period.has(each.day) or place in lists.entries
    )
    return sorted(asked, key=lambda each: (each.day, each.source, each.key))


def judged(given: Evidence) -> Proof:
    """What is listed first: its calls explain gaps, and gaps tell what it means to be listed nowhere."""
    period, found, lists = given.period, given.found, given.lists
    files = wanted(found, lists, period)
    setting = logs.Setting(logs.Coverage((), ()), given.ingested, found.hidden)
    listed = [_log(each, given, setting) for each in files if each.place in lists.entries]
    absent = [
        logs.judged(each, None, entries, setting) for each, entries in finding.not_there(lists, found, given.places)
    ]
    absent += finding.logs_gone(given.before[1], found, lists, given.places, period)
    gaps = _gaps(given, listed)
    coverage = logs.Coverage(given.digests, gaps)
    coverage.kinds |= {one.there.kind for one in listed if one.evidence == VALID}
    setting = replace(setting, coverage=coverage)
    rest = [_log(each, given, setting) for each in files if each.place not in lists.entries]
    digests = (each for each in given.digests if finding.is_asked(each, period))
    return Proof(
        period=period,
        sources=given.places.all,
        digests=tuple(sorted(digests, key=lambda each: (*each.chain, each.end, each.there.source, each.there.key))),
        gaps=tuple(sorted(gaps, key=lambda gap: (gap.account_id, gap.region, gap.trail, gap.since, gap.key))),
        logs=tuple(sorted((*listed, *absent, *rest), key=lambda each: (each.there.source, each.there.key))),
        keys=Keys(),
        problems=tuple(found.problems),
    )


def _gaps(given: Evidence, listed: Sequence[LogFile]) -> list[Gap]:
    """Times that no digest tells of; what is gone that earlier runs saw, where its successor does not miss it."""
    found, there = given.found, [each for files in given.found.logs.values() for each in files]
    horizon = horizons.horizons(given.digests, there, given.period, given.now, given.live)
    proven = [one for one in listed if one.verdict.verdict == VALID]
    doubtful = [one for one in listed if one.verdict.checks == (logs.NOT_PROVEN,)]
    calls = chains.Calls(_trail_events(proven), _trail_events(doubtful))
    since, until = given.period.moments()
    made = chains.gaps(given.digests, chains.Setting(given.places, horizon, calls, found.hidden, since, until))
    made += horizons.without(given.digests, there, found.hidden)
    named = {gap.key for gap in made}
    gone = finding.digests_gone(given.before[0], found, given.places, given.period)
    return [*made, *(gap for gap in gone if gap.key not in named)]


def _trail_events(files: Sequence[LogFile]) -> list[TrailEvent]:
    return [trail_events.of_text(text) for each in files if each.read for text in each.read.trail_events]


def _log(there: There, given: Evidence, setting: logs.Setting) -> LogFile:
    name = (there.source, there.key)
    made = logs.judged(there, given.reads.get(name), given.lists.entries.get(there.place, ()), setting)
    return replace(made, checked_at=given.when.get(name))
