"""
What a lake holds, read with PyIceberg and nothing of the project's, and what must hold of any lake at any time.

The one thing taken from the product is `rebuild.record`, which gives a row's original record back; the tests of decode hold
that to the public records.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table

from tests import model
from tests.ingest.inline import INLINE
from trailhouse import settings
from trailhouse.decode.rebuild import record
from trailhouse.ingest import run
from trailhouse.ingest.values import Result
from trailhouse.sources.values import Range

DATA = ("events", "insight_events", "aggregated_events")
OPS = ("pending", "ledger", "quarantine", "quality", "batches")
BATCH = "trailhouse.batch-id"
MAINTAIN = "maintain "  # how the marks of commits begin that change no row
LINEAGE = {"batch_id", "source", "source_object", "record_index"}
ANEW = {"redecode", "retry", "salvage"}  # why a batch says anew what others have said
CRITICAL = {"accounting", "unique", "schema", "partition", "no_shrink", "looked_at_all"}


def quiet(*_: int) -> None:
    """Nobody watches."""


def config_of(where: settings.Lake, *sources: Any, **batch: Any) -> settings.Settings:
    """Settings of a run; `batch` bounds it, and `listing`, `limits`, `quality` stand for themselves."""
    whole = {name: batch.pop(name) for name in ("listing", "limits", "quality") if name in batch}
    named = tuple(s if isinstance(s, settings.Source) else settings.Source(url=str(s)) for s in sources)
    return settings.Settings(lake=where, sources=named, batch=settings.Batch(**batch), **whole)


def ingest(
    where: settings.Lake,
    *sources: Any,
    session: Any = INLINE,
    fast: bool = True,
    clock: Any = None,
    tell: Any = quiet,
    only: Range | None = None,
    **batch: Any,
) -> Result:
    """One run."""
    more = {"clock": clock} if clock else {}
    return run.ingest(run.Run(config_of(where, *sources, **batch), tell, fast, session=session, **more), only)


@dataclass
class Contents:
    """A lake, as a stranger reads it."""

    where: settings.Lake
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        uri = f"sqlite:///{self.where.catalog_uri}"
        place = self.where.location if "://" in self.where.location else f"file://{self.where.location}"
        return load_catalog(self.where.catalog_name, type="sql", uri=uri, warehouse=place, **self.properties)

    def table(self, name: str) -> Table:
        return self.catalog.load_table((self.where.ops_database if name in OPS else self.where.database, name))

    def rows(self, name: str, snapshot: int | None = None) -> list[dict[str, Any]]:
        return self.table(name).scan(snapshot_id=snapshot).to_arrow().to_pylist()

    def heads(self) -> dict[str, int]:
        return {name: self.table(name).metadata.refs["main"].snapshot_id for name in (*DATA, *OPS)}

    def history(self, name: str) -> list[tuple[int, str | None]]:
        """Main's snapshots, newest first: (id, batch)."""
        metadata = self.table(name).metadata
        found, at = [], metadata.snapshot_by_id(metadata.refs["main"].snapshot_id)
        while at is not None:
            found.append((at.snapshot_id, at.summary.additional_properties.get(BATCH)))
            at = metadata.snapshot_by_id(at.parent_snapshot_id) if at.parent_snapshot_id else None
        return found

    def branches(self) -> set[str]:
        return {f"{name}/{ref}" for name in (*DATA, *OPS) for ref in self.table(name).metadata.refs if ref != "main"}

    def published(self) -> Counter:
        """As `model.Lake.published`: (table, account, region, event id, sha256 of the canonical form, conflict)."""
        return Counter(
            (
                name,
                row["account_id"],
                row["region"],
                row["event_id"] or None,
                _form(row, name),
                "id_conflict" in (row["parse_flags"] or ()),
            )
            for name in DATA
            for row in self.rows(name)
        )

    def without_lineage(self) -> Counter:
        """Every row but for where it came from; `path_mismatch` hangs on the key and is left out as well."""
        return Counter((name, _bare(row)) for name in DATA for row in self.rows(name))


def _form(row: dict[str, Any], name: str) -> str:
    return hashlib.sha256(model.canonical(record(row, name)).encode("utf-8", "surrogatepass")).hexdigest()


def _bare(row: dict[str, Any]) -> str:
    flags = sorted(set(row["parse_flags"] or ()) - {"path_mismatch"})
    return json.dumps(
        {k: v for k, v in row.items() if k not in LINEAGE} | {"parse_flags": flags}, default=repr, sort_keys=True
    )


def holds_together(lake: Contents) -> None:
    """
    Nothing lost, from the tables alone: for every object of the ledger records = rows + duplicates + quarantined, and the
    tables hold just that many of it; every batch has its row, with the sums; one row per key but for conflicts.
    """
    ledger = lake.rows("ledger")
    data = {name: lake.rows(name) for name in DATA}
    quarantine = lake.rows("quarantine")
    rows = Counter((n, r["source"], r["source_object"], r["batch_id"]) for n in DATA for r in data[n])
    held = Counter(
        (q["source"], q["key"], q["etag"], q["batch_id"]) for q in quarantine if q["record_index"] is not None
    )
    whole = Counter(
        (q["source"], q["key"], q["etag"], q["batch_id"], q["reason"]) for q in quarantine if q["record_index"] is None
    )
    generations = Counter((o["source"], o["key"], o["etag"]) for o in ledger)
    assert set(generations.values()) <= {1}, f"settled twice: {[k for k, n in generations.items() if n > 1]}"
    sums: dict[str, Counter] = {}
    for o in ledger:
        assert o["state"] in ("done", "quarantined", "held"), o
        if o["state"] == "held":
            continue
        assert o["records"] == o["rows"] + o["duplicates"] + o["quarantined"], o
        place = (o["source"], o["key"], o["batch_id"])
        assert rows.pop((o["target"], *place), 0) == o["rows"], f"the table does not hold what the ledger says: {o}"
        assert held.pop((o["source"], o["key"], o["etag"], o["batch_id"]), 0) == o["quarantined"], o
        if o["state"] == "quarantined":
            assert whole.pop((o["source"], o["key"], o["etag"], o["batch_id"], o["reason"]), 0) == 1, o
            assert o["records"] == 0 or "salvaged" in o["flags"], o
        batch = sums.setdefault(o["batch_id"], Counter())
        batch["objects"] += 1
        for name in ("records", "rows", "duplicates", "quarantined", "conflicts"):
            batch[name] += o[name]
    assert not rows and not held and not whole, f"nothing accounts for {rows} {held} {whole}"
    batches = {b["batch_id"]: b for b in lake.rows("batches")}
    assert len(batches) == len(lake.rows("batches")), "a batch has two rows"
    published = {i for i, b in batches.items() if b["state"] == "published"}
    anew = max((batches[i]["published_at"] for i in published if batches[i]["reason"] in ANEW), default=None)
    assert sums.keys() == published if not anew else sums.keys() <= published, (
        "a batch without its row in `batches`, or a row without one"
    )
    for batch_id, sum_ in sums.items():
        told = {name: batches[batch_id][name] for name in sum_}
        # Of a batch before one that says its objects anew, the ledger may hold less than it had.
        assert told == dict(sum_) or (
            anew and batches[batch_id]["published_at"] < anew and all(told[n] >= sum_[n] for n in sum_)
        ), batch_id
    for name in DATA:
        keys = Counter(
            (r["account_id"], r["region"], r["event_date"], r["event_id"] or r["content_hash"])
            for r in data[name]
            if "id_conflict" not in (r["parse_flags"] or ())
        )
        assert set(keys.values()) <= {1}, f"{name}: a key with two rows"
    only_audited(lake)


def only_audited(lake: Contents) -> None:
    """P11: each snapshot that readers see was audited, exactly that one, by every check, and passed or was released."""
    quality = lake.rows("quality")
    batches = {b["batch_id"]: b for b in lake.rows("batches")}
    released = {i for i, b in batches.items() if b["reason"] and b["reason"] not in ANEW}
    passed = {
        (q["table_name"], q["snapshot_id"], q["name"]) for q in quality if q["severity"] == "critical" and q["success"]
    }
    accounted = {q["batch_id"] for q in quality if q["name"] == "accounting" and q["success"]}
    for name in (*DATA, "quarantine"):
        for snapshot, batch in lake.history(name):
            if batch is None or batch in released or batch.startswith(MAINTAIN):
                continue
            if batch.endswith(" before"):  # of what gives way: what is audited comes on top, in the same commit
                continue
            asked = CRITICAL - {"accounting"} - ({"partition"} if name == "quarantine" else set())
            asked |= {"gave_way"} if batches.get(batch, {}).get("reason") in ANEW else set()
            missing = {c for c in asked if (name, snapshot, c) not in passed}
            assert not missing and batch in accounted, (
                f"main of {name} shows {batch}, of which no audit says {missing or 'accounting'}"
            )


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def same_as_model(lake: Contents, objects: list[tuple[str, bytes]]) -> None:
    """What one batch of these objects publishes, by the reference reader."""
    want = model.lake(objects)
    assert lake.published() == want.published
    assert Counter(q["reason"].split(":")[0] for q in lake.rows("quarantine")) == Counter(
        {r.split(":")[0]: 0 for r in want.reasons} | _by_word(want.reasons)
    )
    ledger = {o["key"]: o for o in lake.rows("ledger")}
    assert ledger.keys() == want.objects.keys()
    for name, counts in want.objects.items():
        got = ledger[name]
        assert {f: got[f] for f in ("records", "rows", "duplicates", "quarantined", "conflicts")} == {
            f: getattr(counts, f) for f in ("records", "rows", "duplicates", "quarantined", "conflicts")
        }, name


def _by_word(reasons: Counter) -> Counter:
    found: Counter = Counter()
    for reason, count in reasons.items():
        found[reason.split(":")[0]] += count
    return found
