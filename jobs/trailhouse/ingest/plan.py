"""
Plan: what is new. Source objects, listed, less the ledger: a set difference, never a cursor over times or keys.

Needs no JVM. Knows sources and the ledger; knows nothing of what the objects hold.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice, permutations, repeat
from pathlib import Path

from trailhouse import faults, settings
from trailhouse.errors import UsageError
from trailhouse.ingest.backlog import Backlog
from trailhouse.ingest.known import Known
from trailhouse.ingest.values import Object, PendingObject, Plan
from trailhouse.lake import catalog, files
from trailhouse.lake.catalog import Lake
from trailhouse.sources.keys import LogKey, prefix_of
from trailhouse.sources.listing import Found, Problem, Scan, bucket_of, look, part, source_id
from trailhouse.sources.state import ListingState
from trailhouse.sources.values import Range

AT_ONCE = 20_000  # listed objects that are compared with the ledger in one go

# What a dry run estimates with. Requests at S3's list price in us-east-1; the rate is a slow machine's, per core.
DOLLARS_PER_LIST = 0.005 / 1000
DOLLARS_PER_GET = 0.0004 / 1000
BYTES_PER_SECOND = 3 * 2**20
SECONDS_TO_START = 10


@dataclass
class Survey:
    """What listing found."""

    new: Backlog = field(default_factory=Backlog)
    known: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    list_calls: int = 0
    problems: list[Problem] = field(default_factory=list)
    whole: list[tuple[str, str]] = field(default_factory=list)  # source and prefix of what was listed from end to end
    states: dict[int, ListingState] = field(default_factory=dict)  # source -> to be stored when the run is over


def check(sources: Sequence[settings.Source]) -> None:
    """Refuse sources that can't be meant, before anything is made."""
    if not sources:
        raise UsageError("no source is named: give a folder or s3://bucket/prefix, or set [[source]] in the settings")
    for source in sources:
        if bucket_of(source) is None and not Path(source.url).is_dir():
            raise UsageError(f"there is no folder {source.url}: check the source")


def survey(
    config: settings.Settings,
    lake: Lake | None,
    now: datetime,
    only: Range | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Survey:
    """
    List every source, or of each the part that is asked for, and subtract what the ledger has settled.

    A piece at a time: neither what is listed nor the ledger is ever held whole.
    """
    found = Survey()
    seen = _Seen(config.sources)
    for number, source in enumerate(config.sources):
        state = _state(config.lake, source) if lake else None
        scan = Scan(part(source, only) if only else look(source, state, config.listing, now))
        known = Known(lake, source) if lake else None
        for piece in _pieces(scan):
            _subtract(number, source, seen.new(source, piece), known, found)
            tell(found.known + len(found.new))
        listing = scan.result()
        found.skipped.update(listing.skipped)
        found.list_calls += listing.list_calls
        found.problems += listing.problems
        if listing.complete:
            found.whole.append(_place(source))
        if listing.new_state:
            found.states[number] = listing.new_state
    return found


def _pieces(scan: Iterable[Found]) -> Iterator[list[Found]]:
    listed = iter(scan)
    while piece := list(islice(listed, AT_ONCE)):
        yield piece


class _Seen:
    """
    What an earlier source of the run has listed: two may name parts of one bucket, one within the other.

    Parts that lie beside each other, such as an account each, share no key, and nothing of them is kept.
    """

    def __init__(self, sources: Sequence[settings.Source]) -> None:
        pairs = permutations([_place(each) for each in sources], 2)
        self._twice = {place for place, other in pairs if _share(place, other)}
        self._keys: set[tuple[str, str]] = set()

    def new(self, source: settings.Source, listed: list[Found]) -> list[Found]:
        name = source_id(source)
        if _place(source) not in self._twice:
            return listed
        first = [each for each in listed if (name, each.key) not in self._keys]
        self._keys.update((name, each.key) for each in first)
        return first


def _place(source: settings.Source) -> tuple[str, str]:
    """Its name in the ledger, and how its keys begin."""
    bucket = bucket_of(source)
    return source_id(source), bucket.prefix if bucket else ""


def _share(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return one[0] == other[0] and (one[1].startswith(other[1]) or other[1].startswith(one[1]))


def _subtract(
    number: int, source: settings.Source, listed: Sequence[Found], known: Known | None, found: Survey
) -> None:
    name, new = source_id(source), list[Object]()
    told = known.of(listed) if known else repeat((False, False), len(listed))
    for each, (settled, again) in zip(listed, told, strict=True):
        if settled:
            found.known += 1
        else:
            new.append(Object(number, name, each.key, each.etag, each.size, each.modified, each.log, again))
    found.new.add(new)


def oldest_first(o: Object) -> tuple[date, str, str, str, str, str]:
    """The order in which objects are taken."""
    return (o.log.day, o.log.account_id, o.log.region, o.log.file, o.source_id, o.key)


def batches(objects: Iterable[Object], bounds: settings.Batch, now: datetime) -> Iterator[Plan]:
    """Objects in batches of bounded size, in their order."""
    held: list[Object] = []
    size = 0
    for each in objects:
        if held and (len(held) >= bounds.objects or size + each.size > bounds.bytes):
            yield Plan(new_batch_id(now), tuple(held), now)
            held, size = [], 0
        held.append(each)
        size += each.size
    if held:
        yield Plan(new_batch_id(now), tuple(held), now)


def new_batch_id(now: datetime) -> str:
    """A name for a batch that sorts by time and that two runs don't share."""
    return f"{now:%Y%m%dT%H%M%S}_{secrets.token_hex(4)}"


def groups(plan: Plan, bounds: settings.Batch, workers: int) -> list[tuple[Object, ...]]:
    """
    The batch's objects as tasks of about equal bytes.

    In the order (account, region, day, file name, which begins with the delivery's time): the likely twins of an event
    come together whichever trail delivered them, and a partition's rows come from few tasks. Bytes alone bound a task:
    a huge account is many, many small ones are one. The largest come first, so that none begins when others end.
    """
    ordered = sorted(plan.objects, key=lambda o: (o.log.account_id, o.log.region, o.log.kind, o.log.day, o.log.file))
    target = min(bounds.task_bytes, max(plan.bytes // (3 * workers), 2**19))
    made: list[list[Object]] = [[]]
    size = 0
    for each in ordered:
        if made[-1] and size + each.size > target:
            made.append([])
            size = 0
        made[-1].append(each)
        size += each.size
    grouped = [tuple(sorted(group, key=lambda o: (o.source_id, o.key))) for group in made if group]
    return sorted(grouped, key=lambda group: -sum(o.size for o in group))


def write_down(plan: Plan, where: settings.Lake) -> None:
    """Keep the plan, with the generations of its objects, before any work."""
    objects = [{"source": o.source_id, "key": o.key, "etag": o.etag, "size": o.size} for o in plan.objects]
    text = json.dumps({"batch_id": plan.batch_id, "planned_at": plan.planned_at.isoformat(), "objects": objects})
    catalog.write_file(where, f"plans/{plan.batch_id}.json.gz", gzip.compress(text.encode()))


def remember(found: Survey, pending: Sequence[PendingObject], config: settings.Settings) -> None:
    """
    Store how far each source has been listed. Only after the run: what was listed is settled or pending by then.

    A feed with pending objects is remembered only as far as the oldest of them, so that the next run lists them again.
    """
    waiting = found.new.at({(each.source_id, each.key) for each in pending})
    for number, source in enumerate(config.sources):
        logs = [each.log for each in waiting if each.source == number]
        state = found.states.get(number) or (_state(config.lake, source) if logs else None)
        if state:
            with faults.at("listing_stored"):
                _store(config.lake, source, _only_to(state, logs))


def list_again(objects: Sequence[Object], config: settings.Settings) -> None:
    """Have the next run list the folders of objects that the ledger is about to forget, however old they are."""
    for source in config.sources:
        state = _state(config.lake, source)
        logs = [o.log for o in objects if o.source_id == source_id(source)]
        if state and logs:
            _store(config.lake, source, _only_to(state, logs))


def _only_to(state: ListingState, logs: Sequence[LogKey]) -> ListingState:
    """As if feeds had been listed only as far as these."""
    feeds = dict(state.feeds)
    for log in logs:
        feed = prefix_of(log)
        feeds[feed] = min(feeds.get(feed, log.day), log.day)
    return replace(state, feeds=feeds)


def listed_last(where: settings.Lake, source: settings.Source) -> datetime | None:
    """When a bucket was last listed from end to end by a run that ended: whatever is older has been seen."""
    state = _state(where, source)
    return state.done.get("reconcile") if state else None


def _state(where: settings.Lake, source: settings.Source) -> ListingState | None:
    try:
        location = f"{catalog.own_folder(where)}/{_state_file(source)}"
        with catalog.file_io(where).new_input(location).open() as file:
            return ListingState.from_json(file.read().decode(errors="replace"))
    except FileNotFoundError:
        return None


def _store(where: settings.Lake, source: settings.Source, state: ListingState) -> None:
    """Written over by every run, and no evidence: it is not sealed."""
    with files.unrecorded():
        catalog.write_file(where, _state_file(source), state.to_json().encode())


def _state_file(source: settings.Source) -> str:
    return f"listing/{hashlib.sha256(source.url.encode()).hexdigest()[:16]}.json"


def estimate(found: Survey, workers: int) -> dict[str, float]:
    """What a run would take, roughly: for `--dry-run`."""
    seconds = SECONDS_TO_START + found.new.bytes / (BYTES_PER_SECOND * workers) if found.new else 0
    dollars = found.list_calls * DOLLARS_PER_LIST + len(found.new) * DOLLARS_PER_GET
    return {"seconds": round(seconds, 1), "dollars": round(dollars, 4)}
