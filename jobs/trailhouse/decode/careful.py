"""
One record, looked at closely: its slice becomes the values of a table's top-level columns, or a Reject.

The strict path. It sees what a fast parser hides (a key twice, keys that differ by case, bad bytes, depth) and costs
some ten times as much, so that only records that need it come here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trailhouse.decode import scan
from trailhouse.decode.clean import clean
from trailhouse.decode.layout import Layout
from trailhouse.decode.values import Limits, Reject

RAW_KEPT = 1 << 20  # of a quarantined record; the source object has the rest

_KINDS = {ord("{"): "object", ord("["): "array", ord('"'): "string", ord("n"): "null"}
_RAW = msgspec.json.Decoder(msgspec.Raw)


@dataclass(slots=True)
class Values:
    """What one record holds at its top level."""

    values: dict[str, Any] = field(default_factory=dict)  # column -> str, bool, or the slice of a JSON column
    extra: list[tuple[str, bytes]] = field(default_factory=list)  # what no column holds
    nulls: list[str] = field(default_factory=list)  # fields that are there with the value null
    flags: set[str] = field(default_factory=set)
    raw: bytes | None = None  # only where the columns can't rebuild the record


def look(text: bytes, position: int, layout: Layout, limits: Limits) -> Values | Reject:
    """The values of the record that a slice holds, or why it is no record."""
    if len(text) > limits.record_bytes:
        return rejected("record_size", position, text)
    if text[:1] != b"{":
        return rejected(_not_an_object(text), position, text)
    cleaned, flags = clean(text)
    scanned = cleaned if "utf8" in flags else text
    try:
        shape = scan.members(scanned, limits.depth)
    except scan.Broken:
        return rejected("json", position, text)
    if not _is_json(_without_depths(scanned, shape, limits.depth)):
        return rejected("json", position, text)
    if not shape.members:
        return rejected("empty_record", position, text)
    if len({m.key for m in shape.members}) < len(shape.members):
        return rejected("dup_key", position, text)
    return _values(text, shape, set(flags), layout)


def rejected(reason: str, position: int | None, text: bytes) -> Reject:
    """A Reject of these bytes."""
    return Reject(reason, position, text[:RAW_KEPT], len(text), hashlib.sha256(text).hexdigest())


def _not_an_object(text: bytes) -> str:
    try:
        _RAW.decode(clean(text)[0])
    except msgspec.DecodeError:
        return "json"
    except RecursionError:  # an array too deep for a parser: its bracket is enough to know
        pass
    return "not_object"


def _without_depths(text: bytes, shape: scan.Shape, limit: int) -> bytes:
    """The text with null for the members that are too deep for a parser: they are taken as they are."""
    parts, done = [], 0
    for member in shape.members:
        if member.key in shape.deepest and _is_too_deep(member.value, limit):
            parts += [text[done : member.at], b"null"]
            done = member.at + len(member.value)
    return b"".join([*parts, text[done:]]) if parts else text


def _is_too_deep(value: bytes, limit: int) -> bool:
    """Whether a value is one pair of brackets with nothing behind it, that goes below the limit."""
    if value[:1] not in (b"{", b"["):
        return False
    try:
        scan.object_end(value, 0, limit - 1)
    except scan.Broken:
        return scan.object_end(value, 0, len(value)) == len(value)
    return False


def _is_json(text: bytes) -> bool:
    try:
        _RAW.decode(clean(text)[0])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _values(text: bytes, shape: scan.Shape, flags: set[str], layout: Layout) -> Values:
    found = Values(flags=flags | set(shape.flags))
    if "utf8" in flags or "surrogate" in flags:
        found.raw = text
    for member in shape.members:
        column = layout.fields.get(member.key)
        if "\0" in member.key:
            found.flags.add("nul_key")
        if member.key in shape.deepest:
            # An open subtree is kept and not parsed further; a typed one has columns that are now empty.
            found.flags.add(f"type:{member.key}" if member.key in layout.inner else "depth")
        if column is None:
            if member.key.lower() in layout.folded:
                found.flags.add("case_key")
            found.extra.append((member.key, member.value))
        elif member.value == b"null":
            found.nulls.append(member.key)
        elif column.json:
            found.values[column.name] = member.value
            if _KINDS.get(member.value[0], "number") not in column.json:
                found.flags.add(f"type:{member.key}")
        else:
            _take_scalar(member, column.name, column.type, found)
    return found


def _take_scalar(member: scan.Member, name: str, kind: str, found: Values) -> None:
    value: Any = None
    if kind == "boolean":
        value = {b"true": True, b"false": False}.get(member.value)
    elif member.value[:1] == b'"':
        value = msgspec.json.decode(clean(member.value)[0], type=str)
    if value is None:
        found.flags.add(f"type:{member.key}")
        found.extra.append((member.key, member.value))
    else:
        found.values[name] = value


def extra_text(extra: list[tuple[str, bytes]]) -> str | None:
    """The fields that no column holds, as one JSON object with their exact slices."""
    if not extra:
        return None
    members = b",".join(msgspec.json.encode(key) + b":" + value for key, value in extra)
    return (b"{" + members + b"}").decode()
