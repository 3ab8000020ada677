"""
Anew: objects that the lake has settled are read and decoded once more, and what it says of them is replaced.

Batch by batch, each as a whole or not at all. What can't be read now stays as it is; so does what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from trailhouse import faults, settings
from trailhouse.decode import salvage
from trailhouse.errors import GateError
from trailhouse.ingest import audit, plan, settle, stage
from trailhouse.ingest.job import Run
from trailhouse.ingest.run import count, write
from trailhouse.ingest.values import Before, Generation, Object, Outcome, Plan, Restates, Result, Written, too_large
from trailhouse.lake import seals
from trailhouse.lake.catalog import Lake
from trailhouse.sources.listing import source_id


@dataclass(frozen=True, slots=True)
class Wish:
    """Why objects are read anew, and how."""

    why: str  # a word, kept with the batches
    better_only: bool = False  # an object is replaced only where more of it can be read than before
    salvaging: bool = False
    reason: str = ""  # why objects may come out with fewer records than they had


def anew(run: Run, lake: Lake, told: Sequence[Mapping[str, Any]], wish: Wish, result: Result) -> None:
    """Read the objects of these rows of the ledger, and replace what the lake says of them."""
    run.config = replace(run.config, sources=tuple(_sources(run.config.sources, told)))
    cut = [row for row in told if salvage.FLAG in (row["flags"] or ())]
    whole = [row for row in told if salvage.FLAG not in (row["flags"] or ())]
    known = {_place(row): stage.before_of(row) for row in told}
    done = 0
    with audit.ready():
        # What was salvaged once is read so again, or its rows would go.
        for rows, salvaging in ((whole, wish.salvaging), (cut, True)):
            objects = sorted(_objects(run.config.sources, rows, wish), key=plan.oldest_first)
            for batch in plan.batches(objects, run.config.batch, run.clock()):
                with seals.kept(run.config.lake):
                    written = _written(run, lake, batch, (done, len(told), result.records), salvaging)
                    done += len(batch.objects)
                    before = {stage.generation(o): _known(known, o) for o in written.outcomes}
                    _replace(run, lake, replace(written, restates=Restates(wish.why, before)), wish, result)


def _written(run: Run, lake: Lake, batch: Plan, so_far: tuple[int, int, int], salvaging: bool) -> Written:
    with faults.at("plan_written"):
        plan.write_down(batch, run.config.lake)
    return write(run, lake, batch, so_far, salvaging)


def _replace(run: Run, lake: Lake, written: Written, wish: Wish, result: Result) -> None:
    """What was read takes the place of what the lake says, where the audit passes it."""
    result.pending += len(written.pending)
    result.problems += [{"where": p.key, "reason": p.reason, "detail": p.detail} for p in written.pending]
    if not written.outcomes:
        return  # nothing could be read, or nothing comes out better than it was
    try:
        settled = settle.settle(run, lake, written, settle.Reopened(wish.reason))
    except GateError as refused:
        result.refused.append(str(refused))
    else:
        count(result, settled, run.config)


def _known(known: Mapping[Generation, Before], outcome: Outcome) -> Before:
    """What the ledger said of an object, also where nobody had read it."""
    return known.get(stage.generation(outcome)) or known[stage.unread(outcome)]


def _objects(sources: Sequence[settings.Source], told: Sequence[Mapping[str, Any]], wish: Wish) -> Iterator[Object]:
    numbers = {source_id(source): number for number, source in enumerate(sources)}
    for row in told:
        place = replace(stage.object_of(row), source=numbers[row["source"]])
        if place.etag == too_large(place.size):  # nobody has read it
            place = replace(place, etag="")
        yield replace(place, before=stage.before_of(row)) if wish.better_only else place


def _sources(given: Sequence[settings.Source], told: Sequence[Mapping[str, Any]]) -> Iterator[settings.Source]:
    """Where the objects are read from: as the settings say, else as the ledger does, with the credentials at hand."""
    yield from given
    for name in sorted({row["source"] for row in told} - {source_id(each) for each in given}):
        place = urlsplit(name)
        yield settings.Source(name if place.scheme == "s3" else str(Path(unquote(place.path))))


def _place(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (row["source"], row["key"], row["etag"])
