"""
Orphans: files of the lake that nothing refers to. The one place that has files deleted.

What is referred to is followed from every metadata file that stays, down to the data files; where one of these can't be
read, or names a file that is not there, nothing is deleted at all. What is left is deleted when its store says that it
is old: a writer's files are nobody's until its commit, and it may be frozen for a while before that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from pyiceberg.manifest import read_manifest_list
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.utils.concurrent import ExecutorFactory

from trailhouse import faults, settings
from trailhouse.errors import TrailhouseError
from trailhouse.lake import catalog, remove, tidy
from trailhouse.lake.listing import Stored, listed

log = logging.getLogger("trailhouse.upkeep")

Read = TypeVar("Read")

METADATA = ".metadata.json"


def look(table: Table, kept: int, before: datetime) -> list[Stored]:
    """What of a table's folder nothing needs: metadata files that were superseded, and what is older than that."""
    folder = table.location()
    lies = {each.path: each for part in ("metadata", "data") for each in listed(f"{folder}/{part}")}
    superseded = _superseded(table.metadata_location, lies, kept)
    shown = {each.metadata_file for each in table.metadata.metadata_log if each.metadata_file in lies} - superseded
    needed = _reached(table, {table.metadata_location, *shown, *_to_come(table, lies)})
    # Listed before they were followed, so that all of them must be there. One that is missing is damage; where all are,
    # the listing spells places in another way than the metadata, and everything would look like an orphan.
    for path in sorted(needed - lies.keys()):
        raise TrailhouseError(
            f"{path} is referred to, and it is not among the files in {folder}. No file was deleted: `trailhouse "
            "check` tells what else is missing; when it is mended, run again"
        )
    orphans = [path for path in lies.keys() - needed - superseded if lies[path].modified < before]
    # The metadata files first: what they refer to is needed for as long as they are there.
    return [lies[path] for path in (*sorted(superseded), *sorted(orphans))]


def pages(where: settings.Lake, going_on: Collection[str], before: datetime) -> list[Stored]:
    """Plans and Data Docs that are older than that, but for those of batches that are not over."""
    folder = catalog.own_folder(where)
    found = [each for part in ("plans", "quality") for each in listed(f"{folder}/{part}")]
    return [each for each in found if each.modified < before and _page_of(each.path, folder) not in going_on]


def _page_of(path: str, folder: str) -> str:
    """The batch that a page is about: the name of its file, or of its folder."""
    return path.removeprefix(f"{folder}/").split("/")[1].removesuffix(".json.gz")


def delete(files: Sequence[Stored]) -> dict[str, str]:
    """Delete them, the last step of all. Returns which could not be, with the reason."""
    failed: dict[str, str] = {}
    for start in range(0, len(files), remove.AT_ONCE):
        with faults.at("files_deleted"):
            failed |= remove.remove([each.path for each in files[start : start + remove.AT_ONCE]])
    return failed


def _superseded(current: str, lies: Collection[str], kept: int) -> set[str]:
    """
    Metadata files that the catalog has gone on from for good: their number is less than that of the newest `kept`.

    A writer that sleeps between its file and its commit is no exception: the catalog refuses what was made from an
    older version than its own.
    """
    now = _number(current)
    found = {path: _number(path) for path in lies if path.endswith(METADATA)}
    return {path for path, number in found.items() if None not in (number, now) and number <= now - kept}  # type: ignore[operator]


def _to_come(table: Table, lies: Collection[str]) -> Iterator[str]:
    """
    Metadata files that no catalog has shown yet and one still may: of a writer that sleeps right before its commit.

    One that can't be read is none of them: it was torn when its writer died, or is being written, and what it refers to
    is as young as itself.
    """
    now = _number(table.metadata_location)
    for path in lies:
        number = _number(path) if path.endswith(METADATA) else None
        if number is None or now is None or number <= now:
            continue
        try:
            tidy.followed(path, partial(FromInputFile.table_metadata, table.io.new_input(path)))
        except TrailhouseError as error:
            log.info("%s", error)
            continue
        yield path


def _number(path: str) -> int | None:
    """A metadata file's version, as catalogs that are no servers name it."""
    found = re.fullmatch(r"([0-9]{5,})-.*", path.rpartition("/")[2])
    return int(found[1]) if found else None


def _reached(table: Table, roots: Collection[str]) -> set[str]:
    """What these metadata files refer to, followed level by level; each file is read once."""
    io, found, lists = table.io, set(roots), set[str]()
    for metadata in _each(roots, lambda path: FromInputFile.table_metadata(io.new_input(path))):
        lists |= {snapshot.manifest_list for snapshot in metadata.snapshots if snapshot.manifest_list}
        found |= {each.statistics_path for each in (*metadata.statistics, *metadata.partition_statistics)}
    manifests = {
        manifest.manifest_path: manifest
        for told in _each(lists, lambda path: list(read_manifest_list(io.new_input(path))))
        for manifest in told
    }
    found |= lists | manifests.keys()
    for entries in _each(manifests, lambda path: manifests[path].fetch_manifest_entry(io)):
        found |= {entry.data_file.file_path for entry in entries}
    return found


def _each(paths: Collection[str], read: Callable[[str], Read]) -> Iterator[Read]:
    def one(path: str) -> Read:
        return tidy.followed(path, lambda: read(path))

    yield from ExecutorFactory.get_or_create().map(one, sorted(paths))
