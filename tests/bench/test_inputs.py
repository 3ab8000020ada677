"""Inputs are made once, hold what they say, and each event once."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from bench import inputs, restamp
from bench.values import Bench, Input


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path / "inputs", tmp_path, 2_000, 1)


def files(given: Input) -> list[list[dict]]:
    paths = sorted(given.folder.rglob("*.json.gz"))
    return [json.loads(gzip.decompress(path.read_bytes()))["Records"] for path in paths]


def hold(given: Input) -> list[dict]:
    """The records, after a look at what the input says of itself."""
    found = files(given)
    assert len(found) == given.files
    assert sum(path.stat().st_size for path in given.folder.rglob("*.json.gz")) == given.stored
    records = [record for each in found for record in each]
    assert len(records) == given.events
    keys = Counter((r.get("recipientAccountId"), r["awsRegion"], r["eventID"]) for r in records)
    assert max(keys.values()) == 1
    return records


def test_the_sample_is_its_events_alone_of_thirty_days(bench):
    records = hold(inputs.sample(bench, 2_000))
    assert len({record["eventTime"][:10] for record in records}) == 30
    assert not any("insightDetails" in record for record in records)


def test_what_was_made_is_not_made_again_until_its_recipe_changes(bench):
    made = []

    def make(folder: Path) -> int:
        made.append(folder)
        (folder / "a.json.gz").write_bytes(gzip.compress(b"{}"))
        return 1

    first = inputs.kept(bench, "x", [1], make)
    assert inputs.kept(bench, "x", [1], make) == first
    assert len(made) == 1
    assert inputs.kept(bench, "x", [2], make).folder != first.folder
    assert len(made) == 2


def test_an_input_that_was_not_finished_is_made_anew(bench):
    def die(folder: Path) -> int:
        (folder / "half.json.gz").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inputs.kept(bench, "x", [1], die)
    assert inputs.kept(bench, "x", [1], lambda _: 0).files == 0


def test_without_real_records_all_of_it_is_the_sample_and_the_name_says_so(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(inputs, "CORPUS", tmp_path / "nowhere")
    given = inputs.main(bench)
    assert (given.events, given.name) == (2_000, "sample-2000-30")


def test_real_records_are_half_of_the_main_input(bench, corpus):
    given = inputs.main(bench)
    records = hold(given)
    assert given.name == "main-2000"
    assert sum(record.get("recipientAccountId") in inputs.ACCOUNTS for record in records) == 1_000


def test_real_records_are_spread_over_accounts_regions_and_days_in_files_of_some_hundreds(bench, corpus):
    given = inputs.corpus(bench, 20_000)
    records = hold(given)
    sizes = [len(each) for each in files(given)]
    assert all(200 <= size <= 700 for size in sizes[:-1] if size != min(sizes))
    assert {record["recipientAccountId"] for record in records} == set(inputs.ACCOUNTS)
    assert {record["awsRegion"] for record in records} == set(inputs.REGIONS)
    assert len({record["eventTime"][:10] for record in records}) > 25


def test_huge_files_are_as_large_as_they_are_to_be(bench):
    given = inputs.big(bench, files=2, size=1_000_000)
    hold(given)
    assert 2_000_000 <= given.inflated < 2_100_000


def test_tiny_files_hold_hardly_anything(bench):
    given = inputs.tiny(bench, files=100)
    hold(given)
    assert {len(each) for each in files(given)} == {1, 2, 3, 4, 5}


def test_neighbours_stay_neighbours(bench, corpus):
    stamp = restamp.Stamp("", 0, "", "")
    real = [json.loads(restamp.stamped(each, stamp))["eventName"] for each in inputs.real_records()]
    least = inputs.RUN_RECORDS[0]
    runs = {tuple(real[start : start + least]) for start in range(len(real))}
    for each in files(inputs.corpus(bench, 1_000)):
        names = [record["eventName"] for record in each]
        assert tuple(names[:least]) in runs
        assert sum(tuple(names[start : start + least]) in runs for start in range(len(names))) > len(names) / 2


def test_some_records_of_a_file_come_late_and_most_do_not(bench, corpus):
    for each in files(inputs.corpus(bench, 1_000)):
        times = [record["eventTime"] for record in each]
        late = sum(one > next_one for one, next_one in pairwise(times))
        assert 0.02 < late / len(times) < 0.3
