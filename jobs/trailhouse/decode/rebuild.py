"""
The way back: the original record from its row.

Same keys, same values, numbers as they were written; the order of keys and the white space are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trailhouse.decode import times
from trailhouse.decode.layout import layout


def record(row: Mapping[str, Any], table: str = "events") -> bytes:
    """The record's JSON text, from a row of one of the lake's tables."""
    if row["raw"] is not None:
        return bytes(row["raw"])
    extra = (row["extra"] or "").encode()
    extra_keys = msgspec.json.decode(extra, type=dict[str, msgspec.Raw]).keys() if extra else ()
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
