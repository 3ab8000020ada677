"""
Batches, and what is to become of those that the gate refused: see why, look at the rows, release, try again, give up.

A refused batch is invisible and its objects are held: nothing reads them again until somebody says so here. Whatever is
done goes in by the same door as any batch: staged on what is there now, audited, published, the ledger after the rows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import And, EqualTo

from trailhouse.errors import UsageError
from trailhouse.ingest import audit, publish, rules, settle, stage
from trailhouse.ingest.job import Run
from trailhouse.ingest.values import Object, Result
from trailhouse.lake import catalog, claim, commits, door, readback, schema
from trailhouse.lake.catalog import Lake
from trailhouse.lake.expectations import Expectation
from trailhouse.lake.rows import table_of
from trailhouse.sources.listing import source_id

WORD = " (flag)"  # behind a word that an expectation has the name of

log = logging.getLogger("trailhouse.upkeep")

LISTED = ("batch_id", "state", "objects", "records", "rows", "quarantined", "published_at", "reason")
CHECKED = ("table_name", "name", "severity", "success", "rows", "observed", "checked_at")

# What says best which record a row is; the columns that an expectation is about come on top.
_SHOWN = ("event_time", "event_source", "event_name", "actor", "event_id", "source_object", "record_index")
_SHOWN_OF = {
    "quarantine": ("reason", "key", "record_index", "event_time", "event_name", "raw_size"),
    "ledger": ("key", "state", "reason", "records", "rows", "duplicates", "quarantined", "conflicts"),
}


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of one batch."""

    batch: dict[str, Any]
    checks: list[dict[str, Any]]  # what failed first
    data_docs: str


def listed(lake: Lake, state: str = "", limit: int = 20) -> list[dict[str, Any]]:
    """The newest batches, and before them those that an interrupted run has left to be settled."""
    found = lake.table("batches").scan(selected_fields=LISTED).to_arrow().to_pylist()
    known = {each["batch_id"] for each in found}
    unfinished = dict.fromkeys(LISTED) | {"state": "unfinished"}
    found += [unfinished | {"batch_id": b} for b in _unfinished(lake) if b not in known]
    found = [each for each in found if state in ("", each["state"])]
    return sorted(found, key=_newest, reverse=True)[:limit]


def _newest(batch: Mapping[str, Any]) -> tuple[bool, str, str]:
    """What is not settled yet is newer than anything that is."""
    settled = batch["published_at"]
    return settled is None, str(settled), batch["batch_id"]


def story(lake: Lake, batch_id: str) -> Story:
    """One batch: its row, every result of its last audit, and where its Data Docs are."""
    told = _row(lake, batch_id)
    read = lake.table("quality").scan(f"batch_id = '{batch_id}'", selected_fields=CHECKED).to_arrow().to_pylist()
    last = max((each["checked_at"] for each in read), default=None)
    checks = [each for each in read if each["checked_at"] == last]
    checks.sort(key=lambda each: (each["success"], each["severity"], each["table_name"], each["name"]))
    return Story(told, checks, publish.docs_of(lake.where, batch_id))


def rows(
    lake: Lake, batch_id: str, which: str, expectations: Sequence[Expectation], limit: int
) -> tuple[tuple[str, ...], pa.Table]:
    """
    Rows of a batch, published or not: of a table, or those that break an expectation ("events.event_version:in").

    Returns the columns that tell most, and the rows whole.
    """
    _row(lake, batch_id)
    table, _, name = which.partition(".")
    if table == "quality":
        raise UsageError(
            f"{which} is about the audit itself and no rows: `trailhouse batch show {batch_id}` tells more"
        )
    if table not in stage.ORDER:
        raise UsageError(f"there is no table {table}: give one of {', '.join(stage.ORDER)}, or TABLE.EXPECTATION")
    broken = next((each for each in expectations if (each.table, each.name) == (table, name)), None)
    word = name.removesuffix(WORD)
    if name and not broken:
        _check_name(lake, batch_id, table, name, expectations)
    shown = _SHOWN_OF.get(table, _SHOWN if table == "events" else tuple(schema.arrow_schema(table).names[:8]))
    found = _found(lake, batch_id, table, limit, lambda read: _picked(read, word, broken))
    if not (found.num_rows or broken or not name or name in audit.OF_A_BATCH):
        raise UsageError(
            f"no row of batch {batch_id} has {which}: where it is an expectation of your own, name its file with "
            "--quality-expectations"
        )
    more = tuple(c for c in broken.columns if c not in shown) if broken else ()
    return (*shown, *more), found


def _check_name(lake: Lake, batch_id: str, table: str, name: str, expectations: Sequence[Expectation]) -> None:
    """What a batch was judged by, and the words that it was found to have, stand in `quality`."""
    which = And(EqualTo("batch_id", batch_id), EqualTo("table_name", table))
    told = lake.table("quality").scan(which, selected_fields=("name",)).to_arrow()["name"].to_pylist()
    known = {*told, *(each.name for each in expectations if each.table == table)}
    if not known & {name, name.removesuffix(WORD)}:
        names = ", ".join(f"{table}.{each}" for each in sorted(known)) or f"{table} alone"
        raise UsageError(f"batch {batch_id} was not judged by {table}.{name}: known are {names}")


def release(going: Run, batch_id: str, reason: str, force: bool) -> Result:
    """Publish a held batch whatever the audit says; of one that was given up, have the objects read again."""
    if not reason.strip():
        raise UsageError('say why: --reason "…"; it is kept with the batch')
    return _reopened(going, batch_id, settle.Reopened(reason.strip(), force))


def retry(going: Run, batch_id: str) -> Result:
    """Audit a held batch again; of one that was given up, have the objects read again."""
    return _reopened(going, batch_id, settle.Reopened())


def discard(going: Run, batch_id: str, reason: str) -> None:
    """
    Give a batch up: a held one, whose objects stay held, or one that an interrupted run has left unfinished.

    The objects of an unfinished one are in no ledger: the next run reads them again.
    """
    with door.writing(going.config.lake):
        lake = catalog.open_lake(going.config.lake)
        state = _state(lake, batch_id)
        if state == "unfinished":
            publish.forget(lake, batch_id)
        elif state == "held":
            publish.discard(lake, batch_id, reason.strip(), going.clock())
        else:
            raise UsageError(f"batch {batch_id} is {state}: only a held or unfinished batch can be discarded")


def _reopened(going: Run, batch_id: str, wish: settle.Reopened) -> Result:
    going.expectations()  # what is wrong with them is said before any work
    with door.writing(going.config.lake):
        lake = catalog.open_lake(going.config.lake)
        state = _state(lake, batch_id)
        if state == "discarded":
            check_sources(going, stage.held(lake, batch_id))
            freed = settle.free(going, lake, batch_id, wish.reason)
            return Result(batch_id=batch_id, status="freed", objects=freed)
        if state not in ("held", "reopened"):
            raise UsageError(f"batch {batch_id} is {state}: only a held or discarded batch can be released or retried")
        return settle.reopen(going, lake, batch_id, wish)


def check_sources(going: Run, objects: Sequence[Object]) -> None:
    """A bucket's old folders are listed again only where it is known that they must be."""
    known = {source_id(source) for source in going.config.sources}
    for each in sorted({o.source_id for o in objects} - known):
        if each.startswith("s3://"):
            raise UsageError(f"objects of {each} are to be read again: give the settings file that names it (--config)")


def _row(lake: Lake, batch_id: str) -> dict[str, Any]:
    told = publish.row(lake, batch_id)
    if not told and batch_id in _unfinished(lake):
        return dict.fromkeys(LISTED) | {"batch_id": batch_id, "state": "unfinished"}
    if not told:
        raise UsageError(f"there is no batch {batch_id}: see `trailhouse batch list`")
    return told


def _state(lake: Lake, batch_id: str) -> str:
    """What has the claim is as good as published."""
    return "on its way to readers" if claim.holder(lake) == batch_id else str(_row(lake, batch_id)["state"])


def _unfinished(lake: Lake) -> dict[str, list[str]]:
    """Batches that an interrupted run has left, or that a run is at."""
    return commits.unsettled(lake, (*stage.ORDER, "batches"))


def _found(lake: Lake, batch_id: str, table: str, limit: int, pick: Any) -> pa.Table:
    if table == "ledger":  # main's rows say what became of the objects, such as that they are held
        told = lake.table(table).scan(EqualTo("batch_id", batch_id)).to_arrow()
        if told.num_rows:
            return table_of(table, pick(told).slice(0, limit).to_pylist())
    ready = commits.staged(lake, table, batch_id) or commits.published_as(lake, table, batch_id)
    none = schema.arrow_schema(table).empty_table()
    if ready is None:  # nothing of it is there, or its snapshot has expired
        found = lake.table(table).scan(EqualTo("batch_id", batch_id)).to_arrow()
        return table_of(table, pick(found).slice(0, limit).to_pylist()) if found.num_rows else none
    io = catalog.file_io(lake.where)
    shown, missing = [none], limit
    for file in commits.added_files(lake.table(table), ready.snapshot):
        read = readback.read_back(file.file_path, io, pq.ParquetFile.read)
        if read is None:
            said = "the data file %s is gone or damaged: none of its %d rows can be shown; discard the batch, then "
            said += "retry it, to have its objects read anew"
            log.warning(said, file.file_path, file.record_count)
            continue
        picked = pick(read).slice(0, missing)
        shown.append(table_of(table, picked.to_pylist()))  # whatever columns a broken file has
        missing -= picked.num_rows
        if missing <= 0:
            break
    return pa.concat_tables(shown)


def _picked(read: pa.Table, name: str, broken: Expectation | None) -> pa.Table:
    """The rows that break the expectation, or have the flag or reason of that name; all where it is about no rows."""
    if broken:
        return read.filter(pa.array(rules.judge(read, broken)[0]))
    if name == stage.CHANGED and "flags" in read.column_names:
        return read.filter(_with_word(read["flags"], name))
    if not name or name in audit.OF_A_BATCH:
        return read
    if "parse_flags" in read.column_names:
        return read.filter(_with_word(read["parse_flags"], name))
    return read.filter(pc.equal(read["reason"], name)) if "reason" in read.column_names else read


def _with_word(flags: pa.ChunkedArray, word: str) -> pa.Array:
    return pa.array([word in (words or ()) for words in flags.to_pylist()], pa.bool_())
