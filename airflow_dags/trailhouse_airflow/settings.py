"""
The table [airflow] of Trailhouse's settings file, read strictly.

The same keys, forms and defaults as `trailhouse.scheduling`, which documents them; a test of the repository holds the
two together. Of the other tables only the names of sources are read: the jobs judge the rest themselves.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CONFIG_VARIABLE = "TRAILHOUSE_CONFIG"
RUNNERS = ("local", "emr-serverless")
FORMS = ("csv", "json", "parquet", "table")


class SettingsError(ValueError):
    """The settings can't be meant; the message says which, and what is wanted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where, when and how often Airflow runs the jobs."""

    runner: str = "local"
    config: str = ""
    jobs: str = ""
    python: str = ""
    spark_submit: str = ""
    spark_parameters: str = ""
    plan_first: bool = True
    ingest_schedule: str = "*/15 * * * *"
    verify_schedule: str = "30 3 * * *"
    maintain_schedule: str = "30 4 * * *"
    retries: int = 3
    retry_after: timedelta = timedelta(minutes=1)
    retry_at_most: timedelta = timedelta(minutes=30)
    ingest_timeout: timedelta = timedelta(hours=6)
    verify_timeout: timedelta = timedelta(hours=6)
    maintain_timeout: timedelta = timedelta(hours=6)
    reports_timeout: timedelta = timedelta(hours=1)
    stop_after: timedelta = timedelta(minutes=1)
    evidence: str = ""
    reports: str = ""
    report_format: str = "csv"
    aws_connection: str = "aws_default"
    emr_application: str = ""
    emr_role: str = ""
    emr_entry_points: str = ""
    emr_environment: str = ""
    emr_python: str = "./environment/bin/python"
    emr_results: str = ""
    emr_logs: str = ""
    emr_poll_every: timedelta = timedelta(seconds=30)
    emr_deferrable: bool = False
    sources: tuple[str, ...] = ()  # names of the sources, which a form may choose from


WORDS = {"runner": RUNNERS, "report_format": FORMS}
PLACES = (
    *("config", "jobs", "evidence", "reports"),
    *("emr_entry_points", "emr_environment", "emr_results", "emr_logs"),
)
PROGRAM = r"/.+|[^/]+|"
PATTERNS = {
    "python": (PROGRAM, "an absolute path, or a name that is found on the path"),
    "spark_submit": (PROGRAM, "an absolute path, or a name that is found on the path"),
    "emr_application": (r"[0-9a-z]{1,64}|", "an application's id, such as 00f1abcdexample"),
    "emr_role": (r"arn:[^:]+:iam::[0-9]{12}:role/.+|", 'such as "arn:aws:iam::111122223333:role/lake-writer"'),
}
KEYS = tuple(each.name for each in fields(Settings) if each.name != "sources")
DEFAULTS = {each.name: each.default for each in fields(Settings)}


def load(env: Mapping[str, str] = os.environ) -> Settings:
    """What the file says that TRAILHOUSE_CONFIG names."""
    named = env.get(CONFIG_VARIABLE, "")
    if not named:
        raise SettingsError(f"set {CONFIG_VARIABLE} to the settings file, in the environment that Airflow starts in")
    file = Path(named).absolute()
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file} ({CONFIG_VARIABLE}) can't be read: {error.strerror}") from error
    return completed(parsed(document, file), file)


def parsed(document: Mapping[str, Any], file: Path) -> Settings:
    """The table, in proper types; an unknown key is an error that names the nearest."""
    table = document.get("airflow", {})
    if not isinstance(table, dict):
        raise SettingsError(f"`airflow` in {file.name} must be a table: write [airflow] on a line of its own")
    sources = document.get("source", [])
    named = tuple(each["name"] for each in sources if isinstance(each, dict) and each.get("name"))
    return Settings(**{key: _value(key, value, file) for key, value in table.items()}, sources=named)


def completed(settings: Settings, file: Path) -> Settings:
    """What follows from one setting for another; what a runner can't do without is asked for."""
    wanted = ("jobs",) if settings.runner == "local" else _OF_EMR
    for key in wanted:
        if not getattr(settings, key):
            raise SettingsError(f'`airflow.{key}` in {file.name} is missing: runner = "{settings.runner}" needs it')
    if settings.runner == "emr-serverless":
        for key in ("config", "emr_entry_points", "emr_environment", "emr_results", "evidence", "reports"):
            if getattr(settings, key) and not getattr(settings, key).startswith("s3://"):
                raise SettingsError(f"`airflow.{key}` in {file.name} must be in S3 for EMR Serverless: s3://bucket/…")
        return settings
    python = settings.python or str(Path(settings.jobs).parent / ".venv" / "bin" / "python")
    submit = settings.spark_submit or str(Path(python).parent / "spark-submit")
    return replace(settings, config=settings.config or str(file), python=python, spark_submit=submit)


_OF_EMR = ("config", "emr_application", "emr_role", "emr_entry_points", "emr_environment", "emr_results")


def _value(key: str, value: Any, file: Path) -> Any:
    where = f"`airflow.{key}` in {file.name}"
    if key not in KEYS:
        near = get_close_matches(key, KEYS, n=1, cutoff=0.5)
        hint = f"did you mean `airflow.{near[0]}`?" if near else f"known are: {', '.join(KEYS)}"
        raise SettingsError(f"unknown setting {where}: {hint}")
    usual = DEFAULTS[key]
    if key in WORDS:
        if value not in WORDS[key]:
            raise SettingsError(f"{where} must be one of {', '.join(WORDS[key])}, not {value!r}")
        return value
    if isinstance(usual, bool):
        return _yes_or_no(value, where)
    if isinstance(usual, timedelta):
        return _duration(value, where)
    if isinstance(usual, int):
        return _number(value, where)
    if not isinstance(value, str):
        raise SettingsError(f"{where} must be text in quotes, not {value!r}")
    if key in PLACES:
        return _place(value, file.parent, where)
    pattern, wanted = PATTERNS.get(key, (r".*", "text"))
    if not re.fullmatch(pattern, value):
        raise SettingsError(f"{where} must be {wanted}, not {value!r}")
    return value


def _yes_or_no(value: Any, where: str) -> bool:
    if not isinstance(value, bool) and value not in ("true", "false"):
        raise SettingsError(f"{where} must be true or false, not {value!r}")
    return value in (True, "true")


def _number(value: Any, where: str) -> int:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[0-9_]+", text) or int(text) < 1:
        raise SettingsError(f"{where} must be a whole number above 0, such as 8, not {value!r}")
    return int(text)


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def _duration(value: Any, where: str) -> timedelta:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"(?:[0-9]{1,6}[wdhms])+", text):
        raise SettingsError(f'{where} must be a duration such as "15m", "6h" or "7d", not {text!r}')
    parts = re.findall(r"([0-9]+)([wdhms])", text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def _place(text: str, base: Path, where: str) -> str:
    if text.startswith("s3:"):
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/.*)?", text, re.DOTALL):
            raise SettingsError(f'{where} must name a bucket, such as "s3://my-bucket/prefix", not {text!r}')
        return text.rstrip("/")
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise SettingsError(f"{where} must be a folder or s3://bucket/prefix, not {text!r}")
    return str((base / Path(text).expanduser()).resolve()) if text else ""
