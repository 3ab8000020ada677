"""
Restate: a batch that says anew what others have said of objects; their rows give way in the commit that brings its own.

Workers write the files that hold such rows again without them, and compare what is left with what was there. The rest
of a batch's way is any batch's: staged, audited, claimed, shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import In
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile

from trailhouse import settings
from trailhouse.errors import TrailhouseError
from trailhouse.ingest import stage
from trailhouse.ingest.values import Before, Cleared, Gauge, Outcome, Restates, Staged, Way
from trailhouse.lake import catalog, changes, commits, files, readback, schema, tidy, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import Change, StagedTable
from trailhouse.lake.files import Seal

TASK_BYTES = 64 * 2**20  # of files that one task writes again
HELD_BYTES = 96 * 2**20  # of rows held before they are written

Each = Callable[[str, Callable[[Any], Any], Sequence[Any]], list[Any]]  # a result per task, by workers

# How a table's row says which object it is of. Within one batch, that names the generation too.
_OF_THE_OPS = ("source", "key", "batch_id")
_OF_EVENTS = ("source", "source_object", "batch_id")
_INDEX = "record_index"


@dataclass(frozen=True)
class Clear:
    """A task: files of a table, and the objects whose rows are to go."""

    lake: settings.Lake
    table: str
    metadata: str  # the table's, as text
    files: tuple[str, ...]
    objects: tuple[str, ...]  # see `_names`


@dataclass(frozen=True)
class Compare:
    """A task: what was left of files, to be compared with what was there."""

    lake: settings.Lake
    table: str
    cleared: tuple[Cleared, ...]
    objects: tuple[str, ...]


def made_way(each: Each, lake: Lake, restates: Restates | None, tables: Sequence[str] = stage.ORDER) -> dict[str, Way]:
    """Of each table that has rows of the objects: files without them, which no table knows of yet."""
    if restates is None:
        return {}
    objects = _objects(restates)
    batches = {was.batch_id for was in restates.before.values()}
    found = {}
    for name in tables:
        table = lake.table(name)
        base = commits.head(table)
        if tidy.has_deletes(table):
            raise TrailhouseError(
                f"table {name} has delete files, which another engine wrote: what they took away would come back. Have "
                "that engine write the files anew (in Athena: OPTIMIZE), then run again"
            )
        there = {task.file.file_path: task.file for task in table.scan(In("batch_id", batches)).plan_files()}
        text = write.to_text(table.metadata)
        work = [Clear(lake.where, name, text, group, objects) for group in _groups(there)]
        done = [one for part in each("make way", clear, work) for one in part]
        if done:
            found[name] = Way(base, tuple(there[one.file] for one in done), tuple(done))
    return found


def changes_of(ways: Mapping[str, Way]) -> dict[str, Change]:
    """The same, as commits make it."""
    return {name: changes.instead(way.gone, way.remains) for name, way in ways.items()}


def differs(each: Each, lake: Lake, staged: Staged, restates: Restates) -> list[Gauge]:
    """Whether exactly the rows of the objects went, by what was staged and by what the ledger said of them."""
    objects = _objects(restates)
    wanted = Counter[str]()
    for was in restates.before.values():
        wanted[was.table] += was.rows
        wanted["quarantine"] += was.rejects
        wanted["ledger"] += 1
    work = [
        Compare(lake.where, name, tuple(part), objects)
        for name, way in staged.ways.items()
        for part in _split(way.cleared)
    ]
    wrong = Counter[str]()
    for task, (count, sealed) in zip(work, each("audit of what stays", compare, work), strict=True):
        wrong[task.table] += count
        files.note(sealed)
    gauges = []
    touched = {ready.table for ready in staged.tables}
    missed = sum(rows for table, rows in wanted.items() if table not in touched)
    for ready in staged.tables:
        if ready.table in staged.as_before:
            gauges.append(Gauge(ready.table, "gave_way", 0, 0, "as it was found before"))
            continue
        way = staged.ways.get(ready.table)
        strange = _exchanged(lake, ready) ^ _meant(way)
        gone = sum(one.gone for one in way.cleared) if way else 0
        bad = wrong[ready.table] + len(strange) + abs(gone - wanted[ready.table])
        bad += missed if ready.table == "ledger" else 0
        said = f"{gone} of {wanted[ready.table]} rows gave way, {wrong[ready.table]} others changed"
        gauges.append(Gauge(ready.table, "gave_way", bad, bad, said))
    return gauges


def fewer(outcomes: Sequence[Outcome], before: Mapping[tuple[str, str, str], Before]) -> Gauge:
    """Objects that hold less than they did: what was published does not shrink by being said anew."""
    less = 0
    for o in outcomes:
        was = before[stage.generation(o)]
        less += o.records < was.records or o.rows + o.duplicates < was.kept
    return Gauge("ledger", "fewer", less, less, f"{less} of {len(outcomes)} objects have fewer records than before")


# ── in workers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def clear(task: Clear) -> list[Cleared]:
    """Write files again without the rows of the objects; one that holds none of them stays as it is."""
    io = catalog.file_io(task.lake)
    found = (readback.published(path, io, partial(_cleared, task, io, path)) for path in task.files)
    return [each for each in found if each.gone]


def _cleared(task: Clear, io: FileIO, path: str, file: pq.ParquetFile) -> Cleared:
    known = pa.array(task.objects, pa.string())
    if not pc.any(_is_of(file.read(list(_columns(task.table))), task.table, known)).as_py():
        return Cleared(path, (), 0)
    metadata = write.from_text(task.metadata)
    remains: list[DataFile] = []
    gone = 0
    for rows in _pieces(file):
        stays = rows.filter(pc.invert(_is_of(rows, task.table, known)))
        gone += rows.num_rows - stays.num_rows
        remains += write.write_rows(schema.as_now(task.table, stays), metadata, io)
    return Cleared(path, tuple(remains), gone)


def _pieces(file: pq.ParquetFile) -> Iterator[pa.Table]:
    """A file's rows, as many at a time as memory is for."""
    held: list[pa.Table] = []
    for number in range(file.num_row_groups):
        held.append(file.read_row_group(number))
        if sum(part.nbytes for part in held) > HELD_BYTES:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def compare(task: Compare) -> tuple[int, dict[str, Seal]]:
    """Rows that were to stay and are not what they were, or that were to go and did not; seals of what is left."""
    io = catalog.file_io(task.lake)
    known = pa.array(task.objects, pa.string())
    wrong, sealed = 0, dict[str, Seal]()
    for each in task.cleared:
        was = readback.published(each.file, io, pq.ParquetFile.read)
        stays = schema.as_now(task.table, was.filter(pc.invert(_is_of(was, task.table, known))))
        left = stays.slice(0, 0)
        for file in each.remains:
            part = readback.read_whole(file.file_path, io, pq.ParquetFile.read)
            if part:
                left = pa.concat_tables([left, schema.as_now(task.table, part[0])])
                sealed[file.file_path] = part[1]
        told = sum(file.record_count for file in each.remains)
        if told != left.num_rows or not _ordered(left).equals(_ordered(stays)):
            wrong += max(abs(left.num_rows - stays.num_rows), 1)
        wrong += abs(each.gone - (was.num_rows - stays.num_rows))
    return wrong, sealed


def _ordered(rows: pa.Table) -> pa.Table:
    """By the place of each row in its object, which is its own."""
    names = [name for name in (*_OF_EVENTS, "key", "etag", _INDEX) if name in rows.column_names]
    return rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names])).combine_chunks()


def _is_of(rows: pa.Table, table: str, objects: pa.Array) -> pa.ChunkedArray:
    """Which rows are of one of the objects."""
    source, key, batch = (rows[name].cast(pa.string()) for name in _columns(table))
    return pc.is_in(pc.binary_join_element_wise(source, key, batch, "\0"), value_set=objects)


def _columns(table: str) -> tuple[str, str, str]:
    return _OF_THE_OPS if table in ("quarantine", "ledger") else _OF_EVENTS


# ── of the driver ────────────────────────────────────────────────────────────────────────────────────────────────────


def _objects(restates: Restates) -> tuple[str, ...]:
    return tuple(f"{source}\0{key}\0{was.batch_id}" for (source, key, _), was in restates.before.items())


def _groups(there: Mapping[str, DataFile]) -> Iterator[tuple[str, ...]]:
    """Files for one task each time, bounded by their bytes."""
    held: list[str] = []
    size = 0
    for path, file in there.items():
        if held and size + file.file_size_in_bytes > TASK_BYTES:
            yield tuple(held)
            held, size = [], 0
        held.append(path)
        size += file.file_size_in_bytes
    if held:
        yield tuple(held)


def _split(cleared: Sequence[Cleared], most: int = 50) -> Iterator[Sequence[Cleared]]:
    for start in range(0, len(cleared), most):
        yield cleared[start : start + most]


def _exchanged(lake: Lake, ready: StagedTable) -> set[tuple[str, bool]]:
    """The files that main has and what the new rows were appended to has not (False), and the other way round."""
    gone, come = commits.exchanged(lake.table(ready.table), ready.base, ready.under)
    return {(path, False) for path in gone} | {(path, True) for path in come}


def _meant(way: Way | None) -> set[tuple[str, bool]]:
    if way is None:
        return set()
    return {(file.file_path, True) for file in way.remains} | {(each.file, False) for each in way.cleared}
