"""
One object's bytes become the slices of its records and, on the fast path, the parser's view of them.

The fast path takes the one plain form that AWS writes, all records at once, by the native kernel where there is one;
whatever it can't prove itself right about goes through the strict framing instead. Nothing is said of single records
here (see `columns`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pyarrow as pa

from trailhouse.decode import careful, native, salvage
from trailhouse.decode.frame import frame
from trailhouse.decode.inflate import Damaged, Inflated, inflate
from trailhouse.decode.layout import Layout
from trailhouse.decode.values import Delivered, Limits, Reject

# Of an object that is quarantined whole; it still lies in its bucket.
OBJECT_KEPT = 4096

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OPENING, _CLOSING = b'{"Records":[', b"]}"

# Above this many commas an array of tiny elements could fill the memory before it is counted (2 bytes in the text,
# some 100 as an object): then the splitter counts, which stops at the limit.
_MANY = 2_000_000

# Surrogates, whole or lone, and NUL.
_TELLING_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")

# How a field that AWS left out for its size says so.
_OMISSIONS = (b'"omitted"', b'too large"')

Rules = tuple[Layout, Limits]  # what a table looks like, and how much one object may cost

# Of every record; or, where the native kernel has made rows of the others, of those that want a closer look.
Slice = bytes | msgspec.Raw
Slices = Sequence[Slice] | Mapping[int, Slice]


@dataclass(frozen=True, slots=True)
class Way:
    """How objects are read."""

    fast: bool  # all records of an object at once, where that is proven right
    reader: native.Reader | None  # what does so first
    salvaging: bool  # of an object that was cut short, take what lies whole before the cut


@dataclass(frozen=True, slots=True)
class Parsed:
    """One object, cut into records."""

    data: bytes  # as stored
    count: int  # records in it
    slices: Slices
    records: list[Any] | None  # as the fast parser sees them, None where it was not asked or refused
    reject: Reject | None  # when the object as a whole can't be read; its slices are then what was salvaged of it
    flags: tuple[str, ...]
    sha256: str  # of the inflated bytes, "" when they could not be had
    inflated_bytes: int
    omissions: bool  # some field may have been left out

    @property
    def is_salvaged(self) -> bool:
        """Whether it can't be read as a whole, and some of its records can."""
        return self.reject is not None and bool(self.slices)

    @property
    def places(self) -> Iterable[int]:
        """The records that there is a slice of."""
        return self.slices if isinstance(self.slices, Mapping) else range(self.count)


def parse(stored: tuple[int, bytes], delivered: Delivered, rules: Rules, way: Way) -> Parsed:
    """Inflate and cut the object of that number, by the fastest way that is sure of it."""
    number, data = stored
    inflated = None
    try:
        inflated = inflate(data, rules[1])
        taken = way.reader.take(number, inflated.data) if way.reader else None
        if taken is not None:
            return _taken((data, inflated), taken)
        plain = _at_once(inflated.data, rules) if way.fast else None
        if plain is not None:
            return _parsed((data, inflated), *plain)
        framed = frame(inflated.data, delivered.kind, rules[1])
        return _parsed((data, inflated), framed.slices, None, framed.flags)
    except Damaged as damage:
        lost = _quarantined(damage.reason, data, inflated)
        return _salvaged(lost, rules[1]) if way.salvaging else lost


def refused(parsed: Parsed, reason: str) -> Parsed:
    """The same object, quarantined as a whole for what its records turned out to be."""
    whole = careful.rejected(reason, None, parsed.data)
    return replace(parsed, count=0, slices=[], records=None, reject=replace(whole, raw=whole.raw[:OBJECT_KEPT]))


def _taken(given: tuple[bytes, Inflated], taken: native.Taken) -> Parsed:
    data, inflated = given
    return Parsed(
        data=data,
        count=taken.count,
        slices=taken.odd,
        records=None,
        reject=None,
        flags=tuple(sorted(inflated.flags)),
        sha256=taken.sha256,
        inflated_bytes=len(inflated.data),
        omissions=taken.omissions,
    )


def _parsed(
    given: tuple[bytes, Inflated], slices: Sequence[Slice], records: list[Any] | None, flags: tuple[str, ...] = ()
) -> Parsed:
    data, inflated = given
    return Parsed(
        data=data,
        count=len(slices),
        slices=slices,
        records=records,
        reject=None,
        flags=tuple(sorted(inflated.flags + flags)),
        sha256=hashlib.sha256(inflated.data).hexdigest(),
        inflated_bytes=len(inflated.data),
        omissions=any(word in inflated.data for word in _OMISSIONS),
    )


def _at_once(data: bytes, rules: Rules) -> tuple[list[msgspec.Raw], list[Any]] | None:
    """All records at once, or None when the object is not of the one plain form that things are proven about."""
    end = len(data.rstrip(b" \t\r\n"))
    if not (data.startswith(_OPENING) and data.endswith(_CLOSING, 0, end)) or not _is_plain(data):
        return None
    array = memoryview(data)[len(_OPENING) - 1 : end - 1]
    try:
        slices = _ARRAY.decode(array)
        if not slices or len(slices) > rules[1].records:
            return None
        return slices, _records(array, slices, rules[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _records(array: memoryview, slices: list[msgspec.Raw], layout: Layout) -> list[Any]:
    """The parser's view of the records; of one with a value of another type it has none, and sees an empty record."""
    try:
        return layout.records.decode(array)
    except msgspec.ValidationError:
        return [_record(text, layout) for text in slices]


def _record(text: msgspec.Raw, layout: Layout) -> Any:
    try:
        return layout.records.decode(b"[%b]" % bytes(text))[0]
    except msgspec.ValidationError:
        return layout.records.decode(b"[{}]")[0]


def _is_plain(data: bytes) -> bool:
    """UTF-8 throughout, and no escape that the fast parser and a column would see differently."""
    if _TELLING_ESCAPE.search(data) or (len(data) > 2 * _MANY and data.count(b",") > _MANY):
        return False
    return data.isascii() or _is_utf8(data)


def _is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8, without making a text of four times their size."""
    offsets = pa.array([0, len(data)], pa.int32()).buffers()[1]
    one = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)])
    try:
        one.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _salvaged(lost: Parsed, limits: Limits) -> Parsed:
    """The same object with its whole records; it stays in quarantine for what is lost of it."""
    slices, inflated_bytes = salvage.whole_records(lost.data, limits)
    if not slices:
        return lost
    flags = tuple(sorted({*lost.flags, salvage.FLAG}))
    omissions = any(word in each for word in _OMISSIONS for each in slices)
    return replace(
        lost, count=len(slices), slices=slices, flags=flags, inflated_bytes=inflated_bytes, omissions=omissions
    )


def _quarantined(reason: str, data: bytes, inflated: Inflated | None) -> Parsed:
    """The outcome of an object that can't be read: no row of it enters."""
    whole = careful.rejected(reason, None, data)
    return Parsed(
        data=data,
        count=0,
        slices=[],
        records=None,
        reject=Reject(reason, None, whole.raw[:OBJECT_KEPT], whole.size, whole.sha256),
        flags=inflated.flags if inflated else (),
        sha256=hashlib.sha256(inflated.data).hexdigest() if inflated else "",
        inflated_bytes=len(inflated.data) if inflated else 0,
        omissions=False,
    )
