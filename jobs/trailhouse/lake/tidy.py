"""
Commits of maintenance: files in place of others, few manifests in place of many, snapshots gone. No row changes.

Each looks first, commits what it saw under the condition that no reference has moved since, and looks again where one
has. Touches PyIceberg's private producers of snapshots: no public call replaces files or manifests by name. Nothing
here deletes a file.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestContent, ManifestEntry, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import AssertRefSnapshotId, AssertTableUUID, RemoveSnapshotsUpdate
from pyiceberg.table.update.snapshot import _FastAppendFiles
from pyiceberg.utils.concurrent import ExecutorFactory

from trailhouse.errors import TrailhouseError
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import BATCH, Notes, Said, published, stale_is_refused, unrepeated, until_sure

Read = TypeVar("Read")

# What the readers of JSON, Avro and gzip raise over bytes that are none, and stores over what is missing.
_FAILS = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AssertionError,
    ValidationError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Swap:
    """Files of one partition, and those with the same rows that take their place."""

    gone: tuple[DataFile, ...]
    come: tuple[DataFile, ...]


def followed(path: str, read: Callable[[], Read]) -> Read:
    """What a file says that something refers to; where it can't be read, nothing can be told of what it refers to."""
    try:
        return read()
    except _FAILS as error:
        raise TrailhouseError(
            f"{path} is referred to, and it can't be read ({type(error).__name__}: {error}). No file was deleted, "
            "since what is needed can't be told from what is not: `trailhouse check` tells what else is damaged; when "
            "it is mended, run again"
        ) from error


def manifests(table: Table) -> list[ManifestFile]:
    """Those that tell of what readers see, but for what only tells of files that are gone."""
    snapshot = table.current_snapshot()
    found = followed(snapshot.manifest_list, lambda: snapshot.manifests(table.io)) if snapshot else []
    return [each for each in found if each.has_added_files() or each.has_existing_files()]


def told_by(manifest: ManifestFile, io: FileIO) -> list[ManifestEntry]:
    """The files that a manifest tells of and that are not gone."""
    return followed(manifest.manifest_path, lambda: manifest.fetch_manifest_entry(io))


def entries(table: Table) -> Iterator[ManifestEntry]:
    """The files that readers see."""
    for read in ExecutorFactory.get_or_create().map(lambda each: told_by(each, table.io), manifests(table)):
        yield from read


def has_deletes(table: Table) -> bool:
    """Whether rows are deleted by files beside the data, as no writer of ours does it: rows of a file may be gone."""
    return any(each.content == ManifestContent.DELETES for each in manifests(table))


def swap(lake: Lake, name: str, swaps: Sequence[Swap], said: Said) -> list[Swap]:
    """Put files in place of others, in one commit; only where these are all still there. Returns what was swapped."""
    done: list[Swap] = []

    def commit() -> None:
        table = unrepeated(lake.table(name))
        if published(table, said.notes[BATCH]):
            return
        there = {entry.data_file.file_path for entry in entries(table)}
        done[:] = [each for each in swaps if all(file.file_path in there for file in each.gone)]
        if not done:
            return
        with (
            stale_is_refused(),
            table.transaction() as transaction,
            transaction.update_snapshot(dict(said.notes)).overwrite() as update,
        ):
            for each in done:
                for file in each.gone:
                    update.delete_data_file(file)
                for file in each.come:
                    update.append_data_file(file)

    until_sure(commit, lambda: published(lake.table(name), said.notes[BATCH]))
    return done


def regroup(lake: Lake, name: str, chosen: Callable[[Table], Sequence[ManifestFile]], at_once: int, said: Said) -> int:
    """Write what the chosen manifests tell of into few, of so many files each. Returns how many were chosen."""
    chose: list[ManifestFile] = []

    def commit() -> None:
        table = unrepeated(lake.table(name))
        chose[:] = chosen(table)
        if not chose or published(table, said.notes[BATCH]):
            return
        with stale_is_refused(), table.transaction() as transaction:
            _Regrouped(transaction, table, dict(said.notes), (chose, at_once)).commit()

    until_sure(commit, lambda: published(lake.table(name), said.notes[BATCH]))
    return len(chose)


class _Regrouped(_FastAppendFiles):
    """A snapshot of the same files, told of by fewer manifests, each of days that lie together."""

    def __init__(
        self, transaction: Any, table: Table, notes: dict[str, str], work: tuple[Sequence[ManifestFile], int]
    ) -> None:
        super().__init__(Operation.APPEND, transaction, table.io, snapshot_properties=notes)
        self._chosen, self._at_once = work
        self._by = [field.name for field in table.spec().fields]

    def _existing_manifests(self) -> list[ManifestFile]:
        gone = {manifest.manifest_path for manifest in self._chosen}
        stay = [each for each in super()._existing_manifests() if each.manifest_path not in gone]
        made = []
        for spec_id in sorted({manifest.partition_spec_id for manifest in self._chosen}):
            of_spec = [m for m in self._chosen if m.partition_spec_id == spec_id]
            told = sorted((e for m in of_spec for e in m.fetch_manifest_entry(self._io)), key=self._place)
            for start in range(0, len(told), self._at_once):
                made.append(self._written(spec_id, told[start : start + self._at_once]))
        return [*stay, *made]

    def _place(self, entry: ManifestEntry) -> list[tuple[bool, Any]]:
        """Days first, since they are what nearly every query names; then the other values of the partition."""
        partition = entry.data_file.partition
        values = {name: partition[number] for number, name in enumerate(self._by)}
        ordered = sorted(values, key=lambda name: not name.endswith(("date", "day")))
        return [(values[name] is not None, values[name]) for name in ordered]

    def _written(self, spec_id: int, told: Sequence[ManifestEntry]) -> ManifestFile:
        with self.new_manifest_writer(self.spec(spec_id)) as writer:
            for entry in told:
                writer.existing(entry)
        made: ManifestFile = writer.to_manifest_file()
        return made


Carried = Callable[[Table, set[int]], Mapping[str, str]]


def expire(
    lake: Lake, name: str, chosen: Callable[[Table], set[int]], mark: Said, carried: Carried | None = None
) -> int:
    """
    Have a table forget snapshots; what of their summaries is needed on is carried by one that the same commit adds.

    Every reference must be where it was when they were chosen. Returns how many went.
    """
    gone: set[int] = set()

    def commit() -> None:
        table = lake.table(name)
        gone.clear()
        gone.update(chosen(table))
        if not gone:
            return
        refs = table.metadata.refs
        unmoved = [AssertRefSnapshotId(ref=each, snapshot_id=refs[each].snapshot_id) for each in sorted(refs)]
        told = carried(table, gone) if carried else {}
        added = _empty(table, {**told, **mark.notes}) if told else ()
        with stale_is_refused():
            lake.catalog.commit_table(
                table,
                (AssertTableUUID(uuid=table.metadata.table_uuid), *unmoved),
                (*added, RemoveSnapshotsUpdate(snapshot_ids=sorted(gone))),
            )

    until_sure(commit, lambda: not gone & {each.snapshot_id for each in lake.table(name).metadata.snapshots})
    return len(gone)


def _empty(table: Table, notes: Notes) -> tuple[Any, ...]:
    """What adds a snapshot of no new file, which is there for what its summary says."""
    updates, _ = table.transaction().update_snapshot(dict(notes)).fast_append()._commit()
    return tuple(updates)
