"""
Stage: the batch's data files, and its rows of the ledger, go to branches that no reader sees.

The ledger is staged last: when its branch stands, everything that the batch consists of is staged, and a later run can
bring it to an end without reading a source object again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq
from pyiceberg.expressions import And, EqualTo
from pyiceberg.manifest import DataFile
from pyiceberg.table.snapshots import Snapshot

from trailhouse import faults
from trailhouse.ingest.values import (
    RESTATES,
    TAKES_BACK,
    Before,
    Generation,
    Object,
    Outcome,
    Restates,
    Staged,
    Written,
    too_large,
)
from trailhouse.lake import catalog, commits, readback, rows, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import Change, StagedTable
from trailhouse.sources.keys import LogKey

# In the order of publishing: the rows first, then what accounts for them.
ORDER = (*schema.LAKE_TABLES, "quarantine", "ledger")

# In the summary of the ledger's staged snapshot: the snapshots of the other tables, each with what it was staged on.
BESIDE = "trailhouse.staged-beside"

CHANGED = "changed_after_ingest"  # among an object's flags in the ledger: a later run is to find it there


def stage(lake: Lake, written: Written, now: datetime, changes: Mapping[str, Change] = MappingProxyType({})) -> Staged:
    """Commit the files to the batch's branches; of objects that it says anew, what was said before gives way."""
    told = rows.table_of("ledger", ledger_rows(written.outcomes, written.batch_id, now))
    files = {**written.files, "ledger": rows.files_of(lake, "ledger", told)}
    notes = {RESTATES: written.restates.why} if written.restates else {}
    return stage_files(lake, written.batch_id, files, changes, notes)


def stage_files(
    lake: Lake,
    batch_id: str,
    files: Mapping[str, Sequence[DataFile]],
    changes: Mapping[str, Change],
    notes: commits.Notes,
) -> Staged:
    """The same of any files and changes, in place of what an earlier round staged; none of it is visible."""
    discard(lake, batch_id)
    tables = []
    for name in ORDER[:-1]:
        if files.get(name) or name in changes:
            said = commits.mark(batch_id, change=changes.get(name))
            tables.append(_stage_table(lake, name, files.get(name, ()), said))
    beside = {each.table: [each.base, each.snapshot, each.under] for each in tables}
    notes = {**notes, BESIDE: json.dumps(beside)}
    said = commits.mark(batch_id, notes, change=changes.get("ledger"))
    tables.append(_stage_table(lake, "ledger", files["ledger"], said))
    return Staged(batch_id, tuple(tables), notes)


def _stage_table(lake: Lake, name: str, files: Sequence[DataFile], said: commits.Said) -> StagedTable:
    with faults.at("table_staged"):
        return commits.stage(lake, name, files, said)


def staged(lake: Lake, batch_id: str) -> Staged:
    """What an earlier run has staged, and nothing of which is visible."""
    found = [each for each in (commits.staged(lake, name, batch_id) for name in ORDER) if each]
    snapshots = [lake.table("ledger").metadata.snapshot_by_id(e.snapshot) for e in found if e.table == "ledger"]
    notes = _own(commits.said_by(snapshots[0])) if snapshots and snapshots[0] else {}
    return Staged(batch_id, tuple(found), notes)


def _own(said: commits.Notes) -> dict[str, str]:
    """Of a summary, what a batch says of itself."""
    return {name: said[name] for name in (BESIDE, RESTATES, TAKES_BACK) if name in said}


def promised(claimed: Snapshot) -> Staged:
    """What a batch has staged, by its snapshot of the ledger that has the claim: whatever became of its branches."""
    notes = commits.said_by(claimed)
    batch_id = notes[commits.BATCH]
    branch = commits.BRANCH + batch_id
    beside = json.loads(notes[BESIDE])
    tables = [StagedTable(name, branch, *beside[name]) for name in ORDER if name in beside]
    ledger = commits.as_staged("ledger", branch, claimed)
    assert ledger is not None, "what has the claim was staged on something"
    return Staged(batch_id, (*tables, ledger), _own(notes))


def shown(lake: Lake, ready: Staged) -> Staged:
    """The same, with the snapshots that main has of it, where it has any: a table may have been attached anew."""
    tables = (commits.published_as(lake, each.table, ready.batch_id) or each for each in ready.tables)
    return Staged(ready.batch_id, tuple(tables), ready.notes)


def metadata(lake: Lake) -> dict[str, str]:
    """Of each table that workers write files for, its metadata as text."""
    return {name: write.to_text(lake.table(name).metadata) for name in ORDER[:-1]}


def discard(lake: Lake, batch_id: str) -> None:
    """Forget what a batch has staged; the ledger first, since its branch says that all the others stand."""
    for name in reversed(ORDER):
        commits.drop_branch(lake, name, commits.BRANCH + batch_id)


def written(lake: Lake, ready: Staged) -> Written | None:
    """What an earlier run has written, read back from what it staged; None where it isn't there whole."""
    told = outcomes(lake, ready)
    if not told or TAKES_BACK in ready.notes:
        return None
    tables = [each for each in ready.tables if each.table != "ledger"]
    files = {each.table: tuple(commits.added_files(lake.table(each.table), each.snapshot)) for each in tables}
    restates = None
    if ready.restates:
        restates = Restates(ready.restates, before(lake, told, ready.on("ledger").base))
    return Written(ready.batch_id, files, told, (), restates=restates)


def before(lake: Lake, outcomes: Sequence[Outcome], snapshot: int | None = None) -> dict[Generation, Before]:
    """What the ledger (of a snapshot) says of these objects; what is held says nothing."""
    ours = {each: generation(o) for o in outcomes for each in (unread(o), generation(o))}
    found: dict[Generation, Before] = {}
    names = ("key", "etag", "state", *_SAID)
    for source, days in _days(outcomes).items():
        for row in rows.known_objects(lake, source, days, names, snapshot).to_pylist():
            of = (source, row["key"], row["etag"])
            if of in ours and row["state"] != "held":
                found[ours[of]] = before_of(row)
    return found


def before_of(row: Mapping[str, Any]) -> Before:
    """What a row of the ledger says of its object."""
    return Before(*(row[name] for name in _SAID))


_SAID = ("batch_id", "target", "records", "rows", "duplicates", "quarantined", "reason")


def generation(outcome: Outcome) -> Generation:
    """What tells an object from all others, and from what lay in its place before."""
    return (outcome.object.source_id, outcome.object.key, outcome.etag)


def unread(outcome: Outcome) -> Generation:
    """The same, as the ledger has it where the object was too large to be read."""
    return (outcome.object.source_id, outcome.object.key, too_large(outcome.object.size))


def _days(outcomes: Sequence[Outcome]) -> dict[str, set[date]]:
    """Of each source, the days whose folders the objects lie in."""
    days: dict[str, set[date]] = {}
    for o in outcomes:
        days.setdefault(o.object.source_id, set()).add(o.object.log.day)
    return days


def is_as_compared(lake: Lake, ready: Staged) -> bool:
    """Whether main of each table is what the batch was staged on: no row came in that it was not compared with."""
    seen = {each.table: each.base for each in ready.tables}
    made_way = all(seen[name] == way.base for name, way in ready.ways.items())
    return made_way and all(commits.head(lake.table(name)) == base for name, base in seen.items())


def settled_by(lake: Lake, batch_id: str, outcomes: Sequence[Outcome], base: int) -> str:
    """The batch that settled, or holds, some object of this one, as the ledger of a snapshot says; "" for none."""
    ours = {generation(o) for o in outcomes}
    for source, of in _days(outcomes).items():
        columns = ("key", "etag", "batch_id", "state")
        for row in rows.known_objects(lake, source, of, columns, base).to_pylist():
            own = row["batch_id"] == batch_id and row["state"] == "held"  # released, or tried again
            if (source, row["key"], row["etag"]) in ours and not own:
                return str(row["batch_id"])
    return ""


def outcomes(lake: Lake, ready: Staged) -> tuple[Outcome, ...]:
    """The batch's rows of the ledger, read back; none where a file of them is damaged."""
    snapshots = [each.snapshot for each in ready.tables if each.table == "ledger"]
    table, io = lake.table("ledger"), catalog.file_io(lake.where)
    added = [file for snapshot in snapshots for file in commits.added_files(table, snapshot)]
    read = [readback.read_back(file.file_path, io, pq.ParquetFile.read) for file in added]
    whole = [part for part in read if part is not None]
    return tuple(_outcome(row) for part in whole for row in part.to_pylist()) if len(whole) == len(read) else ()


def held(lake: Lake, batch_id: str) -> tuple[Object, ...]:
    """The objects that the ledger holds back with a refused batch."""
    found = lake.table("ledger").scan(held_rows(batch_id)).to_arrow().to_pylist()
    return tuple(object_of(row) for row in found)


def held_rows(batch_id: str) -> And:
    """The ledger's rows of a refused batch."""
    return And(EqualTo("batch_id", batch_id), EqualTo("state", "held"))


def ledger_rows(written: Sequence[Outcome], batch_id: str, now: datetime, state: str = "") -> list[dict[str, Any]]:
    """The ledger's rows of a batch."""
    return [
        {
            "source": o.object.source_id,
            "key": o.object.key,
            "etag": o.etag,
            "size": o.object.size,
            "modified": o.object.modified.replace(tzinfo=None) if o.object.modified else None,
            "kind": o.object.log.kind,
            "account_id": o.object.log.account_id,
            "region": o.object.log.region,
            "key_day": o.object.log.day,
            "stored_sha256": o.stored_sha256,
            "sha256": o.sha256,
            "inflated_bytes": o.inflated_bytes,
            "target": schema.KINDS[o.object.log.kind],
            "state": state or ("quarantined" if o.reason else "done"),
            "reason": o.reason,
            "flags": [*o.flags, *([CHANGED] if o.object.regenerated else ())] or None,
            "records": o.records,
            "rows": o.rows,
            "duplicates": o.duplicates,
            "quarantined": o.quarantined,
            "conflicts": o.conflicts,
            "batch_id": batch_id,
            "settled_at": now.replace(tzinfo=None),
        }
        for o in written
    ]


def object_of(row: Mapping[str, Any]) -> Object:
    """The object that a row of the ledger is about."""
    return _outcome(row).object


def _outcome(row: Mapping[str, Any]) -> Outcome:
    log = LogKey("", "", row["account_id"], row["kind"], row["region"], row["key_day"], row["key"])
    flags = row["flags"] or ()
    modified = row["modified"] and row["modified"].replace(tzinfo=UTC)
    place = Object(0, row["source"], row["key"], row["etag"], row["size"], modified, log, CHANGED in flags)
    names = ("etag", "stored_sha256", "sha256", "inflated_bytes", "records", "rows", "duplicates", "quarantined")
    given = {name: row[name] for name in (*names, "conflicts", "reason")}
    return Outcome(object=place, flags=tuple(word for word in flags if word != CHANGED), **given)
