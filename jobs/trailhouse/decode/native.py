"""
The native kernel, where it is installed: what the fast path does for objects of the one plain form, in Rust.

The one place that knows the extension. It is optional and never of another opinion: what it is not sure about, it
leaves to `parse` and `careful`. A kernel of another version than this code asks for is not used (see `make native`).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.decode.layout import Layout
from trailhouse.decode.values import Limits
from trailhouse.lake.schema import Column

# What is asked of the kernel; native/src/lib.rs has the same number. Both rise with every change of what either means.
VERSION = 1

try:
    import trailhouse_native as _kernel
except ImportError:
    _kernel = None

STALE = "the native kernel is of version {found}, and {VERSION} is wanted: it is not used until `make native` was run"
if _kernel is not None and (found := getattr(_kernel, "VERSION", None)) != VERSION:
    _kernel = None
    warnings.warn(STALE.format(found=found, VERSION=VERSION), RuntimeWarning, stacklevel=2)

_FIRST = {"object": b"{", "array": b"[", "string": b'"'}


@dataclass(frozen=True, slots=True)
class Taken:
    """What is to be known of an object whose records are rows of the kernel's, but for the odd ones."""

    count: int  # records, the odd ones among them
    odd: dict[int, bytes]  # place in the object -> a record that wants a closer look
    sha256: str
    omissions: bool  # some field may have been left out


@dataclass(frozen=True, slots=True)
class Given:
    """The rows of all objects that were taken, as `columns.Columns` has them."""

    table: pa.Table
    objects: pa.Array  # of each row, the number of its object
    index: pa.Array  # of each row, its place in the object

    def without(self, objects: Collection[int]) -> Given:
        """The same but for some objects."""
        keep = pc.invert(pc.is_in(self.objects, pa.array(sorted(objects), pa.int32())))
        return Given(self.table.filter(keep), self.objects.filter(keep), self.index.filter(keep))


def is_there() -> bool:
    """Whether there is a kernel to use."""
    return _kernel is not None


def reader(rules: tuple[Layout, Limits]) -> Reader | None:
    """What reads objects of a table by the kernel, where there is one."""
    return Reader(*rules) if is_there() else None


class Reader:
    """Takes objects one after the other, and gives their rows together."""

    def __init__(self, of: Layout, limits: Limits) -> None:
        bounds = (limits.records, limits.record_bytes, limits.depth)
        self._layout = of
        self._reader = _kernel.Reader(_table(of), bounds)

    def take(self, number: int, data: bytes) -> Taken | None:
        """Take the inflated object of that number, or leave it to the Python path."""
        taken = self._reader.take(number, data)
        if taken is None:
            return None
        odd = {each["index"]: data[each["start"] : each["end"]] for each in taken["odd"]}
        return Taken(taken["records"], odd, taken["sha256"].hex(), taken["omissions"])

    def give(self) -> Given:
        """The rows of what was taken since the last time."""
        given = self._reader.give()
        rows, top = given["rows"], self._layout.top
        arrays = {c.name: _array(c, buffers, rows) for c, buffers in zip(top, given["columns"], strict=True)}
        arrays["extra"] = pa.nulls(rows, pa.string())
        arrays["shape"] = _shapes(self._layout, given["nulls"]).take(_numbers(given["null_set"], pa.int32(), rows))
        arrays["raw"] = pa.nulls(rows, pa.binary())
        arrays["content_hash"] = _numbers(given["hashes"], pa.int64(), rows)
        objects, index = (_numbers(given[name], pa.int32(), rows) for name in ("objects", "index"))
        return Given(pa.table(arrays), objects, index)


def _table(of: Layout) -> Any:
    """A table's top-level fields, as the kernel is told of them."""
    return _kernel.Table([(c.path[0], _kind(c), b"".join(_FIRST[kind] for kind in c.json)) for c in of.top])


def _kind(column: Column) -> str:
    if column.json:
        return "json"
    return "boolean" if column.type == "boolean" else "text"


def _array(column: Column, buffers: tuple[Any, Any, Any, int], rows: int) -> pa.Array:
    """A column on the kernel's memory. Its texts are UTF-8: the kernel has looked."""
    valid, ends, values, nulls = buffers
    kind = pa.bool_() if column.type == "boolean" else pa.string()
    if nulls == rows:
        return pa.nulls(rows, kind)
    mask = pa.py_buffer(valid) if nulls else None
    parts = [mask, pa.py_buffer(values)] if kind == pa.bool_() else [mask, pa.py_buffer(ends), pa.py_buffer(values)]
    return pa.Array.from_buffers(kind, rows, parts, nulls)


def _numbers(block: Any, kind: pa.DataType, rows: int) -> pa.Array:
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(block)], 0)


def _shapes(of: Layout, sets: list[int]) -> pa.Array:
    """The names of the fields that are null in each set, joined."""
    names = [sorted(c.path[0] for bit, c in enumerate(of.top) if each >> bit & 1) for each in sets]
    return pa.array([",".join(each) or None for each in names], pa.string())
