"""
Read the times that CloudTrail writes: RFC 3339, the basic ISO form, and the space-separated one, all as UTC.

Pure: text in, microseconds since 1970 out.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime, timedelta

MICROS = 1_000_000
DAY = 86_400 * MICROS

# A date outside is no CloudTrail date (the service began in 2013), and each would be a partition of its own.
EARLIEST = timegm((2013, 1, 1, 0, 0, 0)) * MICROS
LATEST = timegm((2100, 1, 1, 0, 0, 0)) * MICROS

# What a date of any calendar library can hold: years 1 to 9999.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896

# One spelling is rebuilt from the number; every other keeps its text. ASCII digits only: `\d` takes others too.
_CANONICAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_EXTENDED = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_STRICT = re.compile(_EXTENDED.pattern.replace("[T ]", "T").removesuffix("?"))
_BASIC = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?(Z)")
_EPOCH = datetime(1970, 1, 1)


def read(text: str, strict: bool = False) -> int | None:
    """Microseconds since 1970, or None when the text is no time. Strict: RFC 3339, with its `T` and its zone."""
    if _CANONICAL.fullmatch(text):
        try:
            return round(datetime.fromisoformat(text).timestamp()) * MICROS
        except ValueError:
            return None
    found = _STRICT.fullmatch(text) if strict else _EXTENDED.fullmatch(text) or _BASIC.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    except ValueError:
        return None
    offset = _offset(zone)
    if offset is None:
        return None
    micros = int((fraction or "0").ljust(6, "0")[:6])
    return (moment - _EPOCH - offset) // timedelta(microseconds=1) + micros


def is_canonical(text: str) -> bool:
    """Whether `written(read(text))` gives the text back."""
    return _CANONICAL.fullmatch(text) is not None


def written(moment: datetime) -> str:
    """The one spelling that CloudTrail uses."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def in_range(micros: int) -> bool:
    """Whether a time can be CloudTrail's."""
    return EARLIEST <= micros < LATEST


def is_date(micros: int) -> bool:
    """Whether a time falls on a day that readers can hold; an offset can push one over either end."""
    return _FIRST_DAY <= micros // DAY <= _LAST_DAY


def _offset(zone: str | None) -> timedelta | None:
    if zone is None or zone == "Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return offset if zone[0] == "+" else -offset
