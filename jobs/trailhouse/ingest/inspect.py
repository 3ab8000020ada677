"""
What the audit asks of the staged files, partition by partition, in workers: it reads back what was written.

Counts rows by the object that delivered them and rows that break an expectation, recomputes partitions from the rows,
and looks for keys that more than one row has, among the staged files and those that are there already. Reads key
columns, and those that something is expected of; whole rows only of keys that meet with different contents. Of the
quarantine, it compares the bytes with what is told of them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import StringType

from trailhouse import settings
from trailhouse.decode.canonical import form
from trailhouse.decode.careful import RAW_KEPT
from trailhouse.decode.parse import OBJECT_KEPT
from trailhouse.decode.rebuild import record
from trailhouse.ingest import duplicates, rules
from trailhouse.ingest.values import Twins
from trailhouse.lake import catalog, readback, schema
from trailhouse.lake.expectations import Expectation
from trailhouse.lake.files import Seal

COLUMNS = (
    "account_id",
    "region",
    "event_date",
    "event_time",
    "event_id",
    "content_hash",
    "source",
    "source_object",
    "record_index",
    "parse_flags",
    "batch_id",
)
ERROR = {"error_code"}
QUARANTINED = ("source", "key", "etag", "record_index", "reason", "batch_id", "raw", "raw_size", "raw_sha256")
KNOWN = ("account_id", "region", "event_date", "event_id", "content_hash")
AT_ONCE = 500_000  # rows of published files compared in one go


@dataclass(frozen=True)
class Partition:
    """One partition of one table: the files that the batch adds, and those that are there."""

    table: str
    staged: tuple[tuple[str, int, tuple[tuple[str, int, object], ...]], ...]  # path, rows, (column, buckets, value)s
    published: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...] = ()  # columns that files may have: the table's, now and in older releases
    part: int = 0  # of `parts`: a partition too large for one task is looked at key by key, in several
    parts: int = 1

    @property
    def rows(self) -> int:
        return sum(rows for _, rows, _ in self.staged)


@dataclass(frozen=True)
class Look:
    """A task: some partitions."""

    lake: settings.Lake
    batch_id: str
    partitions: tuple[Partition, ...]
    expectations: tuple[Expectation, ...] = ()


@dataclass
class Seen:
    """What a look found."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (table, source, key) -> rows
    wholes: Counter[tuple[str, str]] = field(default_factory=Counter)  # (source, key) -> rows for an object as a whole
    flags: Counter[tuple[str, str]] = field(default_factory=Counter)  # (table, word) -> rows
    misplaced: Counter[str] = field(default_factory=Counter)  # table -> rows whose partition doesn't follow from them
    strays: Counter[str] = field(default_factory=Counter)  # table -> rows of another batch, or of a place told twice
    doubled: Counter[str] = field(default_factory=Counter)  # table -> rows of a key that another row has; see `twins`
    spoiled: Counter[str] = field(default_factory=Counter)  # table -> rows whose bytes are not those that came
    malformed: set[str] = field(default_factory=set)  # files that are not of the table's schema or row count
    breaks: Counter[tuple[str, str]] = field(default_factory=Counter)  # (table, expectation) -> rows that break it
    applies: Counter[tuple[str, str]] = field(default_factory=Counter)  # (table, expectation) -> rows it applies to
    days: Counter[date] = field(default_factory=Counter)  # day of an event -> rows
    errors: Counter[date] = field(default_factory=Counter)  # day of an event -> rows with an error code
    twins: list[Twins] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)  # table -> rows
    seals: dict[str, Seal] = field(default_factory=dict)  # of the files, which are read whole


def look(task: Look) -> Seen:
    """Read the staged files of some partitions back."""
    io = catalog.file_io(task.lake)
    seen = Seen()
    for partition in task.partitions:
        if partition.table == "quarantine":
            _look_at_quarantine(partition, io, seen, task.batch_id)
        else:
            wanted = [each for each in task.expectations if each.table == partition.table]
            _Partition(partition, io, seen, wanted).look(task.batch_id)
    return seen


def _look_at_quarantine(partition: Partition, io: FileIO, seen: Seen, batch_id: str) -> None:
    places: Counter[tuple[object, ...]] = Counter()
    for path, rows, _ in partition.staged:
        read = _read(path, io, partition, QUARANTINED, seen)
        seen.looked_at["quarantine"] += read.num_rows
        if read.num_rows != rows:
            seen.malformed.add(path)
        strange = 0
        for row in read.to_pylist():
            if row["record_index"] is None:
                seen.wholes[row["source"], row["key"]] += 1
            else:
                seen.counts["quarantine", row["source"], row["key"]] += 1
            seen.flags["quarantine", row["reason"]] += 1
            places[row["source"], row["key"], row["etag"], row["record_index"]] += 1
            strange += row["batch_id"] != batch_id
            seen.spoiled["quarantine"] += not is_what_came(row)
        seen.strays["quarantine"] += strange
    twice = places.total() - len(places)
    seen.doubled["quarantine"] += twice
    seen.strays["quarantine"] += twice


def is_what_came(row: Mapping[str, Any]) -> bool:
    """Whether the bytes of a quarantined row are those that its size and SHA-256 tell of, or a beginning of them."""
    raw, size, sha256 = row["raw"], row["raw_size"], row["raw_sha256"]
    if raw is None or size is None or sha256 is None:
        return False
    if not sha256:  # an object over the limit is not fetched
        return not raw
    if len(raw) == size:
        return str(sha256) == hashlib.sha256(raw).hexdigest()
    return len(raw) == min(int(size), OBJECT_KEPT if row["record_index"] is None else RAW_KEPT)


class _Partition:
    """The staged rows of one partition, with what they are compared to."""

    def __init__(self, partition: Partition, io: FileIO, seen: Seen, wanted: Sequence[Expectation]) -> None:
        self.name, self.partition, self.io, self.seen = partition.table, partition, io, seen
        self.wanted = wanted
        self.whole: dict[str, pa.Table | None] = {}  # the last two files that were read whole
        self.files = [path for path, _, _ in partition.staged]
        self.rows = pa.concat_tables([self._read(number) for number in range(len(self.files))])

    def look(self, batch_id: str) -> None:
        self._count(batch_id)
        self._check_place()
        self._find_twins()

    def _read(self, number: int) -> pa.Table:
        path, rows, _ = self.partition.staged[number]
        read = _read(path, self.io, self.partition, self._columns(), self.seen)
        count = read.num_rows
        if count != rows:
            self.seen.malformed.add(path)
        read = read.append_column("file", pa.array(np.full(count, number, np.int32)))
        read = self._of_this_part(read.append_column("place", pa.array(np.arange(count, dtype=np.int64))))
        self._judge(read)
        return read.select([*COLUMNS, "file", "place"])

    def _columns(self) -> list[str]:
        more = {column for each in self.wanted for column in each.columns}
        more |= ERROR & {*schema.arrow_schema(self.name).names}
        return [*COLUMNS, *sorted(more - {*COLUMNS})]

    def _of_this_part(self, read: pa.Table) -> pa.Table:
        if self.partition.parts == 1:
            return read
        part = BucketTransform(self.partition.parts).pyarrow_transform(StringType())(duplicates.keys(read)["key"])
        return read.filter(pc.equal(part, self.partition.part))

    def _judge(self, read: pa.Table) -> None:
        """Count the rows that break an expectation, and what a day has of rows and errors."""
        for each in self.wanted:
            broken, applies = rules.judge(read, each)
            self.seen.breaks[self.name, each.name] += int(broken.sum())
            self.seen.applies[self.name, each.name] += applies
        if "error_code" in read.column_names:
            by_day = read.group_by("event_date").aggregate([([], "count_all"), ("error_code", "count")])
            for row in by_day.filter(pc.is_valid(by_day["event_date"])).to_pylist():
                self.seen.days[row["event_date"]] += row["count_all"]
                self.seen.errors[row["event_date"]] += row["error_code_count"]

    def _count(self, batch_id: str) -> None:
        self.seen.looked_at[self.name] += self.rows.num_rows
        told: list[Any] = [([], "count_all"), ("record_index", "count_distinct", pc.CountOptions(mode="all"))]
        by_object = self.rows.group_by(["source", "source_object"]).aggregate(told)
        for row in by_object.to_pylist():
            self.seen.counts[self.name, row["source"], row["source_object"]] += row["count_all"]
        places = pc.sum(by_object["record_index_count_distinct"]).as_py() or 0
        strange = pc.sum(pc.fill_null(pc.not_equal(self.rows["batch_id"], batch_id), True)).as_py()
        self.seen.strays[self.name] += self.rows.num_rows - places + (strange or 0)
        words = pc.value_counts(pc.list_flatten(self.rows["parse_flags"])).to_pylist()
        for word in words:
            self.seen.flags[self.name, word["values"]] += word["counts"]

    def _check_place(self) -> None:
        dates = self.rows["event_time"].cast(pa.date32())
        wrong = _differ(self.rows["event_date"], dates)
        for number, (_, _, values) in enumerate(self.partition.staged):
            mine = np.equal(self.rows["file"].to_numpy(), number)
            for column, buckets, value in values:
                come_to = self.rows[column]
                if buckets:
                    come_to = BucketTransform(buckets).pyarrow_transform(StringType())(come_to)
                wrong |= mine & _differ(come_to, pa.repeat(pa.scalar(value, come_to.type), self.rows.num_rows))
        if wrong.any():
            self.seen.misplaced[self.name] += int(wrong.sum())

    def _find_twins(self) -> None:
        """Order: what is published first, then by (source, object, index), as the design says who is first."""
        keys = duplicates.keys(self.rows)
        theirs = self._published(keys)
        first = theirs.num_rows
        if not first and pc.count_distinct(keys["key"]).as_py() == keys.num_rows:
            return  # as most partitions are: no two rows, of whatever account, have the same key
        order = [(name, "ascending") for name in ("source", "source_object", "record_index")]
        mine = self.rows.take(pc.sort_indices(self.rows, sort_keys=order))
        both = pa.concat_tables([theirs.select([*duplicates.KEY, "content_hash"]), duplicates.keys(mine)])
        both = both.append_column("row", pa.array(np.arange(both.num_rows)))
        different = duplicates.first_of_each(both)
        drops = np.setdiff1d(np.arange(first, both.num_rows), different).tolist()
        flags: list[int] = []
        for group in duplicates.groups(both.take(pa.array(different))):
            stay = max(1, sum(row < first for row in group))
            drop, conflict = duplicates.judge(group, lambda row: self._form(row, mine, theirs), stay)
            drops += drop
            flags += conflict
        settled = self._flagged(mine)
        dropped = [d - first for d in drops]
        self._report(mine, dropped, [f - first for f in flags if f - first not in settled], settled & {*dropped})

    def _flagged(self, mine: pa.Table) -> set[int]:
        """Rows that carry the flag already: they stay, unless they say what another row says."""
        words = pc.fill_null(pc.binary_join(mine["parse_flags"], " "), "")
        marked = pc.match_substring(words, duplicates.CONFLICT)
        return set(np.flatnonzero(marked.to_numpy(zero_copy_only=False)).tolist())

    def _report(self, mine: pa.Table, drops: list[int], flags: list[int], undone: set[int]) -> None:
        """Tell of the rows, file by file; of those that go with their flag, as conflicts less."""
        found: dict[str, tuple[list[int], list[int], Counter[tuple[str, str]], Counter[tuple[str, str]]]] = {}
        for kind, rows in enumerate((drops, flags)):
            taken = mine.select(["file", "place", "source", "source_object"]).take(pa.array(rows, pa.int64()))
            for row, file, place, source, key in zip(rows, *(c.to_pylist() for c in taken.columns), strict=True):
                entry = found.setdefault(self.files[file], ([], [], Counter(), Counter()))
                (entry[0], entry[1])[kind].append(place)
                (entry[2], entry[3])[kind][source, key] += 1
                if kind == 0 and row in undone:
                    entry[3][source, key] -= 1
        for path, (dropped, flagged, by_drop, by_flag) in found.items():
            if self._whole(path) is None:  # what is to be written again must be readable
                continue
            self.seen.twins.append(Twins(self.name, path, tuple(dropped), tuple(flagged), by_drop, by_flag))

    def _form(self, row: int, mine: pa.Table, theirs: pa.Table) -> bytes:
        """The canonical form of a row's record, ours or published."""
        if row < theirs.num_rows:
            path, place = theirs["path"][row].as_py(), theirs["place"][row].as_py()
        else:
            row -= theirs.num_rows
            path, place = self.files[mine["file"][row].as_py()], mine["place"][row].as_py()
        read = self._whole(path)
        if read is None:  # what a damaged file held is like nothing else: its row stays
            return f"{path} {place}".encode()
        return form(record(read.slice(place, 1).to_pylist()[0], self.name))

    def _whole(self, path: str) -> pa.Table | None:
        if path not in self.whole:
            read = readback.read_back(path, self.io, pq.ParquetFile.read)
            if read is None and path in self.files:
                self.seen.malformed.add(path)
            read = schema.as_now(self.name, read) if read is not None else None
            self.whole = {path: read} | dict(list(self.whole.items())[:1])
        return self.whole[path]

    def _published(self, mine: pa.Table) -> pa.Table:
        """Published rows that have the key of one of ours, with where they lie."""
        wanted = pc.unique(mine["key"]) if self.partition.published else None
        found = []
        for gathered in _gathered(self.partition.published, self.io):
            keys = duplicates.keys(gathered)
            keys = keys.append_column("path", gathered["path"]).append_column("place", gathered["place"])
            found.append(keys.filter(pc.is_in(keys["key"], wanted)))
        places = [("path", pa.string()), ("place", pa.int64())]
        return pa.concat_tables(found) if found else pa.schema([*mine.schema, *places]).empty_table()


def _gathered(paths: Sequence[str], io: FileIO) -> Iterator[pa.Table]:
    """Key columns of published files, some files at a time."""
    parts: list[pa.Table] = []
    for path in paths:
        read = readback.published(path, io, lambda file: file.read(list(KNOWN)))
        read = read.append_column("path", pa.repeat(path, read.num_rows))
        parts.append(read.append_column("place", pa.array(np.arange(read.num_rows))))
        if sum(part.num_rows for part in parts) >= AT_ONCE:
            yield pa.concat_tables(parts)
            parts = []
    if parts:
        yield pa.concat_tables(parts)


def _read(path: str, io: FileIO, of: Partition, columns: Sequence[str], seen: Seen) -> pa.Table:
    """Columns of a staged file; no rows where it is damaged, or of another schema than its table."""

    def read(file: pq.ParquetFile) -> pa.Table | None:
        # In a file of another schema nothing can be trusted to be what its name says.
        there = file.schema_arrow
        return file.read([c for c in columns if c in there.names]) if schema.is_of(of.table, there, of.forms) else None

    found, seal = readback.read_whole(path, io, read) or (None, None)
    if found is None:
        return schema.arrow_schema(of.table).empty_table().select(list(columns))
    if seal and of.part == 0:
        seen.seals[path] = seal
    return schema.as_now(of.table, found, columns)


def _differ(one: pa.ChunkedArray, other: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Where two columns differ, NULL being equal to NULL."""
    equal = pc.fill_null(pc.equal(one, other), False)
    both_null = pc.and_(pc.is_null(one), pc.is_null(other))
    return np.asarray(pc.invert(pc.or_(equal, both_null)).to_numpy(zero_copy_only=False), np.bool_)
