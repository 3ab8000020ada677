"""
What workers do for `check --deep`: every byte of every file, every row of every data file.

Two looks: file by file (its seal, its pages' checksums, what its manifest says of its columns), and partition by
partition (keys, and how many rows each source object has).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import PrimitiveType, StringType

from trailhouse import settings
from trailhouse.ingest import duplicates, inspect
from trailhouse.lake import catalog, readback, schema, write
from trailhouse.lake.files import Seal
from trailhouse.upkeep.check_tables import Held, Opened
from trailhouse.upkeep.damage import INCONSISTENT, Finding

PLACED = ("source", "source_object", "record_index", "parse_flags")


@dataclass(frozen=True)
class Reading:
    """A task: some files of one manifest; or files that are only bytes."""

    lake: settings.Lake
    table: str
    metadata: str  # as text; "" where there are no rows to be judged
    manifest: ManifestFile | None
    files: Mapping[str, str]  # path -> what it is
    seals: Mapping[str, Seal]
    tally: Mapping[str, Any]  # accumulators: files, rows


@dataclass
class Read:
    """What a reading found, and the seals of what is sound and had none."""

    findings: list[Finding]
    sound: dict[str, Seal]


def read(task: Reading) -> Read:
    """Read files whole."""
    io = catalog.file_io(task.lake)
    opened = Opened(io, dict(task.seals))
    if task.manifest is None:
        for path, what in task.files.items():
            opened.read(path, what, task.table)
            task.tally["files"].add(1)
        return Read(opened.findings, opened.sound)
    metadata = write.from_text(task.metadata)
    for entry in task.manifest.fetch_manifest_entry(io):
        if entry.data_file.file_path in task.files:
            _look_at(entry.data_file, task, metadata, opened)
    return Read(opened.findings, opened.sound)


def _look_at(file: DataFile, task: Reading, metadata: TableMetadata, opened: Opened) -> None:
    def parse(data: bytes) -> pa.Table:
        return write.in_memory(data).read()

    rows = opened.parsed(file.file_path, "data file", task.table, parse, file.file_size_in_bytes)
    task.tally["files"].add(1)
    if rows is None:
        return
    task.tally["rows"].add(rows.num_rows)
    try:
        wrong = [*_columns(task.table, rows, metadata), *_counted(file, rows, metadata), *_placed(file, rows, metadata)]
    except Exception as error:  # damaged metadata names columns that no file has, or types that none can be
        wrong = [("what the table's metadata says of its columns", f"{type(error).__name__}: {str(error)[:200]}")]
    if wrong:
        opened.sound.pop(file.file_path, None)
        expected, found = "; ".join(each[0] for each in wrong), "; ".join(each[1] for each in wrong)
        opened.say(INCONSISTENT, "data file", task.table, file.file_path, expected, found)


def _columns(table: str, rows: pa.Table, metadata: TableMetadata) -> Iterator[tuple[str, str]]:
    forms = [tuple(field.name for field in each.fields) for each in metadata.schemas]
    if not schema.is_of(table, rows.schema, forms):
        yield "the table's columns", "others"


def _counted(file: DataFile, rows: pa.Table, metadata: TableMetadata) -> Iterator[tuple[str, str]]:
    """What the manifest counts of the rows, and the bounds that readers prune by."""
    if rows.num_rows != file.record_count:
        yield f"{file.record_count} rows", f"{rows.num_rows} rows"
    for column in metadata.schema().fields:
        number, kind = column.field_id, column.field_type
        if column.name not in rows.column_names or not isinstance(kind, PrimitiveType):
            continue
        values = rows[column.name]
        told = (file.null_value_counts or {}).get(number)
        if told is not None and told != values.null_count:
            yield f"{told} NULLs in {column.name}", f"{values.null_count}"
        low, high = (file.lower_bounds or {}).get(number), (file.upper_bounds or {}).get(number)
        least, most = _range(values) if low is not None or high is not None else (None, None)
        if low is not None and least is not None and least < from_bytes(kind, low):
            yield f"no {column.name} under its bound", "one that is"
        if high is not None and most is not None and most > from_bytes(kind, high):
            yield f"no {column.name} over its bound", "one that is"


def _range(values: pa.ChunkedArray) -> tuple[Any, Any]:
    """The least and the greatest value, in the numbers that Iceberg keeps of times."""
    plain = {pa.date32(): pa.int32(), pa.timestamp("us"): pa.int64()}.get(values.type)
    found = pc.min_max(values.cast(plain) if plain else values).as_py()
    return found["min"], found["max"]


def _placed(file: DataFile, rows: pa.Table, metadata: TableMetadata) -> Iterator[tuple[str, str]]:
    """A file lies in the partition that each of its rows comes to."""
    for number, part in enumerate(metadata.specs()[file.spec_id].fields):
        column = metadata.schema().find_field(part.source_id)
        come_to = part.transform.pyarrow_transform(column.field_type)(rows[column.name])
        value = pa.scalar(file.partition[number], come_to.type)
        fits = pc.is_null(come_to) if not value.is_valid else pc.fill_null(pc.equal(come_to, value), False)
        if rows.num_rows and not pc.all(fits).as_py():
            yield f"rows of {part.name} {value.as_py()}", "rows of another partition"


@dataclass(frozen=True)
class Partition:
    """The files of one partition; of a large one, a part of the keys is looked at by each of several tasks."""

    table: str
    files: tuple[Held, ...]
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class Counting:
    """A task: some partitions."""

    lake: settings.Lake
    partitions: tuple[Partition, ...]


@dataclass
class Counted:
    """How many rows there are of each source object; and what is wrong with keys."""

    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (table, source, key)
    wholes: Counter[tuple[str, str]] = field(default_factory=Counter)  # rows for an object as a whole
    findings: list[Finding] = field(default_factory=list)


def count(task: Counting) -> Counted:
    """Look at rows partition by partition."""
    made = Counted()
    for partition in task.partitions:
        (_count_quarantine if partition.table == "quarantine" else _count_rows)(task.lake, partition, made)
    return made


def _count_rows(where: settings.Lake, partition: Partition, made: Counted) -> None:
    held = [rows for _, rows in _rows(where, partition, (*inspect.KNOWN, *PLACED))]
    rows = pa.concat_tables(
        [schema.arrow_schema(partition.table).empty_table().select([*inspect.KNOWN, *PLACED]), *held]
    )
    if partition.part == 0:
        for row in rows.group_by(["source", "source_object"]).aggregate([([], "count_all")]).to_pylist():
            made.rows[partition.table, row["source"], row["source_object"]] += row["count_all"]
    words = pc.fill_null(pc.binary_join(rows["parse_flags"], " "), "")
    plain = rows.filter(pc.invert(pc.match_substring(words, duplicates.CONFLICT)))
    keys = duplicates.keys(plain).select(list(duplicates.KEY))
    if partition.parts > 1:
        part = BucketTransform(partition.parts).pyarrow_transform(StringType())(keys["key"])
        keys = keys.filter(pc.equal(part, partition.part))
    different = keys.group_by(list(duplicates.KEY)).aggregate([]).num_rows
    if different < keys.num_rows:
        found = f"{keys.num_rows - different} rows whose key another has"
        path = partition.files[0].path.rpartition("/")[0]
        made.findings.append(Finding(INCONSISTENT, "partition", partition.table, path, "one row of each key", found))


def _count_quarantine(where: settings.Lake, partition: Partition, made: Counted) -> None:
    for path, rows in _rows(where, partition, inspect.QUARANTINED):
        spoiled = 0
        for row in rows.to_pylist():
            if row["record_index"] is None:
                made.wholes[row["source"], row["key"]] += 1
            else:
                made.rows["quarantine", row["source"], row["key"]] += 1
            spoiled += not inspect.is_what_came(row)
        if spoiled:
            found = f"{spoiled} rows with others"
            expected = "the bytes that came"
            made.findings.append(Finding(INCONSISTENT, "data file", "quarantine", path, expected, found))


def _rows(where: settings.Lake, partition: Partition, columns: tuple[str, ...]) -> Iterator[tuple[str, pa.Table]]:
    """Of each file that can be read; that one can't has been told before."""
    io = catalog.file_io(where)
    for file in partition.files:
        found = readback.read_back(file.path, io, lambda opened: opened.read(list(columns)))
        if found is not None:
            yield file.path, schema.as_now(partition.table, found, columns)


def _schema(table: str, columns: tuple[str, ...]) -> pa.Schema:
    wanted = schema.arrow_schema(table)
    return pa.schema([wanted.field(name) for name in columns])
