"""
How the columns of data files are laid out, by what they hold: which have a dictionary, which are compressed.

A file of some hundred rows has as many columns as one of a million, and most accounts and regions have few events a
day: there a compressor that is started twice for each column costs more than all else, most often for columns that
have nothing to compress.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_FORM: dict[str, Any] = {
    # Arrow's own schema would make up half of a small file, and repeats what the table knows.
    "store_schema": False,
    # Bytes that turn over in a store show when they are read: compression alone does not tell.
    "write_page_checksum": True,
}

SAMPLE = 1000  # rows, from all over: enough to tell what repeats from what doesn't
SMALL = 4096  # rows; in a larger file a compressor that finds nothing costs nothing that counts
FEW, SHORT = 16, 512  # values, and bytes of them together, that a dictionary holds as small as a compressor would
LONG = 128  # bytes of a value: the least and the most of such (JSON, mostly) fill a footer, and nobody prunes by them


@dataclass(frozen=True, slots=True)
class Pages:
    """What was seen of the columns of some rows, by their paths in a file."""

    paths: tuple[str, ...]
    coded: tuple[str, ...]  # values repeat: a dictionary
    little: frozenset[str]  # hardly any bytes are left once there is one
    long: frozenset[str]  # values are long

    def form(self, rows: int, bounded: Collection[str]) -> dict[str, Any]:
        """How a file of so many rows is written. Of columns that are `bounded` the least and the most are told."""
        spared = self.little if rows < SMALL else frozenset[str]()
        packed = {path: "none" if path in spared else "zstd" for path in self.paths}
        told = [path for path in self.paths if path in bounded or path not in self.long]
        return _FORM | {"compression": packed, "use_dictionary": list(self.coded) or False, "write_statistics": told}


def look(rows: pa.Table) -> Pages:
    """What the columns of rows that are about to be written hold."""
    some = rows.take(np.linspace(0, rows.num_rows - 1, min(SAMPLE, rows.num_rows)).astype(np.int64))
    paths, coded, little, long = list[str](), list[str](), list[str](), list[str]()
    for field, column, whole in zip(rows.schema, some.columns, rows.columns, strict=True):
        path = f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
        paths.append(path)
        if whole.null_count == len(whole) or whole.nbytes <= SHORT:
            little.append(path)
        held = (pc.list_flatten(column) if pa.types.is_list(field.type) else column).drop_null()
        different = pc.unique(held)
        if len(different) and different.nbytes > LONG * len(different):
            long.append(path)
        if whole.null_count < len(whole) and 2 * len(different) <= len(held):
            coded.append(path)
            if 0 < len(different) <= FEW and different.nbytes <= SHORT:
                little.append(path)
    return Pages(tuple(paths), tuple(coded), frozenset(little), frozenset(long))
