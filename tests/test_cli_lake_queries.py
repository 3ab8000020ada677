"""`trailhouse lake-queries convert`: what it shows, writes, refuses, and how it ends."""

from __future__ import annotations

import json

import pytest

from tests.ask import public
from tests.ingest.contents import ingest
from trailhouse import cli, settings

GOOD = "SELECT eventName, count(*) AS n\nFROM $EDS_ID\nWHERE eventTime > '2023-01-01'\nGROUP BY eventName;\n"
BAD = "SELECT eventName FROM $EDS_ID WHERE eventTime > '${since}'"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "saved"
    made.mkdir()
    (made / "good.sql").write_text(GOOD)
    (made / "bad.sql").write_text(BAD)
    return made


def run(*arguments) -> int:
    return cli._run(["lake-queries", "convert", *map(str, arguments)])


def test_the_sql_goes_out_and_what_changed_is_told_beside_it(folder, capsys):
    assert run(folder / "good.sql") == 0
    shown = capsys.readouterr()
    assert "FROM cloudtrail_lake" in shown.out
    assert "TIMESTAMP '2023-01-01 00:00:00'" in shown.out
    assert "line 2: the event data store $EDS_ID became cloudtrail_lake" in shown.err
    assert "1 of 1 converted" in shown.err


def test_what_can_not_be_converted_is_told_and_ends_with_5(folder, tmp_path, capsys):
    out = tmp_path / "athena"
    assert run(folder, "--out", out) == 5
    assert [path.name for path in out.iterdir()] == ["good.sql"]
    told = capsys.readouterr().out
    assert "bad: can't be converted" in told
    assert "'${since}' is none" in told
    assert "1 of 2 converted" in told


def test_a_file_that_is_there_is_not_written_over_unless_it_must(folder, tmp_path, capsys):
    out = tmp_path / "athena"
    out.mkdir()
    (out / "good.sql").write_text("mine")
    assert run(folder / "good.sql", "--out", out) == 2
    assert (out / "good.sql").read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert run(folder / "good.sql", "--out", out, "--force") == 0
    assert "cloudtrail_lake" in (out / "good.sql").read_text()


def test_json_has_a_row_per_query(folder, capsys):
    assert run(folder, "--format", "json") == 5
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = rows[0] if isinstance(rows[0], list) else rows
    assert [(row["query"], row["converted"]) for row in rows] == [("bad", False), ("good", True)]


def test_converted_queries_are_run_on_the_lake(folder, tmp_path, capsys):
    where = settings.Lake(location=str(tmp_path / "lake"), catalog_uri=str(tmp_path / "lake/catalog.sqlite"))
    ingest(where, public.bucket().save(tmp_path / "logs"))
    assert run(folder / "good.sql", "--run", "--lake", tmp_path / "lake") == 0
    shown = capsys.readouterr().err
    assert "1 of 1 ran" in shown
    assert " rows" in shown


def test_a_folder_without_queries_is_wrong_usage(tmp_path, capsys):
    assert run(tmp_path) == 2
    assert "no .sql file" in capsys.readouterr().err
