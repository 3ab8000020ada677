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


def put(folder, **files: str) -> None:
    for name, text in files.items():
        place = folder / name.replace("__", "/").replace("_dash_", "-").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def test_no_query_is_written_over_another_of_the_same_name(tmp_path):
    saved, out = tmp_path / "saved", tmp_path / "athena"
    put(saved, q_dot_sql="SELECT 1; SELECT 2", q_dash_1_dot_sql="SELECT 3", Q_dot_SQL="SELECT 4; SELECT 5")
    assert run(saved, "--out", out) == 0
    assert sorted(path.read_text().split()[-1] for path in out.iterdir()) == ["1", "2", "3", "4", "5"]
    assert len({path.name.casefold() for path in out.iterdir()}) == 5


def test_queries_of_one_name_are_run_each(tmp_path, capsys):
    where = settings.Lake(location=str(tmp_path / "lake"), catalog_uri=str(tmp_path / "lake/catalog.sqlite"))
    ingest(where, public.bucket().save(tmp_path / "logs"))
    put(tmp_path / "saved", q_dot_sql="SELECT 1 AS n; SELECT nope()", q_dash_1_dot_sql="SELECT 3 AS n WHERE 1 = 2")
    assert run(tmp_path / "saved", "--run", "--lake", tmp_path / "lake", "--format", "json") == 5
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["query"], row["rows"], row["failed"] is None) for row in rows] == [
        ("q-1", 0, True),
        ("q-1-2", 1, True),
        ("q-2", None, False),
    ]


def test_files_of_any_spelling_in_any_folder_keep_their_place(tmp_path):
    saved, out = tmp_path / "saved", tmp_path / "saved" / "athena"
    put(saved, A_dot_SQL=GOOD, team__b_dot_Sql=GOOD, team__deep__c_dot_sql=GOOD, team__notes_dot_txt="no SQL")
    for _ in range(2):  # what was written is no source of the second time
        assert run(saved, "--out", out, "--force") == 0
        assert sorted(str(path.relative_to(out)) for path in out.rglob("*.sql")) == [
            "A.sql",
            "team/b.sql",
            "team/deep/c.sql",
        ]


def test_what_can_not_be_read_leaves_the_others(folder, tmp_path, capsys):
    (folder / "bad.sql").write_bytes(b"SELECT '\xff'")
    (folder / "d.sql").mkdir()
    (folder / "gone.sql").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder)
    assert run(folder, "--out", tmp_path / "athena") == 5
    assert [path.name for path in (tmp_path / "athena").iterdir()] == ["good.sql"]
    told = capsys.readouterr().out
    assert all(f"{name}: can't be converted" in told for name in ("bad", "d", "gone"))
    assert told.count("can't be read as text") == 3 and "1 of 4 converted" in told


def test_a_mark_of_byte_order_is_no_part_of_a_query(tmp_path, capsys):
    (tmp_path / "q.sql").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert run(tmp_path) == 0
    assert "FROM cloudtrail_lake" in capsys.readouterr().out
