"""
Whether the tables, the ledger and `batches` tell of the same numbers of rows.

The ledger and `batches` are read for it, a file at a time; of the other tables only what their manifests count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io import FileIO

from trailhouse.ingest.values import ANEW
from trailhouse.lake import catalog, claim, readback, schema
from trailhouse.lake.catalog import Lake
from trailhouse.lake.failures import UNSURE
from trailhouse.upkeep.check_tables import Seen
from trailhouse.upkeep.damage import HELD, INCONSISTENT, UNCHECKED, UNREADABLE, Finding, Report

SUMS = ("objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects", "conflicts")

_LEDGER = ("batch_id", "target", "state", "records", "rows", "duplicates", "quarantined", "conflicts")


@dataclass
class Sums:
    """What the ledger has, summed; and the rows of `batches`."""

    by_batch: dict[str, Counter[str]] = field(default_factory=dict)
    by_table: Counter[str] = field(default_factory=Counter)
    wrong: int = 0  # objects whose own numbers do not add up
    batches: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def can_be_compared(tables: Mapping[str, Seen], report: Report) -> bool:
    """Whether all can be read, and no batch is half-way to readers, so that all tell of the same ones."""
    ledger = tables.get("ledger")
    at_rest = bool(ledger and ledger.table and claim.REF not in ledger.table.metadata.refs)
    return at_rest and not report.blemished() & {*schema.LAKE_TABLES, *schema.OPS_TABLES}


def sums(tables: Mapping[str, Seen], io: FileIO) -> Sums:
    """Read both."""
    made = Sums()
    for rows in _read(tables.get("ledger"), _LEDGER, io, made):
        _add(rows.filter(pc.not_equal(rows["state"], "held")), made)
    for rows in _read(tables.get("batches"), ("batch_id", "state", "reason", "published_at", *SUMS), io, made):
        made.batches += rows.to_pylist()
    return made


def compare(tables: Mapping[str, Seen], made: Sums) -> Iterator[Finding]:
    """Where they disagree."""
    if made.wrong:
        said = f"{made.wrong} objects that do not add up"
        yield Finding(INCONSISTENT, "sum", "ledger", "", "records = rows + duplicates + quarantined", said)
    for name in (*schema.LAKE_TABLES, "quarantine"):
        seen = tables.get(name)
        if seen and seen.table and not seen.deletes and seen.rows != made.by_table[name]:
            said = f"{seen.rows} rows in the table"
            yield Finding(INCONSISTENT, "sum", name, "", f"{made.by_table[name]} rows by the ledger", said)
    yield from _of_batches(made)


def objects(tables: Mapping[str, Seen], lake: Lake) -> dict[tuple[str, str], Counter[str]]:
    """Of each source object, by its source and key, how many rows each table has of it: as the ledger says."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for rows in _read(tables.get("ledger"), ("source", "key", *_LEDGER), catalog.file_io(lake.where), Sums()):
        for row in rows.filter(pc.not_equal(rows["state"], "held")).to_pylist():
            told = found.setdefault((row["source"], row["key"]), Counter())
            told[row["target"]] += row["rows"]
            told["quarantine"] += row["quarantined"]
            told["whole"] += row["state"] == "quarantined"
    return found


def _of_batches(made: Sums) -> Iterator[Finding]:
    told = {each["batch_id"]: each for each in made.batches if each["state"] == "published"}
    if len({each["batch_id"] for each in made.batches}) < len(made.batches):
        yield Finding(INCONSISTENT, "sum", "batches", "", "one row of each batch", "two of some")
    anew = max((each["published_at"] for each in told.values() if each["reason"] in ANEW), default=None)
    for batch_id in sorted(told.keys() | made.by_batch.keys()):
        ledger, batch = made.by_batch.get(batch_id, Counter()), told.get(batch_id)
        # What a later batch has said anew of its objects is no longer a batch's own.
        may_lack = bool(batch and anew and batch["published_at"] < anew)
        wrong = [name for name in SUMS if not _agree(ledger[name], batch[name] or 0 if batch else -1, may_lack)]
        if wrong:
            expected = ", ".join(f"{ledger[name]} {name}" for name in wrong)
            found = ", ".join(f"{batch[name]} {name}" for name in wrong) if batch else "no row that says published"
            yield Finding(INCONSISTENT, "batch", "batches", batch_id, f"{expected} by the ledger", found)


def _agree(ledger: int, batch: int, may_lack: bool) -> bool:
    return ledger == batch or (may_lack and ledger < batch)


def held(made: Sums) -> Iterator[Finding]:
    """Batches that somebody is to settle."""
    for each in made.batches:
        if each["state"] in ("held", "discarded", "reopened"):
            yield Finding(HELD, "batch", "batches", each["batch_id"], "published", each["state"])


def _read(seen: Seen | None, columns: tuple[str, ...], io: FileIO, made: Sums) -> Iterator[pa.Table]:
    if seen is None:
        return
    for file in seen.main:
        try:
            read = readback.read_back(file.path, io, lambda opened: opened.read(list(columns)))
        except UNSURE as error:
            said = " ".join(str(error).split())[:300]
            made.findings.append(Finding(UNCHECKED, "data file", seen.name, file.path, "to be read", said))
            continue
        if read is None:
            made.findings.append(Finding(UNREADABLE, "data file", seen.name, file.path, "rows", "none to be read"))
        else:
            yield read


def _add(rows: pa.Table, made: Sums) -> None:
    sound = pc.equal(rows["records"], pc.add(pc.add(rows["rows"], rows["duplicates"]), rows["quarantined"]))
    made.wrong += rows.num_rows - (pc.sum(pc.cast(sound, pa.int64())).as_py() or 0)
    whole = pc.cast(pc.equal(rows["state"], "quarantined"), pa.int64())
    counted = rows.append_column("quarantined_objects", whole)
    counted = counted.append_column("objects", pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows))
    summed = counted.group_by(["batch_id", "target"]).aggregate([(name, "sum") for name in SUMS])
    for row in summed.to_pylist():
        batch = made.by_batch.setdefault(row["batch_id"], Counter())
        batch.update({name: row[f"{name}_sum"] or 0 for name in SUMS})
        made.by_table[row["target"]] += row["rows_sum"] or 0
        made.by_table["quarantine"] += (row["quarantined_sum"] or 0) + (row["quarantined_objects_sum"] or 0)
