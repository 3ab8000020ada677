"""Publishing: what differs is written, what is there stays, and what others made is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.engine import cases
from tests.engine.athena import Execution, described, run
from tests.ports import free_port
from trailhouse import settings
from trailhouse.ask import athena as asked
from trailhouse.ask import local, parameters, publish, queries, views
from trailhouse.cli import parquet
from trailhouse.errors import TrailhouseError, UsageError

DATABASE = "others"  # of a lake that nobody fills: publishing looks at names alone


@pytest.fixture
def config(reached, monkeypatch) -> Iterator[settings.Settings]:
    """A lake that nobody fills, with a few views and reports: the whole of them is published for the other tests."""
    monkeypatch.setattr(queries, "reports", lambda: FEW_REPORTS)
    monkeypatch.setattr(queries, "views", lambda: FEW_VIEWS)
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": DATABASE})
    where = settings.Lake(location="s3://somewhere/lake", catalog="glue", database=DATABASE, ops_database="others_ops")
    yield settings.Settings(lake=where, athena=settings.Athena(work_group="others", scan_limit=10**9))
    for page in glue.get_paginator("get_tables").paginate(DatabaseName=DATABASE):
        for table in page["TableList"]:
            glue.delete_table(DatabaseName=DATABASE, Name=table["Name"])
    glue.delete_database(Name=DATABASE)
    athena = boto3.client("athena")
    if "others" not in {group["Name"] for group in athena.list_work_groups()["WorkGroups"]}:
        return
    for one in athena.list_prepared_statements(WorkGroup="others")["PreparedStatements"]:
        athena.delete_prepared_statement(StatementName=one["StatementName"], WorkGroup="others")
    for one in athena.list_named_queries(WorkGroup="others")["NamedQueryIds"]:
        athena.delete_named_query(NamedQueryId=one)
    athena.delete_work_group(WorkGroup="others", RecursiveDeleteOption=True)


def told(changes) -> dict[str, int]:
    return dict(Counter(change.what for change in changes))


def different(changes) -> list[tuple[str, str, str]]:
    return [(change.kind, change.name, change.what) for change in changes if change.what != "unchanged"]


FEW_REPORTS = {name: queries.report(name) for name in ("root_use", "sign_ins", "who_deleted_it")}
FEW_VIEWS = {name: queries.views()[name] for name in ("actions", "logins")}
ALL = 1 + len(FEW_VIEWS) + 2 * len(FEW_REPORTS)


def test_on_an_empty_glue_everything_is_made_and_then_nothing_changes(config):
    assert told(publish.publish(config, dry_run=True)) == {"created": ALL}
    assert boto3.client("glue").get_tables(DatabaseName=DATABASE)["TableList"] == []
    assert told(publish.publish(config)) == {"created": ALL}
    assert told(publish.publish(config)) == {"unchanged": ALL}
    assert told(publish.publish(config, dry_run=True)) == {"unchanged": ALL}


def edited(monkeypatch, name: str) -> None:
    one = queries.report(name)
    others = queries.reports() | {name: replace(one, sql=one.sql.replace("ORDER BY", "AND true ORDER BY"))}
    monkeypatch.setattr(queries, "reports", lambda: others)


def test_an_edited_report_changes_alone(config, monkeypatch):
    publish.publish(config)
    edited(monkeypatch, "who_deleted_it")
    assert different(publish.publish(config)) == [
        ("named query", "who_deleted_it", "changed"),
        ("prepared statement", "who_deleted_it", "changed"),
    ]
    assert told(publish.publish(config)) == {"unchanged": ALL}


def test_an_edited_view_changes_alone(config, monkeypatch):
    publish.publish(config)
    one = queries.views()["actions"]
    changed = queries.views() | {"actions": replace(one, sql=one.sql + "\n-- edited")}
    monkeypatch.setattr(queries, "views", lambda: changed)
    assert different(publish.publish(config)) == [("view", "actions", "changed")]
    assert told(publish.publish(config)) == {"unchanged": ALL}


def test_what_was_dropped_or_edited_by_hand_is_restored(config):
    publish.publish(config)
    athena, glue = boto3.client("athena"), boto3.client("glue")
    one = next(
        each for each in athena.list_named_queries(WorkGroup="others")["NamedQueryIds"]
        if athena.get_named_query(NamedQueryId=each)["NamedQuery"]["Name"] == "who_deleted_it"
    )  # fmt: skip
    athena.delete_named_query(NamedQueryId=one)
    athena.delete_prepared_statement(StatementName="who_deleted_it", WorkGroup="others")
    there = glue.get_table(DatabaseName=DATABASE, Name="actions")["Table"]
    kept = {key: there[key] for key in ("Name", "TableType", "Parameters", "StorageDescriptor", "ViewExpandedText")}
    glue.update_table(DatabaseName=DATABASE, TableInput=kept | {"ViewOriginalText": "/* Presto View: e30= */"})
    athena.update_work_group(WorkGroup="others", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 10**12})
    assert different(publish.publish(config)) == [
        ("work group", "others", "changed"),
        ("view", "actions", "changed"),
        ("named query", "who_deleted_it", "created"),
        ("prepared statement", "who_deleted_it", "created"),
    ]
    assert told(publish.publish(config)) == {"unchanged": ALL}


def test_what_a_user_made_is_left_alone_whatever_its_name(config):
    athena, glue = boto3.client("athena"), boto3.client("glue")
    athena.create_work_group(
        Name="others", Description="ours, hands off",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://mine/"}},
    )  # fmt: skip
    table = {"Name": "actions", "TableType": "VIRTUAL_VIEW", "ViewOriginalText": "/* Presto View: bWluZQ== */"}
    glue.create_table(DatabaseName=DATABASE, TableInput=table)
    glue.create_table(DatabaseName=DATABASE, TableInput=table | {"Name": "my_own"})
    mine = {"Name": "who_deleted_it", "Database": DATABASE, "QueryString": "SELECT 1", "WorkGroup": "others"}
    athena.create_named_query(**mine, Description="my own")
    athena.create_named_query(**mine | {"Name": "another"})
    athena.create_prepared_statement(StatementName="who_deleted_it", WorkGroup="others", QueryStatement="SELECT 1")
    changes = publish.publish(config)
    assert {(kind, name) for kind, name, what in different(changes) if what == "left alone"} == {
        ("work group", "others"), ("view", "actions"), ("named query", "who_deleted_it"), ("prepared statement", "who_deleted_it"),
    }  # fmt: skip
    assert (
        glue.get_table(DatabaseName=DATABASE, Name="actions")["Table"]["ViewOriginalText"] == table["ViewOriginalText"]
    )
    assert glue.get_table(DatabaseName=DATABASE, Name="my_own")
    statement = athena.get_prepared_statement(StatementName="who_deleted_it", WorkGroup="others")["PreparedStatement"]
    assert statement["QueryStatement"] == "SELECT 1"


def test_a_work_group_of_another_lake_is_refused_before_anything_is_written(config):
    publish.publish(config)
    other = replace(config, lake=replace(config.lake, database="default"))
    with pytest.raises(UsageError, match=r"work group others was made for the lake others, .* set athena.work_group"):
        publish.publish(other)
    assert told(publish.publish(config)) == {"unchanged": ALL}


def queries_named(name: str) -> list[dict[str, str]]:
    athena = boto3.client("athena")
    ids = athena.list_named_queries(WorkGroup="others")["NamedQueryIds"]
    return [q for q in athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"] if q["Name"] == name]


def test_of_named_queries_of_one_name_ours_is_kept_fresh_and_others_stay(config, monkeypatch):
    athena = boto3.client("athena")
    mine = {"Name": "who_deleted_it", "Database": DATABASE, "QueryString": "SELECT 1", "WorkGroup": "others"}
    publish.publish(config)
    users = athena.create_named_query(**mine, Description="my own")["NamedQueryId"]
    athena.create_named_query(**mine, Description=f"once more {publish.MARK}")
    assert different(publish.publish(config, dry_run=True)) == [("named query", "who_deleted_it", "dropped")]
    assert different(publish.publish(config)) == [("named query", "who_deleted_it", "dropped")]
    assert len(queries_named("who_deleted_it")) == 2
    edited(monkeypatch, "who_deleted_it")
    assert ("named query", "who_deleted_it", "changed") in different(publish.publish(config))
    texts = {q["NamedQueryId"]: q["QueryString"] for q in queries_named("who_deleted_it")}
    assert texts[users] == "SELECT 1" and len(texts) == 2
    assert all("AND true" in text for one, text in texts.items() if one != users)
    assert told(publish.publish(config)) == {"unchanged": ALL}


def test_named_queries_that_athena_leaves_out_are_asked_for_again(config, monkeypatch):
    publish.publish(config)
    client, asked_for = boto3.client("athena"), []
    whole = client.batch_get_named_query

    def some(NamedQueryIds):
        asked_for.append(NamedQueryIds)
        left = NamedQueryIds[1:] if len(asked_for) <= patience else []
        told = [{"NamedQueryId": one, "ErrorCode": "INTERNAL_FAILURE", "ErrorMessage": "busy"} for one in left]
        kept = NamedQueryIds[:1] if left else NamedQueryIds
        return {"NamedQueries": whole(NamedQueryIds=kept)["NamedQueries"], "UnprocessedNamedQueryIds": told}

    monkeypatch.setattr(client, "batch_get_named_query", some)
    monkeypatch.setattr(publish.aws, "client", lambda name: client if name == "athena" else boto3.client(name))
    monkeypatch.setattr(publish, "_AGAIN", (0.0, 0.0))
    patience = 1
    assert told(publish.publish(config)) == {"unchanged": ALL}
    assert [len(each) for each in asked_for] == [3, 2]
    monkeypatch.setattr(client, "batch_get_named_query", lambda NamedQueryIds: {
        "NamedQueries": [], "UnprocessedNamedQueryIds": [{"NamedQueryId": NamedQueryIds[0], "ErrorMessage": "busy"}]
    })  # fmt: skip
    with pytest.raises(TrailhouseError, match=r"does not say what the named query .*busy"):
        publish.publish(config)


def test_a_limit_that_athena_would_not_take_is_refused_before_anything_is_made(config):
    with pytest.raises(UsageError, match="at least 10,000,000 bytes"):
        publish.publish(replace(config, athena=replace(config.athena, scan_limit=10**6)))
    assert boto3.client("glue").get_tables(DatabaseName=DATABASE)["TableList"] == []


def test_what_this_release_has_no_more_is_dropped(config, monkeypatch):
    publish.publish(config)
    fewer = {name: one for name, one in queries.reports().items() if name != "who_deleted_it"}
    monkeypatch.setattr(queries, "reports", lambda: fewer)
    assert different(publish.publish(config)) == [
        ("named query", "who_deleted_it", "dropped"),
        ("prepared statement", "who_deleted_it", "dropped"),
    ]


def test_without_glue_or_a_lake_it_says_what_to_do(reached, tmp_path):
    with pytest.raises(UsageError, match="--lake-catalog glue"):
        publish.publish(settings.Settings(lake=settings.Lake(location=str(tmp_path))))
    with pytest.raises(UsageError, match="trailhouse ingest"):
        nobodys = settings.Lake(location="s3://x/y", catalog="glue", database="nobodys")
        publish.publish(settings.Settings(lake=nobodys, athena=settings.Athena(work_group="nobodys")), dry_run=True)


# ── asked through Athena's API ───────────────────────────────────────────────────────────────────────────────────────


def test_a_view_has_in_glue_the_columns_and_comments_that_its_file_says(published):
    glue = boto3.client("glue")
    for view in queries.views().values():
        columns = glue.get_table(DatabaseName="trailhouse", Name=view.name)["Table"]["StorageDescriptor"]["Columns"]
        assert [(column["Name"], column["Comment"]) for column in columns] == [
            (c.name, c.doc[:255]) for c in view.columns
        ]


def test_comments_of_the_schemas_arrive_in_glue(lake):
    columns = boto3.client("glue").get_table(DatabaseName="trailhouse", Name="events")["Table"]["StorageDescriptor"][
        "Columns"
    ]
    assert {c["Name"]: c.get("Comment") for c in columns}["actor"].startswith("Who did it, as one text")


@pytest.mark.parametrize("name", sorted(queries.views()))
def test_the_types_of_a_views_columns_are_what_the_engine_says(published, athena, name):
    _, described = athena(f"DESCRIBE {name}")
    assert [(row[0], row[1]) for row in described] == [(c.name.lower(), c.type) for c in queries.views()[name].columns]


def test_a_report_is_answered_by_athena(published):
    sql = parameters.bound(queries.report("who_deleted_it"), {"since": "2026-03-01", "until": "2026-03-02"}, None)
    answer = asked.ask(published, sql)
    assert ("alice", "DeleteBucket") in {(row[4], row[7]) for row in answer.rows}
    assert answer.columns[:3] == ("event_time", "account_id", "account_name")


def test_answers_of_many_pages_and_every_type(published):
    sql = "SELECT n, CAST(n AS double) / 2 AS half, n % 2 = 0 AS even, DATE '2026-03-01' AS day, " \
          "TIMESTAMP '2026-03-01 10:00:00.000000' AS at, CAST(NULL AS varchar) AS nothing, 'a''b' AS text " \
          "FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n"  # fmt: skip
    answer = asked.ask(published, sql)
    assert len(answer.rows) == 2500
    from datetime import date, datetime

    assert answer.rows[-1] == (2500, 1250.0, True, date(2026, 3, 1), datetime(2026, 3, 1, 10), None, "a'b")


def test_named_queries_run_as_they_are_saved(published):
    athena = boto3.client("athena")
    ids = athena.list_named_queries(WorkGroup="trailhouse")["NamedQueryIds"]
    saved = {
        q["Name"]: q
        for n in range(0, len(ids), 50)
        for q in athena.batch_get_named_query(NamedQueryIds=ids[n : n + 50])["NamedQueries"]
    }
    assert set(saved) == set(queries.reports())
    for query in saved.values():
        assert asked.ask(published, query["QueryString"]).columns


def executed(report: queries.Report, given: dict[str, str]) -> list[tuple]:
    """The rows of a prepared statement, its values spelled as docs/reports.md has them; days are days."""
    athena = boto3.client("athena")
    _, order = parameters.prepared(report)
    texts = {param.name: given.get(param.name, param.default) for param in report.params}
    typed = {p.name: texts[p.name] if p.type in SPELLED else parameters.read(p, texts[p.name], None) for p in order}
    begun = athena.start_query_execution(
        QueryString=f"EXECUTE {report.name}",
        ExecutionParameters=[parameters.literal(typed[param.name]) for param in order],
        QueryExecutionContext={"Database": "trailhouse"}, WorkGroup="trailhouse",
    )["QueryExecutionId"]  # fmt: skip
    asked._wait(athena, begun, 60)
    return asked._answer(athena, begun).rows


SPELLED = ("account", "region", "pattern")
MARCH = {"since": "2026-03-01", "until": "2026-03-31"}


@pytest.fixture(scope="module")
def here(published) -> Iterator[Any]:
    """The same lake, asked on this machine."""
    with local.asking(published.lake) as ask:
        yield ask


@pytest.mark.parametrize("name", queries.reports())
def test_prepared_statements_take_their_parameters_in_the_order_that_they_name(published, name):
    report = queries.report(name)
    assert executed(report, MARCH) == asked.ask(published, parameters.bound(report, MARCH, None)).rows


@pytest.mark.parametrize(("name", "given"), [
    ("who_did_it", {"action": "*Bucket*", "actor": "*alice*"}), ("who_did_it", {"action": "Delete%"}), ("who_did_it", {"actor": "al_ce"}),
    ("who_did_it", {"account": "100000000053"}), ("who_deleted_it", {"resource": "*!*"}), ("access_key_use", {"key": "AKIA*"}),
    ("root_use", {"account": "all"}), ("sign_ins", {"user": "al*"}),
])  # fmt: skip
def test_prepared_statements_take_values_as_they_are_documented(published, name, given):
    report = queries.report(name)
    rows = asked.ask(published, parameters.bound(report, MARCH | given, None)).rows
    assert executed(report, MARCH | given) == rows
    assert rows or any(set("%_!") & set(text) for text in given.values()) or "account" in given


def test_an_account_given_to_a_prepared_statement_narrows_what_is_read(published, reached):
    sql, _ = parameters.prepared(queries.report("read_write_split"))
    quoted = sql.replace("'", "''")

    def read(account: str) -> int:
        using = f"DATE '2026-03-01', DATE '2026-03-31', '{account}'"
        return reached.trino.rows_read("trailhouse", f"EXECUTE IMMEDIATE '{quoted}' USING {using}")

    assert 0 < read(account_of("read_write_split")) < read("all") / 5


def account_of(name: str) -> str:
    return cases.load(name).account


def test_a_query_that_reads_more_than_the_limit_is_cancelled(published):
    unchecked = boto3.client("athena", config=Config(parameter_validation=False))  # AWS takes no limit as low as this
    unchecked.create_work_group(
        Name="tight",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://x/"}, "BytesScannedCutoffPerQuery": 10},
    )
    tight = replace(published, athena=replace(published.athena, work_group="tight"))
    with pytest.raises(TrailhouseError, match="Bytes scanned limit"):
        asked.ask(tight, "SELECT max(user_agent) FROM events")


@pytest.mark.parametrize(("sql", "said"), [("SELECT nope FROM events", "nope"), ("SELECT * FROM nowhere", "nowhere")])
def test_what_athena_can_not_answer_is_said(published, sql, said):
    with pytest.raises(UsageError, match=said):
        asked.ask(published, sql)


def test_an_error_of_the_user_is_told_from_one_of_the_engine(published):
    with pytest.raises(UsageError, match="on purpose"):
        asked.ask(published, "SELECT fail('on purpose')")
    lost = Execution("SELECT 1", "default", SimpleNamespace(name="others", configuration={}), [], "s3://x/")
    run(lost, free_port(), lost.sql)
    assert described(lost)["Status"]["AthenaError"]["ErrorCategory"] == asked.SYSTEM


@pytest.mark.parametrize("name", queries.reports())
def test_files_of_a_report_have_one_schema_empty_or_full_here_and_there(published, here, name):
    one = queries.report(name)
    days = ({"since": "2026-01-01", "until": "2026-03-31"}, {"since": "2020-01-01", "until": "2020-01-02"})
    answers = [ask(parameters.bound(one, each, None)) for ask in (partial(asked.ask, published), here) for each in days]
    schemas = [[str(field) for field in parquet.schema(answer)] for answer in answers]
    assert schemas[0] == schemas[1] == schemas[2] == schemas[3]


@pytest.mark.parametrize(
    "sql", ["DROP TABLE events", "SELECT 1; SELECT 2", "UNLOAD (SELECT 1) TO 's3://x/' WITH (format = 'PARQUET')"]
)
def test_nothing_but_one_select_is_sent(published, sql):
    with pytest.raises(UsageError):
        asked.ask(published, sql)


def test_whoever_goes_away_leaves_no_query_running(published, monkeypatch):
    stopped = []
    client = boto3.client("athena")
    monkeypatch.setattr(asked.aws, "client", lambda _: client)
    monkeypatch.setattr(client, "stop_query_execution", lambda **given: stopped.append(given["QueryExecutionId"]))
    monkeypatch.setattr(client, "get_query_execution", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        asked.ask(published, "SELECT 1")
    assert len(stopped) == 1


def test_hive_types():
    assert views.hive_type("row(a varchar, b row(c timestamp(6), d map(varchar, bigint)))") == (
        "struct<a:string,b:struct<c:timestamp,d:map<string,bigint>>>"
    )
    assert views.hive_type("array(row(arn varchar))") == "array<struct<arn:string>>"
