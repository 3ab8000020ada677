"""
What passes between the steps of `verify`: digests and log files as they were found and read, and verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from trailhouse.integrity.digest import Digest, Listed
from trailhouse.sources.keys import DigestName

VALID, UNCHECKED, UNEXPLAINED, UNLISTED, MISSING, INVALID = (
    *("valid", "unchecked", "unexplained", "unlisted", "missing", "invalid"),
)
VERDICTS = (VALID, UNCHECKED, UNEXPLAINED, UNLISTED, MISSING, INVALID)  # each is worse than those before it
FINDINGS = (UNEXPLAINED, UNLISTED, MISSING, INVALID)


Name = tuple[str, str]  # of a file: source and key
Chain = tuple[str, str, str, str, bool]  # account, region, trail, its home, whether of backfills

BEGINNING, END = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # of what a name can say


def shifted(when: datetime, by: timedelta) -> datetime:
    """Earlier or later, as far as time goes: whoever names a file may name its first or its last moment."""
    try:
        return min(when + by, END)
    except OverflowError:
        return END if by > timedelta() else BEGINNING


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checks came to: the worst of them, each by its word, and what to say of it."""

    verdict: str = VALID
    checks: tuple[str, ...] = ()
    said: str = ""


SOUND = Verdict()


def worst(found: Iterable[str]) -> str:
    """The worst of verdicts; of none, valid."""
    return max(found, key=VERDICTS.index, default=VALID)


def together(parts: Sequence[Verdict]) -> Verdict:
    """All of them as one. What is better than the worst is no part of it."""
    verdict = worst(each.verdict for each in parts)
    if verdict == VALID:
        return next((each for each in parts if each.said), SOUND)
    telling = [each for each in parts if each.verdict == verdict]
    checks = tuple(dict.fromkeys(check for each in telling for check in each.checks))
    return Verdict(verdict, checks, "; ".join(dict.fromkeys(each.said for each in telling if each.said)))


@dataclass(frozen=True, slots=True)
class There:
    """A file that is there, as the listing shows it."""

    source: str
    key: str
    etag: str  # "" of a local file
    size: int
    modified: datetime | None  # UTC, without zone
    kind: str
    account_id: str
    region: str
    day: date  # of the folder
    file: str
    place: str  # by which a digest's word leads to it: see `places`


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a file came to; with a problem, nothing is known of its content."""

    key: str
    problem: str = ""  # why it could not be had; `format` is the file's own fault
    sha256: str = ""  # of the inflated bytes
    trail_events: tuple[str, ...] = ()
    content: bytes = b""  # of digests alone
    signature: str = ""  # beside the file, likewise
    algorithm: str = ""
    backfilled_at: str = ""


@dataclass(frozen=True, slots=True)
class DigestFile:
    """A digest file: where it lies, what it says, and what stands beside it."""

    there: There
    name: DigestName
    read: Read
    digest: Digest | None  # None where it can't be read
    log_files: int = 0
    checked_at: datetime | None = None
    verdict: Verdict = SOUND
    known: bool = False  # from an earlier run, so that its list of log files is not at hand

    @property
    def words(self) -> tuple[Listed, ...]:
        """The log files that it lists."""
        return self.digest.logs if self.digest else ()

    @property
    def end(self) -> datetime:
        """Of its window, by its name: what it says itself may be a lie."""
        return self.name.end

    @property
    def chain(self) -> Chain:
        """What its name says it belongs to."""
        each = self.name
        return (self.there.account_id, self.there.region, each.trail, each.home, each.backfill)

    def judged(self, verdict: Verdict) -> DigestFile:
        return replace(self, verdict=verdict)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that no digest of a chain tells of."""

    account_id: str
    region: str
    trail: str
    home: str
    backfill: bool
    since: datetime
    until: datetime
    verdict: Verdict
    source: str = ""
    key: str = ""  # of the digest that is missing, where another names it


@dataclass(frozen=True, slots=True)
class Entry:
    """A log file as a digest lists it, with what the digest's word is worth."""

    place: str
    bucket: str
    key: str
    sha256: str
    algorithm: str
    by: str  # the digest's key
    source: str  # the digest's, and so are the next three
    day: date
    account_id: str  # the digest's
    region: str
    evidence: str  # the digest's verdict


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file that is there or listed, judged."""

    there: There
    read: Read | None  # None where it is not there
    verdict: Verdict
    entry: Entry | None  # the digest's word that it was judged by
    evidence: str  # what that word is worth: valid, unchecked; "" where there is none
    ingested: str = ""
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """Which deliveries are asked about; None is open."""

    since: date | None = None
    until: date | None = None  # with that day

    def has(self, day: date) -> bool:
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """From when until when, UTC."""
        return (
            datetime.combine(self.since, time()) if self.since else None,
            shifted(datetime.combine(self.until, time()), timedelta(days=1)) if self.until else None,
        )

    def around(self, before: int, after: int) -> Period:
        """So many days more."""
        since, until = self.moments()
        return Period(
            shifted(since, timedelta(days=-before)).date() if since else None,
            shifted(until, timedelta(days=after, seconds=-1)).date() if until else None,
        )


NOTHING = Period(date.max, date.min)  # no day at all
