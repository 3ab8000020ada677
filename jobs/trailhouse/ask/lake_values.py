"""
A value that is compared with a column of CloudTrail Lake, spelled so that Athena compares it.

Pure. Times in the lake have no zone and mean UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp
from sqlglot.expressions import DataType

ZONED = DataType.build("timestamptz")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[T ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?"
    r"\s*(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Other:
    """What stands in the place of a value, and why."""

    node: exp.Expr
    why: str


def value_for(wanted: DataType | None, given: exp.Expr, type_: DataType | None) -> Other | str | None:
    """The value that fits the type it is compared with; None when it does, a reason when it can't be made to."""
    if wanted is None:
        return None
    text = given.this if isinstance(given, exp.Literal) and given.is_string else None
    if wanted.is_type("timestamp"):
        return _time(text) if text is not None else _in_utc(given, type_)
    if wanted.is_type("date") and text is not None:
        return _day(text)
    if wanted.is_type("boolean") and text is not None:
        if text.strip().lower() not in _BOOLEANS:
            return f"is true or false, and is compared with {text!r}"
        return Other(exp.Boolean(this=_BOOLEANS[text.strip().lower()]), "compared a boolean with a text")
    if wanted.is_type(*DataType.TEXT_TYPES):
        return _as_text(given)
    return None


def _as_text(given: exp.Expr) -> Other | None:
    if isinstance(given, exp.Boolean):
        return Other(exp.Literal.string(str(given.this).lower()), "compared a text with a boolean")
    if isinstance(given, exp.Literal) and not given.is_string:
        return Other(exp.Literal.string(given.this), "compared a text with a number")
    return None


def _in_utc(given: exp.Expr, type_: DataType | None) -> Other | None:
    if type_ is None or not type_.is_type("timestamptz"):
        return None
    moment = given.sql(dialect="athena")
    spelled = f"({moment})" if isinstance(given, exp.Binary) else moment
    node = exp.Var(this=f"CAST({spelled} AT TIME ZONE 'UTC' AS TIMESTAMP)")
    return Other(node, "compared a time without a zone with one that has a zone:")


def _time(text: str) -> Other | str:
    read = _read(text)
    if read is None:
        return f"is a time, and {text!r} is none: put one in its place, such as '2026-03-01 12:00:00'"
    return Other(exp.Var(this=f"TIMESTAMP '{read}'"), "compared a timestamp with a text:")


def _day(text: str) -> Other | str:
    read = _read(text)
    if read is None or not read.endswith("00:00:00"):
        return f"is a day, and {text!r} is none"
    return Other(exp.Var(this=f"DATE '{read[:10]}'"), "compared a date with a text:")


def _read(text: str) -> str | None:
    """The moment that a text means, in UTC and in Trino's spelling."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
        moment -= _offset(zone)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0") + (f".{fraction}" if fraction else "")


def _offset(zone: str | None) -> timedelta:
    if zone in (None, "Z", "UTC"):
        return timedelta(0)
    assert zone is not None
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return ahead if zone[0] == "+" else -ahead
