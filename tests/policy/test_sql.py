"""
The rules of `sql/`: headers that say everything, columns that exist, days that bound, and no time with a zone.

Each rule is shown to catch what it is for.
"""

from __future__ import annotations

from datetime import date

import pytest
from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify

from trailhouse.ask import dialect, parameters, queries, views
from trailhouse.lake import schema

REPORTS, VIEWS = queries.reports(), queries.views()
TAGS = {
    "investigation", "change", "identity", "network", "data", "cost", "health", "compliance", "detection", "compatibility",
}  # fmt: skip
DAYS = {"event_date", "key_day"}  # by which tables are cut into days
UNCUT = {"accounts", "coverage", "batches", "pending", "quarantine", "quality"}  # small, or without such a day
SINCE, UNTIL = date(2001, 1, 1), date(2001, 12, 31)


def tree_of(report: queries.Report) -> exp.Query:
    return dialect.parse(parameters.bound(report, {"since": str(SINCE), "until": str(UNTIL)}, date(2002, 1, 1)))


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda one: one.name)
def test_a_report_says_what_it_asks_and_of_what(report):
    assert report.title and not report.title.endswith(".")
    assert report.doc.endswith("?"), "the question in plain words"
    assert len(report.why) > 30
    assert report.grain
    assert report.tags and set(report.tags) <= TAGS
    assert sorted(set(parameters.placeholders(report.sql))) == sorted(param.name for param in report.params)
    for param in report.params:
        assert param.type in parameters.TYPES
        assert param.doc.endswith(".")
        parameters.read(param, param.default, date(2026, 3, 31))


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda one: one.name)
def test_a_view_says_what_its_rows_and_columns_are(view):
    assert view.title and view.doc and set(view.tags) <= TAGS
    assert set(view.grain) <= {column.name for column in view.columns}
    assert all(column.doc.endswith((".", "…")) for column in view.columns)
    selected = [each.alias_or_name.lower() for each in dialect.parse(view.sql).selects]
    assert selected == [column.name.lower() for column in view.columns]


def test_there_are_as_many_as_promised():
    assert len(REPORTS) >= 24


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def known() -> dict[str, dict[str, dict[str, str]]]:
    """Databases, tables and views, columns and their types."""
    made: dict[str, dict[str, dict[str, str]]] = {"trailhouse": {}, "trailhouse_ops": {}}
    for name in schema.TABLES:
        table = schema.table(name)
        database = "trailhouse_ops" if table.database == "ops" else "trailhouse"
        made[database][name] = {column.name: _TYPES.get(column.type, "VARCHAR") for column in table.columns}
    for view in VIEWS.values():
        made["trailhouse"][view.name] = {column.name.lower(): "VARCHAR" for column in view.columns}
    return made


_TYPES = {
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "long": "BIGINT",
    "int": "INT",
    "double": "DOUBLE",
}


def check_columns(tree: exp.Query) -> None:
    qualify(tree, dialect="athena", db="trailhouse", schema=known())


@pytest.mark.parametrize("name", [*REPORTS, *VIEWS])
def test_every_column_that_is_used_is_there(name):
    check_columns(tree_of(REPORTS[name]) if name in REPORTS else dialect.parse(VIEWS[name].sql))


@pytest.mark.parametrize(
    "sql", ["SELECT nope FROM events", "SELECT e.nope FROM actions AS e", "SELECT 1 FROM events WHERE nope = 1"]
)
def test_a_column_that_is_not_there_is_found(sql):
    with pytest.raises(OptimizeError):
        check_columns(dialect.parse(sql))


# ── days ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def unbounded(tree: exp.Query) -> list[str]:
    """Tables and views that are read without a span of days."""
    defined = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    return [
        table.name
        for table in tree.find_all(exp.Table)
        if table.name.lower() not in UNCUT | defined and not _bounds(table.find_ancestor(exp.Select))
    ]


def _bounds(select: exp.Expr | None) -> bool:
    """Whether its WHERE holds a span that ends with what was given, and begins there or a baseline before."""
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    if where is None:
        return False
    spans = [node for node in where.find_all(exp.Between) if node.this.name in DAYS]
    return any(str(SINCE) in span.args["low"].sql() and str(UNTIL) in span.args["high"].sql() for span in spans)


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda one: one.name)
def test_every_report_is_bounded_by_days(report):
    assert {"since", "until"} <= {param.name for param in report.params if param.type == "date"}
    assert unbounded(tree_of(report)) == []


def test_a_table_that_is_read_whole_is_found():
    bounded = f"SELECT 1 FROM events WHERE event_date BETWEEN DATE '{SINCE}' AND DATE '{UNTIL}'"
    assert unbounded(dialect.parse(bounded)) == []
    assert unbounded(dialect.parse(f"{bounded} AND actor IN (SELECT actor FROM logins)")) == ["logins"]
    assert unbounded(dialect.parse("WITH e AS (SELECT * FROM events) SELECT * FROM e")) == ["events"]


def merged(sql: str) -> list[str]:
    """Outer joins whose USING makes one column of two: a filter on it comes to no file."""
    return [
        join.sql("athena") for join in dialect.parse(sql).find_all(exp.Join) if join.side and join.args.get("using")
    ]


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda one: one.name)
def test_what_a_view_is_filtered_by_is_a_column_of_one_table(view):
    assert merged(view.sql) == []


def test_a_column_made_of_two_is_found():
    assert merged("SELECT account_id FROM events LEFT JOIN accounts USING (account_id)")
    assert not merged("SELECT 1 FROM events LEFT JOIN accounts ON accounts.account_id = events.account_id")


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

OPENING = (exp.JSONExtract, exp.JSONExtractScalar, exp.ParseJSON)
BY_ITSELF = {"events_json"}  # which looks first whether a text can be opened


def opens_unseen(sql: str) -> bool:
    """Whether a query looks into JSON of `events` itself, where one record could stop the engine's parser."""
    tree = dialect.parse(sql)
    return "events" in dialect.tables(tree) and tree.find(*OPENING) is not None


@pytest.mark.parametrize("name", [name for name in (*REPORTS, *VIEWS) if name not in BY_ITSELF])
def test_json_is_opened_by_the_view_that_knows_what_can_be(name):
    assert not opens_unseen(VIEWS[name].sql if name in VIEWS else tree_of(REPORTS[name]).sql("athena"))


def test_json_that_is_opened_unseen_is_found():
    assert opens_unseen("SELECT json_extract_scalar(request_parameters, '$.a') FROM events")
    assert not opens_unseen("SELECT json_extract_scalar(opened_request_parameters, '$.a') FROM events_json")


def test_the_view_of_opened_json_has_every_column_of_its_table():
    columns = [column.name for column in schema.table("events").columns]
    assert [column.name for column in VIEWS["events_json"].columns][: len(columns)] == columns


def spread(tree: exp.Query) -> list[str]:
    """Every UNNEST that doesn't name one column, its place in the list aside."""
    named = [(node, node.args.get("alias")) for node in tree.find_all(exp.Unnest)]
    return [node.sql("athena") for node, alias in named if alias is None or len(alias.columns) != 1]


@pytest.mark.parametrize("name", [*REPORTS, *VIEWS])
def test_what_is_unnested_is_one_column(name):
    """Of an array of rows Athena makes one column, Trino one for each field: with a single name both mean the same."""
    assert spread(tree_of(REPORTS[name]) if name in REPORTS else dialect.parse(VIEWS[name].sql)) == []


def test_rows_that_are_spread_over_columns_are_found():
    assert spread(
        dialect.parse("SELECT arn FROM cloudtrail_logs CROSS JOIN UNNEST(resources) AS t (arn, account, kind)")
    )
    assert not spread(dialect.parse("SELECT p FROM t CROSS JOIN UNNEST(a) WITH ORDINALITY AS u (p, n)"))


# ── times, order ─────────────────────────────────────────────────────────────────────────────────────────────────────

ZONED = (exp.CurrentTimestamp, exp.AtTimeZone, exp.CurrentTime, exp.FromISO8601Timestamp)
ZONED_FUNCTIONS = {"FROM_UNIXTIME", "WITH_TIMEZONE", "NOW", "LOCALTIMESTAMP"}
LOOSE = (exp.ApproxDistinct, exp.AnyValue, exp.ApproxQuantile)


def zoned(sql: str) -> list[str]:
    tree = dialect.parse(sql)
    found = [node.sql() for node in tree.find_all(*ZONED)]
    found += [node.sql() for node in tree.find_all(exp.Anonymous) if node.name.upper() in ZONED_FUNCTIONS]
    return found + [node.sql() for node in tree.find_all(exp.DataType) if node.this in _WITH_ZONE]


_WITH_ZONE = {exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ, exp.DataType.Type.TIMETZ}


def test_no_column_of_a_table_or_view_has_a_zone():
    types = {column.type for name in schema.TABLES for column in schema.table(name).columns}
    assert not [kind for kind in types if "zone" in kind or kind == "timestamptz"]
    assert not [c for view in VIEWS.values() for c in view.columns if "zone" in c.type]


@pytest.mark.parametrize("name", [*REPORTS, *VIEWS])
def test_no_time_in_a_query_has_a_zone(name):
    assert (
        zoned((REPORTS.get(name) or VIEWS[name]).sql if name in VIEWS else str(tree_of(REPORTS[name]).sql("athena")))
        == []
    )


@pytest.mark.parametrize("sql", [
    "SELECT now()", "SELECT current_timestamp", "SELECT from_iso8601_timestamp(event_name) FROM events",
    "SELECT event_time AT TIME ZONE 'UTC' FROM events", "SELECT CAST(event_time AS timestamp with time zone) FROM events",
])  # fmt: skip
def test_a_time_with_a_zone_is_found(sql):
    assert zoned(sql)


@pytest.mark.parametrize("report", REPORTS.values(), ids=lambda one: one.name)
def test_a_report_has_an_order_of_its_own_and_one_answer(report):
    tree = tree_of(report)
    assert tree.args.get("order"), "rows in whatever order are another answer each time"
    assert not list(tree.find_all(*LOOSE))
    for limit in tree.find_all(exp.Limit):
        assert limit.parent.args.get("order"), "a part of the rows in whatever order is another answer each time"


# ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda one: one.name)
def test_a_view_has_a_form_in_glue(view):
    from trailhouse import settings

    form = views.glue_form(view, settings.Lake(database="d", ops_database="o"))
    assert "trailhouse_ops." not in views.named(view.sql, settings.Lake(ops_database="o"))
    assert all(column["Type"] for column in form["StorageDescriptor"]["Columns"])
