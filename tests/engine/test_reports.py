"""Every report and view gives the rows that its cases say, on Athena's engine and on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from tests.engine import cases
from trailhouse.ask import local, parameters, queries
from trailhouse.ask.answer import Answer

TODAY = date(2026, 3, 31)
ASKED = [(name, number) for name in cases.names() for number in range(len(cases.load(name).expected))]


def sql_of(case: cases.Case, expected: cases.Expected) -> str:
    if case.name in queries.reports():
        return parameters.bound(queries.report(case.name), expected.params, TODAY)
    grain = ", ".join(queries.views()[case.name].grain)
    where = expected.where or f"account_id = '{case.account}'"
    return f"SELECT {', '.join(expected.select)} FROM {case.name} WHERE {where} ORDER BY {grain}"


@pytest.fixture(scope="module")
def here(folder_lake) -> Iterator[Callable[[str], Answer]]:
    with local.asking(folder_lake.where) as asked:
        yield asked


@pytest.mark.parametrize(("name", "number"), ASKED)
def test_here(here, name, number):
    case = cases.load(name)
    answer = here(sql_of(case, case.expected[number]))
    assert [cases.plain(list(row)) for row in answer.rows] == case.expected[number].rows


@pytest.mark.parametrize(("name", "number"), ASKED)
def test_on_athenas_engine(published, athena, name, number):
    case = cases.load(name)
    _, rows = athena(sql_of(case, case.expected[number]))
    assert [cases.plain(list(row)) for row in rows] == case.expected[number].rows
