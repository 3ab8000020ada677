"""
Command lines: what is typed for each job, as lists of arguments, on either runner.

Pure: values in, lists out. No shell ever reads them, and they hold no secret: credentials are found by AWS's own
configuration where the job runs.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from typing import Any

from trailhouse_airflow.parameters import ParameterError, Range
from trailhouse_airflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Command:
    """A job: the entry script in jobs/, its arguments, and whether Spark is to start it."""

    script: str
    arguments: tuple[str, ...] = ()
    on_spark: bool = True


SETTLE = Command("settle", ("--format", "json"), on_spark=False)  # where something is left, it starts Spark itself
MAINTAIN = Command("maintain", ("--format", "json"))


def plan(part: Range) -> Command:
    """Looks, and starts no JVM."""
    return Command("ingest", ("--dry-run", "--format", "json", *_part(part)), on_spark=False)


def ingest(part: Range) -> Command:
    return Command("ingest", ("--format", "json", *_part(part)))


def verify(settings: Settings, day: date) -> Command:
    evidence = ("--evidence", inside(settings.evidence, str(day))) if settings.evidence else ()
    return Command("verify", ("--limit", "20", *evidence))


def reports(settings: Settings, day: date) -> Command:
    if not settings.reports:
        raise ParameterError("`airflow.reports` is not set: say where reports are to be written")
    out = inside(settings.reports, str(day))
    return Command("report", ("run", "--all", "--out", out, "--format", settings.report_format), on_spark=False)


def _part(part: Range) -> tuple[str, ...]:
    """`--` before names of sources, so that none of them is ever taken for an option."""
    given: list[str] = []
    if part.first:
        given += ["--from", part.first.isoformat()]
    if part.last:
        given += ["--to", part.last.isoformat()]
    for account in part.accounts:
        given += ["--account", account]
    return (*given, *(("--", *part.sources) if part.sources else ()))


def local(settings: Settings, command: Command, result: str) -> list[str]:
    """On this worker. What needs no Spark is started by Python alone, which takes a JVM less."""
    script = inside(settings.jobs, f"{command.script}.py")
    starts = [settings.python]
    if command.on_spark:
        starts = [settings.spark_submit, "--name", f"trailhouse {command.script}"]
        starts += ["--conf", f"spark.pyspark.python={settings.python}", *shlex.split(settings.spark_parameters)]
    return [*starts, script, *arguments(settings, command, result)]


def arguments(settings: Settings, command: Command, result: str) -> list[str]:
    """What the job itself is given. Settings come before a `--`, after which only names of sources stand."""
    own = ("--config", settings.config, "--result", result)
    words = command.arguments
    if words[:1] == ("run",):  # a command of a command
        return [words[0], *own, *words[1:]]
    return [*own, *words]


def emr_driver(settings: Settings, command: Command, result: str) -> dict[str, Any]:
    """What EMR Serverless is asked to run."""
    python = settings.emr_python
    of_python = ("driverEnv.PYSPARK_DRIVER_PYTHON", "driverEnv.PYSPARK_PYTHON")
    parameters = ["--conf", f"spark.archives={settings.emr_environment}#environment"]
    for name in of_python:
        parameters += ["--conf", f"spark.emr-serverless.{name}={python}"]
    parameters += ["--conf", f"spark.executorEnv.PYSPARK_PYTHON={python}", *shlex.split(settings.spark_parameters)]
    return {
        "sparkSubmit": {
            "entryPoint": inside(settings.emr_entry_points, f"{command.script}.py"),
            "entryPointArguments": arguments(settings, command, result),
            "sparkSubmitParameters": shlex.join(parameters),
        }
    }


def inside(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"
