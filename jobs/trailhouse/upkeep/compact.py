"""
Compact: which small files of a table are gathered into large ones, and the commit that puts these in their place.

A group is files of one partition; it is replaced only where what was written, read back, is what was read, row for row.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.types import DateType

from trailhouse import faults, settings
from trailhouse.errors import TrailhouseError
from trailhouse.ingest.job import Run
from trailhouse.lake import commits, tidy, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.files import note
from trailhouse.upkeep.gather import Gather, Gathered, gather

log = logging.getLogger("trailhouse.upkeep")

TASK_BYTES = 64 * 2**20  # small groups share a task up to here
MOST_FILES = 500  # of a group: a worker has them all open

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Group:
    """Small files of one partition that are to become one, or as few as the target allows."""

    files: tuple[DataFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.file_size_in_bytes for file in self.files)

    @property
    def rows(self) -> int:
        return sum(file.record_count for file in self.files)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was put in place of what."""

    files: int = 0
    into: int = 0
    bytes: int = 0
    into_bytes: int = 0
    damaged: tuple[str, ...] = ()

    def with_more(self, swaps: Sequence[tidy.Swap], damaged: Sequence[str]) -> Compacted:
        gone = [file for each in swaps for file in each.gone]
        come = [file for each in swaps for file in each.come]
        return Compacted(
            self.files + len(gone),
            self.into + len(come),
            self.bytes + sum(file.file_size_in_bytes for file in gone),
            self.into_bytes + sum(file.file_size_in_bytes for file in come),
            (*self.damaged, *damaged),
        )


Turn = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A data file, and when it came to the table: None where that was forgotten with its snapshot."""

    file: DataFile
    sequence: int
    added: datetime | None


def groups(table: Table, bounds: settings.Maintain, now: datetime) -> list[Group]:
    """What is worth gathering, in the order of its days."""
    if tidy.has_deletes(table):
        log.warning(
            "table %s has delete files, which another engine wrote: its files are left as they are", table.name()
        )
        return []
    small = bounds.target_bytes * bounds.small_percent // 100
    found = []
    for day, files in _ripe(table, bounds, now):
        for one in _filled([file for file in files if file.file_size_in_bytes < small], bounds.target_bytes):
            if len(one) >= max(bounds.min_files, 2):
                found.append((day, Group(tuple(one))))
    return [group for _, group in sorted(found, key=lambda each: each[0])]


def compact(run: Run, lake: Lake, name: str, found: Sequence[Group], turn: Turn) -> Compacted:
    """Gather the groups, some at a time, and commit each time: a kill costs no more than that."""
    done = Compacted()
    for some in _rounds(found, run.config.maintain.commit_bytes):
        made = _gathered(run, lake, name, some)
        sound = [(group, one) for group, one in zip(some, made, strict=True) if not one.damaged]
        swaps = [tidy.Swap(group.files, _proven(name, group, one)) for group, one in sound]
        swapped = []
        if swaps:
            with turn(), faults.at("files_swapped"):
                swapped = tidy.swap(lake, name, swaps, commits.mark(f"maintain {uuid.uuid4()}"))
        done = done.with_more(swapped, [path for one in made for path in one.damaged])
        log.info("%s: %d files gathered into %d", name, done.files, done.into)
    return done


def _ripe(table: Table, bounds: settings.Maintain, now: datetime) -> Iterator[tuple[int, list[DataFile]]]:
    """Of each partition that is over, with its day, the files; of one that has no day, those that have lain a while."""
    at = _day_field(table)
    quiet_since = now - bounds.quiet_for
    for partition, placed in _by_partition(table).items():
        quiet = [each for each in placed if each.added is None or each.added <= quiet_since]
        day = partition[at] if at is not None else None
        if at is not None and len(quiet) < len(placed):
            continue
        if day is not None and _end_of(day) + bounds.closed_after > now:
            continue
        yield day or 0, [each.file for each in sorted(quiet, key=lambda each: each.sequence)]


def _by_partition(table: Table) -> dict[tuple[Any, ...], list[_Placed]]:
    """Files of the layout that the table has now; those of an older one stay as they are."""
    added = {s.snapshot_id: datetime.fromtimestamp(s.timestamp_ms / 1000, UTC) for s in table.metadata.snapshots}
    found: dict[tuple[Any, ...], list[_Placed]] = {}
    for entry in tidy.entries(table):
        file = entry.data_file
        if file.spec_id == table.metadata.default_spec_id:
            partition = tuple(file.partition[number] for number in range(len(file.partition)))
            when = added.get(entry.snapshot_id) if entry.snapshot_id is not None else None
            found.setdefault(partition, []).append(_Placed(file, entry.sequence_number or 0, when))
    return found


def _day_field(table: Table) -> int | None:
    """Which field of the partition is a day."""
    for number, field in enumerate(table.spec().fields):
        if isinstance(table.schema().find_field(field.source_id).field_type, DateType):
            return number
    return None


def _end_of(day: int) -> datetime:
    return datetime.combine(_EPOCH + timedelta(days=day + 1), datetime.min.time(), UTC)


def _filled(files: Sequence[DataFile], target: int) -> Iterator[list[DataFile]]:
    """Files, as they came, in groups of about the target."""
    held: list[DataFile] = []
    for file in files:
        if held and (
            sum(f.file_size_in_bytes for f in held) + file.file_size_in_bytes > target or len(held) >= MOST_FILES
        ):
            yield held
            held = []
        held.append(file)
    if held:
        yield held


def _rounds(found: Sequence[Group], most: int) -> Iterator[list[Group]]:
    held: list[Group] = []
    for group in found:
        if held and sum(each.bytes for each in held) + group.bytes > most:
            yield held
            held = []
        held.append(group)
    if held:
        yield held


def _gathered(run: Run, lake: Lake, name: str, some: Sequence[Group]) -> list[Gathered]:
    """What workers make of the groups, in their order."""
    metadata, target = write.to_text(lake.table(name).metadata), run.config.maintain.target_bytes
    tasks = [
        Gather(run.config.lake, name, metadata, target, tuple(tuple(f.file_path for f in g.files) for g in together))
        for together in _rounds(some, TASK_BYTES)
    ]
    done = [one for made in run.each("gather", gather, tasks) for one in made]
    for one in done:
        note(one.seals)
    return done


def _proven(name: str, group: Group, made: Gathered) -> tuple[DataFile, ...]:
    """The new files, whose rows are those of the old ones and no others."""
    moved = any(file.partition != group.files[0].partition for file in made.files)
    if moved or made.read.rows != group.rows or made.read != made.written:
        raise TrailhouseError(
            f"table {name}: the rows of {len(group.files)} files, first of them {group.files[0].file_path}, are not "
            "those read back from the files that were to replace them. Nothing was replaced: `trailhouse check` "
            "tells which file is not what it was"
        )
    return made.files
