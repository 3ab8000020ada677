"""
Decode: the bytes of delivered objects become rows, rejects, and each object's accounting.

Pure: bytes in, Arrow out; no Spark, no network, no clock. One bad record costs that record, a broken frame costs the
object; nothing that a record says raises.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.decode import columns, derive, parse, salvage
from trailhouse.decode import native as kernel
from trailhouse.decode.layout import layout
from trailhouse.decode.values import Account, Decoded, Delivered, Limits, Reject
from trailhouse.lake import schema

__all__ = ["Account", "Decoded", "Delivered", "Limits", "Reject", "decode", "parts"]

# Inflated bytes decoded together: enough that fixed costs are shared.
PART_BYTES = 16 * 2**20


def decode(
    objects: Sequence[tuple[bytes, Delivered]],
    limits: Limits | None = None,
    *,
    fast: bool = True,
    native: bool = True,
) -> Decoded:
    """
    Decode objects whose kinds feed one table, all together.

    `fast=False` looks at every record closely, `native=False` leaves a native kernel that may be there alone; rows and
    flags are the same.
    """
    rules = _rules(objects, limits)
    (decoded,) = _parts(objects, rules, _way(rules, fast, native), None)
    return decoded


def parts(
    objects: Sequence[tuple[bytes, Delivered]],
    limits: Limits | None = None,
    *,
    fast: bool = True,
    native: bool = True,
    salvaging: bool = False,
) -> Iterator[Decoded]:
    """
    Decode objects in order, some at a time: as many as inflate to `PART_BYTES`.

    Together, since most objects are small and a column costs the same for one row as for a thousand; bounded, since a
    few bytes may inflate to a lot.
    """
    if objects:
        rules = _rules(objects, limits)
        yield from _parts(objects, rules, _way(rules, fast, native, salvaging), PART_BYTES)


def _rules(objects: Sequence[tuple[bytes, Delivered]], limits: Limits | None) -> parse.Rules:
    return layout(schema.KINDS[objects[0][1].kind]), limits or Limits()


def _way(rules: parse.Rules, fast: bool, native: bool, salvaging: bool = False) -> parse.Way:
    return parse.Way(fast, kernel.reader(rules) if fast and native else None, salvaging)


def _parts(
    objects: Sequence[tuple[bytes, Delivered]], rules: parse.Rules, way: parse.Way, most: int | None
) -> Iterator[Decoded]:
    begin, inflated, parsed = 0, 0, list[parse.Parsed]()
    for number, (data, delivered) in enumerate(objects, 1):
        with _uncollected():
            parsed.append(parse.parse((len(parsed), data), delivered, rules, way))
        inflated += parsed[-1].inflated_bytes
        if (most is not None and inflated >= most) or number == len(objects):
            with _uncollected():
                given = way.reader.give() if way.reader else None
                decoded = _together((parsed, given), rules, [delivered for _, delivered in objects[begin:number]])
            begin, inflated, parsed = number, 0, []
            yield decoded


def _together(read: columns.Read, rules: parse.Rules, delivered: list[Delivered]) -> Decoded:
    parsed, given = read
    made = columns.build(read, rules)
    if salvaged := {number for number, each in enumerate(parsed) if each.is_salvaged}:
        for row, number in enumerate(made.objects.to_pylist()):
            if number in salvaged:
                made.flags.setdefault(row, set()).add(salvage.FLAG)
    rows = derive.derive(made, parsed, rules[0], delivered)
    if scattered := _scattered(rows, made.objects, rules[1].partitions):
        refused = [parse.refused(each, "partition_limit") if n in scattered else each for n, each in enumerate(parsed)]
        return _together((refused, given and given.without(scattered)), rules, delivered)
    return Decoded(rows, made.objects, tuple(_account(number, each, made) for number, each in enumerate(parsed)))


def _scattered(rows: pa.Table, objects: pa.Array, most: int) -> set[int]:
    """Objects whose rows lie in more partitions than any real one's: each would be a file of its own."""
    names = ["account_id", "region", "event_date"]
    if math.prod(len(rows[name].unique()) for name in names) <= most:
        return set()
    places = rows.select(names).append_column("object", objects)
    places = places.group_by(places.column_names, use_threads=False).aggregate([])
    if places.num_rows <= most:
        return set()
    counts = places.group_by("object", use_threads=False).aggregate([([], "count_all")])
    return set(counts.filter(pc.greater(counts["count_all"], most))["object"].to_pylist())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: objects make hundreds of thousands of containers that die together."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _account(number: int, parsed: parse.Parsed, made: columns.Columns) -> Account:
    whole = (parsed.reject,) if parsed.reject else ()
    rejects = made.rejects.get(number, ())
    return Account(
        rows=parsed.count - len(rejects),
        rejects=(*whole, *rejects),
        records=parsed.count,
        flags=parsed.flags,
        sha256=parsed.sha256,
        inflated_bytes=parsed.inflated_bytes,
    )
