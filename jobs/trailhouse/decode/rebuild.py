"""
The way back: the original record from its row.

Same keys, same values, numbers as they were written; the order of keys and the white space are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trailhouse.decode import scan, times
from trailhouse.decode.layout import layout

NO_LIMIT = 1 << 62


def record(row: Mapping[str, Any], table: str = "events") -> bytes:
    """The record's JSON text, from a row of one of the lake's tables."""
    if row["raw"] is not None:
        return bytes(row["raw"])
    extra = (row["extra"] or "").encode()
    # Scanned, not parsed: what lies here may be too deep for a parser, or hold raw control characters.
    extra_keys = {member.key for member in scan.members(extra, NO_LIMIT).members} if extra else set()
    parts: list[bytes] = [extra[1:-1]] if extra else []
    for column in layout(table).top:
        value, field = row[column.name], column.path[0]
        if value is None or field in extra_keys:
            continue
        parts.append(msgspec.json.encode(field) + b":" + (value.encode() if column.json else _spelled(value)))
    for field in (row["shape"] or "").split(","):
        if field:
            parts.append(msgspec.json.encode(field) + b":null")
    return b"{" + b",".join(parts) + b"}"


def _spelled(value: Any) -> bytes:
    return msgspec.json.encode(times.written(value) if isinstance(value, datetime) else value)
