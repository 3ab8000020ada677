"""What the parts make of their numbers: pairs of the same round, medians over reports, and no comparison of unequal work."""

from __future__ import annotations

import pytest

from bench import lakes
from bench.parts import fixed, growth, lookup, proof, query, size


def test_unequal_rows_are_refused_and_named() -> None:
    lakes.same_rows(3, {"duckdb": 3, "pyspark": 3})
    with pytest.raises(SystemExit, match="not the same rows: pyspark has 2, where there are 3"):
        lakes.same_rows(3, {"duckdb": 3, "pyspark": 2})


def seconds(*each: float) -> list[dict[str, float]]:
    return [{"seconds": one} for one in each]


def test_fixed_cost_compares_what_ran_in_the_same_round() -> None:
    rounds = {"trailhouse": seconds(20, 30, 90), "bare_session": seconds(10, 10, 90), "nothing_new": seconds(1, 2, 3)}
    found = fixed.ratios({"rounds": rounds})
    assert found == {"incremental_to_bare_session": 2, "nothing_new_to_bare_session": 0.1}


def grown(rate: float, worker: int, driver: int) -> dict[str, object]:
    return {"rate": rate, "memory": {"worker": worker, "driver": driver}}


def test_growth_compares_the_largest_with_the_smallest() -> None:
    sizes = [grown(100, 200, 300), grown(1, 110, 1), grown(400, 220, 330)]
    found = growth.ratios({"sizes": sizes, "one_file": grown(1, 800, 1)})
    assert found["growth_worker_memory"] == pytest.approx(1.1)
    assert found["growth_driver_memory"] == pytest.approx(1.1)
    assert found["growth_worker_memory_from_second"] == 2
    assert (found["growth_rate"], found["one_file_worker_mb"]) == (4, 800)


def test_size_is_ours_to_theirs_and_the_worse_of_two_counts() -> None:
    bound = {"weighed_gz_bytes": 10, "weighed_xz_bytes": 3}
    numbers = {
        "sample": {"lake_bytes": 60, "gz_bytes": 100, **bound},
        "corpus": {"lake_bytes": 40, "gz_bytes": 100, **bound},
    }
    found = size.ratios(numbers)
    assert found == {
        "lake_bytes_to_gz_sample": 0.6,
        "lake_bytes_to_gz_corpus": 0.4,
        "lake_bytes_to_gz": 0.6,
        "xz_bytes_to_gz_sample": 0.3,
        "xz_bytes_to_gz_corpus": 0.3,
    }
    assert size.ratios({"sample": numbers["sample"]})["lake_bytes_to_gz"] == 0.6


def test_proof_compares_objects_a_second() -> None:
    pair = {"ours": [10.0, 20.0], "theirs": [5.0, 10.0], "read": 400, "said": 100}
    found = proof.ratios({"at_once": pair, "with_latency": pair | {"theirs": [50.0, 100.0]}})
    assert found == {"verify_to_aws_cli": 20, "verify_to_aws_cli_at_once": 2}


def test_reports_compare_what_is_read_of_raw_files_by_their_whole_size() -> None:
    def answer(size: int, took: float) -> dict[str, float]:
        return {"rows": 1, "bytes": size, "seconds": took}

    answers = {
        "lake": {"a": answer(10, 1.0), "b": answer(20, 1.0), "c": answer(40, 1.0)},
        "raw": {"a": answer(1, 8.0), "b": answer(1, 9.0), "c": answer(1, 10.0)},
        "duckdb": {"a": answer(20, 2.0), "b": answer(20, 2.0), "c": answer(20, 2.0)},
    }
    found = query.ratios({"raw_bytes": {"raw": 1000}, "answers": answers})
    assert (found["report_bytes_raw_to_lake"], found["report_bytes_raw_to_lake_at_least"]) == (50, 25)
    assert (found["report_seconds_raw_to_lake"], found["report_bytes_duckdb_to_lake"]) == (9, 1)


def test_a_look_up_is_as_long_as_the_slowest_of_three() -> None:
    numbers = {
        "whole": {"key": [0.9, 0.7, 0.8], "event": [0.5]},
        "warm": {"key": {"seconds": 0.2}, "event": {"seconds": 0.4}},
    }
    assert lookup.ratios(numbers) == {"lookup_seconds": 0.8, "lookup_seconds_warm": 0.4}
