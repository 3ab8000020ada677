"""Parts of the bench on hardly anything, by real programs: that they run, and tell what their ratios need."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contenders.profile import REST, STEPS
from bench.parts import fixed, lookup, profile, size
from bench.values import Bench
from tools import setup

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder: Path = tmp_path_factory.mktemp("bench")
    return Bench(folder / "inputs", folder / "scratch", events=3_000, rounds=1)


def test_fixed_cost_is_told_phase_by_phase_beside_a_bare_session(bench: Bench) -> None:
    numbers = fixed.run(bench)
    (came,), (nothing,) = numbers["rounds"]["trailhouse"], numbers["rounds"]["nothing_new"]
    assert numbers["known"] == 400
    assert (came["rows"], came["spark_jobs"]) == (1000, {"decode and write": 1, "audit": 1})
    assert {"plan", "start", "write", "look", "judge", "publish"} <= came["phases"].keys()
    assert "start" not in nothing["phases"]
    assert 0 < fixed.ratios(numbers)["nothing_new_to_bare_session"] < 1


def test_bytes_are_those_of_the_lake_as_maintain_leaves_it(bench: Bench) -> None:
    told = size.run(bench)["sample"]
    assert told["events"] == 900
    assert 0 < told["lake_files"] <= told["ingested_files"]
    assert 0 < told["weighed_xz_bytes"] < told["weighed_gz_bytes"] <= told["gz_bytes"]
    data = (bench.scratch / "lakes").glob("sample-900-*/trailhouse/events/data/**/*.parquet")
    assert told["lake_bytes"] <= sum(path.stat().st_size for path in data)


def test_a_profile_tells_of_every_step_with_the_kernel_and_without(bench: Bench, native: str) -> None:
    if not setup.contenders_path().is_file():
        pytest.skip(setup.NEED_CONTENDERS)
    numbers = profile.run(bench)
    of = numbers["microseconds"]
    assert of["python"].keys() == of["native"].keys() == {*STEPS, REST}
    assert min(min(steps.values()) for steps in of.values()) >= 0
    assert 0 < numbers["floor"] < sum(of["native"].values())


def test_what_is_looked_up_is_found(bench: Bench) -> None:
    numbers = lookup.run(bench)
    assert {name: len(each) for name, each in numbers["whole"].items()} == dict.fromkeys(numbers["warm"], 1)
    assert all(each["rows"] >= 1 for each in numbers["warm"].values())
    assert numbers["warm"]["event_id"]["rows"] == 1
    assert 0 < lookup.ratios(numbers)["lookup_seconds_warm"] < lookup.ratios(numbers)["lookup_seconds"]
