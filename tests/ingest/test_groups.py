"""How a batch's objects become tasks: by bytes, whoever they belong to."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

from trailhouse import settings
from trailhouse.ingest import plan
from trailhouse.ingest.values import Object, Plan
from trailhouse.sources.keys import parse_key

MB = 2**20
HUGE = "999988887777"
BOUNDS = settings.Batch(task_bytes=8 * MB)


def objects(account: str, *sizes: int) -> list[Object]:
    made = []
    for number, size in enumerate(sizes):
        name = (
            f"{account}_CloudTrail_eu-west-1_20260301T{number // 60 % 24:02d}{number % 60:02d}Z_{number:016d}.json.gz"
        )
        key = f"AWSLogs/{account}/CloudTrail/eu-west-1/2026/03/01/{name}"
        log = parse_key(key)
        assert log.day == date(2026, 3, 1)
        made.append(Object(0, "s3://logs", key, "etag", size, None, log, False))
    return made


def tasks(found: list[Object], workers: int = 16) -> list[tuple[Object, ...]]:
    return plan.groups(Plan("b", tuple(found), datetime(2026, 3, 2, tzinfo=UTC)), BOUNDS, workers)


def sizes(made: list[tuple[Object, ...]]) -> list[int]:
    return [sum(o.size for o in group) for group in made]


def one_huge_account_beside_fifty_small_ones() -> list[Object]:
    """It has nine tenths of the bytes."""
    chance = random.Random(5)
    found = objects(HUGE, *(chance.randrange(MB // 2, 2 * MB) for _ in range(900)))
    for number in range(50):
        found += objects(f"{111122220000 + number}", *(chance.randrange(1_000, 400_000) for _ in range(10)))
    chance.shuffle(found)
    return found


def test_one_huge_account_is_many_tasks_of_bounded_bytes_and_small_ones_share_some():
    found = one_huge_account_beside_fifty_small_ones()
    made = tasks(found)
    assert sorted(o.key for group in made for o in group) == sorted(o.key for o in found), "each object once"
    assert max(sizes(made)) <= BOUNDS.task_bytes
    small = [group for group in made if all(o.log.account_id != HUGE for o in group)]
    huge = [group for group in made if group not in small]
    assert len(huge) > 100 and len(small) < 20, "by bytes, not by account"


def test_no_worker_is_left_with_much_more_than_another():
    """As Spark hands tasks out: the next one to whoever is free; the bytes stand for the time."""
    made = sizes(tasks(one_huge_account_beside_fifty_small_ones()))
    busy = [0] * 16
    for size in made:
        busy[busy.index(min(busy))] += size
    assert max(busy) - min(busy) <= BOUNDS.task_bytes


def test_an_object_over_the_bound_is_a_task_alone_and_begins_first():
    """It would otherwise begin when the others end, and all would wait for it."""
    found = objects(HUGE, *([MB] * 40), 200 * MB, *([MB] * 40))
    made = tasks(found)
    assert sizes(made)[0] == 200 * MB and len(made[0]) == 1
    assert sizes(made) == sorted(sizes(made), reverse=True)


def test_a_small_batch_is_enough_tasks_for_every_worker():
    made = tasks(objects(HUGE, *([MB] * 96)))
    assert len(made) >= 3 * 16
