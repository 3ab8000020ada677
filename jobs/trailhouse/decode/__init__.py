"""
Decode: the bytes of delivered objects become rows, rejects, and each object's accounting.

Pure: bytes in, Arrow out; no Spark, no network, no clock. One bad record costs that record, a broken frame costs the
object; nothing that a record says raises.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

from trailhouse.decode import columns, derive, parse
from trailhouse.decode.layout import layout
from trailhouse.decode.values import Account, Decoded, Delivered, Limits, Reject
from trailhouse.lake import schema

__all__ = ["Account", "Decoded", "Delivered", "Limits", "Reject", "decode"]


def decode(objects: Sequence[tuple[bytes, Delivered]], limits: Limits | None = None, *, fast: bool = True) -> Decoded:
    """
    Decode objects whose kinds feed one table.

    Together, since most are small and a column costs the same for one row as for a thousand. `fast=False` looks at
    every record closely; rows and flags are the same.
    """
    rules = (layout(schema.KINDS[objects[0][1].kind]), limits or Limits())
    # Objects make hundreds of thousands of containers that die together: collecting among them costs half the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        parsed = [parse.parse(data, delivered, rules, fast) for data, delivered in objects]
        made = columns.build(parsed, rules)
        rows = derive.derive(made, parsed, rules[0], [delivered for _, delivered in objects])
        return Decoded(rows, made.objects, tuple(_account(number, each, made) for number, each in enumerate(parsed)))
    finally:
        if collecting:
            gc.enable()


def _account(number: int, parsed: parse.Parsed, made: columns.Columns) -> Account:
    rejects = (parsed.reject,) if parsed.reject else tuple(made.rejects.get(number, ()))
    return Account(
        rows=len(parsed.slices) - (0 if parsed.reject else len(rejects)),
        rejects=rejects,
        records=len(parsed.slices),
        flags=parsed.flags,
        sha256=parsed.sha256,
        inflated_bytes=parsed.inflated_bytes,
    )
