"""
Records become columns: the top-level fields of many records as Arrow arrays.

What the fast parser saw is proven, record by record and with whole-column arithmetic, to hide nothing. Whatever fails
the proof is looked at again by `careful`. Columns that follow from others are added by `derive`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.decode import careful, native
from trailhouse.decode.layout import Layout
from trailhouse.decode.parse import Parsed, Rules, Slice
from trailhouse.decode.values import Limits, Reject
from trailhouse.lake.schema import Column

Read = tuple[Sequence[Parsed], native.Given | None]  # objects, and rows of those that the native kernel took
Place = tuple[int, int]  # of a record: its object's number, its place in the object
Bools = npt.NDArray[np.bool_]
Lengths = npt.NDArray[np.int64]

HASH_BYTES = 8
_COUNTED = 128


@dataclass(slots=True)
class Columns:
    """The records that are rows, column by column in the order of delivery, and those that are not."""

    table: pa.Table  # the top-level columns as text, extra, shape, raw, content_hash
    objects: pa.Array  # of each row, the number of its object
    index: pa.Array  # of each row, its place in the object
    flags: dict[int, set[str]]  # row number -> what was odd
    rejects: dict[int, list[Reject]]  # object -> what was no record


def build(read: Read, rules: Rules) -> Columns:
    """The columns of some objects."""
    parsed, given = read
    quick = [number for number, each in enumerate(parsed) if each.records is not None]
    close = [(n, i) for n, each in enumerate(parsed) if each.records is None for i in each.places]
    pieces = [Columns(given.table, given.objects, given.index, {}, {})] if given and len(given.objects) else []
    if quick:
        made, odd = _at_once(quick, parsed, rules)
        if odd.any():
            close += zip(_picked(made.objects, odd), _picked(made.index, odd), strict=True)
            made = _without(made, odd)
        pieces.append(made)
    if close or not pieces:
        pieces.append(_looked_at(sorted(close), parsed, rules))
    return pieces[0] if len(pieces) == 1 else _joined(pieces)


def _picked(numbers: pa.Array, which: Bools) -> list[int]:
    picked: list[int] = numbers.to_numpy()[which].tolist()
    return picked


def content_hash(text: bytes) -> int:
    """64 bits of a record's SHA-256, as Iceberg's signed long."""
    return int.from_bytes(hashlib.sha256(text).digest()[:HASH_BYTES], "big", signed=True)


def _looked_at(places: list[Place], parsed: Sequence[Parsed], rules: Rules) -> Columns:
    """The strict path: each record looked at alone."""
    layout, limits = rules
    found: list[careful.Values] = []
    kept: list[Place] = []
    rejects: dict[int, list[Reject]] = {}
    for number, index in places:
        look = careful.look(bytes(parsed[number].slices[index]), index, layout, limits)
        if isinstance(look, Reject):
            rejects.setdefault(number, []).append(look)
        else:
            found.append(look)
            kept.append((number, index))
    arrays = {c.name: pa.array([v.values.get(c.name) for v in found], _type(c)) for c in layout.top}
    arrays["extra"] = pa.array([careful.extra_text(v.extra) for v in found], pa.string())
    arrays["shape"] = pa.array([",".join(sorted(v.nulls)) or None for v in found], pa.string())
    arrays["raw"] = pa.array([v.raw for v in found], pa.binary())
    objects, index = (pa.array([place[n] for place in kept], pa.int32()) for n in (0, 1))
    arrays["content_hash"] = pa.array([content_hash(bytes(parsed[number].slices[i])) for number, i in kept], pa.int64())
    flags = {row: v.flags for row, v in enumerate(found) if v.flags}
    return Columns(pa.table(arrays), objects, index, flags, rejects)


def _at_once(quick: Sequence[int], parsed: Sequence[Parsed], rules: Rules) -> tuple[Columns, Bools]:
    """The fast path, and which of its rows need a closer look."""
    layout, limits = rules
    slices = [parsed[number].slices[i] for number in quick for i in parsed[number].places]
    tuples = [msgspec.structs.astuple(r) for number in quick for r in parsed[number].records or ()]
    arrays: dict[str, pa.Array] = {}
    for column, values in zip(layout.top, zip(*tuples, strict=True), strict=True):
        arrays[column.name] = _texts(values) if column.json else pa.array(values, _type(column))
    length = np.fromiter(map(len, slices), np.int64, len(slices))
    odd = _hidden(arrays, length, layout) | _too_deep(slices, length, limits) | (length > limits.record_bytes)
    odd |= _unexpected(arrays, layout, len(slices))
    arrays["extra"] = pa.nulls(len(slices), pa.string())
    arrays["shape"] = _take_out_nulls(arrays, layout, len(slices))
    arrays["raw"] = pa.nulls(len(slices), pa.binary())
    digests = b"".join([hashlib.sha256(text).digest()[:HASH_BYTES] for text in slices])
    arrays["content_hash"] = pa.array(np.frombuffer(digests, ">i8").astype(np.int64))
    counts = [parsed[number].count for number in quick]
    objects = np.repeat(np.array(quick, np.int32), counts)
    index = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
    return Columns(pa.table(arrays), pa.array(objects), pa.array(index), {}, {}), odd


def _texts(values: Sequence[Slice | None]) -> pa.Array:
    """JSON texts as a column, copied once. They are UTF-8, as their whole objects were found to be."""
    lengths = np.array([-1 if each is None else len(each) for each in values], np.int64)
    ends = pa.array(np.concatenate([[0], np.cumsum(np.maximum(lengths, 0))]), pa.int32())
    mask = pa.array(lengths >= 0)
    return pa.Array.from_buffers(
        pa.string(), len(values), [mask.buffers()[1], ends.buffers()[1], pa.py_buffer(b"".join(filter(None, values)))]
    )


def _without(made: Columns, odd: Bools) -> Columns:
    keep = pa.array(~odd)
    return Columns(made.table.filter(keep), made.objects.filter(keep), made.index.filter(keep), {}, {})


def _joined(pieces: Sequence[Columns]) -> Columns:
    """All of them, in the order of delivery again. Only the last has flags and rejects."""
    objects = pa.concat_arrays([piece.objects for piece in pieces])
    index = pa.concat_arrays([piece.index for piece in pieces])
    order = np.lexsort((index.to_numpy(), objects.to_numpy()))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    before = sum(piece.table.num_rows for piece in pieces[:-1])
    flags = {int(place[before + row]): flags for row, flags in pieces[-1].flags.items()}
    take = pa.array(order)
    table = pa.concat_tables([piece.table for piece in pieces]).combine_chunks().take(take)
    return Columns(table, objects.take(take), index.take(take), flags, pieces[-1].rejects)


def _hidden(arrays: dict[str, pa.Array], given: Lengths, layout: Layout) -> Bools:
    """
    Records whose text is longer than what the parser kept of it.

    A compact record is as long as its keys, values and punctuation. A key given twice, an unknown field, a null, an
    escape or white space each make the text longer and nothing makes it shorter, so that equal lengths prove that
    there is none of them. Of what is no record, or has a value of another type, the parser kept nothing.
    """
    length = np.ones(len(given), np.int64)  # braces, and a comma less than members
    for column in layout.top:
        values = arrays[column.name]
        if values.null_count == len(values):
            continue
        size = pc.if_else(values, 4, 5) if column.type == "boolean" else pc.binary_length(values)
        around = len(column.path[0]) + (4 if column.json or column.type == "boolean" else 6)
        length += pc.fill_null(pc.add(size, around), 0).to_numpy(zero_copy_only=False)
    return np.asarray((given != length) | (length == 1))


def _too_deep(slices: Sequence[Slice], length: Lengths, limits: Limits) -> Bools:
    """Records that could be nested too deep, by the number of their brackets."""
    counts = [np.empty(0, np.int64)]
    for begin in range(0, len(slices), _COUNTED):  # few at a time, which stay in the processor's cache
        text = np.frombuffer(b"".join(slices[begin : begin + _COUNTED]), np.uint8)
        brackets = np.flatnonzero((text | 0x20) == ord("{"))  # a bit tells `[` from `{`
        ends = np.cumsum(length[begin : begin + _COUNTED])
        counts.append(np.diff(np.searchsorted(brackets, ends), prepend=0))
    return np.asarray(np.concatenate(counts) > limits.depth)


_FIRST = {"object": "{", "array": "[", "string": '"'}


def _unexpected(arrays: dict[str, pa.Array], layout: Layout, count: int) -> Bools:
    """Records with a value of a kind that the facts don't know in its place, by its first byte."""
    odd = np.zeros(count, np.bool_)
    for column in layout.top:
        values = arrays[column.name]
        if not column.json or values.null_count == len(values):
            continue
        first = pc.utf8_slice_codeunits(values, 0, 1)
        known = pa.array(["n", *(_FIRST[kind] for kind in column.json)])
        if not pc.all(pc.or_(pc.is_in(first, known), pc.is_null(first))).as_py():
            odd |= ~pc.or_(pc.is_in(first, known), pc.is_null(first)).to_numpy(zero_copy_only=False)
    return odd


def _take_out_nulls(arrays: dict[str, pa.Array], layout: Layout, count: int) -> pa.Array:
    """JSON nulls become SQL nulls; the names of the fields that were null are returned, joined."""
    columns = sorted((c for c in layout.top if c.json), key=lambda c: c.path[0])
    marks = np.zeros(count, np.int64)
    for bit, column in enumerate(columns):
        values = arrays[column.name]
        if values.null_count == len(values):
            continue
        is_null = pc.fill_null(pc.equal(values, "null"), False)
        if pc.any(is_null).as_py():
            marks |= is_null.to_numpy(zero_copy_only=False).astype(np.int64) << bit
            arrays[column.name] = pc.if_else(is_null, pa.scalar(None, pa.string()), values)
    kinds, places = np.unique(marks, return_inverse=True)
    names = [",".join(c.path[0] for bit, c in enumerate(columns) if kind >> bit & 1) or None for kind in kinds.tolist()]
    return pa.array(names, pa.string()).take(pa.array(places))


def _type(column: Column) -> pa.DataType:
    """The type that a top-level value has before `derive` reads it."""
    return pa.bool_() if column.type == "boolean" else pa.string()
