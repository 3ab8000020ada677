"""
What a made bucket holds, counted while it was made: what a lake built from it must show, exactly.

`records_delivered` = unique records + `duplicates` + `rejected_records`, over all objects that can be read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trailhouse.sample.blanks import iso
from trailhouse.sample.recipe import Recipe
from trailhouse.sample.render import Outcome, Recorded, Written
from trailhouse.sample.story import Story


@dataclass(frozen=True, slots=True)
class Refused:
    """An object, or with a position one record of it, that belongs into quarantine, and the reason word expected."""

    key: str
    reason: str
    position: int | None = None


@dataclass(slots=True)
class Counts:
    """The numbers of one account, or of the whole bucket."""

    events: int = 0
    insight_events: int = 0
    aggregated_events: int = 0
    records_delivered: int = 0
    duplicates: int = 0
    rejected_records: int = 0
    objects: dict[str, int] = field(default_factory=dict)  # by kind folder, corrupt ones too
    corrupt_objects: int = 0
    late_objects: int = 0
    redelivered_objects: int = 0
    bytes: int = 0
    first_event_time: str | None = None
    last_event_time: str | None = None

    def spans(self, first: str, last: str) -> None:
        self.first_event_time = min(first, self.first_event_time or first)
        self.last_event_time = max(last, self.last_event_time or last)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a report over the lake's `events` must answer."""

    calls: dict[str, int]  # "ec2.amazonaws.com:RunInstances"
    identity_types: dict[str, int]  # "" where the type is missing
    categories: dict[str, int]  # by eventCategory; "" below version 1.07
    failed_calls: dict[str, int]  # by errorCode
    deletions: int  # eventName begins with Delete or Terminate and there is no errorCode
    console_logins_without_mfa: int  # successful ones
    story: Story | None


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known of a made bucket."""

    recipe: Recipe
    total: Counts
    accounts: dict[str, Counts]
    refused: tuple[Refused, ...]
    late_objects: tuple[str, ...]
    unsound: tuple[str, ...]  # log objects whose bytes are not what their digest signs
    other_objects: tuple[str, ...]  # neither logs nor digests; truth.json itself is not among them
    answers: Answers

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True, default=str, ensure_ascii=False) + "\n")


Seen = Counter[tuple[Recorded, Outcome, str]]


def seen_in(records: Iterable[Written]) -> Seen:
    return Counter((record.recorded, record.outcome, record.actor.kind) for record in records)


def total_of(accounts: dict[str, Counts]) -> Counts:
    total = Counts()
    for counts in accounts.values():
        for name in (
            "events",
            "insight_events",
            "aggregated_events",
            "records_delivered",
            "duplicates",
            "rejected_records",
            "corrupt_objects",
            "late_objects",
            "redelivered_objects",
            "bytes",
        ):
            setattr(total, name, getattr(total, name) + getattr(counts, name))
        for kind, number in counts.objects.items():
            total.objects[kind] = total.objects.get(kind, 0) + number
        if counts.first_event_time and counts.last_event_time:
            total.spans(counts.first_event_time, counts.last_event_time)
    return total


def answers(seen: Seen, story: Story | None) -> Answers:
    """Turn what was seen into the answers that reports are checked against."""
    calls: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    deletions = logins = 0
    for (recorded, outcome, kind), number in seen.items():
        call = recorded.call
        calls[f"{call.source}:{call.name}"] += number
        kinds[kind] += number
        categories["" if call.version in ("1.02", "1.05", "1.06") else call.category] += number
        if outcome.failure:
            failed[outcome.failure.code] += number
        elif call.name.startswith(("Delete", "Terminate")):
            deletions += number
        if call.name == "ConsoleLogin" and "sign-in without" in call.odd:
            logins += number
    return Answers(dict(calls), dict(kinds), dict(categories), dict(failed), deletions, logins, story)


def span(epochs: list[int]) -> tuple[str, str]:
    return iso(min(epochs)), iso(max(epochs))
