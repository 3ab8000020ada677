"""
Make the bucket: plan a day, write its files, go on to the next. The whole way on one screen, in `make_bucket`.

Holds one file's records at a time, of a day only the plan, and of files what their digests will say of them; so memory
does not grow with the number of events.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from random import Random

from trailhouse.errors import UsageError
from trailhouse.sample.cast import SHARES, Actor, residents
from trailhouse.sample.digests import Digests, begin_digests, end_digests, write_digests
from trailhouse.sample.faults import STRING_RECORD, Fate, fate
from trailhouse.sample.layout import OWN_ROOT, Feed, root_of
from trailhouse.sample.objects import Objects, envelope
from trailhouse.sample.recipe import DAY, Recipe
from trailhouse.sample.render import RECORDED, Recorded, Written, moment_blanks, write
from trailhouse.sample.scenes import Stage, roll_call, sessions, shared_resources, standing_workload
from trailhouse.sample.schedule import LONGEST, DayPlan, FilePlan, delay, volumes
from trailhouse.sample.sidelines import put_aggregates, put_insights, put_others
from trailhouse.sample.story import Story, legacy_trail_since, tell_story, trail_deleted_at, victim
from trailhouse.sample.truth import Refused, Seen, Truth, answers, seen_in, span, total_of

_LATE = ',"addendum":{"reason":"DELIVERY_DELAY"}'
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Making:
    """A bucket in the making: what carries over from file to file and from day to day."""

    recipe: Recipe
    objects: Objects
    rng: Random
    about: dict[str, list[Actor]]
    repertoire: dict[tuple[str, bool], tuple[list[Recorded], list[float]]]
    digests: Digests | None
    seen: Seen = field(default_factory=Seen)
    story: Story | None = None
    files: int = 0  # of the kind CloudTrail
    stride: int = 5  # so many files lie between two broken ones
    events: int = 0


def make_bucket(folder: Path, recipe: Recipe, progress: Progress | None = None) -> Truth:
    """Fill an empty folder with a log bucket and say what is in it; the same recipe makes the same bytes."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: a sample bucket needs a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    making = _begin(folder, recipe)
    for day, volume in enumerate(volumes(recipe)):
        plan = _plan_day(making, day, volume)
        for files in plan.files.values():
            for file in files:
                _deliver(making, file, _write_records(making, file))
            if progress:
                progress(making.events, recipe.events)
        _put_sidelines(making, day)
    return _end(making, folder)


def _begin(folder: Path, recipe: Recipe) -> Making:
    rng = Random(f"{recipe.seed}/bucket")
    about = {account: residents(rng, account, recipe.midnight) for account in recipe.account_ids}
    for account, actors in about.items():
        actors.append(standing_workload(rng, account, recipe.midnight))
    first = recipe.account_ids[0]
    about[first].append(victim(first))
    objects = Objects(folder, Random(f"{recipe.seed}/names"), recipe.digests)
    return Making(recipe, objects, rng, about, _repertoire(), begin_digests(recipe) if recipe.digests else None)


def _repertoire() -> dict[tuple[str, bool], tuple[list[Recorded], list[float]]]:
    """For each kind of actor, at home and abroad, what he calls with which cumulative weight."""
    found: dict[tuple[str, bool], tuple[list[Recorded], list[float]]] = {}
    for role in (*SHARES, "network"):
        for home in (True, False):
            rows = [
                (what, float(word.partition(":")[2]))
                for what in RECORDED
                for word in what.call.by.split()
                if word.partition(":")[0] == role and (home or what.call.everywhere)
            ]
            if rows:
                found[role, home] = ([row[0] for row in rows], list(accumulate(row[1] for row in rows)))
    return found


def _plan_day(making: Making, day: int, volume: dict[Feed, int]) -> DayPlan:
    recipe = making.recipe
    midnight = recipe.midnight + day * DAY
    plan = DayPlan(volume, midnight, day == 0, f"{recipe.seed}/{day}")
    stage = Stage(recipe, plan, midnight, Random(f"{recipe.seed}/{day}/scenes"))
    if day == recipe.days - 1:
        rightful = next(actor for actor in making.about[recipe.account_ids[0]] if actor.name == "deploy-legacy")
        making.story = tell_story(stage, rightful)
    if day == 0:
        plain = sum(len(files) for feed, files in plan.files.items() if feed.kind == "CloudTrail")
        making.stride = max(5, plain // 5)
        roll_call(stage)
    shared_resources(stage)
    for account in recipe.account_ids:
        events = sum(count for feed, count in volume.items() if feed.account == account)
        still = [actor for actor in making.about[account] if actor.until > midnight]
        making.about[account] = still + sessions(stage, account, events)
    return plan


def _write_records(making: Making, file: FilePlan) -> list[Written]:
    """The records of one file: those planned and as many more as it has room for, in no order."""
    rng = making.rng
    records = [write(p.recorded, p.outcome, p.actor, p.blanks) for p in file.planned]
    epochs = [p.blanks["epoch"] for p in file.planned]
    late = _fate(making, file).late_by
    home = file.feed.region == making.recipe.region_names[0]
    callers, weights = _callers(making, file, home)
    for who in rng.choices(callers, cum_weights=weights, k=file.free):
        calls, cumulated = making.repertoire[who.role, home]
        what = calls[bisect(cumulated, rng.random() * cumulated[-1])]  # `choices` for one costs four times as much
        epoch = file.label - delay(rng)
        blanks = moment_blanks(who, file.feed.region, epoch, rng)
        if late:
            blanks["addendum"] = _LATE
        records.append(write(what, what.outcome(rng.random()), who, blanks))
        epochs.append(epoch)
    rng.shuffle(records)
    making.objects.counts(file.feed.account).spans(*span(epochs))
    making.seen.update(seen_in(records))
    return records


def _callers(making: Making, file: FilePlan, home: bool) -> tuple[list[Actor], list[float]]:
    """Who is about when the file's events happen, with cumulative weights: a kind's share, split among its actors."""
    network = file.feed.kind == "CloudTrail-NetworkActivity"
    about = [
        actor
        for actor in making.about[file.feed.account]
        if actor.since + LONGEST <= file.label <= actor.until
        and (actor.role == "network") is network
        and (actor.role, home) in making.repertoire
    ]
    heads: dict[str, int] = {}
    for actor in about:
        heads[actor.role] = heads.get(actor.role, 0) + 1
    return about, list(accumulate(SHARES.get(actor.role, 1.0) / heads[actor.role] for actor in about))


def _fate(making: Making, file: FilePlan) -> Fate:
    plain = file.feed.kind == "CloudTrail"
    if making.recipe.clean or not plain:
        return Fate()
    return fate(making.files, making.stride, file.count, bool(file.planned))


def _deliver(making: Making, file: FilePlan, records: list[Written]) -> None:
    """Put the file into the bucket, with all that its fate has for it."""
    recipe, objects, feed = making.recipe, making.objects, file.feed
    struck = _fate(making, file)
    making.files += feed.kind == "CloudTrail"
    label = file.label + struck.late_by
    root = root_of(recipe, feed.account, label)
    texts = [record.text for record in records]
    counts = objects.counts(feed.account)
    counts.events += len(records)
    counts.records_delivered += len(records)
    making.events += len(records)
    if struck.string_record:
        texts.insert(len(texts) // 2, STRING_RECORD)
    key = objects.put_log(root, feed, label, envelope(texts))
    if struck.string_record:
        objects.refuse(feed.account, Refused(key, "not_object", len(records) // 2))
    if struck.late_by:
        objects.late.append(key)
        counts.late_objects += 1
    if not recipe.clean:
        _deliver_more(making, file, records, (label, struck))


def _deliver_more(making: Making, file: FilePlan, records: list[Written], fated: tuple[int, Fate]) -> None:
    """Second copies: a second trail, a redelivery, a copy in another region's folder, a broken copy."""
    label, struck = fated
    recipe, feed = making.recipe, file.feed
    if _second_trail(recipe, feed, file.label):
        making.rng.shuffle(records)
        _put_copy(making, OWN_ROOT, feed, label, records)
    if struck.again_after:
        again = label + struck.again_after
        _put_copy(making, root_of(recipe, feed.account, again), feed, again, records)
        making.objects.counts(feed.account).redelivered_objects += 1
    if struck.other_region and len(recipe.region_names) > 1:
        world = [record for record in records if not record.recorded.call.everywhere]
        abroad = Feed(feed.account, feed.kind, recipe.region_names[1])
        if world:
            _put_copy(making, root_of(recipe, feed.account, label), abroad, label, world)
    if struck.corruption:
        content = envelope(record.text for record in records)
        root = root_of(recipe, feed.account, label)
        key = making.objects.put_log(root, feed, label, content, struck.corruption.broken)
        making.objects.refuse(feed.account, Refused(key, struck.corruption.reason))


def _second_trail(recipe: Recipe, feed: Feed, label: int) -> bool:
    """The first account's own trail delivered to the same bucket until somebody deleted it."""
    mine = recipe.layout == "mixed" and feed.account == recipe.account_ids[0]
    return mine and feed.kind == "CloudTrail" and legacy_trail_since(recipe) <= label <= trail_deleted_at(recipe)


def _put_copy(making: Making, root: str, feed: Feed, label: int, records: list[Written]) -> None:
    making.objects.put_log(root, feed, label, envelope(record.text for record in records))
    counts = making.objects.counts(feed.account)
    counts.records_delivered += len(records)
    counts.duplicates += len(records)


def _put_sidelines(making: Making, day: int) -> None:
    recipe, midnight = making.recipe, making.recipe.midnight + day * DAY
    rng = Random(f"{recipe.seed}/{day}/sidelines")
    for account in recipe.account_ids:
        put_insights(making.objects, recipe, account, midnight, rng)
    for account in recipe.account_ids[:2]:
        put_aggregates(making.objects, recipe, account, midnight, rng)
    if day == 0:
        put_others(making.objects, recipe)
    if making.digests:
        write_digests(making.digests, making.objects, midnight + DAY)


def _end(making: Making, folder: Path) -> Truth:
    objects = making.objects
    if making.digests:
        end_digests(making.digests, objects)
    broken = tuple(refused.key for refused in objects.refused if refused.position is None)
    truth = Truth(
        recipe=making.recipe,
        total=total_of(objects.accounts),
        accounts=objects.accounts,
        refused=tuple(objects.refused),
        late_objects=tuple(objects.late),
        unsound=broken if making.digests else (),
        other_objects=tuple(objects.others),
        answers=answers(making.seen, making.story),
    )
    truth.save(folder / "truth.json")
    return truth
