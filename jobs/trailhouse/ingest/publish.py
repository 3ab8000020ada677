"""
Publish: main of each table moves to the audited snapshot, the ledger after the rows, the batch's own row last.

Every step asks the table whether it is done already, so that any run can finish what another began.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trailhouse import __version__, faults
from trailhouse.ingest import stage
from trailhouse.ingest.values import Outcome, Staged, Verdict
from trailhouse.lake import catalog, commits, rows, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable

Totals = Mapping[str, int]


def publish(lake: Lake, verdict: Verdict, totals: Totals, now: datetime) -> None:
    """Show the batch to readers. Raises MainMovedError when another run was faster on a table."""
    batch_id = verdict.staged.batch_id
    with faults.at("quality_recorded"):
        record(lake, verdict, now)
    for ready in sorted(verdict.staged.tables, key=lambda t: stage.ORDER.index(t.table)):
        if ready.table in schema.LAKE_TABLES:
            with faults.at("main_moved"):
                commits.publish(lake, ready)
        else:
            with faults.at("ledger_moved"):
                _publish_bookkeeping(lake, ready)
    _append(lake, "batches", [_batch_row(verdict.staged, totals, "published", now)], batch_id)
    with faults.at("branch_dropped"):
        commits.drop_branch(lake, "ledger", commits.BRANCH + batch_id)  # the last sign that the batch was not over


def _publish_bookkeeping(lake: Lake, ready: StagedTable) -> None:
    """These rows depend on nothing that is there: where main moved, the same files are appended to what it is now."""
    batch_id = ready.branch.removeprefix(commits.BRANCH)
    try:
        commits.publish(lake, ready, keep=ready.table == "ledger")
    except commits.MainMovedError:
        table = lake.table(ready.table)
        commits.append_once(lake, ready.table, commits.added_files(table, ready.snapshot), batch_id)
        if ready.table != "ledger":
            commits.drop_branch(lake, ready.table, ready.branch)


def hold(lake: Lake, verdict: Verdict, outcomes: Sequence[Outcome], totals: Totals, now: datetime) -> None:
    """Keep a refused batch for somebody to look at: invisible, and its objects not planned again."""
    batch_id = verdict.staged.batch_id
    record(lake, verdict, now)
    _append(lake, "ledger", stage.ledger_rows(outcomes, batch_id, now, "held"), batch_id)
    _append(lake, "batches", [_batch_row(verdict.staged, totals, "held", now)], batch_id)


def record(lake: Lake, verdict: Verdict, now: datetime) -> None:
    """Write down what the audit said of these snapshots, before anything of them is shown."""
    made = [
        {
            "batch_id": verdict.staged.batch_id,
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
    snapshots = "-".join(str(ready.snapshot) for ready in verdict.staged.tables)
    _append(lake, "quality", made, f"{verdict.staged.batch_id} {snapshots}")


def states(lake: Lake) -> dict[str, str]:
    """Every batch that came to an end: id -> published or held."""
    read = lake.table("batches").scan(selected_fields=("batch_id", "state")).to_arrow()
    return dict(zip(read["batch_id"].to_pylist(), read["state"].to_pylist(), strict=True))


def _batch_row(staged: Staged, totals: Totals, state: str, now: datetime) -> dict[str, Any]:
    names = ("objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects", "conflicts")
    counts = {name: totals.get(name, 0) for name in (*names, "pending", "bytes_in", "bytes_out", "list_calls")}
    return counts | {
        "batch_id": staged.batch_id,
        "state": state,
        "snapshots": json.dumps({ready.table: ready.snapshot for ready in staged.tables}),
        "planned_at": datetime.strptime(staged.batch_id.partition("_")[0], "%Y%m%dT%H%M%S"),
        "published_at": now.replace(tzinfo=None),
        "version": __version__,
    }


def _append(lake: Lake, name: str, made: Sequence[Mapping[str, Any]], mark: str) -> None:
    files = write.write_rows(rows.table_of(name, made), lake.table(name).metadata, catalog.file_io(lake.where))
    with faults.at("row_appended"):
        commits.append_once(lake, name, files, mark)
