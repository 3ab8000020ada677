"""
Mend: what the lake holds is brought up to date with what can be read now.

`redecode` after a change of the decoder or a new column; `quarantine` to see what was set aside, and to empty it. Both
choose rows of the ledger, and hand their objects to the one way in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThanOrEqual,
    In,
    LessThanOrEqual,
    NotEqualTo,
)

from trailhouse import __version__
from trailhouse.errors import UsageError
from trailhouse.ingest import anew, settle
from trailhouse.ingest.job import Run
from trailhouse.ingest.values import Result
from trailhouse.lake import catalog, door
from trailhouse.lake.catalog import Lake
from trailhouse.sources.values import Range

LISTED = ("reason", "kind", "what", "rows", "objects", "bytes", "first_day", "last_day", "first_seen", "last_seen")
SHOWN = ("reason", "source", "key", "record_index", "event_time", "event_name", "raw_size", "quarantined_at", "raw")


def _within(which: Range) -> BooleanExpression:
    """A range, as the ledger and the quarantine are asked for it."""
    asked: BooleanExpression = In("account_id", which.accounts) if which.accounts else AlwaysTrue()
    if which.first:
        asked = And(asked, GreaterThanOrEqual("key_day", which.first.isoformat()))
    if which.last:
        asked = And(asked, LessThanOrEqual("key_day", which.last.isoformat()))
    return asked


# ── redecode ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Outdated:
    """Objects of a range, by whether this very release has decoded them."""

    objects: tuple[Mapping[str, Any], ...]  # rows of the ledger
    up_to_date: int

    @property
    def bytes(self) -> int:
        return sum(row["size"] for row in self.objects)


def outdated(lake: Lake, which: Range, every: bool) -> Outdated:
    """What there is to decode anew in a range: what another release has decoded, or all of it."""
    found = lake.table("ledger").scan(And(_within(which), NotEqualTo("state", "held"))).to_arrow().to_pylist()
    told = lake.table("batches").scan(selected_fields=("batch_id", "version")).to_arrow().to_pylist()
    new = set() if every else {each["batch_id"] for each in told if each["version"] == __version__}
    old = tuple(row for row in found if row["batch_id"] not in new)
    return Outdated(old, len(found) - len(old))


def redecode(going: Run, which: Range, every: bool = False, reason: str = "") -> tuple[Result, int]:
    """Decode the objects of a range anew, and replace their rows. Returns also how many were up to date."""
    going.expectations()  # what is wrong with them is said before any work
    with door.writing(going.config.lake):
        lake = catalog.open_lake(going.config.lake)
        result, began = _begun(going, lake)
        chosen = outdated(lake, which, every)
        if chosen.objects:
            anew.anew(going, lake, chosen.objects, anew.Wish("redecode", reason=reason.strip()), result)
        return _concluded(going, result, began), chosen.up_to_date


# ── quarantine ───────────────────────────────────────────────────────────────────────────────────────────────────────


def quarantined(lake: Lake, which: Range) -> list[dict[str, Any]]:
    """What was set aside and why, the most first."""
    names = ("reason", "kind", "source", "key", "etag", "record_index", "raw_size", "key_day", "quarantined_at")
    found = lake.table("quarantine").scan(_within(which), selected_fields=names).to_arrow()
    found = found.append_column("object", pc.binary_join_element_wise(*(found[n] for n in names[2:5]), "\0"))
    whole = pc.if_else(pc.is_null(found["record_index"]), "objects", "records")
    grouped = (
        found.append_column("what", whole)
        .group_by(["reason", "kind", "what"])
        .aggregate(
            [
                ([], "count_all"),
                ("object", "count_distinct"),
                ("raw_size", "sum"),
                ("key_day", "min"),
                ("key_day", "max"),
                ("quarantined_at", "min"),
                ("quarantined_at", "max"),
            ]
        )
    )
    told = grouped.rename_columns(list(LISTED)).to_pylist()
    return sorted(told, key=lambda row: (-row["rows"], row["reason"], row["kind"], row["what"]))


def rejects(lake: Lake, which: Range, reasons: Sequence[str], key: str, limit: int) -> list[dict[str, Any]]:
    """What was set aside, row by row, the newest first."""
    asked = And(_within(which), _of(reasons, key))
    found = lake.table("quarantine").scan(asked, selected_fields=SHOWN).to_arrow()
    order = [("quarantined_at", "descending"), ("key", "ascending"), ("record_index", "ascending")]
    return [{name: row[name] for name in SHOWN} for row in found.sort_by(order).slice(0, limit).to_pylist()]


def objects(lake: Lake, which: Range, reasons: Sequence[str], key: str) -> list[dict[str, Any]]:
    """The ledger's rows of the objects that have something in quarantine."""
    names = ("source", "key", "etag", "batch_id", "reason")
    found = lake.table("quarantine").scan(And(_within(which), _of(reasons, key)), selected_fields=names).to_arrow()
    if not found.num_rows and (reasons or key):
        raise UsageError("nothing in quarantine is like that: see `trailhouse quarantine list`")
    places = {tuple(row[name] for name in names[:4]) for row in found.to_pylist()}
    batches = {batch for *_, batch in places}
    if not batches:
        return []
    asked = And(_within(which), And(In("batch_id", batches), NotEqualTo("state", "held")))
    told = lake.table("ledger").scan(asked).to_arrow().to_pylist()
    return [row for row in told if tuple(row[name] for name in names[:4]) in places]


def retry(going: Run, which: Range, reasons: Sequence[str] = (), key: str = "", salvage: bool = False) -> Result:
    """Read the objects once more, and take in what is good now; what is no better stays as it is."""
    going.expectations()
    with door.writing(going.config.lake):
        lake = catalog.open_lake(going.config.lake)
        result, began = _begun(going, lake)
        told = objects(lake, which, reasons, key)
        if told:
            anew.anew(going, lake, told, anew.Wish("salvage" if salvage else "retry", True, salvage), result)
        return _concluded(going, result, began)


def _of(reasons: Sequence[str], key: str) -> BooleanExpression:
    asked: BooleanExpression = In("reason", reasons) if reasons else AlwaysTrue()
    return And(asked, EqualTo("key", key)) if key else asked


def _begun(going: Run, lake: Lake) -> tuple[Result, float]:
    """What an earlier run left is brought to its end first, as by any run."""
    result, began = Result(), time.monotonic()
    settle.settle_unfinished(going, lake, result)
    return result, began


def _concluded(going: Run, result: Result, began: float) -> Result:
    result.conclude()
    result.phases = {name: round(seconds, 2) for name, seconds in going.phases.items()}
    result.spark_jobs = dict(going.jobs)
    result.seconds = round(time.monotonic() - began, 2)
    return result
