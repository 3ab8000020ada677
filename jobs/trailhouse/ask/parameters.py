"""
What a report is given, and how it stands in SQL.

Pure: text in, SQL out; today comes in as an argument. A value is parsed to its parameter's type before anything else;
then one function writes it as a literal. Nothing that a user gives ever becomes another part of the statement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

from trailhouse.ask.queries import Param, Report
from trailhouse.errors import UsageError

LONGEST = 2_000  # characters of a text

Value = str | int | float | date


@dataclass(frozen=True, slots=True)
class Type:
    """A kind of value: how it is read, and how people are told of it."""

    wanted: str
    read: Callable[[str, date], Value]
    asked: str = "?"  # what makes the same of a value that is given to a prepared statement


def bound(report: Report, given: Mapping[str, str], today: date) -> str:
    """The report's SQL, with each parameter's value in its place."""
    values = read_all(report, given, today)
    return _filled(report.sql, lambda name: literal(values[name]))


def saved(report: Report) -> str:
    """The same with the defaults, of which a day counts from the day on which it is run: fit to be kept."""
    params = {param.name: param for param in report.params}
    return _filled(report.sql, lambda name: _lasting(params[name]))


def prepared(report: Report) -> tuple[str, tuple[Param, ...]]:
    """The same with `?` for values as people spell them, and the parameters in the order in which it asks."""
    params, order = {param.name: param for param in report.params}, []

    def mark(name: str) -> str:
        order.append(params[name])
        return TYPES[params[name].type].asked

    return _filled(report.sql, mark), tuple(order)


def read_all(report: Report, given: Mapping[str, str], today: date) -> dict[str, Value]:
    """Every parameter's value: what was given, else its default."""
    known = [param.name for param in report.params]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"it has: {', '.join(known)}"
            raise UsageError(f"the report {report.name} has no parameter `{name}`: {hint}")
    values = {param.name: read(param, given.get(param.name, param.default), today) for param in report.params}
    since, until = values.get("since"), values.get("until")
    if isinstance(since, date) and isinstance(until, date) and since > until:
        raise UsageError(f"the parameter `since` ({since}) is after `until` ({until}): there is no day between them")
    return values


def read(param: Param, text: str, today: date) -> Value:
    """One value, of its parameter's type."""
    kind = TYPES[param.type]
    try:
        return kind.read(text, today)
    except (ValueError, OverflowError):
        raise UsageError(f"the parameter `{param.name}` must be {kind.wanted}, not {text[:200]!r}") from None


def literal(value: Value) -> str:
    """A value as SQL that Trino, Athena and DuckDB read alike."""
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def placeholders(sql: str) -> list[str]:
    """The names of the parameters in a text, each as often as it stands there."""
    return [found["name"] for found in _TOKEN.finditer(sql) if found["name"]]


# What is quoted or commented is passed over: a `:name` in there is text.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :: | (?<![\w:]):(?P<name>[a-z][a-z0-9_]*)""",
    re.VERBOSE | re.DOTALL,
)


def _filled(sql: str, value: Callable[[str], str]) -> str:
    return _TOKEN.sub(lambda found: value(found["name"]) if found["name"] else found[0], sql)


def _lasting(param: Param) -> str:
    """A default as SQL that means the same tomorrow."""
    days = _relative(param.default) if param.type == "date" else None
    if days is None:
        return literal(read(param, param.default, date.min))
    return "current_date" if days == timedelta(0) else f"date_add('day', {-days.days}, current_date)"


def _relative(text: str) -> timedelta | None:
    """How long before today a text names a day; None where it names one itself."""
    if text in _DAYS:
        return timedelta(_DAYS[text])
    found = re.fullmatch(r"-([0-9]{1,4})d", text)
    return timedelta(int(found[1])) if found else None


_DAYS = {"today": 0, "yesterday": 1}


def _date(text: str, today: date) -> date:
    back = _relative(text)
    if back is None and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    return date.fromisoformat(text) if back is None else today - back


def _text(text: str, today: date) -> str:
    if len(text) > LONGEST or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError(text)
    return text


def _pattern(text: str, today: date) -> str:
    """A pattern for LIKE … ESCAPE '!': only `*` means anything, and a text without it only itself."""
    kept = re.sub(r"[!%_]", r"!\g<0>", _text(text, today))
    return kept.replace("*", "%")


def _account(text: str, today: date) -> str:
    return _one_or_all(text, r"[0-9]{12}|_invalid")


def _region(text: str, today: date) -> str:
    return _one_or_all(text, r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}|_invalid")


def _one_or_all(text: str, pattern: str) -> str:
    if text == "all":
        return "%"
    if not re.fullmatch(pattern, text):
        raise ValueError(text)
    return text


def _integer(text: str, today: date) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError(text)
    return int(text)


def _number(text: str, today: date) -> float:
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


_ESCAPED = "replace(replace(replace(replace(?, '!', '!!'), '%', '!%'), '_', '!_'), '*', '%')"
_ALL = "regexp_replace(?, '^all$', '%')"

TYPES = {
    "date": Type("a day such as 2026-03-01, or today, yesterday, -7d (seven days ago)", _date),
    "text": Type(f"a text of at most {LONGEST} characters, without NUL", _text),
    "pattern": Type(
        f"a text of at most {LONGEST} characters, in which * stands for any others, without NUL", _pattern, _ESCAPED
    ),
    "account": Type("an account of 12 digits, or all", _account, _ALL),
    "region": Type("a region such as eu-west-1, or all", _region, _ALL),
    "integer": Type("a whole number, not negative", _integer),
    "number": Type("a number such as 2.5, not negative", _number),
}
