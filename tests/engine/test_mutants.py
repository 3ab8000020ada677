"""
Every condition in a report or view matters: with it taken for true, or for false, some case comes out differently.

On DuckDB, over the lake of all cases as tables in memory, since there are many.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from sqlglot import exp

from tests.engine import cases
from tests.engine.test_reports import sql_of
from trailhouse.ask import dialect, queries, translate, views
from trailhouse.ask.macros import MACROS
from trailhouse.lake import schema

CONDITIONS = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.In, exp.Between, exp.Is, exp.RegexpLike,
    exp.ArrayContains, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Exists,
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(folder_lake) -> Iterator[duckdb.DuckDBPyConnection]:
    made = duckdb.connect()
    made.execute("SET TimeZone = 'UTC'")
    made.execute(
        "CREATE SCHEMA trailhouse; CREATE SCHEMA trailhouse_ops; SET search_path = 'trailhouse,trailhouse_ops'"
    )
    for name in schema.TABLES:
        made.register("read", folder_lake.table(name).scan().to_arrow())
        made.execute(f"CREATE TABLE {'.'.join(folder_lake.name(name))} AS FROM read")
        made.unregister("read")
    for macro in MACROS:
        made.execute(macro)
    for view in views.needed(queries.views()):
        define(made, view.name, dialect.parse(view.sql))
    yield made
    made.close()


def define(connection: duckdb.DuckDBPyConnection, view: str, tree: exp.Query) -> None:
    connection.execute(f"CREATE OR REPLACE VIEW trailhouse.{view} AS {translate.to_duckdb(tree)}")


def conditions(tree: exp.Query) -> list[exp.Expr]:
    return [node for node in tree.walk() if isinstance(node, CONDITIONS)]


def mutants(sql: str) -> Iterator[tuple[str, exp.Query]]:
    """The query with one condition replaced, and which."""
    whole = dialect.parse(sql)
    for number, condition in enumerate(conditions(whole)):
        for value in (True, False):
            tree = whole.copy()
            conditions(tree)[number].replace(exp.Boolean(this=value))
            yield f"{condition.sql(dialect='trino')} -> {value}", tree


def answers(connection: duckdb.DuckDBPyConnection, sqls: list[exp.Query]) -> list[list[tuple]]:
    return [connection.execute(translate.to_duckdb(tree)).fetchall() for tree in sqls]


@pytest.mark.parametrize("name", cases.names())
def test_each_condition_changes_an_answer(connection, name):
    case = cases.load(name)
    texts = [sql_of(case, expected) for expected in case.expected]
    asked = [dialect.parse(text) for text in texts]
    right = answers(connection, asked)
    if view := queries.views().get(name):
        survivors = []
        for said, tree in mutants(view.sql):
            define(connection, name, tree)
            if not differs(connection, asked, right):
                survivors.append(said)
        define(connection, name, dialect.parse(view.sql))
    else:
        survivors = [
            versions[0][0]
            for versions in zip(*map(mutants, texts), strict=True)
            if not differs(connection, [tree for _, tree in versions], right)
        ]
    assert not survivors, "no case sees these conditions:\n  " + "\n  ".join(survivors)


def differs(connection: duckdb.DuckDBPyConnection, asked: list[exp.Query], right: list[list[tuple]]) -> bool:
    try:
        return answers(connection, asked) != right
    except duckdb.Error:
        return True  # seen by everybody


def test_a_condition_that_nothing_needs_is_found(connection):
    """The check itself: `account_id LIKE '%'` holds for every row."""
    case = cases.load("who_deleted_it")
    expected = case.expected[0]
    text = sql_of(case, expected).replace("ORDER BY", "AND account_id LIKE '%' ORDER BY")
    right = answers(connection, [dialect.parse(text)])
    alive = [said for said, tree in mutants(text) if not differs(connection, [tree], right)]
    assert "account_id LIKE '%' -> True" in alive


def test_every_report_and_view_has_a_case():
    old = {name for name, view in queries.views().items() if "compatibility" in view.tags}  # test_compatibility_views
    assert set(cases.names()) == {*queries.reports(), *queries.views()} - old


def test_each_case_has_an_account_of_its_own_an_answer_and_one_that_is_empty():
    accounts = [cases.load(name).account for name in cases.names()]
    assert len(set(accounts)) == len(accounts)
    for name in queries.reports():
        rows = [expected.rows for expected in cases.load(name).expected]
        assert any(rows), f"{name} is never answered"
        assert [] in rows, f"{name} is never empty"
