"""Queries for CloudTrail Lake become queries for Athena: what is changed, what stays, what can't be done."""

from __future__ import annotations

import re

import pytest
from sqlglot import exp

from trailhouse.ask import dialect, lake_queries, queries
from trailhouse.ask.lake_queries import Converted
from trailhouse.ask.lake_types import VIEW, columns

STORE = "3e069a99-d2dd-4189-b361-ed8c30852262"


def one(sql: str) -> Converted:
    (made,) = lake_queries.convert("q", sql)
    return made


def flat(sql: str) -> str:
    """The converted query on one line."""
    made = one(sql)
    assert made.sql is not None, made.reasons
    return " ".join(made.sql.split()).replace("( ", "(").replace(" )", ")")


def why(sql: str) -> str:
    made = one(sql)
    assert made.sql is None, made.sql
    return "; ".join(made.reasons)


# ── stores ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("store", [
    STORE, "EXAMPLEf852-4e8f-8bd1-bcf6cEXAMPLE", "$EDS_ID", "$EdsId$", "<EDS ID>", "<event_data_store_id>", "<$EDS_ID>", "eds-ID",
    "event_data_store_ID", "EDS1", "${store}", "{{ store }}", f'"{STORE}"', f'"aws:cloudtrail"."{STORE}"', f'"awsdatacatalog"."aws:cloudtrail"."{STORE}"',
    f"arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/{STORE}", "1a2b3c",
])  # fmt: skip
def test_a_store_becomes_the_view_however_it_is_named(store):
    made = one(f"SELECT eventName FROM {store} WHERE eventName = 'a'")
    assert made.reasons == ()
    assert " ".join(str(made.sql).split()) == f"SELECT eventName FROM {VIEW} WHERE eventName = 'a'"
    assert "became cloudtrail_lake" in made.changes[0]


@pytest.mark.parametrize(("sql", "tables"), [
    (f"SELECT a.eventName FROM {STORE} AS a LEFT JOIN $EDS_2 b ON a.eventId = b.eventId", ["a", "b"]),
    ("SELECT a.eventName FROM eds-1 a, eds-2 b WHERE a.eventId = b.eventId", ["a", "b"]),
    ("SELECT eventName FROM <a b> UNION SELECT eventName FROM $B", ["", ""]),
    ("WITH x AS (SELECT eventName FROM eds-1) SELECT eventName FROM x", ["", "x"]),
    ("SELECT eventName FROM eds-1 WHERE eventId IN (SELECT eventId FROM eds-2)", ["", ""]),
    ("SELECT eventName FROM -- the store\n  /* FROM other-store */ eds-1", [""]),
])  # fmt: skip
def test_every_store_is_found_wherever_a_table_stands(sql, tables):
    tree = dialect.parse(str(one(sql).sql))
    found = list(tree.find_all(exp.Table))
    assert {each.name for each in found} <= {VIEW, "x"}
    assert sorted(each.alias for each in found) == sorted("" if each == "x" else each for each in tables)


@pytest.mark.parametrize("kept", [
    f"SELECT 'FROM {STORE}' AS x FROM $EDS",
    "SELECT 'FROM <EDS ID>' AS x FROM $EDS",
    "SELECT eventName FROM $EDS WHERE userAgent = 'a-b-c from $EDS_ID'",
    'SELECT eventName AS "from $EDS_ID" FROM $EDS',
    "SELECT CARDINALITY(resources) - 1 FROM $EDS WHERE CARDINALITY(resources) < 3 AND 2 > CARDINALITY(resources)",
    "SELECT eventName FROM $EDS WHERE userAgent IS DISTINCT FROM errorCode",
])  # fmt: skip
def test_what_looks_like_a_store_in_strings_names_and_comparisons_stays(kept):
    assert flat(kept) == re.sub(r"FROM \$EDS\b(?!_)", f"FROM {VIEW}", kept)


def test_extract_names_no_table():
    assert "EXTRACT(HOUR FROM eventTime)" in flat("SELECT EXTRACT(hour FROM eventTime) FROM $EDS")
    assert '"' not in flat("SELECT EXTRACT(hour FROM eventTime-interval '1' hour) FROM $EDS")


def test_a_store_without_an_alias_keeps_its_name_for_its_columns():
    assert flat("SELECT eds1.eventName FROM eds1") == f"SELECT eds1.eventName FROM {VIEW} AS eds1"


def test_a_column_that_is_spelled_with_its_store_keeps_that_where_it_is_rewritten():
    made = flat("SELECT eventName FROM eds1 WHERE eds1.eventTime LIKE '2026-03-01%' AND eds1.errorCode > 5")
    assert f"FROM {VIEW} AS eds1 WHERE (eds1.eventTime >= TIMESTAMP '2026-03-01 00:00:00' AND eds1.eventTime < " in made
    assert made.endswith("AND TRY_CAST(eds1.errorCode AS DOUBLE) > 5")


def test_a_table_of_another_database_is_no_store():
    assert why("SELECT a FROM default.awsconfig") == "line 1: default.awsconfig is no event data store"


# ── times ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("text", "time"), [
    ("2023-01-02 03:04:05", "2023-01-02 03:04:05"), ("2023-01-02T03:04:05Z", "2023-01-02 03:04:05"), ("2023-01-02", "2023-01-02 00:00:00"),
    ("2023-01-02 03:04", "2023-01-02 03:04:00"), ("2023-01-02 03:04:05.123", "2023-01-02 03:04:05.123"), ("2023-1-2", "2023-01-02 00:00:00"),
    ("2023-01-02T03:04:05.5Z", "2023-01-02 03:04:05.5"), ("2023-01-02 03:04:05 UTC", "2023-01-02 03:04:05"),
    ("2023-01-02T03:04:05+02:00", "2023-01-02 01:04:05"), ("2023-01-01T23:00:00-0200", "2023-01-02 01:00:00"), (" 2023-01-02 ", "2023-01-02 00:00:00"),
])  # fmt: skip
def test_a_text_that_is_compared_with_a_time_becomes_that_time(text, time):
    made = one(f"SELECT eventName FROM $EDS\nWHERE eventTime > '{text}'")
    assert f"eventTime > TIMESTAMP '{time}'" in str(made.sql)
    assert made.changes[1] == f"line 2: eventTime compared a timestamp with a text: '{text}'; now TIMESTAMP '{time}'"


@pytest.mark.parametrize(
    "text",
    [
        "${date}",
        "",
        "yesterday",
        "2023-02-30",
        "2023-13-01",
        "2023-01-01 25:00:00",
        "0000-00-00",
        "2023-11-01T%",
        "2023",
    ],
)
def test_a_text_that_is_no_time_can_not_be_converted(text):
    assert f"{text!r} is none" in why(f"SELECT eventName FROM $EDS WHERE eventTime > '{text}'")


@pytest.mark.parametrize(("condition", "expected"), [
    ("'2023-01-01' <= eventTime", "TIMESTAMP '2023-01-01 00:00:00' <= eventTime"),
    ("eventTime BETWEEN '2023-01-01' AND '2023-01-02'", "eventTime BETWEEN TIMESTAMP '2023-01-01 00:00:00' AND TIMESTAMP '2023-01-02 00:00:00'"),
    ("eventTime IN ('2023-01-01')", "eventTime IN (TIMESTAMP '2023-01-01 00:00:00')"),
    ("NOT eventTime = '2023-01-01'", "NOT eventTime = TIMESTAMP '2023-01-01 00:00:00'"),
    ("e.eventTime <> '2023-01-01'", "e.eventTime <> TIMESTAMP '2023-01-01 00:00:00'"),
    ("EVENTTIME > '2023-01-01'", "EVENTTIME > TIMESTAMP '2023-01-01 00:00:00'"),
    ("DATE_TRUNC('DAY', eventTime) = '2023-01-01'", "DATE_TRUNC('DAY', eventTime) = TIMESTAMP '2023-01-01 00:00:00'"),
    ("DATE(eventTime) = '2023-01-01'", "DATE(eventTime) = DATE '2023-01-01'"),
    ("userIdentity.sessionContext.attributes.creationDate > '2023-01-01'", "userIdentity.sessionContext.attributes.creationDate > TIMESTAMP '2023-01-01 00:00:00'"),
    ("eventTime > current_timestamp - interval '1' hour", "eventTime > CAST((CURRENT_TIMESTAMP - INTERVAL '1' HOUR) AT TIME ZONE 'UTC' AS TIMESTAMP)"),
    ("eventTime > date_add('day', -7, now())", "eventTime > CAST(DATE_ADD('DAY', -7, CURRENT_TIMESTAMP) AT TIME ZONE 'UTC' AS TIMESTAMP)"),
    ("from_iso8601_timestamp('2023-01-01T00:00:00Z') < eventTime", "CAST(FROM_ISO8601_TIMESTAMP('2023-01-01T00:00:00Z') AT TIME ZONE 'UTC' AS TIMESTAMP) < eventTime"),
])  # fmt: skip
def test_times_are_compared_as_athena_compares_them(condition, expected):
    assert flat(f"SELECT eventName FROM $EDS e WHERE {condition}").endswith(f"WHERE {expected}")


@pytest.mark.parametrize("sql", [
    "SELECT eventName FROM (SELECT eventName, eventTime AS t FROM $EDS) WHERE t > '2023-01-01'",
    "WITH x AS (SELECT max(eventTime) AS t FROM $EDS) SELECT t FROM x WHERE t > '2023-01-01'",
    "SELECT eventName, max(eventTime) FROM $EDS GROUP BY eventName HAVING max(eventTime) > '2023-01-01'",
    "SELECT a.eventName FROM $A a JOIN $B b ON a.eventId = b.eventId AND b.eventTime > '2023-01-01'",
    "SELECT eventName FROM $A WHERE EXISTS (SELECT 1 FROM $B b WHERE b.eventTime > '2023-01-01')",
    "SELECT count_if(eventTime > '2023-01-01') FROM $A",
    "WITH a AS (SELECT * FROM $A WHERE readOnly) SELECT eventName FROM a WHERE eventTime > '2023-01-01'",
    "SELECT eventName FROM (SELECT * FROM $A) WHERE eventTime > '2023-01-01'",
    "SELECT x.eventName FROM (SELECT e.*, 1 AS n FROM $A e JOIN $B b ON e.eventID = b.eventID) x WHERE x.eventTime > '2023-01-01'",
    "WITH a AS (SELECT * FROM $A), b AS (SELECT * FROM a UNION ALL SELECT * FROM a) SELECT eventName FROM b WHERE eventTime > '2023-01-01'",
    "WITH a(n, t) AS (SELECT eventName, eventTime FROM $A) SELECT n FROM a WHERE t > '2023-01-01'",
    "SELECT lag(eventTime) OVER (ORDER BY eventTime) > '2023-01-01' FROM $A",
    "SELECT lead(eventTime, 2) OVER (ORDER BY eventTime) > '2023-01-01' FROM $A",
    "SELECT first_value(eventTime) IGNORE NULLS OVER (ORDER BY eventTime) > '2023-01-01' FROM $A",
    "SELECT max(eventTime) FILTER (WHERE readOnly) > '2023-01-01' FROM $A",
])  # fmt: skip
def test_a_time_is_known_wherever_it_comes_from(sql):
    assert "> TIMESTAMP '2023-01-01 00:00:00'" in flat(sql)


@pytest.mark.parametrize("condition", [
    "eventTime > TIMESTAMP '2023-01-01 00:00:00'", "DATE_FORMAT(eventTime, '%Y') = '2023'", "eventName > '2023-01-01'",
    "CAST(eventTime AS VARCHAR) LIKE '2023-01-01%'", "ELEMENT_AT(requestParameters, 'startTime') > '2023-01-01'", "YEAR(eventTime) = 2023",
    "readOnly = FALSE", "readOnly", "errorCode IS NULL", "eventName LIKE '%2023-01-01%'", "sessionCredentialFromConsole = 'true'",
])  # fmt: skip
def test_what_athena_takes_stays(condition):
    made = one(f"SELECT eventName FROM $EDS WHERE {condition}")
    assert [each for each in made.changes if "became" not in each] == []


# ── other types ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("condition", "expected"), [
    ("readOnly = 'true'", "readOnly = TRUE"), ("'False' = readOnly", "FALSE = readOnly"), ("managementEvent IN ('true')", "managementEvent IN (TRUE)"),
    ("sessionCredentialFromConsole = true", "sessionCredentialFromConsole = 'true'"), ("recipientAccountId = 111122223333", "recipientAccountId = '111122223333'"),
    ("ELEMENT_AT(requestParameters, 'encrypted') = false", "ELEMENT_AT(requestParameters, 'encrypted') = 'false'"),
    ("ELEMENT_AT(resources, 1).accountId = 5", "ELEMENT_AT(resources, 1).accountId = '5'"),
])  # fmt: skip
def test_booleans_texts_and_numbers_are_made_one_type(condition, expected):
    assert flat(f"SELECT eventName FROM $EDS WHERE {condition}").endswith(f"WHERE {expected}")


def test_a_boolean_is_no_other_text():
    assert "'maybe'" in why("SELECT eventName FROM $EDS WHERE readOnly = 'maybe'")


@pytest.mark.parametrize(("condition", "expected"), [
    ("ELEMENT_AT(additionalEventData, 'bytesTransferredOut') > 1000000", "TRY_CAST(ELEMENT_AT(additionalEventData, 'bytesTransferredOut') AS DOUBLE) > 1000000"),
    ("1000 <= errorCode", "1000 <= TRY_CAST(errorCode AS DOUBLE)"), ("errorCode < -5", "TRY_CAST(errorCode AS DOUBLE) < -5"),
    ("errorCode BETWEEN 1 AND 10", "TRY_CAST(errorCode AS DOUBLE) BETWEEN 1 AND 10"), ("errorCode >= 1024 * 1024", "TRY_CAST(errorCode AS DOUBLE) >= 1024 * 1024"),
    ("errorCode > CAST(eventVersion AS DOUBLE)", "TRY_CAST(errorCode AS DOUBLE) > CAST(eventVersion AS DOUBLE)"),
    ("errorCode > '5'", "errorCode > '5'"), ("errorCode = -5", "errorCode = '-5'"), ("errorCode IN (1, 2)", "errorCode IN ('1', '2')"), ("errorCode <> 1", "errorCode <> '1'"),
])  # fmt: skip
def test_the_size_of_a_number_is_not_that_of_its_text(condition, expected):
    made = one(f"SELECT eventName FROM $EDS WHERE {condition}")
    assert " ".join(str(made.sql).split()).endswith(f"WHERE {expected}")
    assert ("compared the size of a text with a number" in "; ".join(made.changes)) == ("TRY_CAST" in expected)


@pytest.mark.parametrize(("condition", "expected"), [
    ("eventTime LIKE '2026-03%'", "(eventTime >= TIMESTAMP '2026-03-01 00:00:00' AND eventTime < TIMESTAMP '2026-04-01 00:00:00')"),
    ("eventTime LIKE '2026-12-%'", "(eventTime >= TIMESTAMP '2026-12-01 00:00:00' AND eventTime < TIMESTAMP '2027-01-01 00:00:00')"),
    ("eventTime LIKE '2026%'", "(eventTime >= TIMESTAMP '2026-01-01 00:00:00' AND eventTime < TIMESTAMP '2027-01-01 00:00:00')"),
    ("eventTime NOT LIKE '2026-02-28 %'", "NOT (eventTime >= TIMESTAMP '2026-02-28 00:00:00' AND eventTime < TIMESTAMP '2026-03-01 00:00:00')"),
    ("e.eventTime LIKE '2026-03-01 23%'", "(e.eventTime >= TIMESTAMP '2026-03-01 23:00:00' AND e.eventTime < TIMESTAMP '2026-03-02 00:00:00')"),
    ("eventTime LIKE '2026-03-01T10:59%'", "(eventTime >= TIMESTAMP '2026-03-01 10:59:00' AND eventTime < TIMESTAMP '2026-03-01 11:00:00')"),
    ("eventTime LIKE '2026-03-01 10:59:59.%'", "(eventTime >= TIMESTAMP '2026-03-01 10:59:59' AND eventTime < TIMESTAMP '2026-03-01 11:00:00')"),
    ("CAST(eventTime AS VARCHAR) LIKE '2026-03-01T10%'", "(eventTime >= TIMESTAMP '2026-03-01 10:00:00' AND eventTime < TIMESTAMP '2026-03-01 11:00:00')"),
    ("eventTime LIKE '% 10:%'", "CAST(eventTime AS VARCHAR) LIKE '% 10:%'"),
    ("CAST(eventTime AS VARCHAR) = '2026-03-01 10:00:00.000'", "eventTime = TIMESTAMP '2026-03-01 10:00:00.000'"),
    ("'2026-03-01 10:00:00' <> CAST(eventTime AS VARCHAR)", "TIMESTAMP '2026-03-01 10:00:00' <> eventTime"),
    ("CASE eventTime WHEN '2026-03-01' THEN TRUE END", "CASE eventTime WHEN TIMESTAMP '2026-03-01 00:00:00' THEN TRUE END"),
    ("IF(readOnly, eventTime) > '2026-03-01'", "IF(readOnly, eventTime) > TIMESTAMP '2026-03-01 00:00:00'"),
    ("CASE WHEN readOnly THEN eventTime END > '2026-03-01'", "CASE WHEN readOnly THEN eventTime END > TIMESTAMP '2026-03-01 00:00:00'"),
    ("CASE WHEN readOnly THEN '2026-03-01' ELSE eventTime END IS NULL", "CASE WHEN readOnly THEN TIMESTAMP '2026-03-01 00:00:00' ELSE eventTime END IS NULL"),
    ("COALESCE(eventTime, '2026-03-01') IS NULL", "COALESCE(eventTime, TIMESTAMP '2026-03-01 00:00:00') IS NULL"),
    ("DATE_DIFF('DAY', eventTime, '2026-03-01') > 1", "DATE_DIFF('DAY', eventTime, TIMESTAMP '2026-03-01 00:00:00') > 1"),
    ("DATE_DIFF('DAY', '2026-03-01', eventTime) > 1", "DATE_DIFF('DAY', TIMESTAMP '2026-03-01 00:00:00', eventTime) > 1"),
])  # fmt: skip
def test_a_time_that_is_looked_at_as_text_becomes_a_time(condition, expected):
    assert flat(f"SELECT eventName FROM $EDS e WHERE {condition}").endswith(f"WHERE {expected}")


@pytest.mark.parametrize("condition", [
    "eventTime LIKE '2026-03-01 10:00:00.000'", "eventTime LIKE '2026-03-01T1%'", "CAST(eventTime AS VARCHAR) LIKE '%.000'", "CAST(eventTime AS VARCHAR) LIKE '%Z'",
    "eventTime LIKE '2026-13%T'", "CAST(eventTime AS VARCHAR) = '2026-03-01'", "CAST(eventTime AS VARCHAR) = 'soon'",
])  # fmt: skip
def test_the_text_of_a_time_that_athena_spells_otherwise_is_refused_with_what_to_write(condition):
    said = why(f"SELECT eventName FROM $EDS WHERE {condition}")
    assert condition in said and ("eventTime >= TIMESTAMP '" in said or "write DATE(eventTime) = DATE" in said)


def test_stores_that_become_one_view_are_told_before_all_else():
    made = one("SELECT eventName FROM eds-1 UNION ALL SELECT eventName FROM eds-2")
    assert made.sql is not None
    assert made.changes[0].startswith(
        "CAREFUL: the stores eds-1 and eds-2 are both the whole lake here: under UNION ALL rows count twice"
    )
    three = one(
        "SELECT a.eventName FROM eds-1 a, eds-2 b, eds-3 c WHERE a.eventId = b.eventId AND b.eventID = c.eventID"
    )
    assert "each the whole lake here: under UNION ALL rows count 3 times" in three.changes[0]
    assert not any(
        "CAREFUL" in said
        for said in one("SELECT a.eventName FROM eds-1 a JOIN EDS-1 b ON a.eventId = b.eventId").changes
    )


# ── what can't be ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("sql", "reason"), [
    ("SELECT insightSource FROM $EDS", "insightSource is a column of stores of Insights; ask the table `insight_events`"),
    ("SELECT eventData.resourceId FROM $EDS", "eventData is a column of stores of configuration items"),
    ("SELECT eventName FROM $EDS WHERE eventCategory = 'ConfigurationItem'", "configuration items come from AWS Config"),
    ("SELECT eventName FROM $EDS WHERE eventCategory IN ('Evidence')", "evidence comes from Audit Manager"),
    ("SELECT eventName FROM $EDS WHERE eventCategory = 'Insight'", "`insight_events`"),
    ("SELECT nothing FROM $EDS", "there is no column nothing"),
    ("SELECT e.nothing FROM $EDS e", "there is no column nothing"),
    ("SELECT userIdentity.nothing FROM $EDS", "useridentity has no field nothing"),
    ("SELECT eventName FROM $EDS WHERE eventID = $EVENT_ID", "$EVENT_ID stands for a value"),
    ("SELECT eventName FROM FROM $EDS", "FROM is followed by no table"),
    ("SELECT eventName, awsRegion, count(*) FROM $EDS GROUP BY eventName", "awsRegion is neither grouped by nor aggregated"),
    ("WITH a AS (SELECT * FROM $EDS) SELECT nothing FROM a", "there is no column nothing"),
    ("SELECT e.userIdentity, count(*) FROM $EDS e GROUP BY userIdentity.arn", "e.userIdentity is neither grouped by nor aggregated"),
    ("SELECT is_private_ip(sourceIPAddress) FROM $EDS", "Athena has no function is_private_ip"),
    ("SELECT eventName FROM $EDS WHERE", "this is no SQL that Athena would take"),
    ("SELECT eventName FROM $EDS\n ORDER BY eventName DESCLIMIT 10", "from line 2 on, at 'DESCLIMIT'"),
    ("CREATE TABLE x AS SELECT 1", "only a SELECT"), ("DROP TABLE x", "only a SELECT"), ("DELETE FROM $EDS", "only a SELECT"),
    ("INSERT INTO x SELECT eventName FROM $EDS", "only a SELECT"), ("SELECT eventName INTO x FROM $EDS", "only a SELECT"),
    ("", "there is no statement"), ("-- nothing\n;;", "there is no statement"),
])  # fmt: skip
def test_what_can_not_be_converted_says_why(sql, reason):
    assert reason in why(sql)


@pytest.mark.parametrize("sql", [
    "SELECT eventName AS n, count(*) AS c FROM $EDS GROUP BY eventName ORDER BY c DESC, n",
    "SELECT t.r.arn FROM $EDS CROSS JOIN UNNEST(resources) AS t(r)",
    "SELECT transform(resources, r -> r.arn) FROM $EDS",
    "SELECT element_at(requestParameters, 'a') FROM $EDS GROUP BY requestParameters",
    "SELECT upper(eventName), count(*) FROM $EDS GROUP BY upper(eventName)",
    "SELECT eventName, count(*) FROM $EDS GROUP BY 1",
    "SELECT * FROM $EDS ORDER BY eventTime",
    "SELECT e.* FROM $EDS e", "SELECT e.*, row_number() OVER (PARTITION BY e.eventName ORDER BY e.eventTime) AS n FROM $EDS e",
    "WITH a AS (SELECT * FROM $EDS CROSS JOIN UNNEST(resources) AS t(r)) SELECT r, eventName FROM a",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t",
    "SELECT e.userIdentity.arn, count(*) FROM $EDS e GROUP BY userIdentity.arn", "SELECT userIdentity.arn, count(*) FROM $EDS e GROUP BY e.userIdentity.arn",
    "SELECT userIdentity.arn, userIdentity.sessionContext.attributes.creationDate, count(*) FROM $EDS GROUP BY userIdentity",
    "SELECT eventName, count(*) FILTER (WHERE errorCode IS NULL) FROM $EDS GROUP BY eventName", "SELECT eventName, count(*) FROM $EDS GROUP BY ROLLUP (eventName)",
    *(f"SELECT eventName, {call} FROM $EDS GROUP BY eventName" for call in (
        "map_agg(eventID, eventTime)", "multimap_agg(awsRegion, eventID)", "histogram(awsRegion)", "every(readOnly)", "checksum(eventID)", "approx_set(eventID)",
        "approx_most_frequent(3, eventName, 10)", "geometric_mean(cardinality(resources))", "numeric_histogram(3, cardinality(resources))",
        "map_union(requestParameters)", "reduce_agg(length(eventID), 0, (a, b) -> a + b, (a, b) -> a + b)", "entropy(length(eventID))",
    )),
])  # fmt: skip
def test_names_that_are_given_in_the_query_are_no_unknown_columns(sql):
    assert one(sql).reasons == ()


def test_what_is_nested_too_deeply_is_refused():
    assert "nested too deeply" in why("SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM $EDS")


# ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_statement_of_a_file_is_converted_alone():
    made = lake_queries.convert("many", "SELECT 1; SELECT 'a;b' FROM <x y>; -- end; of it\nDROP TABLE x;\n")
    assert [each.name for each in made] == ["many-1", "many-2", "many-3"]
    assert [each.sql is not None for each in made] == [True, True, False]


def test_lines_are_counted_in_the_file():
    second = lake_queries.convert("q", "SELECT 1;\n\nSELECT eventName\nFROM $EDS WHERE readOnly = 'true'")[1]
    assert "line 4: readOnly compared a boolean with a text 'true'; now TRUE" in second.changes


def test_comments_are_kept():
    made = str(one("/* who */ SELECT eventName -- what\nFROM $EDS -- where").sql)
    assert all(word in made for word in ("who", "what"))


def test_the_views_columns_have_the_types_of_its_header():
    view = queries.views()[VIEW]
    assert list(columns()) == [column.name for column in view.columns]
    assert columns()["eventtime"] is not None
    assert [each.alias_or_name for each in dialect.parse(view.sql).selects] == list(columns())
