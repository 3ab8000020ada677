"""
Stage: the batch's data files, and its rows of the ledger, go to branches that no reader sees.

The ledger is staged last: when its branch stands, everything that the batch consists of is staged, and a later run can
bring it to an end without reading a source object again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow.parquet as pq
from pyiceberg.expressions import And, EqualTo
from pyiceberg.manifest import DataFile
from pyiceberg.table.snapshots import Snapshot

from trailhouse import faults
from trailhouse.ingest.values import Object, Outcome, Staged, Written
from trailhouse.lake import catalog, commits, readback, rows, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable
from trailhouse.sources.keys import LogKey

# In the order of publishing: the rows first, then what accounts for them.
ORDER = (*schema.LAKE_TABLES, "quarantine", "ledger")

# In the summary of the ledger's staged snapshot: the snapshots of the other tables, each with what it was staged on.
BESIDE = "trailhouse.staged-beside"

CHANGED = "changed_after_ingest"  # among an object's flags in the ledger: a later run is to find it there


def stage(lake: Lake, written: Written, now: datetime) -> Staged:
    """Commit the files to the batch's branches, in place of what an earlier round staged; none of it is visible."""
    discard(lake, written.batch_id)
    files = {name: made for name, made in written.files.items() if made}
    mark = commits.mark(written.batch_id)
    tables = [_stage_table(lake, name, files[name], mark) for name in ORDER if name in files]
    told = rows.table_of("ledger", ledger_rows(written.outcomes, written.batch_id, now))
    beside = {BESIDE: json.dumps({each.table: [each.base, each.snapshot] for each in tables})}
    ledger = rows.files_of(lake, "ledger", told)
    tables.append(_stage_table(lake, "ledger", ledger, commits.mark(written.batch_id, beside)))
    return Staged(written.batch_id, tuple(tables))


def _stage_table(lake: Lake, name: str, files: Sequence[DataFile], said: commits.Said) -> StagedTable:
    with faults.at("table_staged"):
        return commits.stage(lake, name, files, said)


def staged(lake: Lake, batch_id: str) -> Staged:
    """What an earlier run has staged, and nothing of which is visible."""
    found = (commits.staged(lake, name, batch_id) for name in ORDER)
    return Staged(batch_id, tuple(each for each in found if each))


def promised(claimed: Snapshot) -> Staged:
    """What a batch has staged, by its snapshot of the ledger that has the claim: whatever became of its branches."""
    notes = claimed.summary.additional_properties if claimed.summary else {}
    batch_id = notes[commits.BATCH]
    branch = commits.BRANCH + batch_id
    beside = json.loads(notes[BESIDE])
    tables = [StagedTable(name, branch, *beside[name]) for name in ORDER if name in beside]
    ledger = StagedTable("ledger", branch, claimed.parent_snapshot_id or 0, claimed.snapshot_id)
    return Staged(batch_id, (*tables, ledger))


def shown(lake: Lake, ready: Staged) -> Staged:
    """The same, with the snapshots that main has of it, where it has any: a table may have been attached anew."""
    tables = (commits.published_as(lake, each.table, ready.batch_id) or each for each in ready.tables)
    return Staged(ready.batch_id, tuple(tables))


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
    tables = [each for each in ready.tables if each.table != "ledger"]
    files = {each.table: tuple(commits.added_files(lake.table(each.table), each.snapshot)) for each in tables}
    return Written(ready.batch_id, files, told, ()) if told else None


def is_as_compared(lake: Lake, ready: Staged) -> bool:
    """Whether main of each table is what the batch was staged on: no row came in that it was not compared with."""
    return all(commits.head(lake.table(each.table)) == each.base for each in ready.tables)


def settled_by(lake: Lake, batch_id: str, outcomes: Sequence[Outcome], base: int) -> str:
    """The batch that settled, or holds, some object of this one, as the ledger of a snapshot says; "" for none."""
    ours = {(o.object.source_id, o.object.key, o.etag) for o in outcomes}
    days: dict[str, set[date]] = {}
    for o in outcomes:
        days.setdefault(o.object.source_id, set()).add(o.object.log.day)
    for source, of in days.items():
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
    return tuple(_outcome(row).object for row in found)


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


def _outcome(row: Mapping[str, Any]) -> Outcome:
    log = LogKey("", "", row["account_id"], row["kind"], row["region"], row["key_day"], row["key"])
    flags = row["flags"] or ()
    place = Object(0, row["source"], row["key"], row["etag"], row["size"], row["modified"], log, CHANGED in flags)
    names = ("etag", "stored_sha256", "sha256", "inflated_bytes", "records", "rows", "duplicates", "quarantined")
    given = {name: row[name] for name in (*names, "conflicts", "reason")}
    return Outcome(object=place, flags=tuple(word for word in flags if word != CHANGED), **given)
