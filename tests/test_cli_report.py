"""`report` and `publish` on the command line: what is refused, what a file holds, and that nothing in an answer does anything."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.buckets import Bucket, event, key
from tests.ingest.contents import ingest
from trailhouse import cli, settings
from trailhouse.ask import queries

FORMULA, ESCAPES = "=cmd|' /C calc'!A0", "\x1b[2Jbucket"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A lake in which somebody deleted buckets with unpleasant names."""
    made, where = Bucket(), tmp_path_factory.mktemp("reports")
    named = [("plain",), (FORMULA,), (ESCAPES,), ("it's",), ('a"b',), ("100%_sure",), ("=1+1",)]
    made.put(
        key("a"),
        *(
            event(n, eventName="DeleteBucket", readOnly=False, requestParameters={"bucketName": name})
            for n, (name,) in enumerate(named, 1)
        ),
        event(50, eventName="ListBuckets"),
    )
    lake = settings.Lake(location=str(where / "lake"), catalog_uri=str(where / "lake/catalog.sqlite"))
    ingest(lake, made.save(where / "logs"))
    return where / "lake"


@pytest.fixture
def call(capsys, monkeypatch):
    monkeypatch.delenv("TRAILHOUSE_CONFIG", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(["report", *map(str, arguments)])
        return int(left.value.code or 0), *capsys.readouterr()

    return run


MARCH = ("-p", "since=2026-03-01", "-p", "until=2026-03-31")


def names(out: str) -> list[str]:
    return [row["resource"] for row in csv.DictReader(io.StringIO(out))]


def test_list_says_which_there_are_and_can_be_told_a_tag(call):
    code, out, _ = call("list", "--format", "csv")
    assert code == 0 and {row[0] for row in csv.reader(io.StringIO(out))} == {"report", *queries.reports()}
    code, out, _ = call("list", "--tag", "investigation", "--format", "json")
    assert {json.loads(line)["report"] for line in out.splitlines()} == {
        name for name, one in queries.reports().items() if "investigation" in one.tags
    }
    code, _, err = call("list", "--tag", "nonsense")
    assert code == 2 and "known are" in err


def test_show_says_what_it_asks_and_what_it_takes(call):
    one = queries.report("who_deleted_it")
    code, out, _ = call("show", "who_deleted_it")
    assert code == 0 and one.doc in out and one.why in out and one.sql in out
    assert all(param.name in out and param.doc in out for param in one.params)


def test_an_unknown_report_is_refused_with_the_nearest(call, folder):
    code, _, err = call("run", "who_delete_it", "--lake", folder)
    assert code == 2 and "did you mean `who_deleted_it`" in err


@pytest.mark.parametrize(("given", "said"), [
    (["-p", "since=2026-01-01' OR"], "`since` must be a day"),
    (["-p", "since=-1"], "`since` must be a day"),
    (["-p", "account=1"], "`account` must be an account of 12 digits"),
    (["-p", "nonsense=1"], "no parameter `nonsense`"),
    (["-p", "since"], "is not NAME=VALUE"),
    (["-p", "since=2026-03-02", "-p", "until=2026-03-01"], "`since` (2026-03-02) is after `until` (2026-03-01)"),
    (["-p", "until=2026-03-01"], "is after `until` (2026-03-01)"),
    (["-p", "since=2026-03-01", "-p", "since=2026-03-01"], "`since` is given twice"),
    (["--format", "parquet"], "--out FILE"),
    (["--all"], "the name of a report, or --all"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, folder, given, said):
    code, out, err = call("run", "who_deleted_it", *given, "--lake", folder)
    assert (code, out) == (2, "") and said in err


def test_a_lake_that_is_not_there(call, tmp_path):
    code, _, err = call("run", "who_deleted_it", "--lake", tmp_path / "nowhere")
    assert code == 2 and "trailhouse ingest" in err


def test_csv_is_safe_in_a_spreadsheet_unless_it_is_asked_raw(call, folder):
    code, out, _ = call("run", "who_deleted_it", *MARCH, "--format", "csv", "--lake", folder)
    assert code == 0
    assert {f"'{FORMULA}", "'=1+1", "plain", "it's", 'a"b', "␛[2Jbucket"} < set(names(out))
    assert "\x1b" not in out
    _, out, _ = call("run", "who_deleted_it", *MARCH, "--format", "csv", "--csv-raw", "--lake", folder)
    assert {FORMULA, "=1+1"} < set(names(out))


def test_a_table_has_no_escapes(call, folder):
    _, out, _ = call("run", "who_deleted_it", *MARCH, "--lake", folder)
    assert "\x1b" not in out and "␛[2Jbucket" in out


@pytest.mark.parametrize(("asked", "found"), [
    ("plain", ["plain"]), ("it's", ["it's"]), ("*'*", [FORMULA, "it's"]), ("100%_sure", ["100%_sure"]), ("%", []), ("_lain", []),
    ("x' OR '1'='1", []), ("--", []), ("*", 7),
])  # fmt: skip
def test_a_pattern_finds_exactly_what_it_names(call, folder, asked, found):
    given = (*MARCH, "-p", f"resource={asked}", "--format", "csv", "--csv-raw", "--lake", folder)
    code, out, _ = call("run", "who_deleted_it", *given)
    assert code == 0
    assert len(names(out)) == found if isinstance(found, int) else sorted(names(out)) == sorted(found)


def test_parquet_and_json_hold_the_same_rows(call, folder, tmp_path):
    out = tmp_path / "deep" / "deleted.parquet"
    code, _, err = call("run", "who_deleted_it", *MARCH, "--format", "parquet", "--out", out, "--lake", folder)
    assert code == 0 and "7 rows" in err
    _, text, _ = call("run", "who_deleted_it", *MARCH, "--format", "json", "--lake", folder)
    assert [json.loads(line)["resource"] for line in text.splitlines()] == pq.read_table(out)["resource"].to_pylist()
    assert [path.name for path in out.parent.iterdir()] == ["deleted.parquet"]


def test_an_empty_answer_is_a_file_with_its_columns(call, folder, tmp_path):
    out = tmp_path / "none.parquet"
    assert call("run", "who_deleted_it", "--format", "parquet", "--out", out, "--lake", folder)[0] == 0
    assert pq.read_table(out).num_rows == 0 and "resource" in pq.read_table(out).column_names


def test_all_reports_become_files(call, folder, tmp_path):
    code, out, err = call("run", "--all", "--out", tmp_path, *MARCH, "--format", "csv", "--lake", folder)
    assert code == 0, err
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.csv" for name in queries.reports()}
    assert all(name in out for name in queries.reports())
    assert len(names((tmp_path / "who_deleted_it.csv").read_text())) == 7


def test_one_report_that_fails_leaves_the_others(call, folder, tmp_path, monkeypatch):
    bad = replace(
        queries.report("who_deleted_it"),
        name="bad",
        sql="SELECT nope FROM actions WHERE event_date BETWEEN :since AND :until ORDER BY 1",
    )
    both = {"bad": bad, "who_deleted_it": queries.report("who_deleted_it")}
    monkeypatch.setattr(queries, "reports", lambda: both)
    code, _, err = call("run", "--all", "--out", tmp_path, *MARCH, "--format", "csv", "--lake", folder)
    assert code == 1 and "error: bad:" in err
    assert {path.name for path in tmp_path.iterdir()} == {"who_deleted_it.csv"}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_one_file_that_can_not_be_written_leaves_the_others(call, folder, tmp_path, form):
    (tmp_path / f"root_use.{form}").mkdir()
    code, out, err = call("run", "--all", "--out", tmp_path, *MARCH, "--format", form, "--lake", folder)
    assert code == 1 and "error: root_use: can't write" in err
    assert {path.stem for path in tmp_path.iterdir() if path.is_file()} == set(queries.reports()) - {"root_use"}
    assert "who_deleted_it" in out and "root_use" not in out


EVERY_TYPE = """SELECT CAST(n AS bigint) AS n, CAST(n AS integer) AS i, n / 2e0 AS d, n > 1 AS b, DATE '2026-03-01' AS day,
  TIMESTAMP '2026-03-01 10:00:00' AS at, CAST(n AS decimal(10, 2)) AS m, split('a,b', ',') AS texts, MAP(ARRAY['k'], ARRAY[n]) AS held,
  CAST(NULL AS varchar) AS nothing, count(*) AS c, sum(n) AS s, n
FROM (VALUES (1), (2)) AS t(n) WHERE DATE '2026-03-01' BETWEEN :since AND :until AND n > :least GROUP BY n ORDER BY n"""


def test_the_types_of_parquet_are_those_of_the_columns_whatever_is_in_them(call, folder, tmp_path, monkeypatch):
    least = queries.Param("least", "integer", "0", "Rows.")
    one = queries.report("who_deleted_it")
    typed = replace(one, name="typed", sql=EVERY_TYPE, params=(*one.params, least))
    monkeypatch.setattr(queries, "reports", lambda: {"typed": typed})
    tables = []
    for least_ in ("0", "9"):
        out = tmp_path / f"{least_}.parquet"
        given = (*MARCH, "-p", f"least={least_}", "--format", "parquet", "--out", out, "--lake", folder)
        assert call("run", "typed", *given)[0] == 0
        tables.append(pq.read_table(out))
    full, empty = tables
    assert full.schema == empty.schema and (full.num_rows, empty.num_rows) == (2, 0)
    assert [str(type_) for type_ in full.schema.types] == [
        "int64", "int32", "double", "bool", "date32[day]", "timestamp[us]", "decimal128(10, 2)", "list<element: string>", "string", "string", "int64", "int64",
        "int32",
    ]  # fmt: skip
    assert full["held"].to_pylist() == ['{"k": 1}', '{"k": 2}']
    assert full.column_names[0] == "n" and full.column_names[-1] == "n_2"


@pytest.mark.parametrize("name", queries.reports())
def test_an_empty_answer_has_the_schema_of_a_full_one(folder, name):
    from datetime import date

    from trailhouse.ask import local, parameters
    from trailhouse.cli import parquet

    one, lake = queries.report(name), settings.Lake(location=str(folder), catalog_uri=str(folder / "catalog.sqlite"))
    days = ({"since": "2026-01-01", "until": "2026-12-31"}, {"since": "2020-01-01", "until": "2020-01-02"})
    schemas = {
        parquet.schema(local.ask(lake, parameters.bound(one, each, date(2026, 3, 1)))).to_string() for each in days
    }
    assert len(schemas) == 1 and "null" not in schemas.pop()


def test_what_fits_into_no_parquet_is_said(call, folder, tmp_path, monkeypatch):
    one = queries.report("who_deleted_it")
    large = replace(
        one,
        name="large",
        sql="SELECT sum(n) AS s FROM (VALUES (9223372036854775807), (1)) AS t(n) WHERE DATE '2026-03-01' BETWEEN :since AND :until",
    )
    monkeypatch.setattr(queries, "reports", lambda: {"large": large})
    code, _, err = call(
        "run", "large", *MARCH, "--format", "parquet", "--out", tmp_path / "x.parquet", "--lake", folder
    )
    assert code == 1 and "--format csv or json" in err and list(tmp_path.iterdir()) == []


def test_a_long_answer_is_cut_on_a_terminal_and_says_so(call, folder, monkeypatch):
    monkeypatch.setattr(sys.modules["trailhouse.cli.report"], "SHOWN", 3)
    _, out, err = call("run", "who_deleted_it", *MARCH, "--lake", folder)
    assert out.count("DeleteBucket") == 3 and "4 more rows" in err


def test_a_place_that_can_not_be_written_is_said(call, folder, tmp_path):
    (tmp_path / "file").write_text("")
    given = (*MARCH, "--format", "csv", "--out", tmp_path / "file" / "x.csv", "--lake", folder)
    code, _, err = call("run", "who_deleted_it", *given)
    assert code == 1 and "can't write" in err
