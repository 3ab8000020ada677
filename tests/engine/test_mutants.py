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
    yield made
    made.close()


def conditions(tree: exp.Query) -> list[exp.Expr]:
    return [node for node in tree.walk() if isinstance(node, CONDITIONS)]


def mutants(sql: str) -> Iterator[tuple[str, exp.Query]]:
    """The query with one condition replaced, and which."""
    count = len(conditions(dialect.parse(sql)))
    for number in range(count):
        for value in (True, False):
            tree = dialect.parse(sql)
            node = conditions(tree)[number]
            said = f"{node.sql(dialect='trino')} -> {value}"
            node.replace(exp.Boolean(this=value))
            yield said, tree


def answers(connection: duckdb.DuckDBPyConnection, case: cases.Case, of_view: exp.Query | None, sqls: list[exp.Query]):
    """What comes of the questions of a case; of a view, with another text of it."""
    for view in views.needed([case.name, *(name for tree in sqls for name in dialect.tables(tree))]):
        tree = of_view if of_view is not None and view.name == case.name else dialect.parse(view.sql)
        connection.execute(f"CREATE OR REPLACE VIEW trailhouse.{view.name} AS {translate.to_duckdb(tree)}")
    return [connection.execute(translate.to_duckdb(tree)).fetchall() for tree in sqls]


@pytest.mark.parametrize("name", cases.names())
def test_each_condition_changes_an_answer(connection, name):
    case = cases.load(name)
    asked = [dialect.parse(sql_of(case, expected)) for expected in case.expected]
    right = answers(connection, case, None, asked)
    survivors = []
    if name in queries.views():
        for said, tree in mutants(queries.views()[name].sql):
            if differs(connection, case, tree, asked, right) is False:
                survivors.append(said)
    else:
        texts = [sql_of(case, expected) for expected in case.expected]
        for versions in zip(*(list(mutants(text)) for text in texts), strict=True):
            if differs(connection, case, None, [tree for _, tree in versions], right) is False:
                survivors.append(versions[0][0])
    assert not survivors, "no case sees these conditions:\n  " + "\n  ".join(survivors)


def differs(connection, case, of_view, asked, right) -> bool:
    try:
        return answers(connection, case, of_view, asked) != right
    except duckdb.Error:
        return True  # seen by everybody


def test_a_condition_that_nothing_needs_is_found(connection):
    """The check itself: `account_id LIKE '%'` holds for every row."""
    case = cases.load("who_deleted_it")
    expected = case.expected[0]
    text = sql_of(case, expected).replace("ORDER BY", "AND account_id LIKE '%' ORDER BY")
    right = answers(connection, case, None, [dialect.parse(text)])
    alive = [said for said, tree in mutants(text) if not differs(connection, case, None, [tree], right)]
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
