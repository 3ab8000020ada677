"""
Settle: a batch that was written is staged, audited, claimed and published, or held; what an earlier run left is ended.

Nothing of a batch is visible before it has the claim, and what has the claim is published whole, by whoever comes by.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from trailhouse import faults
from trailhouse.errors import GateError, TrailhouseError
from trailhouse.ingest import (
    audit,
    inspect,
    measure,
    plan,
    publish,
    refusal,
    restate,
    rewrite,
    stage,
    takeback,
    task,
)
from trailhouse.ingest.job import Run
from trailhouse.ingest.values import TAKES_BACK, Check, Measured, Result, Staged, Twins, Verdict, Written
from trailhouse.lake import claim, commits, lease, schema
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable

log = logging.getLogger("trailhouse.ingest")

# How often a batch is staged anew because another run published in between, or because it held twins.
ROUNDS = 8


class OvertakenError(TrailhouseError):
    """Another batch has settled objects of this one, which is forgotten: nothing of it was visible."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """What somebody wants of a batch that was held: an audit again, or, for a reason, that it is published."""

    reason: str = ""
    force: bool = False  # also where it breaks the lake's own invariants


@dataclass(frozen=True, slots=True)
class Settled:
    """How a batch was published: what of it, and what its audit found."""

    written: Written
    findings: tuple[dict[str, object], ...]


def settle(run: Run, lake: Lake, written: Written, wish: Reopened | None = None) -> Settled:
    """Stage, audit, claim and publish; again where twins turned up or another run published in between."""
    wish = wish or Reopened()
    mended: set[int] = set()  # bases on which twins were taken out already
    with lease.Turn(lake, written.batch_id, run.clock) as turn:
        for _ in range(ROUNDS):
            finish(run, lake)  # whoever has the claim goes first: slow, frozen or dead, it is the same
            try:
                staged = _staged(run, lake, written)
            except commits.MainMovedError:
                turn.lost()
                continue
            if staged is None:
                return Settled(written, ())  # another run has brought this very batch to its end
            if not stage.is_as_compared(lake, staged):
                turn.lost()
                continue
            measured = _measured(run, lake, staged, written)
            bases = {each.base for each in staged.tables if each.table in schema.LAKE_TABLES}
            attached_twice = any(gauge.name == "files" and gauge.value for gauge in measured.gauges)
            if measured.twins and not bases <= mended and not attached_twice:
                twins = sum(len(t.duplicates) + len(t.conflicts) for t in measured.twins)
                log.info("twins: %d, in %d files, which are written again", twins, len(measured.twins))
                with run.phase("twins"):
                    written = _without_twins(run, lake, written, measured.twins)
                mended |= bases
                continue
            verdict = _judged(run, measured)
            try:
                _decide(run, lake, verdict, written, wish)
            except commits.MainMovedError:
                turn.lost()
                continue
            with run.phase("publish"):
                finish(run, lake)
            log.info("published %s: %s", written.batch_id, task.tallied(written.outcomes))
            return Settled(written, tuple(_finding(check) for check in verdict.findings))
    raise TrailhouseError(f"batch {written.batch_id}: other runs kept publishing in between; run again")


def finish(run: Run, lake: Lake) -> str:
    """Show what has the claim, table by table, and return its batch. Any run can do it, and several at once."""
    claimed = claim.standing(lake)
    if claimed is None:
        return ""
    staged = stage.promised(claimed)
    log.info("publish: %s", staged)
    with lease.Turn(lake, staged.batch_id, run.clock) as turn:
        for ready in staged.tables:
            _show(run, lake, staged, ready, turn)
    publish.tell(lake, staged, run.clock())
    publish.let_go(lake, staged.batch_id)
    return staged.batch_id


def settle_unfinished(run: Run, lake: Lake, result: Result) -> None:
    """Bring to an end what an earlier run staged: publish it where it was staged whole, else forget it."""
    result.settled += [each for each in [finish(run, lake)] if each]
    waiting = commits.unsettled(lake, (*stage.ORDER, "batches"))
    ended = publish.states(lake) if waiting else {}
    for batch_id in sorted(waiting):
        told = ended.get(batch_id, publish.Ended("", ""))
        if told.state == "held":
            commits.drop_branch(lake, "batches", commits.BRANCH + batch_id)
            continue
        if told.state not in ("", "reopened"):  # it died before it took its last branch away
            publish.forget(lake, batch_id)
            continue
        wish = Reopened(told.reason) if told.state == "reopened" else None
        try:
            _settle_left(run, lake, batch_id, wish, result)
        except GateError as refused:
            result.refuse(batch_id, refused)
        except OvertakenError:
            log.info("batch %s was overtaken: what it was to settle is settled, or planned again", batch_id)


def reopen(run: Run, lake: Lake, batch_id: str, wish: Reopened) -> Result:
    """Settle a batch that was held anew."""
    began = time.monotonic()
    result = Result(batch_id=batch_id)
    publish.reopen(lake, batch_id, wish.reason, run.clock())
    try:
        _settle_left(run, lake, batch_id, wish, result)
    except GateError as refused:
        result.refuse(batch_id, refused)
    result.conclude()
    result.seconds = round(time.monotonic() - began, 2)
    return result


def take_back(run: Run, lake: Lake, undo: takeback.Undo) -> None:
    """Take batches back. MainMovedError where something came in between: nothing is changed, look again."""
    plan.list_again(takeback.ledger(lake, undo.taken, undo.hold).free, run.config)
    try:
        with faults.at("claimed"):
            takeback.take(lake, undo)
    except commits.MainMovedError:
        publish.forget(lake, undo.batch_id)
        raise
    with run.phase("publish"):
        finish(run, lake)


def free(run: Run, lake: Lake, batch_id: str, reason: str) -> int:
    """Have the objects of a batch that was given up read again by the next run. Returns how many."""
    objects = stage.held(lake, batch_id)
    plan.list_again(objects, run.config)
    publish.free(lake, batch_id, reason, run.clock())
    return len(objects)


def _settle_left(run: Run, lake: Lake, batch_id: str, wish: Reopened | None, result: Result) -> None:
    written = stage.written(lake, stage.staged(lake, batch_id))
    if written is not None:
        with audit.ready():
            result.findings += settle(run, lake, written, wish).findings
        result.settled.append(batch_id)
    elif wish:  # it died while it was staged anew: what it had written is read again
        free(run, lake, batch_id, wish.reason)
    else:
        publish.forget(lake, batch_id)


def _staged(run: Run, lake: Lake, written: Written) -> Staged | None:
    """The batch on its branches; None where it was settled meanwhile. Another's settling of its objects is an error."""
    log.info("stage: %s", {name: len(made) for name, made in written.files.items()})
    with run.phase("stage"):
        ways = restate.made_way(run.each, lake, written.restates)
        staged = replace(stage.stage(lake, written, run.clock(), restate.changes_of(ways)), ways=ways)
    by = _settled_by(lake, written, staged.on("ledger").base)
    if not by:
        return staged
    publish.forget(lake, written.batch_id)
    if by == written.batch_id:
        return None
    raise OvertakenError(
        f"batch {written.batch_id}: another run ingested the same objects at the same time; nothing is lost or "
        "doubled: run again for what is left"
    )


def _settled_by(lake: Lake, written: Written, base: int) -> str:
    """The batch that was faster than this one: of what it says anew, one that has done so meanwhile."""
    if written.restates is None:
        return stage.settled_by(lake, written.batch_id, written.outcomes, base)
    now, then = stage.before(lake, written.outcomes, base), written.restates.before
    others = [now[each].batch_id if each in now else "another" for each in then if now.get(each) != then[each]]
    return others[0] if others else ""


def _measured(run: Run, lake: Lake, staged: Staged, written: Written) -> Measured:
    log.info("audit: %s", {each.table: each.snapshot for each in staged.tables})
    first = min(o.object.log.day for o in written.outcomes) - timedelta(days=measure.DAYS_BEFORE + 1)
    asked = measure.Asked(run.expectations(), publish.days_since(lake, first), run.clock())
    with run.phase("look"):
        found = measure.measure(lake, staged, written.outcomes, partial(run.each, "audit", inspect.look), asked)
        if written.restates is None:
            return found
        more = restate.differs(run.each, lake, staged, written.restates)
        return replace(found, gauges=(*found.gauges, *more, restate.fewer(written.outcomes, written.restates.before)))


def _judged(run: Run, measured: Measured) -> Verdict:
    with faults.at("audit"), run.phase("judge"):
        return audit.audit(measured, run.expectations(), run.config.quality)


def _decide(run: Run, lake: Lake, verdict: Verdict, written: Written, wish: Reopened) -> None:
    """What passed, or what somebody wants in spite of it, has the claim afterwards; anything else is held."""
    with run.phase("publish"), faults.at("quality_recorded"):
        publish.record(lake, verdict, _totals(written), run.clock())
    forced = wish.force and not audit.is_unreadable(verdict)
    if verdict.passed or (wish.reason and (forced or not audit.breaks_the_lake(verdict))):
        with run.phase("publish"), faults.at("claimed"):
            publish.take_claim(lake, verdict, wish.reason)
        return
    if written.restates:
        publish.refuse(lake, verdict, _totals(written), run.clock())
        raise _refused(run, verdict, refusal.of_restated(verdict, run.config))
    with faults.at("held"):
        publish.hold(lake, verdict, written.outcomes, _totals(written), run.clock())
    raise _refused(run, verdict, refusal.refusal(verdict, run.config, bool(wish.reason)))


def _refused(run: Run, verdict: Verdict, said: str) -> GateError:
    docs = publish.docs_of(run.config.lake, verdict.staged.batch_id)
    return GateError(said, tuple(check.id for check in verdict.broken), docs)


def _show(run: Run, lake: Lake, staged: Staged, ready: StagedTable, turn: lease.Turn) -> None:
    for _ in range(ROUNDS):
        if commits.published_as(lake, ready.table, staged.batch_id):
            return None
        try:
            return publish.show(lake, ready, staged.batch_id)
        except commits.MainMovedError:
            turn.lost()
        if claim.holder(lake) != staged.batch_id:
            return None  # it was brought to its end meanwhile
        with suppress(commits.MainMovedError):
            ready = _attached_anew(run, lake, staged, ready)
    raise TrailhouseError(f"batch {staged.batch_id}: table {ready.table} kept changing in between; run again")


def _attached_anew(run: Run, lake: Lake, staged: Staged, ready: StagedTable) -> StagedTable:
    """
    The same files on what main is now. Who has the claim is alone with it, but for a compaction, which changes no rows.

    That is not taken on trust: what will be visible is audited as it will be.
    """
    if TAKES_BACK in staged.notes:
        return takeback.stage_again(lake, staged, ready)
    written = stage.written(lake, staged)
    assert written is not None, "what has the claim was staged whole"
    files = {**written.files, "ledger": commits.added_files(lake.table("ledger"), staged.on("ledger").snapshot)}
    ways = restate.made_way(run.each, lake, written.restates, (ready.table,))
    notes = staged.notes if ready.table == "ledger" else None
    said = commits.mark(staged.batch_id, notes, change=restate.changes_of(ways).get(ready.table))
    again = commits.stage(lake, ready.table, files[ready.table], said, commits.again(staged.batch_id))
    tables = tuple(again if each.table == again.table else each for each in stage.shown(lake, staged).tables)
    others = frozenset(each.table for each in tables) - {again.table}
    measured = _measured(run, lake, replace(staged, tables=tables, ways=ways, as_before=others), written)
    publish.record(lake, _judged(run, measured), _totals(written), run.clock())
    return again


def _without_twins(run: Run, lake: Lake, written: Written, twins: Sequence[Twins]) -> Written:
    """The same batch, with the files that hold duplicates or conflicts written again."""
    metadata = stage.metadata(lake)
    work = [rewrite.Rewrite(run.config.lake, metadata, each) for each in twins]
    replaced = dict(zip(((t.table, t.file) for t in twins), run.each("rewrite", rewrite.rewrite, work), strict=True))
    files = {
        name: tuple(new for old in made for new in replaced.get((name, old.file_path), (old,)))
        for name, made in written.files.items()
    }
    changes: dict[tuple[str, str], tuple[int, int]] = {}
    for each in twins:
        for place in each.dropped.keys() | each.flagged.keys():
            dropped, flagged = changes.get(place, (0, 0))
            changes[place] = (dropped + each.dropped.get(place, 0), flagged + each.flagged.get(place, 0))
    outcomes = tuple(
        task.adjusted(o, *changes.get((o.object.source_id, o.object.key), (0, 0))) for o in written.outcomes
    )
    return replace(written, files=files, outcomes=outcomes)


def _totals(written: Written) -> dict[str, int]:
    counts = {"pending": len(written.pending), "list_calls": written.list_calls, "bytes_out": written.bytes}
    return task.tallied(written.outcomes) | counts


def _finding(check: Check) -> dict[str, object]:
    return {"table": check.table, "name": check.name, "rows": check.rows, "observed": check.observed}
