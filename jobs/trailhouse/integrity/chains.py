"""
Chains of digests: whether each is what CloudTrail signed, where it belongs, as its successor knows it, and none lost.

Pure but for the keys and places that it is given. Files come in, judged files and gaps come out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trailhouse.integrity import digest
from trailhouse.integrity.digest import Digest, Previous
from trailhouse.integrity.places import Places
from trailhouse.integrity.public_keys import Keys
from trailhouse.integrity.reading import DAMAGE, FORMAT
from trailhouse.integrity.trail_events import TrailEvent
from trailhouse.integrity.values import (
    INVALID,
    MISSING,
    SOUND,
    UNCHECKED,
    UNEXPLAINED,
    VALID,
    Chain,
    DigestFile,
    Gap,
    Verdict,
    shifted,
    together,
)
from trailhouse.sources.keys import DigestName, digest_name, parse_digest_key

HOUR = timedelta(hours=1)
ENOUGH = timedelta(minutes=30)  # between digests that say nothing of each other, that one more would have had room
BEFORE_STOP = timedelta(hours=2)  # the last digest covers what was delivered up to and with the call that stops a trail


MAY_BEGIN = Verdict(UNCHECKED, ("digest_not_sound",), "whether a chain begins here, its first digest can't prove")
NOT_LISTED = Verdict(UNCHECKED, ("listing",), "what is missing may lie where nobody could list")


# ── each for itself ──────────────────────────────────────────────────────────────────────────────────────────────────


class Judge:
    """What digests are held against: keys, places, and each other."""

    def __init__(self, files: Sequence[DigestFile], keys: Keys, places: Places) -> None:
        self._keys, self._places = keys, places
        self._named: dict[str, list[Previous]] = defaultdict(list)
        for each in files:
            previous = each.digest.previous if each.digest else None
            for place in places.find(previous.bucket, previous.key) if previous else ():
                self._named[place].append(previous) if previous else None

    def itself(self, file: DigestFile) -> Verdict:
        """What can be said of a digest without the others."""
        if file.known:
            return SOUND
        told = file.digest
        if told is None:
            return _unreadable(file)
        parts = [Verdict(INVALID, (check,), said) for check, said in self._lies(file, told)]
        return together([*parts, self._signature(file, told)])

    def completed(self, file: DigestFile) -> DigestFile:
        """With the signature that a copy has lost, and that its successor says again: the one that is, if any."""
        told, named = file.digest, self._named.get(file.there.place, ())
        if file.read.signature or not told or not named or not self._is_copy(file):
            return file
        key, text = self._keys.find(told.fingerprint), digest.signed_text(told, file.read.sha256)
        right = (each for each in named if key and digest.is_signed(key, each.signature, text))
        return replace(file, read=replace(file.read, signature=next(right, named[0]).signature))

    def _lies(self, file: DigestFile, told: Digest) -> Iterator[tuple[str, str]]:
        there, name = file.there, file.name
        if there.place not in self._places.find(told.bucket, told.key):
            yield "location", f"it was delivered to s3://{told.bucket}/{told.key}"
        if told.account_id != there.account_id or name.account_id != there.account_id or name.region != there.region:
            yield "account", f"it is of account {told.account_id}, and its name of {name.account_id} in {name.region}"
        if told.end != name.end or told.start >= told.end:
            yield "window", f"its window is {_span(told.start, told.end)}, and its name says {name.end}"
        beside = file.read.algorithm or (told.algorithm if self._is_copy(file) else "none")
        if {told.algorithm, beside} != {digest.SIGNATURE_ALGORITHM}:
            yield "algorithm", f"it names the signature algorithm {told.algorithm}, and what stands beside it {beside}"
        if told.previous and told.previous.algorithm != digest.HASH_ALGORITHM:
            yield "algorithm", f"it names the hash algorithm {told.previous.algorithm}"
        if not told.events_fit:
            yield "event_times", "its newest or oldest event is none of its log files'"
        if name.backfill and (file.read.backfilled_at or not self._is_copy(file)):
            made = digest.generated_at(file.read.backfilled_at)
            if made is None or made < told.end or not self._keys.may_be_of_time(told.fingerprint, made):
                said = (
                    f"it is a backfill, and what stands beside it says of when: {file.read.backfilled_at or 'nothing'}"
                )
                yield "backfill_time", said

    def _signature(self, file: DigestFile, told: Digest) -> Verdict:
        given = file.read.signature
        if not given and not self._is_copy(file):
            return Verdict(INVALID, ("signature",), "no signature stands beside it")
        key = self._keys.find(told.fingerprint)
        if key is None:
            return Verdict(UNCHECKED, ("no_key",), f"there is no public key {told.fingerprint}")
        if not given:
            return Verdict(UNCHECKED, ("no_signature",), "the copy has no signature, and no digest follows that has")
        text = digest.signed_text(told, file.read.sha256)
        if not digest.is_signed(key, given, text):
            return Verdict(INVALID, ("signature",), "its signature is not CloudTrail's")
        if not file.name.backfill and not self._keys.may_be_of_time(told.fingerprint, told.end):
            return Verdict(UNCHECKED, ("key_period",), "it is signed with a key that was of another time")
        return SOUND

    def _is_copy(self, file: DigestFile) -> bool:
        return self._places.by_name[file.there.source].is_copy


def _unreadable(file: DigestFile) -> Verdict:
    problem = file.read.problem
    if problem in ("", *DAMAGE):
        return Verdict(INVALID, (problem or FORMAT,), "it is no digest file")
    return Verdict(UNCHECKED, (problem,), "it could not be read")


def judged(files: Sequence[DigestFile], keys: Keys, places: Places) -> list[DigestFile]:
    """Each digest with its verdict, by itself and by what a sound successor says of it."""
    judge = Judge(files, keys, places)
    alone = [each.judged(judge.itself(each)) for each in map(judge.completed, files)]
    by_place: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(alone):
        by_place[each.there.place].append(number)
    more: dict[int, list[Verdict]] = defaultdict(list)
    for each in alone:
        previous = each.digest.previous if each.digest and each.verdict.verdict == VALID else None
        for place in places.find(previous.bucket, previous.key) if previous else ():
            for number in by_place.get(place, ()):
                more[number] += _by_successor(alone[number], previous) if previous else ()
    return [
        each.judged(together([each.verdict, *more[number]])) if number in more else each
        for number, each in enumerate(alone)
    ]


def _by_successor(file: DigestFile, told: Previous) -> Iterator[Verdict]:
    if file.read.sha256 and not digest.same_hash(file.read.sha256, told.sha256):
        yield Verdict(INVALID, ("hash_in_successor",), f"its successor knows it by the hash {told.sha256}")
    if file.read.signature and file.read.signature.lower() != told.signature.lower():
        yield Verdict(INVALID, ("signature_in_successor",), "its successor knows it by another signature")


# ── one after another ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Calls:
    """That stop and start trails, as log files tell of them."""

    proven: Sequence[TrailEvent] = ()
    doubtful: Sequence[TrailEvent] = ()  # of log files that are as a digest lists them which nobody can check


@dataclass(frozen=True)
class Setting:
    """What a chain is looked at in."""

    places: Places
    horizon: Mapping[Chain, datetime]  # chain -> up to when it must have come
    calls: Calls
    hidden: tuple[str, ...] = ()  # how places and names begin of what could not be listed
    since: datetime | None = None  # what lies before is not asked about
    until: datetime | None = None


@dataclass
class _Going:
    """What was seen so far."""

    by_place: Mapping[str, DigestFile]
    gaps: list[Gap] = field(default_factory=list)
    continued: set[Chain] = field(default_factory=set)  # by a chain of another name


def gaps(files: Sequence[DigestFile], setting: Setting) -> list[Gap]:
    """Times that no digest tells of, and why, where that is known."""
    chains: dict[Chain, list[DigestFile]] = defaultdict(list)
    for each in files:
        chains[each.chain].append(each)
    going = _Going({each.there.place: each for each in files})
    for chain in chains.values():
        chain.sort(key=lambda each: (each.end, each.there.key))
        last = before = None
        for each in chain:
            before = last if last and last.end < each.end else before  # copies of one digest end together
            going.gaps += _before(each, before, setting, going)
            last = each
    for name, chain in chains.items():
        if name not in going.continued and not name[-1]:
            going.gaps += _silence(chain[-1], setting)
    once = {replace(each, source=""): each for each in reversed(going.gaps) if _is_asked(each, setting)}
    return list(reversed(once.values()))


def _before(each: DigestFile, last: DigestFile | None, setting: Setting, going: _Going) -> Iterator[Gap]:
    """What lies between a digest and the one before it."""
    told = each.digest
    if told is None or each.verdict.verdict != VALID:
        start = shifted(each.end, -HOUR)
        if last and not each.name.backfill and start - last.end >= ENOUGH:
            verdict = Verdict(MISSING, ("missing",), "no digest tells of this time")
            may_begin = each.verdict.verdict == UNCHECKED and (told is None or told.previous is None)
            yield _gap(each, last.end, start, MAY_BEGIN if may_begin else verdict)
        return
    if told.previous is None:
        yield from _restart(each, told, last, setting)
        return
    places = setting.places.find(told.previous.bucket, told.previous.key)
    found = next((going.by_place[place] for place in places if place in going.by_place), None)
    if not places:
        since = last.end if last else shifted(told.start, -HOUR)
        said = f"the digest before is s3://{told.previous.bucket}/{told.previous.key}, which lies in no source"
        yield _gap(each, since, told.start, Verdict(UNCHECKED, ("other_bucket",), said))
    elif found is None:
        yield from _lost(each, told, last, setting, going)
    else:
        going.continued |= {found.chain} - {each.chain}
        if (found.there.account_id, found.there.region) != (each.there.account_id, each.there.region):
            said = f"the digest before is of {found.there.account_id} in {found.there.region}"
            yield _gap(each, shifted(told.start, -HOUR), told.start, Verdict(UNEXPLAINED, ("account",), said))
        elif found.end != told.start and not each.name.backfill:
            said = "the digest before ends at another time than the one after begins"
            since, until = sorted((found.end, told.start))
            yield _gap(each, since, until, Verdict(UNEXPLAINED, ("window",), said))


def _lost(each: DigestFile, told: Digest, last: DigestFile | None, setting: Setting, going: _Going) -> Iterator[Gap]:
    """The digest before is not there: all that lies between is not told of."""
    assert told.previous is not None
    name = digest_name(told.previous.key.rpartition("/")[2])
    if name and setting.since and name.end <= setting.since:
        return  # of a time that is not asked about
    if name:
        chain = (each.there.account_id, each.there.region, name.trail, name.home, name.backfill)
        going.continued |= {chain} - {each.chain}
    verdict = Verdict(MISSING, ("missing",), f"s3://{told.previous.bucket}/{told.previous.key} is not there")
    if any(place.startswith(setting.hidden) for place in setting.places.find(told.previous.bucket, told.previous.key)):
        verdict = NOT_LISTED
    if each.name.backfill:
        until = name.end if name else told.start
        since = shifted(until, -HOUR)
    else:
        since, until = last.end if last and last.end < told.start else _began(name, told), told.start
    lost = _gap(each, since, until, verdict, told.previous.key)
    yield replace(lost, source=setting.places.home(told.previous.bucket, told.previous.key, each.there.source))


def _began(name: DigestName | None, told: Digest) -> datetime:
    """When the window of a digest began of which nothing but its name is left."""
    return shifted(name.end if name and name.end <= told.start else told.start, -HOUR)


def _restart(each: DigestFile, told: Digest, last: DigestFile | None, setting: Setting) -> Iterator[Gap]:
    """A chain begins; where there was one before, a call must explain it."""
    if last is None or each.name.backfill:
        return
    pause = (last.end, told.end)
    why = explained(each, pause, setting.calls.proven)
    if len(why) == 2:
        verdict = Verdict(VALID, ("restart",), " and ".join(str(one) for one in why))
    elif len(explained(each, pause, (*setting.calls.proven, *setting.calls.doubtful))) == 2:
        verdict = Verdict(UNCHECKED, ("restart",), "the calls that explain it stand in log files that nothing proves")
    else:
        half = f" ({why[0]})" if why else ""
        said = f"the chain begins anew, and no call in sound log files stops and starts the trail{half}"
        verdict = Verdict(UNEXPLAINED, ("restart",), said)
    yield _gap(each, min(last.end, told.start), told.start, verdict)


def explained(of: DigestFile, pause: tuple[datetime, datetime], events: Iterable[TrailEvent]) -> list[TrailEvent]:
    """The call that stopped a trail at the end of a digest, and the one that started it again before another's."""
    ended, begun = pause
    stopping = shifted(ended, -BEFORE_STOP)
    mine = sorted(
        (one for one in events if one.is_of(of.name.trail, of.name.home, _owner(of))), key=lambda one: one.when
    )
    stops = [one for one in mine if one.stops and stopping <= one.when <= ended]
    starts = [one for one in mine if one.starts and one.when <= begun and (not stops or one.when >= stops[-1].when)]
    return [*stops[-1:], *(one for one in starts[-1:] if one.when >= stopping)]


def _owner(of: DigestFile) -> str:
    """The account in which a trail is stopped and started: its own; an organization's may be any."""
    log = parse_digest_key(of.digest.key if of.digest else of.there.key)
    return "" if log and log.org else of.there.account_id


def _silence(last: DigestFile, setting: Setting) -> Iterator[Gap]:
    """A chain's newest end: digests come hourly, even where nothing happened."""
    horizon = setting.horizon.get(last.chain)
    if horizon is None or shifted(last.end, HOUR) > horizon or (setting.until and last.end >= setting.until):
        return
    pause = (last.end, horizon)
    stops = [one for one in explained(last, pause, setting.calls.proven) if one.stops]
    doubtful = [one for one in explained(last, pause, setting.calls.doubtful) if one.stops]
    until = min(horizon, setting.until) if setting.until else horizon
    if stops:
        yield _gap(last, last.end, until, Verdict(VALID, ("stopped",), str(stops[-1])))
        return
    said = "no digest came after, while others did or log files go on"
    verdict = Verdict(MISSING, ("silence",), said)
    if doubtful:
        verdict = Verdict(UNCHECKED, ("stopped",), "the call that stops it stands in a log file that nothing proves")
    yield _gap(last, last.end, until, NOT_LISTED if is_hidden(last.there.source, setting.hidden) else verdict)


def is_hidden(source: str, hidden: tuple[str, ...]) -> bool:
    """Whether anything of a source could not be listed."""
    return any(each.startswith(f"{source}/") for each in hidden)


def _gap(of: DigestFile, since: datetime, until: datetime, verdict: Verdict, key: str = "") -> Gap:
    account, region, trail, home, backfill = of.chain
    return Gap(account, region, trail, home, backfill, since, until, verdict, of.there.source, key)


def _is_asked(gap: Gap, setting: Setting) -> bool:
    begins = setting.until is None or gap.since < setting.until
    return begins and (setting.since is None or gap.until > setting.since)


def _span(since: datetime, until: datetime) -> str:
    return f"{since} to {until}"
