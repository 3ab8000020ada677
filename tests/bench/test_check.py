"""Counts and their bounds: what grows and what shrinks fails, in a sentence that says what to do."""

from __future__ import annotations

import pytest

from bench import check, interpreted, requests
from bench.check import Bound, Bounds
from tests.faults.proxy import Request

TEXT = """
python = "3.11"
[[group]]
name = "ingest"
grown = "Look."
[group.counts]
"GET log" = [3, "one of each object"]
"instructions of Python" = [100.0, "what a record costs"]
"LIST" = [0, "nothing that is listed"]
"""
SOUND = {"ingest: GET log": 3.0, "ingest: instructions of Python": 98.0, "ingest: LIST": 0.0}


def judged(python: str = "3.11.7", **other: float) -> list[str]:
    found = SOUND | {f"ingest: {name.replace('_', ' ')}": count for name, count in other.items()}
    return list(check.judged(check.bounds(TEXT), found, python))


def test_what_is_as_its_bounds_say_passes() -> None:
    assert judged() == []


def test_what_grew_says_by_how_much_and_what_to_do() -> None:
    assert judged(GET_log=4) == ["ingest: GET log: 4, 1 more than 3 (+33.3%). It is one of each object. Look."]
    assert judged(LIST=2) == ["ingest: LIST: 2, 2 more than 0. It is nothing that is listed. Look."]


def test_what_shrank_is_to_be_kept() -> None:
    (said,) = judged(GET_log=2)
    assert said == "ingest: GET log: 2, where 3 is allowed: lower it in counts.toml, to keep that"


@pytest.mark.parametrize(("count", "wrong"), [(100.0, 0), (100.1, 1), (90.0, 0), (89.9, 1)])
def test_what_is_no_whole_number_may_be_a_tenth_less(count, wrong) -> None:
    assert len(judged(instructions_of_Python=count)) == wrong


def test_another_interpreter_is_not_judged_by_the_instructions_of_this_one() -> None:
    assert judged("3.13.0", instructions_of_Python=150.0) == []
    assert len(judged("3.13.0", GET_log=4)) == 1


def test_a_count_that_nobody_allowed_is_told() -> None:
    assert judged(DELETE=1) == ["ingest: DELETE: 1, and counts.toml has no bound for it: give it one, and say why"]


def test_a_count_that_is_gone_is_none() -> None:
    (said,) = check.judged(Bounds("3.11", (Bound("a: b", 1, "why", "Do."),)), {}, "3.11.7")
    assert said.startswith("a: b: 0, where 1 is allowed")


def test_each_bound_of_the_file_has_a_reason() -> None:
    asked = check.bounds(check.COUNTS.read_text("utf-8"))
    assert len({each.name for each in asked.bounds}) == len(asked.bounds)
    assert all(each.why and each.grown.endswith(".") for each in asked.bounds)


@pytest.mark.parametrize(
    ("method", "target", "kind"),
    [
        ("GET", "/b/AWSLogs/1/x.json.gz", "GET log"),
        ("GET", "/b/w/metadata/snap-1-0-x.avro", "GET metadata"),
        ("POST", "/b/w/data/x.parquet?uploads", "PUT data"),
        ("PUT", "/b/w/data/x.parquet?partNumber=1&uploadId=y", "PUT data"),
        ("PUT", "/b/w/_trailhouse/plans/x.json.gz", "PUT own file"),
        ("HEAD", "/b/w/metadata/00000-x.metadata.json", "HEAD"),
        ("GET", "/b/?list-type=2&prefix=x", "LIST"),
        ("POST", "/b?delete", "DELETE"),
    ],
)
def test_requests_are_told_as_they_are_billed(method, target, kind) -> None:
    assert requests.kind(Request("s3", method, target, {}, b"")) == kind


def test_those_of_glue_by_whether_they_write() -> None:
    made = [Request("glue", "POST", "/", {"x-amz-target": f"AWSGlue.{o}"}, b"{}") for o in ("GetTable", "UpdateTable")]
    assert [requests.kind(each) for each in made] == ["Glue read", "Glue write"]


def work(times: int) -> int:
    return sum(abs(number) for number in range(times))


def test_instructions_and_calls_are_counted_one_by_one() -> None:
    once, twice = (interpreted.instructions(lambda n=n: work(n)) for n in (100, 200))
    assert once == interpreted.instructions(lambda: work(100))
    assert twice - once == interpreted.instructions(lambda: work(300)) - twice > 0
    assert interpreted.calls(lambda: work(200)) - interpreted.calls(lambda: work(100)) == 200  # abs, and the generator


def test_what_is_held_at_once_is_counted_and_not_what_came_and_went() -> None:
    held = interpreted.most_allocated(lambda: [bytes(1000) for _ in range(100)])
    passing = interpreted.most_allocated(lambda: [None for _ in range(100) if bytes(1000)])
    assert held > 100_000
    assert passing < 5_000
