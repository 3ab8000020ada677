"""
A fingerprint of rows that does not hang on their order or on the files they lie in: equal for the same rows alone.

Pure: Arrow in, numbers out. Each row by what identifies it and its content, each column by its NULLs and the sum of its
values or of their lengths, so that a column that was lost or mixed up shows as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

_CONTENT = ("content_hash", "batch_id", "source", "source_object", "record_index")
_WORD = 2**64


@dataclass
class Fingerprint:
    """Of the rows that were added so far."""

    identity: tuple[str, ...]
    rows: int = 0
    sum: int = 0  # of a hash of each row's identity
    columns: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> NULLs, and the sum

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        self.sum = (self.sum + _sum(_row_hashes(rows, self.identity))) % _WORD
        for name in rows.column_names:
            nulls, total = self.columns.get(name, (0, 0))
            self.columns[name] = (nulls + rows[name].null_count, (total + _amount(rows[name])) % _WORD)


def identity(columns: Sequence[str], key: Sequence[str]) -> tuple[str, ...]:
    """What tells a row of a table: where it came from and the hash of its content, or its key where it has none."""
    chosen = _CONTENT if "content_hash" in columns else (*key, "batch_id")
    return tuple(dict.fromkeys(name for name in chosen if name in columns))


def _row_hashes(rows: pa.Table, names: Sequence[str]) -> Hashes:
    made = np.zeros(rows.num_rows, np.uint64)
    for name in names:
        made = _mixed(made ^ _hashes(rows[name]))
    return made


def _hashes(column: pa.ChunkedArray) -> Hashes:
    """A number for each value: of a text, its hash, taken once for each that is different."""
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
        return _mixed(_numbers(column))
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    distinct = np.array([_hash(value) for value in encoded.dictionary.to_pylist()], np.uint64)
    return distinct[np.asarray(encoded.indices)] if len(distinct) else np.zeros(0, np.uint64)


def _hash(value: str | bytes | None) -> int:
    if value is None:
        return 1
    data = value.encode() if isinstance(value, str) else value
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def _amount(column: pa.ChunkedArray) -> int:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return int(pc.sum(pc.cast(pc.binary_length(column), pa.int64())).as_py() or 0)
    if pa.types.is_list(kind):
        return int(pc.sum(pc.cast(pc.list_value_length(column), pa.int64())).as_py() or 0)
    return _sum(_numbers(column))


def _numbers(column: pa.ChunkedArray) -> Hashes:
    """Values of a fixed size as whole numbers; NULL as 0."""
    kind: Any = column.type
    if pa.types.is_floating(kind):
        return np.asarray(column.cast(pa.float64()).fill_null(0)).view(np.uint64)
    plain = column.cast(pa.int32()) if pa.types.is_date32(kind) else column
    return np.asarray(plain.cast(pa.int64()).fill_null(0)).astype(np.uint64)


def _sum(numbers: Hashes) -> int:
    return int(numbers.sum(dtype=np.uint64))


def _mixed(numbers: Hashes) -> Hashes:
    """Each number spread over all bits (the finisher of SplitMix64), so that sums of them don't cancel out."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
