"""The model of sizes: its arithmetic, and that the pages are what the last numbers give."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tools.scale import __main__ as scale
from tools.scale import model, pages
from tools.scale.model import Measured, Size
from tools.scale.rates import RATES

ONE = Measured(
    list_key=40e-6, list_feed=3e-3, known_object=40, event=45e-6, object=2e-3, commit=0.1, commit_file=1e-3, plan_file=3e-4,
    stored_event=250, lake_event=128, ledger_object=67, manifest_file=900, metadata_snapshot=900, start=7,
)  # fmt: skip


def test_few_events_make_a_file_each_and_many_as_many_as_fit() -> None:
    assert model.needs(Size(100, 10), ONE).objects == 100
    assert model.needs(Size(10**6, 10), ONE).objects == 40 * 288
    assert model.needs(Size(10**10, 10), ONE).objects == pytest.approx(10**10 * 1400 / 50e6)


def test_what_a_source_of_feeds_asks_is_a_request_each_and_run() -> None:
    need = model.needs(Size(10**6, 1_000), ONE)
    assert need.lists > 96 * 4_000
    assert need.lists < 96 * 4_000 * 1.6
    assert need.plan_seconds == pytest.approx(4_000 * 3e-3 + need.objects / 2 * 40e-6)


def test_cores_are_as_many_as_keep_up_half_of_the_time() -> None:
    need = model.needs(Size(10**10, 10), ONE)
    assert need.cores / 2 >= need.core_seconds / model.DAY > need.cores / 2 - 1
    assert model.needs(Size(10**6, 10), ONE).cores == 2


def test_a_bucketed_lake_has_files_of_tasks_and_not_of_feeds() -> None:
    assert model.needs(Size(10**8, 999), ONE).files_run == 999 * 4
    assert model.needs(Size(10**6, 10_000), ONE).files_run <= model.BUCKETS


@pytest.mark.parametrize("size", pages.SIZES, ids=str)
def test_more_of_anything_never_takes_less(size: Size) -> None:
    need, more = model.needs(size, ONE), model.needs(replace(size, events=2 * size.events), ONE)
    for name in ("objects", "lists", "core_seconds", "lake_bytes", "query_bytes", "plan_seconds", "files"):
        assert getattr(more, name) >= getattr(need, name), name
    assert sum(model.trailhouse(more, ONE, RATES).values()) >= sum(model.trailhouse(need, ONE, RATES).values())


def test_the_cheaper_price_of_a_lake_is_taken() -> None:
    small, large = Size(10**6, 10), Size(10**10, 10)
    gigabytes = 10**6 * 1400 * model.MONTH / 1e9
    assert model.cloudtrail_lake(small, ONE, RATES)["ingestion"] == pytest.approx(gigabytes * 0.75)
    gigabytes *= 10**4
    seven = 5_000 * 2.5 + 20_000 + (gigabytes - 25_000) * 0.5
    assert model.cloudtrail_lake(large, ONE, RATES)["ingestion"] == pytest.approx(seven)


def test_two_ingests_say_what_an_object_and_an_event_take() -> None:
    few, many = (3_000, 100_000, 3_000 * 2e-3 + 100_000 * 4e-5), (10_000, 1_000_000, 10_000 * 2e-3 + 1_000_000 * 4e-5)
    assert scale._both(few, many) == pytest.approx((2e-3, 4e-5))


@pytest.mark.parametrize("list_feed", [1e-4, 1e-2])
def test_where_listing_ends_is_where_the_model_has_a_run_take_a_third_of_its_time(list_feed: float) -> None:
    one = replace(ONE, list_feed=list_feed, list_key=1e-12)
    told = next(line for line in pages._ends(one) if line.startswith("| listing"))
    most = model.DAY / model.RUNS / 3
    accounts = round(most / model.needs(Size(1, 1), one).plan_seconds)
    assert f"({pages._short(accounts)} accounts in four regions)" in told


def test_each_log_file_that_is_read_is_decrypted_and_that_is_paid() -> None:
    need = model.needs(Size(10**6, 1_000), ONE)
    dearer = RATES | {"kms": replace(RATES["kms"], dollars=2 * RATES["kms"].dollars)}
    more = sum(model.trailhouse(need, ONE, dearer).values()) - sum(model.trailhouse(need, ONE, RATES).values())
    assert more == pytest.approx(need.objects * model.MONTH * 0.03 / 10_000)
    raw = sum(model.raw_files(need, ONE, dearer).values()) - sum(model.raw_files(need, ONE, RATES).values())
    assert raw == pytest.approx((need.objects + 30 * need.objects) * 0.03 / 10_000)


def test_every_price_says_where_and_when_it_was_seen() -> None:
    assert all(each.source and each.seen[:2] == "20" and each.dollars > 0 for each in RATES.values())


@pytest.mark.parametrize("name", ["scale.md", "cost.md"])
def test_the_pages_are_what_the_last_numbers_give(name: str) -> None:
    numbers = json.loads(scale.NUMBERS.read_text())
    assert (scale.ROOT / "docs" / name).read_text("utf-8") == pages.written(numbers)[name], (
        "python -m tools.scale --pages"
    )


def test_constants_are_those_of_the_numbers() -> None:
    numbers = json.loads(scale.NUMBERS.read_text())
    assert Measured(**numbers["measured"]) == scale.constants(numbers)
