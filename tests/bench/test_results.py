"""What is made of numbers: ratios of pairs of a round, no comparison of unequal rows, and a file that parts share."""

from __future__ import annotations

import json
from datetime import date

import pytest

from bench import ingest, results
from bench.parts import hard
from bench.parts import ingest as part


def of(seconds: list[float], work: list[float] | None = None) -> list[dict]:
    return [{"seconds": s, "work_seconds": w} for s, w in zip(seconds, work or seconds, strict=True)]


NUMBERS = {
    "contenders": {
        "trailhouse": of([10, 20, 40], [8, 16, 32]),
        "trailhouse_native": of([5, 10, 20], [4, 8, 16]),
        "trailhouse_decode_write": of([6, 12, 24], [5, 10, 20]),
        "trailhouse_native_decode_write": of([6, 12, 24], [2.5, 5, 10]),
        "pyspark": of([90, 90, 90], [40, 80, 160]),
        "pyspark_repartition": of([20, 60, 40], [50, 50, 50]),
        "duckdb": of([30, 40, 160], [29, 39, 159]),
        "clickhouse": of([5, 10, 20], [5, 10, 10]),
        "floor_msgspec": of([2, 2, 2], [1, 2, 4]),
        "floor_simdjson": of([2, 2, 2], [3, 3, 3]),
    }
}


def test_a_ratio_is_the_median_over_pairs_of_the_same_round():
    assert results.of_pairs([20, 60, 40], [10, 20, 40]) == 2  # of 2, 3 and 1
    with pytest.raises(ValueError, match="shorter"):
        results.of_pairs([1, 2], [1])


def test_whole_is_compared_with_whole_and_work_with_work():
    found = part.ratios(NUMBERS)
    assert found["ingest_whole_to_duckdb"] == 3  # of 3, 2 and 4
    assert found["ingest_whole_to_clickhouse"] == 0.5
    assert found["decode_write_to_clickhouse"] == 1  # of 1, 1 and 0.5
    assert found["decode_write_to_duckdb"] == 5.8
    assert (found["native_ingest_whole_to_duckdb"], found["native_decode_write_to_clickhouse"]) == (6, 2)


def test_of_two_that_do_the_same_the_ratio_takes_the_faster_by_what_is_compared():
    assert ingest.faster(NUMBERS["contenders"], ingest.SPARKS, "seconds") == "pyspark_repartition"
    assert ingest.faster(NUMBERS["contenders"], ingest.SPARKS, "work_seconds") == "pyspark_repartition"
    found = part.ratios(NUMBERS)
    assert found["ingest_whole_to_pyspark"] == 2  # of 2, 3 and 1
    assert found["decode_write_to_pyspark"] == 5  # of 10, 5 and 2.5
    assert found["ingest_whole_to_pyspark_without_repartition"] == 4.5  # of 9, 4.5 and 2.25
    assert (found["decode_write_to_floor"], found["native_decode_write_to_floor"]) == (0.2, 0.4)


def test_hard_cases_are_told_by_their_names():
    case = {"contenders": {name: NUMBERS["contenders"][name] for name in hard.COMPARED}}
    assert hard.ratios({"big": case})["big_whole_to_duckdb"] == 3
    both = {"tiny_whole_to_pyspark", "tiny_whole_to_duckdb"}
    assert set(hard.ratios({"tiny": case})) == both | {f"native_{name}" for name in both}


def test_contenders_with_different_rows_end_the_bench():
    results.same_rows({"input": 5, "duckdb": 5})
    with pytest.raises(SystemExit, match=r"different numbers of rows.*input 5, duckdb 4"):
        results.same_rows({"input": 5, "duckdb": 4})


def test_a_part_that_is_not_run_keeps_its_numbers_and_its_day(tmp_path):
    how = {"events": 10, "rounds": 3, "seconds": 1}
    results.add(tmp_path, date(2026, 1, 1), "ingest", NUMBERS, how)
    path = results.add(tmp_path, date(2026, 1, 2), "hard", {}, how)
    known = json.loads(path.read_text())
    assert path.name == "2026-01-02.json"
    assert {name: each["on"] for name, each in known["measured"].items()} == {
        "ingest": "2026-01-01",
        "hard": "2026-01-02",
    }
    assert known["ratios"]["ingest_whole_to_duckdb"] == 3
    assert results.newest(tmp_path) == path


def test_a_part_that_is_run_again_is_written_over(tmp_path):
    how = {"events": 10, "rounds": 3, "seconds": 1}
    slower = {"contenders": NUMBERS["contenders"] | {"duckdb": of([300, 400, 1600])}}
    for numbers in (NUMBERS, slower):
        path = results.add(tmp_path, date(2026, 1, 1), "ingest", numbers, how)
    assert json.loads(path.read_text())["ratios"]["ingest_whole_to_duckdb"] == 30


def test_numbers_of_an_older_bench_are_left_out_and_told(tmp_path, capsys):
    how = {"events": 10, "rounds": 3, "seconds": 1}
    path = results.add(tmp_path, date(2026, 1, 1), "ingest", NUMBERS, how)
    known = json.loads(path.read_text())
    del known["numbers"]["ingest"]["contenders"]["trailhouse_native"]
    path.write_text(json.dumps(known))
    known = json.loads(results.add(tmp_path, date(2026, 1, 1), "hard", {}, how).read_text())
    assert (set(known["numbers"]), set(known["measured"]), known["ratios"]) == ({"hard"}, {"hard"}, {})
    assert "ingest was measured by an older bench" in capsys.readouterr().err


def test_a_bench_that_never_ran_has_no_results(tmp_path):
    with pytest.raises(SystemExit, match="make bench"):
        results.read(results.newest(tmp_path))
