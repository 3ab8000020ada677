"""
Publish: main of each table moves to the audited snapshot, the ledger after the rows, the batch's own row last.

What passed its audit claims the way (`lake.claim`); from then on any run can show it, a table after the other, and ends
up with the same. What the audit did not pass is held: invisible, its objects known to the ledger, until somebody says
what is to become of it. What `batches` says of a batch is changed only where it says what the change goes out from.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import takewhile
from typing import Any

from pyiceberg.expressions import EqualTo, In
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from trailhouse import __version__, faults, settings
from trailhouse.errors import GateError, UsageError
from trailhouse.ingest import stage
from trailhouse.ingest.values import TAKES_BACK, Outcome, Staged, Verdict
from trailhouse.lake import catalog, claim, commits, rows, schema
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable

Totals = Mapping[str, int]

# In the summary of the commit that writes down an audit: what the batch's row is to say, and what later batches are
# compared with. Whoever publishes the batch finds it there.
TOTALS, DAYS = "trailhouse.totals", "trailhouse.days"
DAYS_NOTED = 60  # of a batch, the newest: summaries are no place for a first load's ten years

RETOLD = "trailhouse.retold"  # likewise of the commit that changes the rows of several batches

HOLD = "hold_"  # a branch of the ledger, and the batch id
BRANCHES = (commits.BRANCH, HOLD, commits.AGAIN)  # what the branches of batches begin with
ROUNDS = 4  # how often a batch's row is looked at again because somebody else has changed it


@dataclass(frozen=True, slots=True)
class Ended:
    """What the table `batches` says of a batch."""

    state: str  # published, held, discarded, freed, or reopened: being released or tried again
    reason: str  # why somebody released, reopened or discarded it


def record(lake: Lake, verdict: Verdict, totals: Totals, now: datetime) -> None:
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
    notes = {TOTALS: json.dumps(dict(totals)), **_days(verdict)}
    files = _files(lake, "quality", made)
    with faults.at("row_appended"):
        commits.append_once(lake, "quality", files, commits.mark(f"{batch_id} {snapshots}", notes))


def take_claim(lake: Lake, verdict: Verdict, reason: str = "") -> None:
    """
    From here on the batch is published, by whomever. MainMovedError where another has the claim, or was faster.

    What the audit did not pass gets it only for a reason that somebody gave.
    """
    batch_id = verdict.staged.batch_id
    if not verdict.passed and not reason:
        raise GateError(f"batch {batch_id} has no proof that it passed its audit, so it is not published; run again")
    (ledger,) = (ready for ready in verdict.staged.tables if ready.table == "ledger")
    claim.take(lake, ledger)


def show(lake: Lake, ready: StagedTable, batch_id: str) -> None:
    """Show what a batch has on one table. MainMovedError where main isn't what it was staged on."""
    if ready.table in schema.LAKE_TABLES:
        with faults.at("main_moved"):
            commits.publish(lake, ready)
        return
    with faults.at("ledger_moved"):
        if ready.table == "ledger":
            _show_ledger(lake, ready, batch_id)
        else:
            commits.publish(lake, ready)


def _show_ledger(lake: Lake, ready: StagedTable, batch_id: str) -> None:
    """
    What it says of a batch that was held makes room in the same commit.

    Where main moved, the same rows are appended to what it is now: who has the claim was compared with all of them.
    """
    table = lake.table("ledger")
    files = commits.added_files(table, ready.snapshot)
    if ready.base != ready.under:  # rows give way in it: it can't be had by an append
        commits.publish(lake, ready, keep=True)
        return
    mark = commits.mark(batch_id, may=partial(claim.is_of, batch_id))
    if _is_held(lake, batch_id):
        commits.replace(lake, "ledger", stage.held_rows(batch_id), files, mark)
        return
    try:
        commits.publish(lake, ready, keep=True)
    except commits.MainMovedError:
        commits.append_once(lake, "ledger", files, mark)


def tell(lake: Lake, staged: Staged, now: datetime) -> None:
    """The batch's own row, when all tables show it."""
    batch_id = staged.batch_id
    notes = _noted(lake, batch_id)
    if TAKES_BACK in staged.notes:
        _tell_taken(lake, staged, now)
        return
    told = _batch_row(stage.shown(lake, staged), json.loads(notes.get(TOTALS, "{}")), "published", now)
    told["reason"] = staged.restates or None
    if _state(lake.table("batches"), batch_id) == "reopened":
        told["reason"] = row(lake, batch_id)["reason"]
    with faults.at("row_appended"):
        _tell(lake, told, {"", "held", "reopened", "refused"}, {DAYS: notes.get(DAYS, "{}")})


def _tell_taken(lake: Lake, staged: Staged, now: datetime) -> None:
    """The row of a taking back, and with it what the rows of the batches that were taken back say now."""
    about = json.loads(staged.notes[TAKES_BACK])
    state = "discarded" if about["hold"] else "rolled_back"
    changed = {"state": state, "reason": about["reason"], "published_at": now.replace(tzinfo=None)}
    taken = In("batch_id", set(about["taken"]))
    own = _batch_row(stage.shown(lake, staged), {}, "rollback", now) | {"reason": about["reason"]}
    told = [own, *(each | changed for each in lake.table("batches").scan(taken).to_arrow().to_pylist())]
    notes = {RETOLD: json.dumps({"state": state, "batches": about["taken"]})}
    # Known by the batch alone, so that of several who bring it to its end one writes it down.
    said = commits.mark(f"{staged.batch_id} rollback", notes, partial(_says, staged.batch_id, ""))
    with faults.at("row_appended"):
        commits.replace(lake, "batches", taken, _files(lake, "batches", told), said)


def let_go(lake: Lake, batch_id: str) -> None:
    """The batch is over: its branches and its claim go, the ledger's last."""
    last = commits.BRANCH + batch_id
    for name in (*stage.ORDER, "batches"):
        for branch in commits.branches_of(lake, name, batch_id):
            if (name, branch) != ("ledger", last):
                commits.drop_branch(lake, name, branch)
    with faults.at("branch_dropped"):
        claim.let_go(lake, batch_id, last)


def hold(lake: Lake, verdict: Verdict, outcomes: Sequence[Outcome], totals: Totals, now: datetime) -> None:
    """
    Keep a refused batch for somebody to look at: invisible, and its objects not planned again.

    MainMovedError where the ledger is not what this was decided on, or somebody is publishing: look again.
    """
    batch_id = verdict.staged.batch_id
    if not _is_held(lake, batch_id):
        files = _files(lake, "ledger", stage.ledger_rows(outcomes, batch_id, now, "held"))
        with faults.at("row_appended"):
            ready = commits.stage(lake, "ledger", files, commits.mark(_held(batch_id)), HOLD + batch_id)
            if stage.settled_by(lake, batch_id, outcomes, ready.base):
                raise commits.MainMovedError("ledger")
            commits.publish(lake, ready, unless=claim.REF)
    with faults.at("row_appended"):
        _tell(lake, _batch_row(verdict.staged, totals, "held", now), {"", "reopened"})
    commits.drop_branch(lake, "batches", commits.BRANCH + batch_id)


def refuse(lake: Lake, verdict: Verdict, totals: Totals, now: datetime) -> None:
    """Forget a batch that was to say anew what others have said, and did not pass: what they said stays."""
    told = _batch_row(verdict.staged, totals, "refused", now) | {"reason": verdict.staged.restates}
    with faults.at("row_appended"):
        _tell(lake, told, {""})
    forget(lake, verdict.staged.batch_id)


def reopen(lake: Lake, batch_id: str, reason: str, now: datetime) -> None:
    """Note that a held batch is to be settled anew, before anything of it is touched: any run can go on from here."""
    commits.mark_unsettled(lake, "batches", batch_id)
    _retell(lake, batch_id, Ended("reopened", reason), now, {"held", "reopened"})


def discard(lake: Lake, batch_id: str, reason: str, now: datetime) -> None:
    """Give a held batch up. Its objects stay held: nothing reads them again until somebody says so."""
    _retell(lake, batch_id, Ended("discarded", reason), now, {"held"})
    forget(lake, batch_id)


def free(lake: Lake, batch_id: str, reason: str, now: datetime) -> None:
    """Have the ledger forget the objects of a batch that was given up, so that they are planned again."""
    commits.replace(lake, "ledger", stage.held_rows(batch_id), (), commits.mark(f"{batch_id} freed"))
    _retell(lake, batch_id, Ended("freed", reason), now, {"discarded", "reopened"})
    forget(lake, batch_id)


def forget(lake: Lake, batch_id: str) -> None:
    """Take away every branch of a batch of which nothing is visible, and the mark that it is to be settled anew."""
    stage.discard(lake, batch_id)
    for name in ("ledger", "batches"):
        for branch in commits.branches_of(lake, name, batch_id):
            commits.drop_branch(lake, name, branch)


def pages_of(batch_id: str) -> str:
    """Where a batch's Data Docs lie, in the folder of Trailhouse's own files."""
    return f"quality/{batch_id}"


def docs_of(where: settings.Lake, batch_id: str) -> str:
    """The first of those pages."""
    return f"{catalog.own_folder(where)}/{pages_of(batch_id)}/index.html"


def states(lake: Lake) -> dict[str, Ended]:
    """Every batch that has a row, by its id."""
    read = lake.table("batches").scan(selected_fields=("batch_id", "state", "reason")).to_arrow().to_pylist()
    return {each["batch_id"]: Ended(each["state"], each["reason"] or "") for each in read}


def row(lake: Lake, batch_id: str) -> dict[str, Any]:
    """What the table `batches` holds of a batch; without one, nothing."""
    return _row(lake.table("batches"), batch_id)


def days_since(lake: Lake, first: date) -> dict[date, tuple[int, int]]:
    """
    Rows, and rows with errors, of each day of events, as batches published since a day have noted them.

    From the summaries of snapshots, which are at hand: no file is read for it.
    """
    since = datetime.combine(first, datetime.min.time(), UTC).timestamp() * 1000
    young = takewhile(lambda each: each.timestamp_ms >= since, commits.history(lake.table("batches")))
    return {date.fromisoformat(day): told for day, told in _summed(_standing(young)).items()}


def _standing(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """Of snapshots of `batches`, newest first, those whose batch was not taken back since."""
    taken: set[str] = set()
    for each in snapshots:
        taken.update(_retold(commits.said_by(each))["batches"])
        if (commits.batch_of(each) or "").partition(" ")[0] not in taken:
            yield each


def _summed(snapshots: Iterable[Snapshot]) -> dict[str, tuple[int, int]]:
    """What they have noted of days, together."""
    total: dict[str, tuple[int, int]] = {}
    for each in snapshots:
        for day, (count, errors) in json.loads(commits.said_by(each).get(DAYS, "{}")).items():
            before = total.get(day, (0, 0))
            total[day] = (before[0] + count, before[1] + errors)
    return total


def _days(verdict: Verdict) -> dict[str, str]:
    days = sorted(verdict.measured.days.items())[-DAYS_NOTED:]
    return {DAYS: json.dumps({day.isoformat(): told for day, told in days})}


def carried(table: Table, gone: Collection[int]) -> dict[str, str]:
    """
    What of the days is to be noted anew when `batches` forgets snapshots: their sums, of the newest days.

    Of days that are still to come none, or whoever plants events there would push the others out.
    """
    (newest, *_) = known = list(commits.history(table))
    until = datetime.fromtimestamp(newest.timestamp_ms / 1000, UTC).date().isoformat()
    total = _summed(each for each in _standing(known) if each.snapshot_id in gone)
    days = sorted(day for day in total if day <= until)[-DAYS_NOTED:]
    return {DAYS: json.dumps({day: total[day] for day in days})} if days else {}


def _noted(lake: Lake, batch_id: str) -> Mapping[str, str]:
    """What was written down with the last audit of a batch."""
    for each in commits.history(lake.table("quality")):
        if (commits.batch_of(each) or "").startswith(f"{batch_id} "):
            return commits.said_by(each)
    return {}


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


def _retell(lake: Lake, batch_id: str, ended: Ended, now: datetime, after: Collection[str]) -> None:
    told = {"state": ended.state, "reason": ended.reason or None, "published_at": now.replace(tzinfo=None)}
    _tell(lake, row(lake, batch_id) | told, after)
    is_now = row(lake, batch_id)["state"]
    if is_now != ended.state:
        raise UsageError(f"batch {batch_id} is {is_now} meanwhile: somebody else was faster")


def _tell(lake: Lake, told: Mapping[str, Any], after: Collection[str], notes: Mapping[str, str] | None = None) -> None:
    """Set a batch's row, where it now says one of these states; "" stands for no row."""
    batch_id = told["batch_id"]
    files = _files(lake, "batches", [told])
    mark = f"{batch_id} {told['state']} {told['published_at']}"
    for _ in range(ROUNDS):
        now = _state(lake.table("batches"), batch_id)
        if now not in after:
            return
        said = commits.mark(mark, notes, partial(_says, batch_id, now))
        if now:
            commits.replace(lake, "batches", EqualTo("batch_id", batch_id), files, said)
        else:
            commits.append_once(lake, "batches", files, said)
        if commits.published(lake.table("batches"), mark):
            return


def _says(batch_id: str, state: str, table: Table) -> bool:
    return _state(table, batch_id) == state


def _state(table: Table, batch_id: str) -> str:
    """What a version of `batches` says of a batch: by the marks of its commits; where some are gone, by a look."""
    for snapshot in commits.history(table):
        name, _, rest = (commits.batch_of(snapshot) or "").partition(" ")
        retold = _retold(commits.said_by(snapshot))
        if batch_id in retold["batches"]:
            return str(retold["state"])
        if name == batch_id:
            return rest.partition(" ")[0] or "published"
    return "" if commits.is_whole(table) else str(_row(table, batch_id).get("state", ""))


def _retold(notes: commits.Notes) -> dict[str, Any]:
    """Of a commit that changed the rows of several batches, to what and of which."""
    return dict(json.loads(notes.get(RETOLD, '{"state": "", "batches": []}')))


def _row(table: Table, batch_id: str) -> dict[str, Any]:
    read = table.scan(EqualTo("batch_id", batch_id)).to_arrow().to_pylist()
    return read[0] if read else {}


def _is_held(lake: Lake, batch_id: str) -> bool:
    """Whether the ledger was told of a held batch: by the mark of that commit; where it may be gone, by the rows."""
    table = lake.table("ledger")
    if commits.published(table, _held(batch_id)):
        return True
    return not commits.is_whole(table) and bool(stage.held(lake, batch_id))


def _held(batch_id: str) -> str:
    """The mark of the commit that told the ledger of a held batch."""
    return f"{batch_id} held"


def _files(lake: Lake, name: str, made: Sequence[Mapping[str, Any]]) -> list[Any]:
    return rows.files_of(lake, name, rows.table_of(name, made))
