"""Athena's SQL on this machine: the functions that analysts use, one statement, and nothing but reading."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.buckets import OTHER, Bucket, event, key
from tests.ingest.contents import files, ingest
from trailhouse import settings
from trailhouse.ask import dialect, local, status, translate
from trailhouse.errors import UsageError
from trailhouse.lake import catalog


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> catalog.Lake:
    folder = tmp_path_factory.mktemp("ask")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    made = Bucket()
    made.put(
        key("a"),
        *(event(n, requestParameters={"bucketName": f"b{n % 3}", "n": n, "list": [1, 2, n]}) for n in range(1, 11)),
    )
    made.put(key("b", OTHER), event(20, OTHER, eventName="DeleteBucket", errorCode="AccessDenied", readOnly=False))
    made.put(key("c"), event(30, eventTime="never"), event(1, eventName="Forged"), b"[]")
    ingest(where, made.save(folder / "logs"))
    return catalog.open_lake(where)


def rows(opened, sql: str) -> list[tuple]:
    return local.ask(opened.where, sql).rows


ANSWERS = [
    ("SELECT count(*) FROM events", [(13,)]),
    (
        "SELECT json_extract_scalar(request_parameters, '$.bucketName') AS b, count(*) FROM events WHERE json_extract_scalar(request_parameters, '$.n') IS NOT NULL GROUP BY 1 ORDER BY 1",
        [("b0", 3), ("b1", 4), ("b2", 3)],
    ),
    (
        "SELECT json_extract_scalar(request_parameters, '$.list[2]') FROM events WHERE event_id LIKE '00000004%'",
        [("4",)],
    ),
    (
        "SELECT CAST(date_trunc('day', event_time) AS DATE) = event_date FROM events WHERE event_time IS NOT NULL GROUP BY 1",
        [(True,)],
    ),
    ("SELECT approx_distinct(event_name) FROM events WHERE event_name <> 'x'", [(3,)]),
    ("SELECT event_name FROM events WHERE contains(parse_flags, 'id_conflict')", [("Forged",)]),
    ("SELECT count(*) FROM events WHERE contains(parse_flags, 'time')", [(1,)]),
    ("SELECT cardinality(parse_flags) FROM events WHERE contains(parse_flags, 'time')", [(1,)]),
    (
        "SELECT flag, count(*) FROM events CROSS JOIN UNNEST(parse_flags) AS t(flag) GROUP BY 1 ORDER BY 1",
        [("id_conflict", 1), ("time", 1)],
    ),
    ("SELECT element_at(parse_flags, 1) FROM events WHERE contains(parse_flags, 'time')", [("time",)]),
    (
        "SELECT array_join(array_sort(array_agg(DISTINCT account_id)), ',') FROM events",
        [("111122223333,444455556666",)],
    ),
    ("SELECT cardinality(filter(ARRAY[1, 2, 3], x -> x > 1)), transform(ARRAY[1, 2], x -> x * 2)", [(2, [2, 4])]),
    ("SELECT TRY(CAST('x' AS INTEGER)), TRY_CAST('7' AS INTEGER), CAST('8' AS BIGINT)", [(None, 7, 8)]),
    (
        "SELECT CAST(json_extract(request_parameters, '$.n') AS INTEGER) FROM events WHERE event_id LIKE '00000005%'",
        [(5,)],
    ),
    (
        "SELECT date_add('day', 1, DATE '2026-03-01'), date_diff('hour', TIMESTAMP '2026-03-01 00:00:00', TIMESTAMP '2026-03-01 05:00:00')",
        None,
    ),
    (
        "SELECT regexp_like(event_name, '^Delete'), regexp_extract(event_name, '^[A-Z][a-z]+') FROM events WHERE account_id = '444455556666'",
        [(True, "Delete")],
    ),
    (
        "SELECT split_part(source_ip, '.', 1), strpos(user_agent, '/') FROM events WHERE account_id = '444455556666'",
        [("192", 8)],
    ),
    (
        "SELECT count_if(read_only), max_by(event_name, event_time) FROM events WHERE account_id = '444455556666'",
        [(0, "DeleteBucket")],
    ),
    (
        "WITH a(x) AS (SELECT 1), b AS (SELECT p.x + q.x AS y FROM a AS p, a AS q) SELECT b.y, c.z FROM b, b AS c(z)",
        [(2, 2)],
    ),
    (
        "WITH a AS (SELECT 1 AS x) SELECT a.x, b.x, (WITH a AS (SELECT 5 AS x) SELECT p.x + q.x FROM a AS p, a AS q) FROM a, a AS b",
        [(1, 1, 10)],
    ),
    (
        "WITH a AS (SELECT 1 AS x) SELECT count(*), max(y) FROM a JOIN (WITH a AS (SELECT 7 AS y) SELECT y FROM a) AS b ON a.x < b.y, a AS c",
        [(1, 7)],
    ),
    (
        "WITH batches AS (SELECT 1 AS x FROM batches), more AS (SELECT x FROM batches) SELECT a.x, b.x FROM batches AS a JOIN more AS b ON a.x = b.x",
        [(1, 1)],
    ),
    (
        "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 3) SELECT count(*) FROM a, a AS b",
        [(9,)],
    ),
    (
        "SELECT json_extract_scalar(t, '$.a'), json_extract_scalar(t, '$.b'), json_extract_scalar(t, '$.c'), json_extract_scalar(t, '$.d'), json_extract_scalar(t, '$') FROM (VALUES '{\"a\": [1], \"b\": {}, \"c\": \"ARRAY\", \"d\": null}', 'no JSON') AS v(t) ORDER BY 3",
        [(None, None, "ARRAY", None, None), (None, None, None, None, None)],
    ),
    ("WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2 ORDER BY 1", [(1,), (2,)]),
    (
        "SELECT event_date FROM events WHERE event_date BETWEEN DATE '2026-03-01' AND DATE '2026-03-31' AND account_id = '444455556666'",
        None,
    ),
    ("SELECT approx_percentile(record_index, 0.5) FROM events", None),
    ("SELECT state, count(*) FROM ledger GROUP BY 1", [("done", 3)]),
    ("SELECT reason FROM quarantine", [("not_object",)]),
    ("SELECT count(*) FROM trailhouse.events, trailhouse_ops.batches", [(13,)]),
    (
        "SELECT w, regexp_like(w, '^(Delete|Stop)'), regexp_like(w, '^(Delete|Stop)$'), regexp_like(w, '^(Del.te|Stop)') "
        "FROM (VALUES ('Delete'), ('DeleteX'), ('xDelete'), ('Dele%'), (NULL)) AS t(w) ORDER BY w",
        [
            ("Dele%", False, False, False),
            ("Delete", True, True, True),
            ("DeleteX", True, False, True),
            ("xDelete", False, False, False),
            (None, None, None, None),
        ],
    ),
    # What a query defines may have the name of what it reads.
    ("WITH events AS (SELECT * FROM events WHERE account_id = '444455556666') SELECT count(*) FROM events", [(1,)]),
    ("SELECT count(*) FROM (SELECT 1 FROM events AS e WHERE e.account_id IN (SELECT account_id FROM actions))", [(1,)]),
    ("SELECT events.event_name FROM trailhouse.events WHERE events.account_id = '444455556666'", [("DeleteBucket",)]),
    # As Trino has it, and DuckDB by itself has not: whole units, NULL for what is no JSON or no scalar.
    ("SELECT date_diff('hour', TIMESTAMP '2026-03-01 00:59:00', TIMESTAMP '2026-03-01 01:01:00')", [(0,)]),
    ("SELECT json_extract_scalar('no json', '$.a'), json_extract_scalar('{\"a\": {}}', '$.a')", [(None, None)]),
    ("SELECT json_extract_scalar('{\"a\": null, \"b\": true}', '$.b')", [("true",)]),
    (
        "SELECT coalesce(nullif(error_code, ''), 'none') AS e, count(*) FROM events GROUP BY 1 ORDER BY 2",
        [("AccessDenied", 1), ("none", 12)],
    ),
]


@pytest.mark.parametrize(("sql", "answer"), ANSWERS, ids=lambda value: value[:60] if isinstance(value, str) else "")
def test_what_athena_understands_is_answered_here(opened, sql, answer):
    got = rows(opened, sql)
    assert got == answer if answer is not None else got


@pytest.mark.parametrize("sql", [
    "SELECT 1; SELECT 2", "", "   ", "-- nothing", "DROP TABLE events", "DELETE FROM events", "INSERT INTO events SELECT * FROM events",
    "CREATE TABLE x AS SELECT 1", "UPDATE events SET region = 'x'", "COPY (SELECT 1) TO '/tmp/x'", "ATTACH '/tmp/x'", "SET threads = 1",
    "PRAGMA database_list", "CALL x()", "INSTALL httpfs", "LOAD httpfs", "SELECT", "nonsense", "SELECT * FROM nowhere", "SELECT nothing FROM events",
    "UNLOAD (SELECT 1) TO 's3://x/' WITH (format = 'PARQUET')", "WITH a AS (DELETE FROM events RETURNING *) SELECT * FROM a",
    "SELECT 1 INTO x",
])  # fmt: skip
def test_anything_but_one_select_is_refused(opened, sql, tmp_path):
    before = files(Path(opened.where.location))
    with pytest.raises(UsageError):
        local.ask(opened.where, sql)
    assert files(Path(opened.where.location)) == before


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_csv('{secret}')", "SELECT * FROM '{secret}'", "SELECT * FROM read_text('{secret}')", "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_blob('{secret}')", "SELECT getenv('HOME')", "SELECT * FROM duckdb_secrets()",
])  # fmt: skip
def test_a_query_reads_the_lake_and_nothing_else(opened, sql, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\ncanary\n")
    with pytest.raises(UsageError):
        local.ask(opened.where, sql.format(secret=secret))


def test_what_is_named_once_and_read_twice_is_asked_for_twice():
    """DuckDB would keep all its rows and columns, whatever is asked of them; a long chain of such names stays as it is."""
    twice = "WITH a AS (SELECT * FROM events) SELECT count(*) FROM a, a AS b WHERE a.event_date = b.event_date"
    chain = "WITH c0 AS (SELECT 1 AS x)" + "".join(
        f", c{n} AS (SELECT p.x FROM c{n - 1} AS p, c{n - 1} AS q)" for n in range(1, 40)
    )
    assert "WITH" not in translate.to_duckdb(dialect.parse(twice))
    assert len(translate.to_duckdb(dialect.parse(chain + " SELECT * FROM c39"))) < 100_000


def test_an_interrupt_is_heard_while_the_engine_works(opened):
    slow = (
        "SELECT sum(a.n * b.n) FROM UNNEST(sequence(1, 100000)) AS a(n) CROSS JOIN UNNEST(sequence(1, 20000)) AS b(n)"
    )
    timer = threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which those who are started apart go without
    began = time.monotonic()
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            rows(opened, slow)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 5


def test_only_what_is_published_is_seen(opened, tmp_path):
    """A branch is no reader's business."""
    table = opened.table("events")
    head = table.metadata.refs["main"].snapshot_id
    assert rows(opened, "SELECT count(*) FROM events") == [(len(table.scan(snapshot_id=head).to_arrow()),)]


def test_status_counts_what_is_there(opened):
    told = status.status(opened)
    assert {row[0]: row[1] for row in told["tables"].rows}["trailhouse.events"] == 13
    assert [(row[0], row[2], row[5]) for row in told["accounts"].rows] == [
        ("111122223333", "us-east-1", 12),
        ("444455556666", "us-east-1", 1),
    ]
    assert told["quarantine"].rows == [("not_object", 1, 1)]
    assert len(told["batches"].rows) == 1
