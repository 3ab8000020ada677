"""The commands against Athena, as somebody types them: publish, report, lake-queries."""

from __future__ import annotations

import json

import pytest

from trailhouse import cli

SETTINGS = """\
[lake]
location = "{location}"
catalog = "glue"
"""


@pytest.fixture
def call(published, tmp_path, capsys, monkeypatch):
    """Run a command with settings that name the lake: (exit code, stdout, stderr)."""
    config = tmp_path / "trailhouse.toml"
    config.write_text(SETTINGS.format(location=published.lake.location))
    monkeypatch.delenv("TRAILHOUSE_CONFIG", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main([*map(str, arguments), "--config", str(config)])
        return int(left.value.code or 0), *capsys.readouterr()

    return run


MARCH = ("-p", "since=2026-03-01", "-p", "until=2026-03-31")


def test_publish_says_that_nothing_changes(call):
    code, out, err = call("publish")
    assert code == 0, err
    assert out.startswith("published: 0 differ, ")
    code, out, _ = call("publish", "--dry-run", "--format", "json")
    assert {json.loads(line)["what"] for line in out.splitlines()} == {"unchanged"}


def test_a_report_is_the_same_from_athena_and_from_here(call):
    answers = []
    for engine in ("athena", "local"):
        code, out, err = call("report", "run", "who_deleted_it", *MARCH, "--on", engine, "--format", "json")
        assert code == 0, err
        answers.append([json.loads(line) for line in out.splitlines()])
    assert answers[0] == answers[1]
    assert answers[0]


def test_a_query_of_cloudtrail_lake_is_converted_and_run_on_athena(call, tmp_path):
    saved = tmp_path / "saved.sql"
    saved.write_text(
        "SELECT eventName, count(*) AS n FROM 0a1b2c3d-1111-2222-3333-0a1b2c3d4e5f "
        "WHERE eventTime > '2026-03-01 00:00:00' GROUP BY eventName ORDER BY n DESC"
    )
    code, out, err = call("lake-queries", "convert", saved, "--run", "--on", "athena", "--format", "json")
    assert code == 0, err
    told = json.loads(out.splitlines()[0])
    assert told["rows"] > 0 and told["failed"] is None


def test_what_athena_refuses_is_said_in_one_line(call):
    code, _, err = call("report", "run", "who_deleted_it", *MARCH, "--on", "athena", "--athena-work-group", "nobodys")
    assert code == 2
    assert "nobodys" in err and "trailhouse publish" in err
