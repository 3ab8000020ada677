"""
Decode: the bytes of one delivered object become rows, rejects, and its accounting.

Pure: bytes in, Arrow out; no Spark, no network, no clock. One bad record costs that record, a broken frame costs the
object; nothing that a record says raises.
"""

from __future__ import annotations

import gc
import hashlib

import msgspec

from trailhouse.decode import careful, columns, derive, frame
from trailhouse.decode.inflate import Damaged, Inflated, inflate
from trailhouse.decode.layout import layout
from trailhouse.decode.values import Decoded, Delivered, Limits, Reject
from trailhouse.lake import schema

__all__ = ["Decoded", "Delivered", "Limits", "Reject", "decode"]

# Of an object that is quarantined whole; it still lies in its bucket.
OBJECT_KEPT = 4096

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OPENING, _CLOSING = b'{"Records":[', b"]}"

# Above this many commas an array of tiny elements could fill the memory before it is counted (2 bytes in the text,
# some 100 as an object): then the splitter counts, which stops at the limit.
_MANY = 2_000_000


def decode(data: bytes, delivered: Delivered, limits: Limits | None = None, *, fast: bool = True) -> Decoded:
    """Decode one object. `fast=False` looks at every record closely; rows and flags are the same."""
    limits = limits or Limits()
    # An object makes hundreds of thousands of containers that die together: collecting among them costs half the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _decode(data, delivered, limits, fast)
    finally:
        if collecting:
            gc.enable()


def _decode(data: bytes, delivered: Delivered, limits: Limits, fast: bool) -> Decoded:
    try:
        inflated = inflate(data, limits)
    except Damaged as damage:
        return _quarantined(damage.reason, data, delivered, None)
    rules = (layout(schema.KINDS[delivered.kind]), limits)
    found = _fast(inflated.data, rules) if fast else None
    if found is None:
        try:
            framed = frame.frame(inflated.data, delivered.kind, limits)
        except Damaged as damage:
            return _quarantined(damage.reason, data, delivered, inflated)
        slices, flags = framed.slices, inflated.flags + framed.flags
        made = columns.from_slices(slices, list(range(len(slices))), *rules)
    else:
        (made, slices), flags = found, inflated.flags
    return Decoded(
        rows=derive.derive(made, slices, rules[0], delivered),
        rejects=tuple(sorted(made.rejects, key=lambda r: r.position or 0)),
        records=len(slices),
        flags=tuple(sorted(flags)),
        sha256=hashlib.sha256(inflated.data).hexdigest(),
        inflated_bytes=len(inflated.data),
    )


def _fast(data: bytes, rules: columns.Rules) -> tuple[columns.Columns, list[bytes]] | None:
    """The fast path, or None when the object is not of the one plain form that it proves things about."""
    end = len(data.rstrip(b" \t\r\n"))
    if not (data.startswith(_OPENING) and data.endswith(_CLOSING, 0, end)) or not _is_plain(data):
        return None
    array = memoryview(data)[len(_OPENING) - 1 : end - 1]
    try:
        slices = list(map(bytes, _ARRAY.decode(array)))
    except (msgspec.DecodeError, RecursionError):
        return None
    if not slices or len(slices) > rules[1].records:
        return None
    made = columns.at_once(array, slices, *rules)
    return None if made is None else (made, slices)


def _is_plain(data: bytes) -> bool:
    """UTF-8 throughout, and no escape that the fast parser and a column would see differently."""
    if b"\\ud" in data or b"\\uD" in data or b"\\u0000" in data or data.count(b",") > _MANY:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _quarantined(reason: str, data: bytes, delivered: Delivered, inflated: Inflated | None) -> Decoded:
    """The outcome of an object that can't be read: no row of it enters."""
    reject = careful.rejected(reason, None, data)
    reject = Reject(reason, None, reject.raw[:OBJECT_KEPT], reject.size, reject.sha256)
    return Decoded(
        rows=schema.arrow_schema(schema.KINDS[delivered.kind]).empty_table(),
        rejects=(reject,),
        records=0,
        flags=inflated.flags if inflated else (),
        sha256=hashlib.sha256(inflated.data).hexdigest() if inflated else "",
        inflated_bytes=len(inflated.data) if inflated else 0,
    )
