"""
Frame: the JSON bytes of an object become the slices of its records.

Knows the `Records` envelope and what else is found in its place. A broken frame costs the object, whole: no
half-read object enters. What a slice holds is not looked at here (see `careful` and `columns`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from trailhouse.decode import scan
from trailhouse.decode.clean import clean
from trailhouse.decode.inflate import Damaged
from trailhouse.decode.values import Limits

BOM = b"\xef\xbb\xbf"
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")

# Only aggregates may come without the envelope: whether AWS wraps them is documented nowhere.
UNWRAPPED_KIND = "CloudTrail-Aggregated"

_KEY = re.compile(rb'[ \t\r\n]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*+:[ \t\r\n]*+', re.DOTALL)
_SCALAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s,\[\]{}":]++', re.DOTALL)
_RAW = msgspec.json.Decoder(msgspec.Raw)
_NEXT = re.compile(rb"[ \t\r\n]*+([,}])")

# Keys that give away what an object without `Records` is, so that the quarantine says more than "no".
SHAPES = (
    ("sns", {"Type", "Message"}),
    ("eventbridge", {"detail"}),
    ("cloudwatch", {"logEvents"}),
    ("digest", {"digestS3Object"}),
    ("bare_object", {"eventVersion"}),
    ("bare_object", {"eventSource"}),
)


@dataclass(frozen=True, slots=True)
class Framed:
    """The slices of an object's records, in order, and what was odd about the frame."""

    slices: list[bytes]
    flags: tuple[str, ...]


def frame(data: bytes, kind: str, limits: Limits) -> Framed:
    """Cut an object into its records. Raises Damaged with a fixed word when the frame is broken."""
    if data.startswith(WIDE_BOMS) or _looks_wide(data):
        raise Damaged("encoding")
    flags: list[str] = []
    if data.startswith(BOM):
        data = data[len(BOM) :]
        flags.append("bom")
    start = len(data) - len(data.lstrip(scan.WHITESPACE))
    first = data[start : start + 1]
    try:
        if first == b"{":
            slices, more = _from_object(data, start, kind, limits)
            flags += more
        elif first == b"[":
            slices = _from_array(data, start, kind, limits.records)
        else:
            raise Damaged("envelope" if not first else "not_gzip_json")
    except scan.Broken as broken:
        raise Damaged("envelope") from broken
    if len(slices) > limits.records:
        raise Damaged("record_limit")
    return Framed(slices, tuple(flags))


def records_at(data: bytes, limits: Limits) -> int:
    """Where the first element of `Records` begins, in a text that may end anywhere behind it."""
    start = len(BOM) if data.startswith(BOM) else 0
    if _at(data, start) != b"{":
        raise Damaged("envelope")
    position = data.index(b"{", start) + 1
    while True:
        key, position = _key(data, position)
        if key == "Records" and data[position : position + 1] == b"[":
            return position + 1
        more, position = _next(data, _skip(data, position, limits.depth))
        if not more:
            raise Damaged("envelope")


def _looks_wide(data: bytes) -> bool:
    """UTF-16 or UTF-32 without a byte order mark: a bracket beside zero bytes."""
    head = data[:4]
    return b"\0" in head and bool(head.strip(b"\0")) and head.strip(b"\0")[:1] in (b"{", b"[", b" ", b"\n")


def _from_object(data: bytes, start: int, kind: str, limits: Limits) -> tuple[list[bytes], list[str]]:
    slices: list[bytes] | None = None
    keys: set[str] = set()
    position, more = start + 1, _at(data, start + 1) != b"}"
    if not more:
        position = data.index(b"}", position) + 1
    while more:
        key, position = _key(data, position)
        keys.add(key)
        if key != "Records":
            position = _skip(data, position, limits.depth)
        elif slices is not None:
            raise Damaged("dup_records")
        elif data[position : position + 1] != b"[":
            raise Damaged("envelope:records_type")
        else:
            slices, position = scan.elements(data, position + 1, limits.records)
            if len(slices) > limits.records:
                return slices, []
        more, position = _next(data, position)
    rest = data[position:].strip(scan.WHITESPACE)
    if slices is None:
        if kind == UNWRAPPED_KIND and not rest and keys:
            return [data[start:position]], []
        raise Damaged(f"envelope:{_shape(keys, rest)}")
    if rest:
        raise Damaged("trailing_data")
    return slices, ["extra_members"] if len(keys) > 1 else []


def _from_array(data: bytes, start: int, kind: str, most: int) -> list[bytes]:
    if kind != UNWRAPPED_KIND:
        scan.elements(data, start + 1, most)
        raise Damaged("envelope:bare_array")
    slices, end = scan.elements(data, start + 1, most)
    if data[end:].strip(scan.WHITESPACE) and len(slices) <= most:
        raise Damaged("trailing_data")
    return slices


def _shape(keys: set[str], rest: bytes) -> str:
    if rest.startswith(b"{"):
        return "ndjson"
    return next((name for name, given in SHAPES if given <= keys), "no_records")


def _key(data: bytes, position: int) -> tuple[str, int]:
    """The key at `position`, and where its value begins."""
    token = _KEY.match(data, position)
    if token is None:
        raise _broken_at(data, position)
    _valid(token[1])
    return scan.decoded_key(token[1]), token.end()


def _skip(data: bytes, start: int, limit: int) -> int:
    """Where the value at `start` ends. It is nothing of ours, but has to be JSON."""
    if data[start : start + 1] in (b"{", b"["):
        end = scan.object_end(data, start, limit)
    elif token := _SCALAR.match(data, start):
        end = token.end()
    else:
        raise _broken_at(data, start)
    _valid(data[start:end])
    try:
        _RAW.decode(clean(data[start:end])[0])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Damaged("envelope") from error
    return end


def _next(data: bytes, position: int) -> tuple[bool, int]:
    """Whether another member follows, and where."""
    token = _NEXT.match(data, position)
    if token is None:
        raise _broken_at(data, position)
    return token[1] == b",", token.end()


def _at(data: bytes, position: int) -> bytes:
    """The first byte that is no white space."""
    while data[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
        position += 1
    return data[position : position + 1]


def _broken_at(data: bytes, position: int) -> Damaged:
    return Damaged("utf8" if _at(data, position) > b"\x7f" else "envelope")


def _valid(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise Damaged("utf8") from error
