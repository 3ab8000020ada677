"""What exit codes mean to Airflow, and what of an outcome goes on."""

from __future__ import annotations

import pytest
from trailhouse_airflow import outcome

from trailhouse import errors
from trailhouse.cli import outcome as told


@pytest.mark.parametrize(
    ("exit_code", "meaning"),
    [
        *((0, "done"), (3, "done"), (4, "done"), (5, "done")),  # with tasks of their own for what is behind 3, 4, 5
        (2, "fails"),  # it would fail again
        *((1, "again"), (6, "again"), (130, "again"), (137, "again"), (143, "again")),
    ],
)
def test_an_exit_code_means(exit_code, meaning):
    assert outcome.meaning(exit_code) == meaning


def test_the_codes_are_those_of_the_command():
    assert (
        errors.UsageError.exit_code,
        errors.GateError.exit_code,
        errors.UnknownOutcomeError.exit_code,
    ) == (outcome.WRONG_USAGE, outcome.REFUSED, outcome.UNKNOWN)
    assert set(told.WORDS) == set(range(7))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"exit_code": "0"}', b'{"exit', b"\xff"])
def test_half_an_outcome_is_none(text):
    assert outcome.read(text) is None


def test_a_summary_is_short_and_holds_no_more_than_is_known():
    long = {"status": "x" * 9999, "problems": [{"where": "k" * 9999}] * 999, "surprise": "s"}
    found = outcome.summary({"exit_code": 5, "error": "e" * 9999, "result": long}, 5)
    assert "surprise" not in found and len(found["error"]) == len(found["status"]) == outcome.LONGEST
    assert len(found["problems"]) == outcome.MOST and len(found["problems"][0]["where"]) == outcome.LONGEST
    assert outcome.summary(None, 137) == {"exit_code": 137, "error": ""}


def test_what_failed_tries_published_or_saw_refused_is_not_forgotten():
    earlier = {"batches": ["a"], "refusals": [{"batch_id": "r"}], "begun": 2}
    now = outcome.joined(earlier, outcome.summary({"exit_code": 0, "result": {"batches": ["a", "b"]}}, 0))
    assert outcome.published([now]) == ["a", "b"] and outcome.refusals([now]) == [{"batch_id": "r"}]


@pytest.mark.parametrize(
    ("planned", "new"),
    [
        ({"objects": 0, "problems": [], "listed_wider": False}, False),
        ({"objects": 1}, True),
        ({"problems": [{"where": "s3://x"}]}, True),  # ingest keeps them as pending
        ({"listed_wider": True}, True),  # only ingest remembers what was listed
    ],
)
def test_an_ingest_is_started_where_there_is_something_to_do(planned, new):
    assert outcome.is_new(planned) is new


def test_a_refusal_says_which_batch_what_failed_and_what_to_type():
    refusal = {"batch_id": "b1", "expectations": ["events.root x"], "data_docs": "s3://lake/docs/index.html"}
    said = outcome.said_of_refusals([refusal], "/etc/my lake.toml")
    assert "batch b1 is held" in said and "Data Docs: s3://lake/docs/index.html" in said
    assert "trailhouse batch show b1 --config '/etc/my lake.toml'" in said
    assert "trailhouse batch rows b1 --expectation 'events.root x'" in said
