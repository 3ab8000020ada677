"""
Read the times that CloudTrail writes: RFC 3339, the basic ISO form, and the space-separated one, all as UTC.

Pure: text in, microseconds since 1970 out; one text at a time, or those of a column that have the one usual spelling.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MICROS = 1_000_000
DAY = 86_400 * MICROS

# A date outside is no CloudTrail date (the service began in 2013), and each would be a partition of its own.
EARLIEST = timegm((2013, 1, 1, 0, 0, 0)) * MICROS
LATEST = timegm((2100, 1, 1, 0, 0, 0)) * MICROS

# What a date of any calendar library can hold: years 1 to 9999.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896

# One spelling is rebuilt from the number; every other keeps its text. ASCII digits only: `\d` takes others too.
_EXTENDED = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_STRICT = re.compile(_EXTENDED.pattern.replace("[T ]", "T").removesuffix("?"))
_BASIC = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?(Z)")
_EPOCH = datetime(1970, 1, 1)


def read(text: str, strict: bool = False) -> int | None:
    """Microseconds since 1970, or None when the text is no time. Strict: RFC 3339, with its `T` and its zone."""
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


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────

_SPELLED = np.frombuffer(b"0000-00-00T00:00:00Z", np.uint8)
_DIGITS = np.equal(_SPELLED, ord("0"))
_PARTS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))  # year, month, day, hour, minute, second
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)

Numbers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def read_canonical(texts: pa.Array) -> tuple[Numbers, Bools]:
    """Of a column, the microseconds of those texts that are a time in the canonical spelling, and which these are."""
    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    fits = (np.diff(ends) == len(_SPELLED)) & texts.is_valid().to_numpy(zero_copy_only=False)
    micros = np.zeros(len(texts), np.int64)
    if not fits.any():
        return micros, fits
    places = ends[:-1][fits][:, None] + np.arange(len(_SPELLED), dtype=np.int32)
    spelled = np.frombuffer(texts.buffers()[2], np.uint8)[places]
    digits = spelled - np.uint8(ord("0"))  # what lies below wraps around, and is no digit either
    is_time = np.where(_DIGITS, digits < 10, spelled == _SPELLED).all(axis=1)
    year, month, day, hour, minute, second = (_number(digits, *part) for part in _PARTS)
    is_time &= (year > 0) & (month > 0) & (month < 13) & (hour < 24) & (minute < 60) & (second < 60)
    leaps = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    is_time &= (day > 0) & (day <= _MONTH_DAYS[np.where(is_time, month, 0)] + (leaps & (month == 2)))
    micros[fits] = (((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * MICROS
    fits[fits] = is_time
    return micros, fits


def _number(digits: npt.NDArray[np.uint8], begin: int, end: int) -> Numbers:
    number = np.zeros(len(digits), np.int64)
    for place in range(begin, end):
        number = number * 10 + digits[:, place]
    return number


def _days(year: Numbers, month: Numbers, day: Numbers) -> Numbers:
    """Days since 1970, by years that begin in March: so that a leap day is the last one."""
    year = year - (month < 3)
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + in_year - 719_468
