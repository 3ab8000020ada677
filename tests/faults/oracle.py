"""
The oracle of the crash tests: what a lake must hold after all, and what nobody may see of it meanwhile.

Row for row the tables of an undisturbed run, and what the reference reader says; readers never see a snapshot of which no
audit speaks. Reads the lake past any proxy.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError

from tests.buckets import Bucket
from tests.ingest.contents import DATA, MAINTAIN, Contents, holds_together, same_as_model
from trailhouse.errors import TrailhouseError

# What differs between two runs that did the same.
OF_THE_RUN = {"batch_id", "settled_at", "quarantined_at"}
SEEN = (*DATA, "quarantine")


@dataclass
class Read(Contents):
    """A lake read once: what it holds is remembered."""

    kept: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @cached_property
    def catalog(self) -> Catalog:  # type: ignore[override]
        if self.where.catalog == "glue":
            return load_catalog("oracle", type="glue", warehouse=self.where.location, **self.properties)
        return Contents(self.where, self.properties).catalog

    def rows(self, name: str, snapshot: int | None = None) -> list[dict[str, Any]]:
        if snapshot is not None:
            return super().rows(name, snapshot)
        if name not in self.kept:
            self.kept[name] = super().rows(name)
        return self.kept[name]

    def again(self) -> Read:
        """The same lake, as it is now."""
        return Read(self.where, self.properties)

    def pointers(self) -> dict[str, str]:
        """Where the catalog says each table's metadata is: cheap to ask."""
        if self.where.catalog == "glue":
            return self._glue_pointers()
        try:
            with sqlite3.connect(f"file:{self.where.catalog_uri}?mode=ro", uri=True) as opened:
                return dict(opened.execute("SELECT table_name, metadata_location FROM iceberg_tables"))
        except sqlite3.Error:
            return {}

    @cached_property
    def _glue(self) -> Any:
        return boto3.client(
            "glue", endpoint_url=self.properties["glue.endpoint"], region_name="us-east-1",
            aws_access_key_id="x", aws_secret_access_key="x",
        )  # fmt: skip

    def _glue_pointers(self) -> dict[str, str]:
        found = {}
        for database in (self.where.database, self.where.ops_database):
            try:
                for table in self._glue.get_tables(DatabaseName=database)["TableList"]:
                    found[table["Name"]] = table["Parameters"].get("metadata_location", "")
            except self._glue.exceptions.EntityNotFoundException:
                continue
        return found


def content(lake: Contents) -> dict[str, Counter[str]]:
    """All rows of what a run publishes, but for the run's own name and times."""
    return {name: Counter(map(_row, lake.rows(name))) for name in (*SEEN, "ledger")}


def _row(row: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in row.items() if k not in OF_THE_RUN}, default=repr, sort_keys=True)


def complaints(lake: Read, want: dict[str, Counter[str]], bucket: Bucket) -> list[str]:
    """What is wrong with a lake whose runs have all come to an end."""
    found = []
    for name, rows in content(lake).items():
        lost, more = want[name] - rows, rows - want[name]
        if lost or more:
            found.append(
                f"{name}: {sum(lost.values())} rows lost, {sum(more.values())} too many: {str(lost or more)[:300]}"
            )
    checks: tuple[Callable[[], object], ...] = (
        lambda: same_as_model(lake, bucket.listed()),
        lambda: holds_together(lake),
    )
    for check in checks:
        try:
            check()
        except (AssertionError, TrailhouseError) as error:
            found.append(str(error)[:400])
    return found + [f"left behind: {ref}" for ref in sorted(lake.branches())]


class Watcher:
    """Looks at main of every table, again and again, while a block runs; what it must not see, it keeps."""

    def __init__(self, lake: Read, every: float = 0.03) -> None:
        self.lake, self.every = lake, every
        self.complaints: list[str] = []
        self.looks = 0
        self._known: dict[str, str] = {}
        self._audited: set[tuple[str, int]] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.look()

    def _loop(self) -> None:
        while not self._over.wait(self.every):
            self.look()

    def look(self) -> None:
        """Once: every snapshot on a main was audited, and nothing in it failed."""
        self.looks += 1
        now = self.lake.pointers()
        moved = [name for name in SEEN if now.get(name) and now[name] != self._known.get(name)]
        self._known = now
        visible = {(name, snapshot) for name in moved for snapshot in self._shown(name)} - self._audited
        if not visible:
            return
        passed, failed = self._verdicts()
        for name, snapshot in sorted(visible):
            if (name, snapshot) in failed or (name, snapshot) not in passed:
                self.complaints.append(f"main of {name} shows snapshot {snapshot}, which no audit has passed")
        self._audited |= visible

    def _shown(self, name: str) -> list[int]:
        try:
            return [s for s, batch in self.lake.history(name) if batch and not batch.startswith(MAINTAIN)]
        except (NoSuchTableError, KeyError):
            return []  # it is being made

    def _verdicts(self) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """Read after main was: what is shown was recorded before."""
        rows = self.lake.again().rows("quality")
        critical = [row for row in rows if row["severity"] == "critical"]
        failed = {(row["table_name"], row["snapshot_id"]) for row in critical if not row["success"]}
        return {(row["table_name"], row["snapshot_id"]) for row in critical if row["success"]}, failed


def half_shown(lake: Read) -> list[str]:
    """`batches` is written last: where it calls a batch published, every table holds it."""
    found = []
    try:
        told = [row for row in lake.rows("batches") if row["state"] == "published"]
    except (NoSuchTableError, KeyError):
        return []
    shown = {name: {snapshot for snapshot, _ in lake.history(name)} for name in SEEN} if told else {}
    for row in told:
        for name, snapshot in json.loads(row["snapshots"]).items():
            if name in shown and snapshot not in shown[name]:
                found.append(f"`batches` calls {row['batch_id']} published and {name} does not show it")
    return found
