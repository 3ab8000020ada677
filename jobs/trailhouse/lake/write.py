"""
Arrow rows become data files: sorted, split by partition, with the metrics that readers prune by.

The one place that touches PyIceberg's private writer: it makes files without a commit, which no public call does.
Needs a table's metadata and access to its files, no catalog, so that it runs in workers.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFile, schema_to_pyarrow
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.typedef import Record

from trailhouse.lake import pages
from trailhouse.lake.figures import figured, figures

SPREAD = 2  # times the rows: if partitions lie more among each other than that, all rows are put in order before

BUFFER = 2**20  # bytes of a data file that are handed on at once: Parquet writes each page and each header alone

# Older releases of Arrow can't write bloom filters; a file without them is read in full, and no answer hangs on it.
HAS_BLOOMS = "bloom_filter_options" in inspect.signature(pq.ParquetWriter.__init__).parameters


def write_rows(rows: pa.Table, metadata: TableMetadata, io: FileIO) -> list[DataFile]:
    """Write rows of a table as new data files, each in one partition and sorted."""
    return _Writer(metadata, io).write(rows) if rows.num_rows else []


def open_file(path: str, io: FileIO) -> pq.ParquetFile:
    """A data file, to read by its own schema (and by nothing that its path says)."""
    file = io.new_input(path)
    assert isinstance(file, PyArrowFile)
    return pq.ParquetFile(file._path, filesystem=file._filesystem, page_checksum_verification=True)


def in_memory(data: bytes) -> pq.ParquetFile:
    """The same of a data file's bytes."""
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)


def to_text(metadata: TableMetadata) -> str:
    """A table's metadata without its history: what a writer needs, small enough to travel to workers."""
    full = json.loads(metadata.model_dump_json())
    kept = {key: value for key, value in full.items() if key not in _HISTORY}
    return json.dumps(kept | {"snapshots": [], "refs": {}, "current-snapshot-id": None})


def from_text(text: str) -> TableMetadata:
    """The way back."""
    return TableMetadataUtil.parse_raw(text)


_HISTORY = {"snapshots", "refs", "snapshot-log", "metadata-log", "current-snapshot-id", "statistics"}


@dataclass(frozen=True)
class _Part:
    """Rows of one partition."""

    key: PartitionKey | None
    rows: pa.Table


class _Writer:
    """What is the same for all files of a table."""

    def __init__(self, metadata: TableMetadata, io: FileIO) -> None:
        self.metadata, self.io = metadata, io
        self.schema = metadata.schema()
        self.arrow = _with_ids(schema_to_pyarrow(self.schema, include_field_ids=True))
        self.columns = figured(self.schema, metadata.properties)
        self.bounded = frozenset(each.path for each in self.columns if each.bounds)
        self.places = load_location_provider(metadata.location, metadata.properties)

    def write(self, rows: pa.Table) -> list[DataFile]:
        run, rows = uuid.uuid4(), rows.cast(self.arrow)
        seen = pages.look(rows)
        return [self._write(part, f"{number:05d}-{run}.parquet", seen) for number, part in enumerate(self._parts(rows))]

    def _parts(self, rows: pa.Table) -> Iterator[_Part]:
        """The rows by partition, sorted, cut where any partition value changes."""
        fields = self.metadata.spec().fields
        sort = [self._column(f.source_id) for f in self.metadata.sort_order().fields]
        values = {f"_partition_{f.name}": self._value(f, rows) for f in fields}
        keyed = pa.table({**values, **{name: rows[name] for name in sort if name not in values}})
        order = pc.sort_indices(keyed, sort_keys=[(name, "ascending", "at_start") for name in keyed.column_names])
        keyed, order = keyed.take(order), order.to_numpy()
        codes = [_codes(keyed[name]) for name in values]
        changes = np.flatnonzero(np.any([np.diff(code) != 0 for code in codes], axis=0)) + 1 if codes else ()
        bounds = [(int(start), int(end)) for start, end in pairwise([0, *changes, rows.num_rows])]
        # A part is taken when it is written: as a rule its rows came together, so that little memory is needed.
        if sum(_span(order[start:end]) for start, end in bounds) > SPREAD * rows.num_rows:
            rows, order = rows.take(pa.array(order)), np.arange(rows.num_rows)
        for start, end in bounds:
            pairs = [PartitionFieldValue(f, keyed[name][start].as_py()) for f, name in zip(fields, values, strict=True)]
            key = PartitionKey(pairs, self.metadata.spec(), self.schema) if pairs else None
            yield _Part(key, _taken(rows, order[start:end]))

    def _value(self, field: Any, rows: pa.Table) -> pa.ChunkedArray:
        column = self.schema.find_field(field.source_id)
        return field.transform.pyarrow_transform(column.field_type)(rows[column.name])

    def _column(self, field_id: int) -> str:
        return str(self.schema.find_column_name(field_id))

    def _write(self, part: _Part, name: str, seen: pages.Pages) -> DataFile:
        with DataFileWriter(self, part.key, name, seen.form(part.rows.num_rows, self.bounded)) as file:
            file.add(part.rows)
        return file.done()

    def begun(self, rows: pa.Table, name: str, distinct: Mapping[str, int]) -> DataFileWriter:
        """A large file of the partition of these rows, which are the first to go in."""
        form = pages.look(rows).form(pages.SMALL, self.bounded)
        # Told how many values it has to tell apart, a filter is made for these and not for a million.
        blooms = {column: {"ndv": many} for column, many in distinct.items() if many}
        if blooms and HAS_BLOOMS:
            form["bloom_filter_options"] = blooms
        (part,) = self._parts(rows.slice(0, 1))
        return DataFileWriter(self, part.key, name, form)


class DataFileWriter:
    """A data file of one partition on its way: rows are added piece by piece, each piece a row group."""

    def __init__(self, of: _Writer, key: PartitionKey | None, name: str, form: Mapping[str, Any]) -> None:
        self._of, self._key = of, key
        self.path = of.places.new_data_location(name, key)
        stream = of.io.new_output(self.path).create(overwrite=True)
        self._sink = pa.BufferedOutputStream(pa.PythonFile(stream, mode="w"), BUFFER)
        self._parquet = pq.ParquetWriter(self._sink, of.arrow, **form)
        self._nulls: Counter[str] = Counter()

    def add(self, rows: pa.Table) -> None:
        """Rows of the table's own types, as one row group."""
        self._parquet.write_table(rows)
        self._nulls.update({f.name: c.null_count for f, c in zip(rows.schema, rows.columns, strict=True)})

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return int(self._sink.tell())

    def __enter__(self) -> DataFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._parquet.close()
        self._size = self.size
        self._sink.close()  # and the stream below

    def done(self) -> DataFile:
        """What a commit tells of the file, once it is closed."""
        of = self._of
        told = figures(self._parquet.writer.metadata, of.columns, self._nulls)
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=self.path,
            file_format=FileFormat.PARQUET,
            partition=self._key.partition if self._key else Record(),
            file_size_in_bytes=self._size,
            sort_order_id=None,
            spec_id=of.metadata.default_spec_id,
            equality_ids=None,
            key_metadata=None,
            **told,
        )


class PartitionWriter:
    """Rows of one partition, in the order that they come, as data files of about a size."""

    def __init__(self, metadata: TableMetadata, io: FileIO, target: int, distinct: Mapping[str, int]) -> None:
        self._of, self._target, self._distinct = _Writer(metadata, io), target, distinct
        self._run, self._files = uuid.uuid4(), list[DataFile]()
        self._open: DataFileWriter | None = None

    @property
    def columns(self) -> pa.Schema:
        """The table's columns with their ids, as its files have them."""
        return self._of.arrow

    def add(self, rows: pa.Table) -> None:
        rows = rows.cast(self._of.arrow)
        if self._open is None:
            name = f"{len(self._files):05d}-{self._run}.parquet"
            self._open = self._of.begun(rows, name, self._distinct)
        self._open.add(rows)
        if self._open.size >= self._target:
            self._close()

    def done(self) -> tuple[DataFile, ...]:
        """The files, all closed."""
        self._close()
        return tuple(self._files)

    def _close(self) -> None:
        if self._open:
            self._open.close()
            self._files.append(self._open.done())
            self._open = None


def _taken(rows: pa.Table, places: np.ndarray[Any, Any]) -> pa.Table:
    """The rows of these places, which lie near each other."""
    first = int(places.min())
    near = rows.slice(first, _span(places))
    is_in_order = near.num_rows == len(places) and bool(np.all(places[1:] > places[:-1]))
    return near if is_in_order else near.take(pa.array(places - first))


def _span(places: np.ndarray[Any, Any]) -> int:
    return int(places.max()) - int(places.min()) + 1


def _codes(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Numbers that are equal where the values are, NULL having one of its own."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy())


def _with_ids(schema: pa.Schema) -> pa.Schema:
    """Fields with their ids and nothing else: descriptions belong in the table, not in each of its files."""
    return pa.schema([_bare(field) for field in schema])


def _bare(field: pa.Field) -> pa.Field:
    is_list = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
    kind = pa.list_(_bare(field.type.value_field)) if is_list else field.type
    kind = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(kind, kind)
    metadata = {key: value for key, value in (field.metadata or {}).items() if key == b"PARQUET:field_id"}
    return pa.field(field.name, kind, field.nullable, metadata)
