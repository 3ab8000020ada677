"""
Of each table, what its metadata says there is: every metadata file, manifest list and manifest is opened for it.

What is read is compared with its seal at once. Rows are left to `check_rows`, folders to `check_files`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import TypeVar

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from pyiceberg.manifest import DataFileContent, ManifestEntry, ManifestFile, read_manifest_list
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.table.snapshots import Snapshot

from trailhouse.lake import catalog
from trailhouse.lake.catalog import MAIN, Lake
from trailhouse.lake.failures import UNSURE
from trailhouse.lake.files import Seal, seal_of
from trailhouse.upkeep.damage import CHANGED, MISSING, UNCHECKED, UNREADABLE, Finding

AT_ONCE = 8  # files read at the same time

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Held:
    """A data file, as its manifest has it; what that says of its columns is read again where it is needed."""

    path: str
    size: int
    rows: int
    place: tuple[object, ...]  # its partition
    takes_away: bool = False  # another writer's, that deletes rows of others


@dataclass
class Seen:
    """A table."""

    name: str
    pointer: str
    table: Table | None = None  # None where its metadata can't be read
    files: dict[str, tuple[str, int | None]] = field(default_factory=dict)  # path -> what it is, the size it must have
    held: dict[str, list[Held]] = field(default_factory=dict)  # manifest -> its files
    manifests: dict[str, ManifestFile] = field(default_factory=dict)
    main: list[Held] = field(default_factory=list)  # what readers see
    earlier: set[str] = field(default_factory=set)  # metadata files that the table has gone on from
    whole: bool = False  # whether all of its metadata could be read, so that what it does not name is not of it
    deletes: bool = False  # whether another writer's files take rows away

    def does_without(self, gone: Collection[str]) -> None:
        """Old metadata files that maintenance has deleted: the table has gone on from them."""
        for path in self.earlier.intersection(gone):
            del self.files[path]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.main)


class Opened:
    """Files, read whole and compared with their seals; what is wrong with one is a finding."""

    def __init__(self, io: FileIO, seals: dict[str, Seal]) -> None:
        self.io, self.seals = io, seals
        self.findings: list[Finding] = []
        self.read_so_far: list[str] = []  # what each was, in the plural; threads append to it
        self.sound: dict[str, Seal] = {}  # that nobody has sealed

    def read(self, path: str, what: str, table: str, size: int | None = None) -> bytes | None:
        """The bytes; None where they can't be had."""
        try:
            with self.io.new_input(path).open() as file:
                data = bytes(file.read())
        except (FileNotFoundError, ValueError):  # a damaged file may name what no file can be called
            self.say(MISSING, what, table, path, "a file", "nothing")
            return None
        except UNSURE as error:
            self.say(UNCHECKED, what, table, path, "to be read", " ".join(str(error).split())[:300])
            return None
        self.read_so_far.append(f"{what}s")
        is_now, sealed = seal_of(data), self.seals.get(path)
        if sealed and sealed != is_now:
            self.say(CHANGED, what, table, path, *differ(sealed, is_now))
        elif size is not None and size != is_now.size:
            self.say(CHANGED, what, table, path, f"{size} bytes", f"{is_now.size} bytes")
        elif not sealed:
            self.sound[path] = is_now
        return data

    def parsed(
        self, path: str, what: str, table: str, parse: Callable[[bytes], Parsed], size: int | None = None
    ) -> Parsed | None:
        """What a file holds; None where it can't be read."""
        data = self.read(path, what, table, size)
        if data is None:
            return None
        try:
            return parse(data)
        except Exception as error:  # of bytes that are at hand: whatever a parser of others says of damage
            self.sound.pop(path, None)
            self.say(UNREADABLE, what, table, path, f"a {what}", f"{type(error).__name__}: {str(error)[:200]}")
            return None

    def say(self, kind: str, what: str, table: str, path: str, *told: str) -> None:
        expected, found = told
        self.findings.append(Finding(kind, what, table, path, expected, found))


def differ(sealed: Seal, is_now: Seal) -> tuple[str, str]:
    """What to say of a file that is not the one that was sealed."""
    if sealed.size != is_now.size:
        return f"{sealed.size} bytes", f"{is_now.size} bytes"
    return f"SHA-256 {sealed.sha256}", f"SHA-256 {is_now.sha256}"


def look(lake: Lake, name: str, pointer: str, opened: Opened) -> Seen:
    """What a table says there is."""
    seen = Seen(name, pointer)
    metadata = opened.parsed(pointer, "metadata file", name, _metadata)
    seen.files[pointer] = ("metadata file", None)
    if metadata is None:
        return seen
    seen.table = Table(lake.name(name), metadata, pointer, catalog.file_io(lake.where), lake.catalog)
    seen.earlier = {entry.metadata_file for entry in metadata.metadata_log}
    seen.files |= dict.fromkeys(seen.earlier, ("metadata file", None))
    seen.files |= {each.statistics_path: ("statistics", each.file_size_in_bytes) for each in metadata.statistics}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lists = dict(pool.map(lambda each: (each.snapshot_id, _manifests(each, name, opened)), metadata.snapshots))
        seen.manifests = {each.manifest_path: each for its in lists.values() for each in its}
        read = pool.map(lambda each: (each.manifest_path, _held(each, name, opened)), seen.manifests.values())
        seen.held = dict(read)
    seen.files |= {each.manifest_list: ("manifest list", None) for each in metadata.snapshots}
    seen.files |= {path: ("manifest", each.manifest_length) for path, each in seen.manifests.items()}
    seen.files |= {file.path: ("data file", file.size) for files in seen.held.values() for file in files}
    head = metadata.refs.get(MAIN)
    shown = [each.manifest_path for each in lists.get(head.snapshot_id, ())] if head else []
    seen.main = [file for path in shown for file in seen.held[path] if not file.takes_away]
    seen.whole = not any(each.table == name for each in opened.findings)
    seen.deletes = any(file.takes_away for path in shown for file in seen.held[path])
    return seen


def _metadata(data: bytes) -> TableMetadata:
    return TableMetadataUtil.parse_raw(data.decode())


def _manifests(snapshot: Snapshot, table: str, opened: Opened) -> list[ManifestFile]:
    def parse(data: bytes) -> list[ManifestFile]:
        return list(read_manifest_list(InMemory(snapshot.manifest_list, data)))

    return opened.parsed(snapshot.manifest_list, "manifest list", table, parse) or []


def _held(manifest: ManifestFile, table: str, opened: Opened) -> list[Held]:
    def parse(data: bytes) -> list[Held]:
        return [_entry(each) for each in manifest.fetch_manifest_entry(_Only(InMemory(manifest.manifest_path, data)))]

    return opened.parsed(manifest.manifest_path, "manifest", table, parse, manifest.manifest_length) or []


def _entry(entry: ManifestEntry) -> Held:
    file = entry.data_file
    place = tuple(file.partition[number] for number in range(len(file.partition)))
    takes_away = file.content != DataFileContent.DATA
    return Held(file.file_path, file.file_size_in_bytes, file.record_count, place, takes_away)


class InMemory(InputFile):
    """A file whose bytes are at hand."""

    def __init__(self, location: str, data: bytes) -> None:
        super().__init__(location)
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> InputStream:
        """The bytes, from their beginning."""
        return BytesIO(self._data)


class _Only(FileIO):
    """Access to one file alone, and only to read it."""

    def __init__(self, file: InMemory) -> None:
        super().__init__()
        self._file = file

    def new_input(self, location: str) -> InputFile:
        return self._file

    def new_output(self, location: str) -> OutputFile:
        raise PermissionError(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise PermissionError(str(location))
