"""
Publish: main of each table moves to the audited snapshot, the ledger after the rows, the batch's own row last.

Every step asks the table whether it is done already, so that any run can finish what another began. What the audit did
not pass is held: invisible, its objects known to the ledger, until somebody says what is to become of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pyiceberg.expressions import And, EqualTo

from trailhouse import __version__, faults
from trailhouse.errors import GateError
from trailhouse.ingest import stage
from trailhouse.ingest.values import Outcome, Verdict
from trailhouse.lake import catalog, commits, rows, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable

Totals = Mapping[str, int]

DAYS = "trailhouse.days"  # in the summary of a published batch's row: what later batches are compared with
DAYS_NOTED = 60  # of a batch, the newest: summaries are no place for a first load's ten years


@dataclass(frozen=True, slots=True)
class Ended:
    """What the table `batches` says of a batch."""

    state: str  # published, held, discarded, or reopened: being released or tried again
    reason: str  # why somebody released, reopened or discarded it


def publish(lake: Lake, verdict: Verdict, totals: Totals, now: datetime, reason: str = "") -> None:
    """
    Show the batch to readers. Raises MainMovedError when another run was faster on a table.

    What the audit did not pass is published only for a reason that somebody gave.
    """
    batch_id = verdict.staged.batch_id
    if not verdict.passed and not reason:
        raise GateError(f"batch {batch_id} has no proof that it passed its audit, so it is not published; run again")
    with faults.at("quality_recorded"):
        record(lake, verdict, now)
    for ready in sorted(verdict.staged.tables, key=lambda t: stage.ORDER.index(t.table)):
        if ready.table in schema.LAKE_TABLES:
            with faults.at("main_moved"):
                commits.publish(lake, ready)
        else:
            with faults.at("ledger_moved"):
                (_publish_ledger if ready.table == "ledger" else _publish_quarantine)(lake, ready, batch_id)
    _tell(lake, _batch_row(verdict, totals, "published", now) | {"reason": reason or None}, _noted(verdict))
    commits.drop_branch(lake, "batches", commits.BRANCH + batch_id)
    with faults.at("branch_dropped"):
        commits.drop_branch(lake, "ledger", commits.BRANCH + batch_id)  # the last sign that the batch was not over


def _publish_quarantine(lake: Lake, ready: StagedTable, batch_id: str) -> None:
    """These rows depend on nothing that is there: where main moved, the same files are appended to what it is now."""
    try:
        commits.publish(lake, ready)
    except commits.MainMovedError:
        files = commits.added_files(lake.table(ready.table), ready.snapshot)
        commits.append_once(lake, ready.table, files, commits.mark(batch_id))
        commits.drop_branch(lake, ready.table, ready.branch)


def _publish_ledger(lake: Lake, ready: StagedTable, batch_id: str) -> None:
    """As above; what the ledger says of a batch that was held makes room in the same commit."""
    table = lake.table("ledger")
    files = commits.added_files(table, ready.snapshot)
    if commits.published(table, _held(batch_id)):
        commits.replace(lake, "ledger", _held_rows(batch_id), files, commits.mark(batch_id))
        return
    try:
        commits.publish(lake, ready, keep=True)
    except commits.MainMovedError:
        commits.append_once(lake, "ledger", files, commits.mark(batch_id))


def hold(lake: Lake, verdict: Verdict, outcomes: Sequence[Outcome], totals: Totals, now: datetime) -> None:
    """Keep a refused batch for somebody to look at: invisible, and its objects not planned again."""
    batch_id = verdict.staged.batch_id
    record(lake, verdict, now)
    told = stage.ledger_rows(outcomes, batch_id, now, "held")
    _append(lake, "ledger", told, _held(batch_id))
    _tell(lake, _batch_row(verdict, totals, "held", now))
    commits.drop_branch(lake, "batches", commits.BRANCH + batch_id)


def reopen(lake: Lake, batch_id: str, reason: str, now: datetime) -> None:
    """Note that a held batch is to be settled anew, before anything of it is touched: any run can go on from here."""
    commits.mark_unsettled(lake, "batches", batch_id)
    _retell(lake, batch_id, "reopened", reason, now)


def discard(lake: Lake, batch_id: str, reason: str, now: datetime) -> None:
    """Give a held batch up. Its objects stay held: nothing reads them again until somebody says so."""
    _retell(lake, batch_id, "discarded", reason, now)
    forget(lake, batch_id)


def free(lake: Lake, batch_id: str, reason: str, now: datetime) -> None:
    """Have the ledger forget the objects of a batch that was given up, so that they are planned again."""
    commits.replace(lake, "ledger", _held_rows(batch_id), (), commits.mark(f"{batch_id} freed"))
    _retell(lake, batch_id, "freed", reason, now)
    forget(lake, batch_id)


def forget(lake: Lake, batch_id: str) -> None:
    """Take away every branch of a batch, and the mark that it is to be settled anew."""
    stage.discard(lake, batch_id)
    commits.drop_branch(lake, "batches", commits.BRANCH + batch_id)


def record(lake: Lake, verdict: Verdict, now: datetime) -> None:
    """Write down what the audit said of these snapshots, before anything of them is shown."""
    batch_id = verdict.staged.batch_id
    made = [
        {
            "batch_id": batch_id,
            "table_name": check.table,
            "snapshot_id": check.snapshot,
            "name": check.name,
            "severity": check.severity,
            "success": check.success,
            "observed": check.observed,
            "rows": check.rows,
            "checked_at": now.replace(tzinfo=None),
        }
        for check in verdict.checks
    ]
    for path, page in verdict.pages.items():
        catalog.write_file(lake.where, f"{pages_of(batch_id)}/{path}", page)
    snapshots = "-".join(str(ready.snapshot) for ready in verdict.staged.tables)
    _append(lake, "quality", made, f"{batch_id} {snapshots}")


def pages_of(batch_id: str) -> str:
    """Where a batch's Data Docs lie, in the folder of Trailhouse's own files."""
    return f"quality/{batch_id}"


def states(lake: Lake) -> dict[str, Ended]:
    """Every batch that has a row, by its id."""
    read = lake.table("batches").scan(selected_fields=("batch_id", "state", "reason")).to_arrow().to_pylist()
    return {each["batch_id"]: Ended(each["state"], each["reason"] or "") for each in read}


def row(lake: Lake, batch_id: str) -> dict[str, Any]:
    """What the table `batches` holds of a batch; without one, nothing."""
    read = lake.table("batches").scan(EqualTo("batch_id", batch_id)).to_arrow().to_pylist()
    return read[0] if read else {}


def days_since(lake: Lake, first: date) -> dict[date, tuple[int, int]]:
    """
    Rows, and rows with errors, of each day of events, as batches published since a day have noted them.

    From the summaries of snapshots, which are at hand: no file is read for it.
    """
    total: dict[date, tuple[int, int]] = {}
    for notes in commits.notes(lake.table("batches"), datetime.combine(first, datetime.min.time())):
        for day, (count, errors) in json.loads(notes.get(DAYS, "{}")).items():
            before = total.get(date.fromisoformat(day), (0, 0))
            total[date.fromisoformat(day)] = (before[0] + count, before[1] + errors)
    return total


def _noted(verdict: Verdict) -> dict[str, str]:
    days = sorted(verdict.measured.days.items())[-DAYS_NOTED:]
    return {DAYS: json.dumps({day.isoformat(): told for day, told in days})}


def _batch_row(verdict: Verdict, totals: Totals, state: str, now: datetime) -> dict[str, Any]:
    names = ("objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects", "conflicts")
    counts = {name: totals.get(name, 0) for name in (*names, "pending", "bytes_in", "bytes_out", "list_calls")}
    batch_id = verdict.staged.batch_id
    return counts | {
        "batch_id": batch_id,
        "state": state,
        "snapshots": json.dumps({ready.table: ready.snapshot for ready in verdict.staged.tables}),
        "planned_at": datetime.strptime(batch_id.partition("_")[0], "%Y%m%dT%H%M%S"),
        "published_at": now.replace(tzinfo=None),
        "version": __version__,
    }


def _tell(lake: Lake, told: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> None:
    """The batch's row: a new one, or, of a batch that was held once, one in place of what was said before."""
    batch_id = told["batch_id"]
    if commits.published(lake.table("batches"), _held(batch_id)) or commits.is_marked(lake, "batches", batch_id):
        _tell_anew(lake, told, notes)
    else:
        _append(lake, "batches", [told], _held(batch_id) if told["state"] == "held" else batch_id, notes)


def _retell(lake: Lake, batch_id: str, state: str, reason: str, now: datetime) -> None:
    told = {"state": state, "reason": reason or None, "published_at": now.replace(tzinfo=None)}
    _tell_anew(lake, row(lake, batch_id) | told)


def _tell_anew(lake: Lake, told: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> None:
    mark = commits.mark(f"{told['batch_id']} {told['state']} {told['published_at']}")
    gone = EqualTo("batch_id", told["batch_id"])
    commits.replace(lake, "batches", gone, _files(lake, "batches", [told]), {**(notes or {}), **mark})


def _held(batch_id: str) -> str:
    """The mark of the commit that told the ledger of a held batch."""
    return f"{batch_id} held"


def _held_rows(batch_id: str) -> And:
    return And(EqualTo("batch_id", batch_id), EqualTo("state", "held"))


def _append(
    lake: Lake, name: str, made: Sequence[Mapping[str, Any]], mark: str, notes: Mapping[str, str] | None = None
) -> None:
    files = _files(lake, name, made)
    with faults.at("row_appended"):
        commits.append_once(lake, name, files, {**(notes or {}), **commits.mark(mark)})


def _files(lake: Lake, name: str, made: Sequence[Mapping[str, Any]]) -> list[Any]:
    return write.write_rows(rows.table_of(name, made), lake.table(name).metadata, catalog.file_io(lake.where))
