"""
Queries as files: SQL in Athena's dialect under a header of `-- key = value` lines, which are TOML.

Pure: text in, values out. A report has parameters and answers a question; a view has columns and stands in the
database. What a parameter's value becomes in SQL is in `ask.parameters`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from trailhouse.errors import UsageError


@dataclass(frozen=True, slots=True)
class Param:
    """What a report can be given; in its SQL it stands as `:name`."""

    name: str
    type: str  # one of `ask.parameters.TYPES`
    default: str
    doc: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view, with its type in Trino's words."""

    name: str
    type: str
    doc: str


@dataclass(frozen=True, slots=True)
class Report:
    """One saved question."""

    name: str
    title: str
    doc: str  # the question in plain words
    why: str  # why the answer matters
    grain: tuple[str, ...]  # what one row is about
    tags: tuple[str, ...]
    params: tuple[Param, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class View:
    """One view over the lake's tables, in the order in which its columns are selected."""

    name: str
    title: str
    doc: str
    grain: tuple[str, ...]
    tags: tuple[str, ...]
    columns: tuple[Column, ...]
    sql: str


@cache
def reports() -> dict[str, Report]:
    """The saved reports, by name."""
    return {name: parse_report(name, text) for name, text in _texts("reports")}


@cache
def views() -> dict[str, View]:
    """The views, by name."""
    return {name: parse_view(name, text) for name, text in _texts("views")}


def report(name: str) -> Report:
    """The saved report of that name."""
    if name not in reports():
        near = get_close_matches(name, reports(), n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else "`trailhouse report list` shows them all"
        raise UsageError(f"there is no report `{name}`: {hint}")
    return reports()[name]


def parse_report(name: str, text: str) -> Report:
    """A report from its file's text."""
    head, sql = _split(text)
    params = tuple(
        Param(each, given["type"], str(given["default"]), given["doc"])
        for each, given in head.get("params", {}).items()
    )
    grain, tags = tuple(head["grain"]), tuple(head["tags"])
    return Report(name, head["title"], head["doc"], head["why"], grain, tags, params, sql)


def parse_view(name: str, text: str) -> View:
    """A view from its file's text."""
    head, sql = _split(text)
    columns = tuple(Column(each, given["type"], given["doc"]) for each, given in head["columns"].items())
    return View(name, head["title"], head["doc"], tuple(head["grain"]), tuple(head["tags"]), columns, sql)


def _split(text: str) -> tuple[dict[str, Any], str]:
    """The header, read, and the SQL below it."""
    lines = text.splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = tomllib.loads("\n".join(line.removeprefix("--").strip() for line in lines[:count]))
    return header, "\n".join(lines[count:]).strip()


def _texts(kind: str) -> list[tuple[str, str]]:
    found = (file for file in (_folder() / kind).iterdir() if file.name.endswith(".sql"))
    return sorted((file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in found)


def _folder() -> Traversable:
    """`sql/`: inside the package where it is installed, beside `jobs/` in a checkout."""
    packaged = files("trailhouse") / "sql"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "sql"
