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
# A year, a month, a day, an hour, a minute or a second, and what follows it is left open.
_PERIOD = re.compile(
    r"([0-9]{4})(?:-(?:([0-9]{2})(?:-(?:([0-9]{2})"
    r"(?:[T ](?:([0-9]{2})(?::(?:([0-9]{2})(?::(?:([0-9]{2})\.?)?)?)?)?)?)?)?)?)?)?%"
)
_DAY = 3  # parts that a date has
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


def is_number(given: exp.Expr, type_: DataType | None) -> bool:
    """Whether a value is a number by its text, or by its type."""
    if isinstance(given, exp.Literal):
        return not given.is_string
    if isinstance(given, exp.Neg | exp.Paren):
        return is_number(given.this, type_)
    if isinstance(given, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod):
        return is_number(given.this, None) and is_number(given.expression, None)
    return type_ is not None and type_.is_type(*DataType.NUMERIC_TYPES)


def as_number(given: exp.Expr) -> exp.Expr:
    """A text, where it stands, read as a number; NULL where it is none, which no comparison finds."""
    made = exp.TryCast(this=exp.null(), to=DataType.build("double"))
    given.replace(made)
    made.set("this", given)
    return made


def within(time: exp.Expr, begin: str, end: str) -> exp.Expr:
    """Whether a time is in a period."""
    first, last = (exp.Var(this=f"TIMESTAMP '{moment}'") for moment in (begin, end))
    since = exp.GTE(this=time.copy(), expression=first)
    return exp.Paren(this=exp.And(this=since, expression=exp.LT(this=time.copy(), expression=last)))


def period(pattern: str) -> tuple[str, str] | None:
    """The first moment of the time that a pattern such as `2026-03%` names, and the first one after it."""
    found = _PERIOD.fullmatch(pattern)
    if found is None:
        return None
    parts = [int(part) for part in found.groups() if part is not None]
    try:
        begin = datetime(*(parts + [1, 1][len(parts) - 1 :] if len(parts) < _DAY else parts))  # type: ignore[arg-type]
        end = _after(begin, len(parts))
    except (ValueError, OverflowError):
        return None
    return tuple(f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0") for moment in (begin, end))  # type: ignore[return-value]


def _after(begin: datetime, parts: int) -> datetime:
    """When a year, a month, a day … ends that begins there."""
    if parts < _DAY:
        months = begin.year * 12 + begin.month - 1 + (12 if parts == 1 else 1)
        return begin.replace(year=months // 12, month=months % 12 + 1)
    return begin + timedelta(**{("days", "hours", "minutes", "seconds")[parts - _DAY]: 1})


def _as_text(given: exp.Expr) -> Other | None:
    if isinstance(given, exp.Boolean):
        return Other(exp.Literal.string(str(given.this).lower()), "compared a text with a boolean")
    bare = given.this if isinstance(given, exp.Neg) else given
    if isinstance(bare, exp.Literal) and not bare.is_string:
        return Other(exp.Literal.string(given.sql(dialect="athena")), "compared a text with a number")
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
