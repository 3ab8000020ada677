"""The views that old queries ask: no record stops them, hides in them, or loses anything."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pytest

from tests.ask import hostile, public
from tests.ingest.contents import ingest
from trailhouse import settings
from trailhouse.ask import dialect, local, queries, translate, views
from trailhouse.ask.macros import MACROS
from trailhouse.decode.rebuild import record
from trailhouse.lake import catalog

VIEWS = ("cloudtrail_logs", "cloudtrail_lake")
# AWS's documented table, to where our own columns begin.
DOCUMENTED = "eventversion useridentity eventtime eventsource eventname awsregion sourceipaddress useragent errorcode errormessage requestparameters responseelements additionaleventdata requestid eventid readonly resources eventtype apiversion recipientaccountid serviceeventdetails sharedeventid vpcendpointid vpcendpointaccountid eventcategory addendum sessioncredentialfromconsole edgedevicedetails tlsdetails"  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> catalog.Lake:
    folder = tmp_path_factory.mktemp("views")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    made = hostile.bucket()
    made.objects |= public.bucket().objects
    ingest(where, made.save(folder / "logs"))
    return catalog.open_lake(where)


@pytest.fixture(scope="module")
def rows(opened) -> list[dict[str, Any]]:
    return opened.table("events").scan().to_arrow().to_pylist()


def asked(opened, sql: str) -> list[dict[str, Any]]:
    answer = local.ask(opened.where, sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


@pytest.mark.parametrize("view", VIEWS)
def test_every_row_comes_out_with_every_column(opened, rows, view):
    assert len(asked(opened, f"SELECT * FROM {view}")) == len(rows)


@pytest.mark.parametrize("view", VIEWS)
def test_the_header_says_what_the_select_gives(opened, view):
    found = queries.views()[view]
    assert list(asked(opened, f"SELECT * FROM {view} LIMIT 1")[0]) == [column.name for column in found.columns]


def test_the_table_for_trails_begins_as_documented():
    names = [column.name for column in queries.views()["cloudtrail_logs"].columns]
    assert names[: len(DOCUMENTED.split())] == DOCUMENTED.split()


def test_the_record_can_be_read_off_event_json(opened, rows):
    want = Counter(hostile.said(_text(row)) for row in rows)
    got = Counter(hostile.said(row["eventjson"]) for row in asked(opened, "SELECT eventjson FROM cloudtrail_lake"))
    assert got == want


def _text(row: dict[str, Any]) -> str:
    try:
        return record(row).decode()
    except UnicodeDecodeError:  # no text can hold those bytes: the columns spell them `\\xff`
        return record(row | {"raw": None}).decode()


def test_what_could_not_be_read_is_marked_and_kept(opened):
    timeless = asked(opened, "SELECT unread FROM cloudtrail_logs WHERE eventtime IS NULL")
    assert [row for row in timeless if row["unread"] is None] == []
    assert any('"eventTime":' in row["unread"] for row in timeless)
    texts = asked(opened, 'SELECT unread FROM cloudtrail_logs WHERE unread LIKE \'%"userIdentity":"dana"%\'')
    assert len(texts) == 1  # an identity that is a text has no fields, and is not lost
    maps = asked(opened, "SELECT requestparameters FROM cloudtrail_lake WHERE cardinality(requestparameters) = 1")
    unparsed = [row["requestparameters"]["_unparsed"] for row in maps if "_unparsed" in row["requestparameters"]]
    assert any(text.count("[") > 64 for text in unparsed)
    assert any("n" * 10**5 in text for text in unparsed)


def test_long_texts_are_read_as_long_as_their_names_are_not(opened):
    sound = asked(
        opened,
        "SELECT element_at(requestparameters, 'a') AS a FROM cloudtrail_lake WHERE cardinality(requestparameters) = 2",
    )
    assert len([row for row in sound if row["a"] == "1"]) == 4  # names of 10 to 10,000 characters


def test_a_time_that_is_text_means_the_same_with_and_without_its_column(rows):
    """Files of older releases have no text of the time."""
    answers = []
    for texts in (lambda row: row, lambda row: row | {"event_time_text": None}):
        with duckdb.connect() as connection:
            for macro in MACROS:
                connection.execute(macro)
            made = _table([texts(row) for row in rows])
            connection.register("events", made)
            for view in views.needed(["cloudtrail_logs"]):
                connection.execute(f"CREATE VIEW {view.name} AS {translate.to_duckdb(dialect.parse(view.sql))}")
            found = connection.execute("SELECT eventid, eventname, eventtime, unread FROM cloudtrail_logs").fetchall()
            answers.append(Counter(found))
    assert answers[0] == answers[1]
    assert any(row[2] for row in answers[0])


def _table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    from trailhouse.lake import schema

    return pa.Table.from_pylist(rows, schema=schema.arrow_schema("events"))
