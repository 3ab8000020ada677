"""
Log files: whether each is what a sound digest lists, there, and none that no digest knows.

Pure. What no digest lists is `unlisted` only where sound digests tell of the whole time in which it was delivered;
where they don't, nobody can say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from trailhouse.integrity import digest
from trailhouse.integrity.reading import DAMAGE
from trailhouse.integrity.values import (
    INVALID,
    MISSING,
    SOUND,
    UNCHECKED,
    UNLISTED,
    VALID,
    DigestFile,
    Entry,
    Gap,
    LogFile,
    Read,
    There,
    Verdict,
    shifted,
    together,
    worst,
)
from trailhouse.sources.keys import LOG_KINDS, LogKey, delivered_at, digest_name

AROUND = timedelta(minutes=10)  # the minute in a name is a label, up to five away from when the file was put

NEXT = timedelta(hours=3)  # after the end of a digest the one that follows is there

NOT_PROVEN = "digest_not_sound"  # a check: what is there is as a digest lists it, and that is all

Feed = tuple[str, str]  # account and region
Chain = tuple[str, str, str, str]  # and trail, and its home


# ── what times digests tell of ───────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Windows:
    """Of one chain: the times that sound digests tell of, merged, and all that there is."""

    told: list[tuple[datetime, datetime]] = field(default_factory=list)
    doubted: list[tuple[datetime, datetime, str]] = field(default_factory=list)  # by digests that are not sound
    gaps: list[Gap] = field(default_factory=list)


class Coverage:
    """Which times digests tell of, and what of those they don't."""

    def __init__(self, digests: Iterable[DigestFile], gaps: Iterable[Gap]) -> None:
        self._feeds: dict[Feed, dict[Chain, _Windows]] = defaultdict(lambda: defaultdict(_Windows))
        self._begun_as: dict[Chain, Chain] = {}  # of one that goes on under another name
        self.kinds: set[str] = set()  # that any digest lists
        for each in sorted(digests, key=lambda each: (each.end, each.there.source, each.there.key)):
            if not each.name.backfill:
                self._add(each)
        for feed in self._feeds.values():
            for of in feed.values():
                of.told = _merged(sorted(of.told))
        for gap in gaps:
            chain = (gap.account_id, gap.region, gap.trail, gap.home)
            self._feeds[chain[:2]][self._begun_as.get(chain, chain)].gaps.append(gap)

    def _add(self, each: DigestFile) -> None:
        told, chain = each.digest, each.chain[:4]
        sound = told if told and each.verdict.verdict == VALID else None
        before = digest_name(sound.previous.key.rpartition("/")[2]) if sound and sound.previous else None
        if before and (before.trail, before.home) != chain[2:]:
            other = (*chain[:2], before.trail, before.home)
            self._begun_as[chain] = self._begun_as.get(other, other)
        of = self._feeds[chain[:2]][self._begun_as.get(chain, chain)]
        if sound:
            of.told.append((sound.start, sound.end))
        else:
            of.doubted.append((shifted(each.end, timedelta(hours=-1)), each.end, each.verdict.verdict))

    def of(self, there: There) -> Verdict:
        """What it means that no digest lists a file: which trail delivered it, its key does not always tell."""
        if there.kind not in (LOG_KINDS[0], *self.kinds):
            return Verdict(UNCHECKED, ("kind_not_listed",), f"no digest lists files of {there.kind}")
        chains = self._feeds.get((there.account_id, there.region))
        if not chains:
            return Verdict(UNCHECKED, ("no_digests",), "there are no digests of its account and region")
        proven = [
            of for of in chains.values() if of.told
        ]  # whoever plants a file may plant a digest of a trail beside it
        why = [_why_not(of, delivered(there)) for of in proven or chains.values()]
        untold = sorted((each for each in why if each), key=lambda each: not each.may_be_listed)
        if all(why) or any(each.may_be_listed for each in untold):
            return Verdict(UNCHECKED, (untold[0].check,), untold[0].said)
        return Verdict(UNLISTED, ("unlisted",), "digests tell of all that was delivered then, and none lists it")


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    made: list[tuple[datetime, datetime]] = []
    for since, until in spans:
        if made and since <= made[-1][1]:
            made[-1] = (made[-1][0], max(until, made[-1][1]))
        else:
            made.append((since, until))
    return made


def _untold(told: Sequence[tuple[datetime, datetime]], since: datetime, until: datetime) -> datetime | None:
    """The first moment of a time that no span holds."""
    at = bisect_right(told, since, key=lambda span: span[0]) - 1
    if at < 0 or told[at][1] < since:
        return since
    return None if told[at][1] >= until else told[at][1]


@dataclass(frozen=True, slots=True)
class _Untold:
    """Why a chain's digests don't tell of a time."""

    check: str
    said: str
    may_be_listed: bool = True  # by a digest that nobody could read


def _why_not(of: _Windows, delivered: tuple[datetime, datetime]) -> _Untold | None:
    since, until = delivered
    start = _untold(of.told, since, until)
    if start is None:
        return None
    if any(since < until and start <= end for since, end, _ in of.doubted):
        return _Untold("digest_not_sound", "the digest of the time when it was delivered is not sound")
    for gap in of.gaps:
        if gap.since < until and start <= gap.until:
            if gap.verdict.verdict == VALID:
                return _Untold("not_covered", f"no digests then: {gap.verdict.said}", may_be_listed=False)
            return _Untold("digest_missing", "the digest of the time when it was delivered is missing")
    if of.told and start < of.told[0][0]:
        return _Untold("before_digests", "it was delivered before the first digest", may_be_listed=False)
    is_due = bool(of.told) and until > shifted(of.told[-1][1], NEXT)
    return _Untold("not_yet", "no digest tells of the time when it was delivered yet", not is_due)


def delivered(there: There) -> tuple[datetime, datetime]:
    """From when until when a file may have been delivered, by its name; where that tells nothing, by its folder."""
    at = delivered_at(LogKey("", "", there.account_id, there.kind, there.region, there.day, there.file))
    if at is None:
        midnight = datetime.combine(there.day, time())
        return midnight, shifted(midnight, timedelta(days=1))
    return shifted(at, -AROUND), shifted(at, AROUND)


# ── log files ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Setting:
    """What log files are judged by."""

    coverage: Coverage
    ingested: Mapping[tuple[str, str], frozenset[str]]  # source and key -> SHA-256 of what was ingested; "" if unknown
    hidden: tuple[str, ...] = ()  # how places begin that could not be listed: what is not seen there may be there


def judged(there: There, read: Read | None, entries: Sequence[Entry], setting: Setting) -> LogFile:
    """A log file that is there, or that a digest lists."""
    entry = _telling(entries)
    if entry is None:
        verdict = setting.coverage.of(there)
        ingested = verdict.verdict if (there.source, there.key) in setting.ingested else ""
        return LogFile(there, read, _with_content(verdict, read), None, "", ingested)
    evidence = VALID if entry.evidence == VALID else UNCHECKED
    hashes = setting.ingested.get((there.source, there.key), frozenset())
    content = _content(there, read, entry, setting)
    if evidence != VALID:
        content = _by_word_alone(content)
    parts = [*_listing(entries), content]
    ingested = _ingested(hashes, entries, evidence)
    if ingested == INVALID:
        parts.append(Verdict(INVALID, ("ingested",), "what was ingested is not what the digest lists"))
    verdict = together(parts)
    if verdict.verdict == INVALID and hashes and read and read.sha256 and read.sha256 not in hashes:
        verdict = replace(verdict, checks=(*verdict.checks, "changed_after_ingest"))
    return LogFile(there, read, verdict, entry, evidence, ingested)


def _telling(entries: Sequence[Entry]) -> Entry | None:
    """The word of a sound digest before that of one that is not."""
    return min(entries, key=lambda each: (each.evidence != VALID, each.by), default=None)


def _with_content(verdict: Verdict, read: Read | None) -> Verdict:
    """Damage shows without a digest's word as well."""
    if read and read.problem in DAMAGE:
        return together([verdict, Verdict(INVALID, (read.problem,), "it is not one whole gzip stream")])
    return verdict


def _listing(entries: Sequence[Entry]) -> list[Verdict]:
    """What is wrong with the digests' word itself."""
    found = list[Verdict]()
    sound = [each for each in entries if each.evidence == VALID]
    for each in sound:
        if each.algorithm != digest.HASH_ALGORITHM:
            said = f"the digest names the hash algorithm {each.algorithm}"
            found.append(Verdict(INVALID, ("algorithm",), said))
    if len({each.sha256 for each in sound}) > 1:
        found.append(Verdict(INVALID, ("listed_twice",), "two digests list it with different hashes"))
    return found


def _content(there: There, read: Read | None, entry: Entry, setting: Setting) -> Verdict:
    if entry.evidence == VALID and (entry.account_id, entry.region) != (there.account_id, there.region):
        said = f"a digest of account {entry.account_id} in {entry.region} lists it"
        return Verdict(INVALID, ("account",), said)
    if read is None:
        if there.key.startswith("s3://"):
            return Verdict(UNCHECKED, ("other_bucket",), f"it lies in {entry.bucket}, which is no source")
        if entry.place.startswith(setting.hidden):
            return Verdict(UNCHECKED, ("listing",), "its folder could not be listed")
        return Verdict(MISSING, ("missing",), "a digest lists it, and it is not there")
    if read.problem in DAMAGE:
        return Verdict(INVALID, (read.problem,), "it is not one whole gzip stream")
    if read.problem:
        return Verdict(UNCHECKED, (read.problem,), "it could not be read")
    if read.sha256 != entry.sha256:
        return Verdict(INVALID, ("hash",), f"its SHA-256 is {read.sha256}, and the digest has {entry.sha256}")
    return SOUND


def _by_word_alone(content: Verdict) -> Verdict:
    """What a digest that is not sound says of a file accuses nobody: anyone may have written it."""
    if content == SOUND:
        return Verdict(UNCHECKED, (NOT_PROVEN,), "the digest that lists it is not sound")
    if content.checks[0] in ("hash", "missing"):
        return Verdict(UNCHECKED, (NOT_PROVEN, "not_as_listed"), f"by a digest that is not sound: {content.said}")
    return content


def _ingested(hashes: frozenset[str], entries: Sequence[Entry], evidence: str) -> str:
    """The verdict on what the lake took in."""
    if not hashes:
        return ""
    listed = {each.sha256 for each in entries if each.evidence == VALID} or {each.sha256 for each in entries}
    return worst(UNCHECKED if not one else INVALID if listed != {one} else evidence for one in hashes)


def not_there(entry: Entry, log: LogKey | None, source: str) -> There:
    """A file that a digest lists and that nobody has seen, as its key has it. Without a source, its bucket is none."""
    return There(
        source=source or entry.source,
        key=entry.key if source else f"s3://{entry.bucket}/{entry.key}",
        etag="",
        size=0,
        modified=None,
        kind=log.kind if log else "",
        account_id=log.account_id if log else entry.account_id,
        region=log.region if log else entry.region,
        day=log.day if log else entry.day,
        file=entry.key.rpartition("/")[2],
        place=entry.place,
    )
