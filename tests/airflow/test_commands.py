"""Command lines are lists that the commands take, the same on either runner, and hold no secret."""

from __future__ import annotations

import shlex
from datetime import date
from pathlib import Path

import click
import pytest
from trailhouse_airflow import commands
from trailhouse_airflow.parameters import ParameterError, Range
from trailhouse_airflow.settings import Settings, completed

from trailhouse import cli

ROOT = Path(__file__).resolve().parents[2]
PART = Range(date(2024, 1, 1), date(2024, 1, 31), ("111122223333", "444455556666"), ("--lake=x", "org"))
LOCAL = completed(Settings(jobs="/opt/trailhouse/jobs", evidence="/e", reports="/r"), Path("/etc/trailhouse.toml"))
EMR = Settings(
    runner="emr-serverless",
    config="s3://lake/trailhouse.toml",
    emr_application="00f1abcdexample",
    emr_role="arn:aws:iam::111122223333:role/lake-writer",
    emr_entry_points="s3://lake/jobs",
    emr_environment="s3://lake/trailhouse-env.tar.gz",
    emr_results="s3://lake/results",
    evidence="s3://lake/evidence",
    reports="s3://lake/reports",
    spark_parameters="--conf 'spark.app.note=a b'",
)
DAY = date(2026, 3, 1)
EVERY = {
    "settle": lambda s: commands.SETTLE,
    "plan": lambda s: commands.plan(PART),
    "ingest": lambda s: commands.ingest(PART),
    "verify": lambda s: commands.verify(s, DAY),
    "reports": lambda s: commands.reports(s, DAY),
    "maintain": lambda s: commands.MAINTAIN,
}


@pytest.mark.parametrize("settings", [LOCAL, EMR], ids=lambda s: s.runner)
@pytest.mark.parametrize("name", EVERY)
def test_the_command_takes_its_arguments(name, settings):
    command = EVERY[name](settings)
    assert (ROOT / "jobs" / f"{command.script}.py").is_file()
    given = commands.arguments(settings, command, "/tmp/result.json")
    asked: click.Command = cli.trailhouse.commands[command.script]
    if isinstance(asked, click.Group):
        asked, given = asked.commands[given[0]], given[1:]
    context = asked.make_context(name, list(given))
    assert context.params["config"] == context.params["config"].__class__(settings.config)
    assert cli.place_of(given) == "/tmp/result.json"
    if name in ("plan", "ingest"):
        assert context.params["sources"] == PART.sources, "a source is never an option"
        assert context.params["accounts"] == PART.accounts
        assert (context.params["first"], context.params["last"]) == (PART.first, PART.last)
        assert context.params["dry_run"] is (name == "plan")


def test_a_job_on_the_worker_is_started_by_spark_submit_and_one_without_spark_by_python():
    ingest = commands.local(LOCAL, commands.ingest(Range()), "/tmp/r")
    assert ingest[0] == "/opt/trailhouse/.venv/bin/spark-submit"
    assert ingest[ingest.index("/opt/trailhouse/jobs/ingest.py") :] == [
        *(
            "/opt/trailhouse/jobs/ingest.py",
            "--config",
            "/etc/trailhouse.toml",
            "--result",
            "/tmp/r",
            "--format",
            "json",
        )
    ]
    assert commands.local(LOCAL, commands.plan(Range()), "/tmp/r")[:2] == [
        *("/opt/trailhouse/.venv/bin/python", "/opt/trailhouse/jobs/ingest.py")
    ]


def test_a_job_on_emr_serverless_takes_the_archive_and_its_python():
    driver = commands.emr_driver(EMR, commands.ingest(PART), "s3://lake/results/x.json")["sparkSubmit"]
    assert driver["entryPoint"] == "s3://lake/jobs/ingest.py"
    assert driver["entryPointArguments"][:4] == ["--config", EMR.config, "--result", "s3://lake/results/x.json"]
    words = shlex.split(driver["sparkSubmitParameters"])
    assert "spark.archives=s3://lake/trailhouse-env.tar.gz#environment" in words
    assert "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=./environment/bin/python" in words
    assert "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python" in words
    assert words[-2:] == ["--conf", "spark.app.note=a b"]


def test_reports_want_a_place():
    with pytest.raises(ParameterError, match=r"airflow\.reports"):
        commands.reports(Settings(), DAY)
