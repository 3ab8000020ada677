"""
What goes wrong in real buckets, on purpose: broken objects, files delivered twice, late or to the wrong folder.

Decides which file is struck and breaks bytes; writing them is `bucket`'s business. Rates are by file number, so that
a small bucket has one of each too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600
STRING_RECORD = '"this is no record, but a text in its place"'
_HTML = (
    b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head>"
    b"<body><h1>Service Unavailable</h1><p>Please try again later. \xc3\x84</p></body></html>\n"
)


def truncated(data: bytes) -> bytes:
    return data[: len(data) * 3 // 5]


def emptied(_: bytes) -> bytes:
    return b""


def wrong_crc(data: bytes) -> bytes:
    """Flip one bit of the checksum; what it inflates to is whole."""
    return data[:-8] + bytes([data[-8] ^ 0x01]) + data[-7:]


def error_page(_: bytes) -> bytes:
    return _HTML


@dataclass(frozen=True, slots=True)
class Corruption:
    """A way to break a second copy of an object, and the word that a quarantine should give as its reason."""

    reason: str
    broken: Callable[[bytes], bytes]


CORRUPTIONS = (
    Corruption("gzip_truncated", truncated),
    Corruption("empty_file", emptied),
    Corruption("gzip_crc", wrong_crc),
    Corruption("not_gzip_json", error_page),
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one file besides its delivery."""

    late_by: int = 0  # seconds
    again_after: int = 0  # delivered once more so many seconds later
    other_region: bool = False  # its global-service events are copied into another region's folder, as until 2021
    corruption: Corruption | None = None
    string_record: bool = False


def fate(number: int, stride: int, records: int, settled: bool) -> Fate:
    """The fate of the `number`th file of the bucket. A file with settled records is never late: scenes have a time."""
    struck = number // stride if number % stride == 3 and number // stride < len(CORRUPTIONS) else None
    again = 0
    if number % 80 == 7:
        again = HOUR // 12 * (1 + number % 11)
    elif number % 240 == 11:
        again = 24 * HOUR
    late = 0
    if number % 150 == 12 or (number % 150 == 13 and not number // 150):
        late = (3, 11, 26, 50)[number // 150 % 4] * HOUR
    return Fate(
        late_by=0 if settled else late,
        again_after=again,
        other_region=number % 60 == 14,
        corruption=None if struck is None else CORRUPTIONS[struck],
        string_record=number == 22 and records > 0,
    )
