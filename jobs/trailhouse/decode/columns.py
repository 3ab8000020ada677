"""
Records become columns: the top-level fields of many records as Arrow arrays.

The fast path parses a whole object at once and then proves, record by record and with whole-column arithmetic, that
the parser hid nothing. Whatever fails the proof is looked at again by `careful`. Columns that follow from others
are added by `derive`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.decode import careful
from trailhouse.decode.layout import Layout
from trailhouse.decode.values import Limits, Reject
from trailhouse.lake.schema import Column

Rules = tuple[Layout, Limits]  # what a table looks like, and how much one object may cost

@dataclass(slots=True)
class Columns:
    """The records of one object that are rows, column by column, and those that are not."""

    table: pa.Table  # record_index, the top-level columns as text, extra, shape, raw
    flags: dict[int, set[str]] = field(default_factory=dict)  # row number -> what was odd
    rejects: list[Reject] = field(default_factory=list)


def from_slices(slices: list[bytes], positions: list[int], layout: Layout, limits: Limits) -> Columns:
    """The strict path: each record looked at alone."""
    found: list[careful.Values] = []
    kept: list[int] = []
    rejects: list[Reject] = []
    for position in positions:
        look = careful.look(slices[position], position, layout, limits)
        if isinstance(look, Reject):
            rejects.append(look)
        else:
            found.append(look)
            kept.append(position)
    arrays: dict[str, pa.Array] = {"record_index": pa.array(kept, pa.int32())}
    for column in layout.top:
        arrays[column.name] = pa.array([v.values.get(column.name) for v in found], _type(column))
    arrays["extra"] = pa.array([careful.extra_text(v.extra) for v in found], pa.string())
    arrays["shape"] = pa.array([",".join(sorted(v.nulls)) or None for v in found], pa.string())
    arrays["raw"] = pa.array([v.raw for v in found], pa.binary())
    flags = {row: v.flags for row, v in enumerate(found) if v.flags}
    return Columns(_table(arrays, layout), flags, rejects)


def at_once(array: memoryview, slices: list[bytes], layout: Layout, limits: Limits) -> Columns | None:
    """
    The fast path: all records of an object, or None when its parser refuses them.

    `array` is the text of the array whose elements the slices are.
    """
    try:
        records = layout.records.decode(array)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    rows = list(zip(*map(msgspec.structs.astuple, records), strict=True))
    del records
    arrays: dict[str, pa.Array] = {"record_index": pa.array(np.arange(len(slices), dtype=np.int32))}
    for column, values in zip(layout.top, rows, strict=True):
        if column.json:
            text = pa.array([None if v is None else bytes(v) for v in values], pa.binary())
            arrays[column.name] = text.view(pa.string())  # the whole object was found to be UTF-8
        else:
            arrays[column.name] = pa.array(values, _type(column))
    odd = _hidden(arrays, slices, layout) | _too_deep(slices, limits) | _unexpected(arrays, layout)
    nulls = pa.nulls(len(slices), pa.string())
    arrays |= {"extra": nulls, "shape": _take_out_nulls(arrays, layout), "raw": pa.nulls(len(slices), pa.binary())}
    columns = Columns(_table(arrays, layout))
    return columns if not odd.any() else _with_a_closer_look(columns, odd, slices, (layout, limits))


def _with_a_closer_look(
    columns: Columns, odd: npt.NDArray[np.bool_], slices: list[bytes], rules: Rules
) -> Columns:
    """The same columns, with the odd records replaced by what `careful` makes of them."""
    looked = from_slices(slices, np.flatnonzero(odd).tolist(), *rules)
    joined = pa.concat_tables([columns.table.filter(pa.array(~odd)), looked.table])
    order = pc.sort_indices(joined["record_index"])
    place = np.empty(len(order), np.int64)
    place[order.to_numpy()] = np.arange(len(order))
    sound = joined.num_rows - looked.table.num_rows
    flags = {int(place[sound + row]): flags for row, flags in looked.flags.items()}
    return Columns(joined.take(order), flags, looked.rejects)


def _hidden(arrays: dict[str, pa.Array], slices: list[bytes], layout: Layout) -> npt.NDArray[np.bool_]:
    """
    Records whose text is longer than what the parser kept of it.

    A compact record is as long as its keys, values and punctuation. A key given twice, an unknown field, a null, an
    escape or white space each make the text longer and nothing makes it shorter, so that equal lengths prove that
    there is none of them.
    """
    length = np.ones(len(slices), np.int64)  # braces, and a comma less than members
    for column in layout.top:
        values = arrays[column.name]
        there = values.is_valid().to_numpy(zero_copy_only=False)
        if not there.any():
            continue
        if column.type == "boolean":
            size = np.where(pc.fill_null(values, False).to_numpy(zero_copy_only=False), 4, 5)
        else:
            size = pc.fill_null(pc.binary_length(values), 0).to_numpy() + (0 if column.json else 2)
        length += there * (size + len(column.path[0]) + 4)
    given = np.fromiter(map(len, slices), np.int64, len(slices))
    return np.asarray(given != length)


def _too_deep(slices: list[bytes], limits: Limits) -> npt.NDArray[np.bool_]:
    """Records that could be nested too deep, by the number of their brackets; and those that are too long."""
    return np.fromiter(
        (s.count(b"{") + s.count(b"[") > limits.depth or len(s) > limits.record_bytes for s in slices),
        np.bool_,
        len(slices),
    )


def _unexpected(arrays: dict[str, pa.Array], layout: Layout) -> npt.NDArray[np.bool_]:
    """Records with a value of a kind that the facts don't know in its place, by its first byte."""
    odd: npt.NDArray[np.bool_] | None = None
    starts = {"object": "{", "array": "[", "string": '"'}
    for column in layout.top:
        if not column.json or arrays[column.name].null_count == len(arrays[column.name]):
            continue
        known = pa.array(["n", *(starts[kind] for kind in column.json)])
        first = pc.utf8_slice_codeunits(arrays[column.name], 0, 1)
        fits = pc.or_(pc.is_in(first, known), first.is_null())
        bad = pc.invert(fits).to_numpy(zero_copy_only=False)
        odd = bad if odd is None else odd | bad
    return odd if odd is not None else np.zeros(len(arrays["record_index"]), np.bool_)


def _take_out_nulls(arrays: dict[str, pa.Array], layout: Layout) -> pa.Array:
    """JSON nulls become SQL nulls; the names of the fields that were null are returned, joined."""
    columns = sorted((c for c in layout.top if c.json), key=lambda c: c.path[0])
    marks = np.zeros(len(arrays["record_index"]), np.int64)
    for bit, column in enumerate(columns):
        is_null = pc.fill_null(pc.equal(arrays[column.name], "null"), False)
        if pc.any(is_null).as_py():
            marks |= is_null.to_numpy(zero_copy_only=False).astype(np.int64) << bit
            arrays[column.name] = pc.if_else(is_null, pa.scalar(None, pa.string()), arrays[column.name])
    kinds, places = np.unique(marks, return_inverse=True)
    names = [",".join(c.path[0] for bit, c in enumerate(columns) if kind >> bit & 1) or None for kind in kinds.tolist()]
    return pa.array(names, pa.string()).take(pa.array(places))


def _type(column: Column) -> pa.DataType:
    """The type that a top-level value has before `derive` reads it."""
    return pa.bool_() if column.type == "boolean" else pa.string()


def _table(arrays: dict[str, pa.Array], layout: Layout) -> pa.Table:
    names = ["record_index", *(c.name for c in layout.top), "extra", "shape", "raw"]
    return pa.table({name: arrays[name] for name in names})
