"""
When things happen and which file tells of them: a day's log files with the number of records in each.

A file's label comes first and its events lie some minutes before it, as observed: label minus eventTime has a median
of 3.4 minutes, a 99th percentile of 8.4, never more than 9.9. Activity is uneven: few accounts and regions make most
of it, in working hours, in bursts.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from operator import attrgetter
from random import Random

from trailhouse.sample.blanks import Blanks
from trailhouse.sample.cast import Actor
from trailhouse.sample.layout import Feed
from trailhouse.sample.recipe import DAY, Recipe
from trailhouse.sample.render import Outcome, Recorded

STEP = 300  # labels are multiples of five minutes
LONGEST = 594
_NETWORK_SHARE = 0.015
_FULL_FILE = 450
# UTC hours of a company that sits in Europe: builds at night are fewer, the afternoon overlaps with America.
_HOURS = (4, 3, 3, 3, 3, 4, 7, 12, 18, 21, 22, 20, 18, 20, 22, 21, 19, 16, 12, 9, 8, 7, 6, 5)


@dataclass(frozen=True, slots=True)
class Planned:
    """A record that has its place beforehand: the beginning of a session, a scene, a step of the story."""

    recorded: Recorded
    outcome: Outcome
    actor: Actor
    blanks: Blanks


@dataclass(slots=True)
class FilePlan:
    """One log file to be: how many records, which of them are settled."""

    feed: Feed
    label: int
    count: int
    planned: list[Planned] = field(default_factory=list)

    @property
    def free(self) -> int:
        return self.count - len(self.planned)


def delay(rng: Random) -> int:
    """Seconds from an event to the label of its file."""
    return min(LONGEST, 3 + int(rng.random() * STEP + rng.expovariate(1 / 69)))


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """Split `total` by weight into whole numbers that add up to it (largest remainders)."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: (counts[index] - exact[index], index))
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def volumes(recipe: Recipe) -> list[dict[Feed, int]]:
    """For each day, how many events each feed has. Adds up to the recipe's number, exactly."""
    weekday = recipe.start.weekday()
    cells: list[tuple[int, Feed]] = []
    weights: list[float] = []
    for day in range(recipe.days):
        busy = 0.55 if (weekday + day) % 7 > 4 else 1.0
        for account_rank, account in enumerate(recipe.account_ids, 1):
            for region_rank, region in enumerate(recipe.region_names, 1):
                weight = busy / account_rank / region_rank**1.3
                cells.append((day, Feed(account, "CloudTrail", region)))
                weights.append(weight * (1 - _NETWORK_SHARE))
                cells.append((day, Feed(account, "CloudTrail-NetworkActivity", region)))
                weights.append(weight * _NETWORK_SHARE)
    days: list[dict[Feed, int]] = [{} for _ in range(recipe.days)]
    for (day, feed), count in zip(cells, shares(recipe.events, weights), strict=True):
        if count:
            days[day][feed] = count
    return days


class DayPlan:
    """The log files of one day, and the places in them for what must happen."""

    def __init__(self, volume: dict[Feed, int], midnight: int, first: bool, seed: str) -> None:
        self.files: dict[Feed, list[FilePlan]] = {
            feed: _files(feed, count, midnight, 2 if first else 1, Random(f"{seed}/{feed}"))
            for feed, count in volume.items()
        }

    def near(self, feed: Feed, wanted: int, rng: Random) -> int | None:
        """A moment at or soon after `wanted` that some file of the feed has room for."""
        files = self.files.get(feed, [])
        for plan in files[bisect_right(files, wanted + 60, key=attrgetter("label")) :]:
            if plan.free:
                return plan.label - delay(rng)
        return None

    def place(self, feed: Feed, epoch: int, planned: Planned) -> bool:
        """Put a record into a file that can tell of that moment; a new small file takes its room from a big one."""
        files = self.files.get(feed, [])
        for plan in files[bisect_right(files, epoch + 2, key=attrgetter("label")) :]:
            if plan.label - epoch > LONGEST:
                break
            if plan.free:
                plan.planned.append(planned)
                return True
        donor = max(files, key=attrgetter("free"), default=None)
        if donor is None or not donor.free or donor.count < 2:
            return False
        donor.count -= 1
        label = (epoch + 3 + STEP - 1) // STEP * STEP
        insort(files, FilePlan(feed, label, 1, [planned]), key=attrgetter("label"))
        return True


def _files(feed: Feed, events: int, midnight: int, first_slot: int, rng: Random) -> list[FilePlan]:
    slots = range(first_slot, DAY // STEP + 1)
    weight = [_HOURS[(slot * STEP // 3600) % 24] for slot in slots]
    wanted = min(len(slots), events, max(1, round(1.2 * sqrt(events))))
    # A sample without replacement by weight: the largest of u^(1/w).
    drawn = sorted(zip(slots, weight, strict=True), key=lambda pair: rng.random() ** (1 / pair[1]))[-wanted:]
    bursts = [pair[1] * rng.lognormvariate(0, 0.7) for pair in drawn]
    counts = shares(events - wanted, bursts)
    plans = []
    for (slot, _), count in zip(drawn, counts, strict=True):
        pieces = 1 + (count + 1) // _FULL_FILE
        for part in shares(count + 1, [rng.uniform(0.5, 1.5) for _ in range(pieces)]):
            plans.append(FilePlan(feed, midnight + slot * STEP, part))
    return sorted((plan for plan in plans if plan.count), key=attrgetter("label"))
