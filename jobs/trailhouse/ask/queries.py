"""
Queries as files: SQL in Athena's dialect under a header of `-- key = value` lines, which are TOML.

Pure: text in, values out.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from trailhouse.errors import UsageError


@dataclass(frozen=True, slots=True)
class Query:
    """One saved query."""

    name: str
    title: str
    doc: str
    grain: tuple[str, ...]  # what one row is about
    sql: str


def load(name: str) -> Query:
    """The saved report of that name."""
    file = _folder() / "reports" / f"{name}.sql"
    if not file.is_file():
        raise UsageError(f"there is no report `{name}`; there are: {', '.join(names())}")
    return parse(name, file.read_text("utf-8"))


def names() -> list[str]:
    """The saved reports."""
    return sorted(f.name.removesuffix(".sql") for f in (_folder() / "reports").iterdir() if f.name.endswith(".sql"))


def parse(name: str, text: str) -> Query:
    """A query from its file's text."""
    lines = text.splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = tomllib.loads("\n".join(line.removeprefix("--").strip() for line in lines[:count]))
    sql = "\n".join(lines[count:]).strip()
    return Query(name, header["title"], header["doc"], tuple(header["grain"]), sql)


def _folder() -> Traversable:
    """`sql/`: inside the package where it is installed, beside `jobs/` in a checkout."""
    packaged = files("trailhouse") / "sql"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "sql"
