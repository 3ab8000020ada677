"""
Expectations: what a column's values are expected to be, as `schemas/*.toml` and a user's own file say it.

One form for both: a rule on a column, a severity, a share of rows that may break it. Pure: text in, values out. The
workers' half (`ingest.rules`) counts the rows that break a rule; the audit judges the counts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from trailhouse.errors import SettingsError
from trailhouse.lake import schema

KINDS = ("in", "not_in", "null", "not_null", "matches", "not_matches", "min", "max")
SEVERITIES = ("critical", "warning")

# What a page, a log line and a shell take as it stands.
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,100}")

_RULE = ("column", *KINDS)
_KEYS = ("name", "doc", "table", "severity", "max_share", "when", *_RULE)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value of a column is to be. NULL breaks `not_null` alone."""

    column: str
    kind: str
    operand: tuple[Any, ...]  # the values of a list; else the one that was given


@dataclass(frozen=True, slots=True)
class Expectation:
    """A rule, and what it means when rows break it."""

    table: str
    name: str
    severity: Literal["critical", "warning"]
    rule: Rule
    max_share: float = 0.0  # of the rows that it applies to
    when: Rule | None = None  # it applies to the rows that this rule holds for
    doc: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read for it."""
        return (self.rule.column, *((self.when.column,) if self.when else ()))


@cache
def of_schema(table: str) -> tuple[Expectation, ...]:
    """The expectations that come with a table."""
    found = []
    for column in schema.table(table).columns:
        for raw in column.expect:
            given = {"column": column.name, "table": table, "doc": column.doc} | dict(raw)
            found.append(_made(given, f"schemas/{table}.toml"))
    return tuple(found)


def of_text(text: str, where: str) -> tuple[Expectation, ...]:
    """The expectations of a user's file."""
    try:
        document = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"{where} is nested too deeply: a rule wants a value or a list of values") from error
    entries = document.pop("expectation", [])
    if document:
        raise SettingsError(f"unknown key `{next(iter(document))}` in {where}: write [[expectation]] for each")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise SettingsError(f"`expectation` in {where} must be written as [[expectation]] with double brackets")
    made = tuple(_made(each, where) for each in entries)
    names = [(each.table, each.name) for each in (*made, *(e for t in schema.LAKE_TABLES for e in of_schema(t)))]
    for table, name in names:
        if names.count((table, name)) > 1:
            raise SettingsError(f"two expectations of table {table} are named `{name}` ({where}): give each a name")
    return made


def _made(given: Mapping[str, Any], where: str) -> Expectation:
    what = f"the expectation `{given['name']}` in {where}" if given.get("name") else f"an expectation in {where}"
    _known(given, _KEYS, what)
    table = given.get("table", "events")
    if table not in schema.LAKE_TABLES:
        raise SettingsError(f"{what}: table must be one of {', '.join(schema.LAKE_TABLES)}, not {table!r}")
    severity = given.get("severity", "warning")
    if severity not in SEVERITIES:
        raise SettingsError(f"{what}: severity must be critical or warning, not {severity!r}")
    share = given.get("max_share", 0.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise SettingsError(f"{what}: max_share must be a share from 0 to below 1, such as 0.01, not {share!r}")
    rule = _rule({key: value for key, value in given.items() if key in _RULE}, table, what)
    when = given.get("when")
    if when is not None and not (isinstance(when, dict) and when):
        raise SettingsError(f'{what}: when must be a rule, such as {{ column = "event_name", in = ["ConsoleLogin"] }}')
    name = given.get("name", f"{rule.column}:{rule.kind}")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SettingsError(f"{what}: a name is 1 to 100 letters, digits and _ . : - in quotes, not {name!r:.120}")
    condition = _rule(when, table, f"{what}, when") if when else None
    return Expectation(table, name, severity, rule, float(share), condition, str(given.get("doc", "")))


def _rule(given: Mapping[str, Any], table: str, what: str) -> Rule:
    _known(given, _RULE, what)
    columns = [c.name for c in schema.table(table).columns if c.type != "list<string>"]
    column = given.get("column")
    if column not in columns:
        raise SettingsError(f"{what}: table {table} has no column {column!r} to look at{_near(str(column), columns)}")
    kinds = [key for key in given if key in KINDS]
    if len(kinds) != 1:
        raise SettingsError(f"{what}: give exactly one of {', '.join(KINDS)}; found {', '.join(kinds) or 'none'}")
    kind = kinds[0]
    operand = _operand(kind, given[kind], schema.table(table).column(str(column)).type, what)
    return Rule(str(column), kind, operand)


def _operand(kind: str, value: Any, type_: str, what: str) -> tuple[Any, ...]:
    if kind in ("null", "not_null"):
        if value is not True:
            raise SettingsError(f"{what}: write {kind} = true")
        return ()
    if kind in ("matches", "not_matches"):
        if not isinstance(value, str) or type_ != "string":
            raise SettingsError(f"{what}: {kind} wants a regular expression in quotes and a column of text")
        return (value,)
    values = value if kind in ("in", "not_in") else [value]
    if not isinstance(values, list) or not values:
        raise SettingsError(f'{what}: {kind} wants a list, such as ["a", "b"]')
    if any(
        isinstance(each, bool) is not (type_ == "boolean") or not isinstance(each, _TAKES.get(type_, ()))
        for each in values
    ):
        raise SettingsError(f"{what}: {kind} does not fit a column of type {type_}: {value!r}")
    if type_ == "date" and any(isinstance(each, datetime) for each in values):
        raise SettingsError(f"{what}: a column of days wants a day, such as 2026-03-01, without a time: {value!s}")
    try:
        return tuple(_time(each) if type_ == "timestamp" else each for each in values)
    except OverflowError as error:
        raise SettingsError(f"{what}: {value} lies before the first year, or after the last, in UTC") from error


def _time(given: date | datetime) -> datetime:
    """A day is its first moment; a time with an offset is told in UTC, as the columns are."""
    if not isinstance(given, datetime):
        return datetime.combine(given, datetime.min.time())
    return given.astimezone(UTC).replace(tzinfo=None) if given.tzinfo else given


_TAKES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "date": date,
    "timestamp": (date, datetime),
    "int": int,
    "long": int,
    "double": (int, float),
}


def _known(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in given:
        if key not in known:
            raise SettingsError(f"{what}: unknown key `{key}`{_near(key, known)}")


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f": did you mean `{near[0]}`?" if near else f": known are {', '.join(known)}"
