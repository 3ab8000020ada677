"""
Gather: the small files of a partition become large ones, sorted, with filters for what is looked up. In workers.

Inputs are sorted already, so that they are merged piece by piece and never held whole. What was read and what was
written, read back, are both told by their fingerprint: whoever commits compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile

from trailhouse import faults, settings
from trailhouse.lake import catalog, readback, schema, write
from trailhouse.lake.files import Record, Seal, recording
from trailhouse.upkeep.fingerprint import Fingerprint, identity

LOOKED_UP = ("event_id", "identity_access_key_id", "source_ip")

# Of all inputs together; a row of CloudTrail is one to four kilobytes.
ROWS_HELD = 65_536
ROWS_AT_ONCE = 32_768  # in a row group
BYTES_AT_ONCE = 64 * 2**20  # likewise, where rows are long

_FIELD_ID = b"PARQUET:field_id"


@dataclass(frozen=True)
class Gather:
    """A task: some groups of files, each of one partition of a table."""

    lake: settings.Lake
    table: str
    metadata: str
    target: int
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Gathered:
    """What became of a group: its new files, with what was read and what was written; or what of it is damaged."""

    files: tuple[DataFile, ...]
    read: Fingerprint
    written: Fingerprint
    damaged: tuple[str, ...] = ()
    seals: Mapping[str, Seal] = field(default_factory=dict)  # of the new files


def gather(task: Gather) -> list[Gathered]:
    """The groups, one after another."""
    io = catalog.file_io(task.lake)
    with faults.at("files_gathered"):
        return [_sealed(_Group(task, paths, io)) for paths in task.groups]


def _sealed(group: _Group) -> Gathered:
    """What became of a group, with the seals of what it wrote: nobody reads these files whole before they are shown."""
    record = Record(begin=lambda: None)
    with recording(record):
        made = group.gathered()
    return replace(made, seals=record.seals)


class _Group:
    def __init__(self, task: Gather, paths: tuple[str, ...], io: FileIO) -> None:
        self._task, self._paths, self._io = task, paths, io
        self._metadata = write.from_text(task.metadata)
        of = self._metadata.schema()
        self._sort = [str(of.find_column_name(each.source_id)) for each in self._metadata.sort_order().fields]
        self._identity = identity([field.name for field in of.fields], schema.table(task.table).key)

    def gathered(self) -> Gathered:
        try:
            return self._gathered()
        except readback.FAILS:
            damaged = tuple(path for path in self._paths if self._is_damaged(path))
            if not damaged:
                raise
            return Gathered((), self._none(), self._none(), damaged)

    def _gathered(self) -> Gathered:
        writer = write.PartitionWriter(self._metadata, self._io, self._task.target, self._distinct())
        read = self._none()
        for rows in _in_row_groups(self._merged(writer.columns, read)):
            writer.add(rows)
        files = writer.done()
        written = self._none()
        for file in files:
            for rows in _Run(file.file_path, self._io, writer.columns, ROWS_AT_ONCE):
                written.add(rows)
        return Gathered(files, read, written)

    def _merged(self, columns: pa.Schema, read: Fingerprint) -> Iterator[pa.Table]:
        at_once = max(ROWS_HELD // len(self._paths), 256)
        runs = [_Run(path, self._io, columns, at_once) for path in self._paths]
        for rows in _merge(runs, self._sort):
            read.add(rows)
            yield rows

    def _distinct(self) -> dict[str, int]:
        """How many values a row group has at most of each column that is looked up."""
        names = [name for name in LOOKED_UP if name in schema.arrow_schema(self._task.table).names]
        if not names:
            return {}
        seen: dict[str, list[pa.Array]] = {name: [] for name in names}
        for path in self._paths:
            file = write.open_file(path, self._io)
            read = file.read(columns=[name for name in names if name in file.schema_arrow.names])
            for name in read.column_names:
                seen[name].append(pc.unique(read[name]))
        return {name: min(_count(parts), ROWS_AT_ONCE) for name, parts in seen.items() if parts}

    def _is_damaged(self, path: str) -> bool:
        return readback.read_back(path, self._io, pq.ParquetFile.read) is None

    def _none(self) -> Fingerprint:
        return Fingerprint(self._identity)


def _count(parts: list[pa.Array]) -> int:
    return int(pc.count_distinct(pa.chunked_array(parts)).as_py())


class _Run:
    """The rows of one file, a piece at a time, with the table's columns as they are now."""

    def __init__(self, path: str, io: FileIO, columns: pa.Schema, at_once: int) -> None:
        self._file, self._columns = write.open_file(path, io), columns
        self._batches = self._file.iter_batches(batch_size=at_once)
        self._by_id = {_id(field): number for number, field in enumerate(self._file.schema_arrow)}

    def __iter__(self) -> Iterator[pa.Table]:
        return (self._conformed(batch) for batch in self._batches)

    def _conformed(self, batch: pa.RecordBatch) -> pa.Table:
        """By the columns' ids, as readers do: a column may have come later, or have had another name."""
        made = []
        for each in self._columns:
            number = self._by_id.get(_id(each))
            column = batch.column(number) if number is not None else pa.nulls(batch.num_rows, each.type)
            made.append(column.cast(each.type))
        return pa.table(made, schema=self._columns)


def _id(field: pa.Field) -> bytes:
    return bytes((field.metadata or {}).get(_FIELD_ID, field.name.encode()))


def _merge(runs: list[_Run], sort: list[str]) -> Iterator[pa.Table]:
    """
    The rows of runs that are each sorted by the first of these columns, together in that order.

    Piece by piece: up to the least of what the runs have last in hand, nothing smaller can be still to come.
    """
    rest = [iter(run) for run in runs]
    held: list[pa.Table | None] = [next(each, None) for each in rest]
    keys = [(name, "ascending", "at_start") for name in sort]
    while any(each is not None for each in held):
        bound = min((pc.max(each[sort[0]]).as_py() for each in held if each is not None), key=_nulls_first)
        ready = []
        for number, each in enumerate(held):
            if each is None:
                continue
            reached = _reached(each[sort[0]], bound)
            ready.append(each.slice(0, reached))
            held[number] = each.slice(reached) if reached < each.num_rows else next(rest[number], None)
        rows = pa.concat_tables(ready)
        yield rows.take(pc.sort_indices(rows.select(sort), sort_keys=keys))


def _nulls_first(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _reached(column: pa.ChunkedArray, bound: Any) -> int:
    """How many rows of a piece come at or before a bound; NULLs come first."""
    within = pc.is_null(column) if bound is None else pc.less_equal(column, pa.scalar(bound, column.type))
    return int(pc.sum(pc.fill_null(within, True)).as_py())


def _in_row_groups(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in pieces that make good row groups."""
    held = pa.table({})
    for piece in pieces:
        held = pa.concat_tables([held, piece]) if held.num_rows else piece
        while held.num_rows >= ROWS_AT_ONCE or held.nbytes >= BYTES_AT_ONCE:
            yield held.slice(0, ROWS_AT_ONCE)
            held = held.slice(ROWS_AT_ONCE)
    if held.num_rows:
        yield held
