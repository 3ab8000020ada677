"""
Anew: objects that the lake has settled are read and decoded once more, and what it says of them is replaced.

Batch by batch, each as a whole or not at all. What can't be read now stays as it is; so does what is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from trailhouse import faults, settings
from trailhouse.errors import GateError
from trailhouse.ingest import audit, plan, settle, stage
from trailhouse.ingest.job import Run
from trailhouse.ingest.run import count, write
from trailhouse.ingest.values import Before, Object, Restates, Result, too_large
from trailhouse.lake.catalog import Lake
from trailhouse.sources.listing import source_id

log = logging.getLogger("trailhouse.ingest")


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
    objects = sorted(_objects(run.config.sources, told, wish), key=plan.oldest_first)
    known = {_place(row): _before(row) for row in told}
    done = 0
    with audit.ready():
        for batch in plan.batches(objects, run.config.batch, run.clock()):
            with faults.at("plan_written"):
                plan.write_down(batch, run.config.lake)
            written = write(run, lake, batch, (done, len(objects), result.records), wish.salvaging)
            done += len(batch.objects)
            result.pending += len(written.pending)
            result.problems += [{"where": p.key, "reason": p.reason, "detail": p.detail} for p in written.pending]
            if not written.outcomes:
                continue  # nothing could be read, or nothing comes out better than it was
            before = {
                stage.generation(o): known.get(stage.generation(o)) or known[stage.unread(o)] for o in written.outcomes
            }
            written = replace(written, restates=Restates(wish.why, before))
            try:
                settled = settle.settle(run, lake, written, settle.Reopened(wish.reason))
            except GateError as refused:
                result.refuse(batch.batch_id, refused)
            else:
                count(result, settled, run.config)


def _objects(sources: Sequence[settings.Source], told: Sequence[Mapping[str, Any]], wish: Wish) -> Iterator[Object]:
    numbers = {source_id(source): number for number, source in enumerate(sources)}
    for row in told:
        place = replace(stage.object_of(row), source=numbers[row["source"]])
        if place.etag == too_large(place.size):  # nobody has read it
            place = replace(place, etag="")
        yield replace(place, before=_before(row)) if wish.better_only else place


def _sources(given: Sequence[settings.Source], told: Sequence[Mapping[str, Any]]) -> Iterator[settings.Source]:
    """Where the objects are read from: as the settings say, else as the ledger does, with the credentials at hand."""
    yield from given
    for name in sorted({row["source"] for row in told} - {source_id(each) for each in given}):
        place = urlsplit(name)
        yield settings.Source(name if place.scheme == "s3" else str(Path(unquote(place.path))))


def _before(row: Mapping[str, Any]) -> Before:
    names = ("batch_id", "target", "records", "rows", "duplicates", "quarantined", "reason")
    return Before(*(row[name] for name in names))


def _place(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (row["source"], row["key"], row["etag"])
