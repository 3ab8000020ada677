"""S12: what somebody gives a run is a day, an account, a known source or a known word, or it is refused."""

from __future__ import annotations

from datetime import date

import pytest
from trailhouse_airflow import parameters
from trailhouse_airflow.parameters import ParameterError, Range

TODAY = date(2026, 3, 10)
KNOWN = ("org", "before-2024")
HOSTILE = (
    *("; rm -rf /", "$(id)", "`id`", "--lake=s3://other/wh", "-x", "{{ var.value.secret }}", "{% for x in y %}"),
    *(
        "2024-01-01\n",
        "2024-01-01 --lake x",
        "\u0662\u0660\u0662\u0664-01-01",
        "２０２４-01-01",
        "2024-13",
        "2024-02-30",
    ),
    *("9999-12-31", "0001-01-01", "2012-12-31", "1e9", "../..", "\x00", "2024-1-1", "20240101", "2024-W01-1"),
    *("111122223333\n", "11112222333", "1111222233334", "١١١١٢٢٢٢٣٣٣٣", "--account"),
)
WRONG_TYPES = (0, 1.5, True, ["2024-01-01"], {"$date": 1})


@pytest.mark.parametrize("given", [*HOSTILE, *WRONG_TYPES], ids=repr)
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_day_that_is_none_is_refused(name, given):
    with pytest.raises(ParameterError, match=f"`{name}`"):
        parameters.range_of({name: given}, KNOWN, TODAY)


@pytest.mark.parametrize(
    "given", [*([each] for each in HOSTILE), [5], [["111122223333"]], "111122223333", {"a": 1}], ids=repr
)
@pytest.mark.parametrize("name", ["accounts", "sources"])
def test_an_account_or_source_that_is_none_is_refused(name, given):
    with pytest.raises(ParameterError, match=r"accounts|source"):
        parameters.range_of({name: given}, KNOWN, TODAY)


@pytest.mark.parametrize("key", ["lake", "--lake", "config", "From", "accounts ", "openlineage"])
def test_a_parameter_that_nobody_knows_is_refused(key):
    with pytest.raises(ParameterError, match="unknown parameter"):
        parameters.range_of({key: "x"}, KNOWN, TODAY)
    with pytest.raises(ParameterError, match="unknown parameter"):
        parameters.months_of({"from": "2024-01", "to": "2024-02", key: "x"}, KNOWN, TODAY)


def test_what_is_meant_comes_out_in_its_own_type():
    given = {"from": "2024-01-15", "to": "2024-02", "accounts": ["111122223333", "111122223333"], "sources": ["org"]}
    want = Range(date(2024, 1, 15), date(2024, 2, 29), ("111122223333",), ("org",))
    assert parameters.range_of(given, KNOWN, TODAY) == want
    assert parameters.range_of(want.as_conf(), KNOWN, TODAY) == want, "what backfill hands on is what it was given"
    assert parameters.range_of({"from": None, "to": "", "accounts": [], "sources": None}, KNOWN, TODAY) == Range()


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ParameterError, match="is after"):
        parameters.range_of({"from": "2024-02-01", "to": "2024-01-31"}, KNOWN, TODAY)


def test_months_cover_the_range_once_and_in_the_order_that_is_asked_for():
    given = {"from": "2023-11-20", "to": "2024-02"}
    found = parameters.months_of(given, KNOWN, TODAY)
    assert [(str(each.first), str(each.last)) for each in found] == [
        ("2023-11-20", "2023-11-30"),
        ("2023-12-01", "2023-12-31"),
        ("2024-01-01", "2024-01-31"),
        ("2024-02-01", "2024-02-29"),
    ]
    assert parameters.months_of({**given, "order": "newest first"}, KNOWN, TODAY) == found[::-1]
    assert len(parameters.months_of({"from": "2013-01", "to": "2026-03"}, KNOWN, TODAY)) == 159, "and never more"


@pytest.mark.parametrize(
    "given", [{}, {"from": "2024-01"}, {"to": "2024-01"}, {"from": "2024-01", "to": "2024-02", "order": "x"}]
)
def test_a_backfill_without_its_range_is_refused(given):
    with pytest.raises(ParameterError):
        parameters.months_of(given, KNOWN, TODAY)


def test_too_many_accounts_are_refused():
    with pytest.raises(ParameterError, match="may have 1000"):
        parameters.range_of({"accounts": [f"{n:012d}" for n in range(1001)]}, KNOWN, TODAY)
