"""
Expire: which manifests of a table are too many, which snapshots nothing needs, which branches are over.

What is needed is found by full reachability from every reference, never by age alone. Files are not touched.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from pyiceberg.manifest import ManifestContent, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata

from trailhouse import settings
from trailhouse.ingest import publish
from trailhouse.lake import commits, tidy
from trailhouse.lake.catalog import MAIN, Lake

MANIFEST_BYTES = 8 * 2**20  # of a manifest; half of it is small no more
MANIFESTS = 4  # fewest small ones that are worth a commit
MANIFESTS_BYTES = 256 * 2**20  # read at once, in the driver

OVER = ("published", "discarded", "freed")


def small_manifests(table: Table) -> list[ManifestFile]:
    """Those that are better told of together; none where there are too few."""
    found: list[ManifestFile] = []
    for each in tidy.manifests(table):
        is_small = each.content == ManifestContent.DATA and each.manifest_length < MANIFEST_BYTES // 2
        if is_small and sum(m.manifest_length for m in found) < MANIFESTS_BYTES:
            found.append(each)
    return found if len(found) >= MANIFESTS else []


def regroup(lake: Lake, name: str) -> int:
    """Write the small manifests of a table into few. Returns how many there were."""
    small = small_manifests(lake.table(name))
    files = sum((each.added_files_count or 0) + (each.existing_files_count or 0) for each in small)
    if not files:
        return 0
    at_once = max(files * MANIFEST_BYTES // sum(each.manifest_length for each in small), 1)
    return tidy.regroup(lake, name, small_manifests, at_once, commits.mark(f"maintain {uuid.uuid4()}"))


def needed(metadata: TableMetadata, bounds: settings.Maintain, now: datetime, busy: Collection[str]) -> set[int]:
    """
    Snapshots that stay: the young, main's newest, those of batches that are not over, and what each reference needs.

    That is its own snapshots, down to where they meet what readers see, and the one they were made on: a batch is told
    from its branch by both.
    """
    known = {each.snapshot_id: each for each in metadata.snapshots}
    main = _line(metadata, metadata.refs[MAIN].snapshot_id)
    since = (now - bounds.snapshots_after).timestamp() * 1000
    stay = set(main[: max(bounds.snapshots_kept, 1)])
    stay |= {at for at, each in known.items() if each.timestamp_ms >= since}
    stay |= {at for at, each in known.items() if (commits.batch_of(each) or "").partition(" ")[0] in busy}
    for name, ref in metadata.refs.items():
        if name != MAIN:
            stay |= _own(_line(metadata, ref.snapshot_id), set(main))
    return stay


def _line(metadata: TableMetadata, start: int) -> list[int]:
    """A snapshot and its ancestors, newest first, as far as they are known."""
    parents = {each.snapshot_id: each.parent_snapshot_id for each in metadata.snapshots}
    found, at = [], start
    while at in parents:
        found.append(at)
        at = parents[at] or 0
    return found


def _own(line: Sequence[int], main: Collection[int]) -> set[int]:
    """The first of a line, and the others up to and with the first that readers have seen."""
    found = set(line[:1])
    for at in line[1:]:
        found.add(at)
        if at in main:
            break
    return found


def unneeded(table: Table, bounds: settings.Maintain, now: datetime, busy: Collection[str]) -> set[int]:
    """The other snapshots."""
    return {each.snapshot_id for each in table.metadata.snapshots} - needed(table.metadata, bounds, now, busy)


def forget(lake: Lake, name: str, bounds: settings.Maintain, now: datetime, busy: Collection[str]) -> int:
    """Have a table forget the snapshots that nothing needs. Returns how many."""
    carried = publish.carried if name == "batches" else None
    mark = commits.mark(f"maintain {uuid.uuid4()}")
    return tidy.expire(lake, name, lambda table: unneeded(table, bounds, now, busy), mark, carried)


def leftovers(lake: Lake, name: str, ended: Mapping[str, publish.Ended]) -> list[str]:
    """Branches of a table whose batch is over: a run died before it took them away."""
    over = {batch_id for batch_id, each in ended.items() if each.state in OVER}
    return sorted(ref for ref in lake.table(name).metadata.refs if _batch_of(ref) in over)


def _batch_of(ref: str) -> str:
    """The batch that a branch is named after; "" for any other reference."""
    kind = next((each for each in publish.BRANCHES if ref.startswith(each)), "")
    rest = ref.removeprefix(kind) if kind else ""
    return "_".join(rest.split("_")[:2])  # behind it, where the files were attached anew, a word of that try
