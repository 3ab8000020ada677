"""
Stage: the batch's data files, and its rows of the ledger, go to branches that no reader sees.

The ledger is staged last: when its branch stands, everything that the batch consists of is staged, and a later run can
bring it to an end without reading a source object again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyiceberg.expressions import And, EqualTo
from pyiceberg.manifest import DataFile

from trailhouse import faults
from trailhouse.ingest.values import Object, Outcome, Staged, Written
from trailhouse.lake import catalog, commits, rows, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.sources.keys import LogKey

# In the order of publishing: the rows first, then what accounts for them.
ORDER = (*schema.LAKE_TABLES, "quarantine", "ledger")

CHANGED = "changed_after_ingest"  # among an object's flags in the ledger: a later run is to find it there


def stage(lake: Lake, written: Written, now: datetime) -> Staged:
    """Commit the files to the batch's branches, in place of what an earlier round staged; what is published stays."""
    shown = {name: commits.published_as(lake, name, written.batch_id) for name in ORDER}
    if any(shown.values()):
        # Only rows are staged anew: the ledger's branch must stand, since it tells that the batch is not over.
        shown |= {
            name: shown[name] or commits.staged(lake, name, written.batch_id) for name in ("quarantine", "ledger")
        }
    else:
        discard(lake, written.batch_id)
    files = {name: made for name, made in written.files.items() if made}
    files["ledger"] = tuple(_ledger_files(lake, written, now))
    tables = [shown[name] or _stage_table(lake, name, files[name], written.batch_id) for name in ORDER if name in files]
    return Staged(written.batch_id, tuple(tables))


def _stage_table(lake: Lake, name: str, files: Sequence[DataFile], batch_id: str) -> commits.StagedTable:
    with faults.at("table_staged"):
        return commits.stage(lake, name, files, batch_id)


def staged(lake: Lake, batch_id: str) -> Staged:
    """What an earlier run has staged, some of which it may have published."""
    found = (commits.staged(lake, name, batch_id) or commits.published_as(lake, name, batch_id) for name in ORDER)
    return Staged(batch_id, tuple(each for each in found if each))


def discard(lake: Lake, batch_id: str) -> None:
    """Forget what a batch has staged; the ledger first, since its branch says that all the others stand."""
    for name in reversed(ORDER):
        commits.drop_branch(lake, name, commits.BRANCH + batch_id)


def written(lake: Lake, batch_id: str) -> Written | None:
    """What an earlier run has written, read back from its branches; None where it was not staged whole."""
    told = outcomes(lake, batch_id)
    tables = [each for each in staged(lake, batch_id).tables if each.table != "ledger"]
    files = {each.table: tuple(commits.added_files(lake.table(each.table), each.snapshot)) for each in tables}
    return Written(batch_id, files, told, ()) if told else None


def outcomes(lake: Lake, batch_id: str) -> tuple[Outcome, ...]:
    """The batch's rows of the ledger, read back from its branch."""
    ready = commits.staged(lake, "ledger", batch_id) or commits.published_as(lake, "ledger", batch_id)
    if ready is None:
        return ()
    added = commits.added_files(lake.table("ledger"), ready.snapshot)
    io = catalog.file_io(lake.where)
    read = [write.open_file(file.file_path, io).read().to_pylist() for file in added]
    return tuple(_outcome(row) for part in read for row in part)


def held(lake: Lake, batch_id: str) -> tuple[Object, ...]:
    """The objects that the ledger holds back with a refused batch."""
    which = And(EqualTo("batch_id", batch_id), EqualTo("state", "held"))
    return tuple(_outcome(row).object for row in lake.table("ledger").scan(which).to_arrow().to_pylist())


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


def _ledger_files(lake: Lake, written: Written, now: datetime) -> list[DataFile]:
    made = rows.table_of("ledger", ledger_rows(written.outcomes, written.batch_id, now))
    return write.write_rows(made, lake.table("ledger").metadata, catalog.file_io(lake.where))


def _outcome(row: Mapping[str, Any]) -> Outcome:
    log = LogKey("", "", row["account_id"], row["kind"], row["region"], row["key_day"], row["key"])
    flags = row["flags"] or ()
    place = Object(0, row["source"], row["key"], row["etag"], row["size"], row["modified"], log, CHANGED in flags)
    names = ("etag", "stored_sha256", "sha256", "inflated_bytes", "records", "rows", "duplicates", "quarantined")
    given = {name: row[name] for name in (*names, "conflicts", "reason")}
    return Outcome(object=place, flags=tuple(word for word in flags if word != CHANGED), **given)
