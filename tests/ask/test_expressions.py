"""Words that both engines know, and would not mean the same by: here they do, or are refused."""

from __future__ import annotations

import duckdb
import pytest

from tests.ask import expressions
from trailhouse.ask import dialect, translate
from trailhouse.ask.macros import MACROS
from trailhouse.errors import UsageError

EVERY = expressions.load()


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        for macro in MACROS:
            made.execute(macro)
        yield made


@pytest.mark.parametrize("each", [each for each in EVERY if not each.refused], ids=lambda each: each.sql[7:60])
def test_it_means_here_what_it_means_there(connection, each):
    (row,) = connection.execute(translate.to_duckdb(dialect.parse(each.sql))).fetchall()
    assert (row[0], type(row[0])) == (each.value, type(each.value))


@pytest.mark.parametrize("each", [each for each in EVERY if each.refused], ids=lambda each: each.sql[7:60])
def test_what_can_not_mean_the_same_is_refused_by_its_name(each):
    with pytest.raises(UsageError, match=each.refused):
        translate.to_duckdb(dialect.parse(each.sql))


def test_what_is_no_whole_number_is_no_answer(connection):
    with pytest.raises(duckdb.Error, match="whole number"):
        connection.execute(translate.to_duckdb(dialect.parse("SELECT CAST(x AS bigint) FROM (VALUES '1.5') t(x)")))
    sql = "SELECT TRY(CAST(x AS bigint)) FROM (VALUES '1.5') t(x)"
    assert connection.execute(translate.to_duckdb(dialect.parse(sql))).fetchall() == [(None,)]
