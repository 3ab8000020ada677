"""
What the steps of an ingest hand to each other: each step knows only the value of the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from pyiceberg.manifest import DataFile

from trailhouse.decode.values import Delivered
from trailhouse.errors import GateError
from trailhouse.lake.commits import StagedTable
from trailhouse.sources.keys import LogKey


@dataclass(frozen=True, slots=True)
class Before:
    """What the ledger says of an object that a batch says anew."""

    batch_id: str
    table: str  # that its records are rows of
    records: int
    rows: int
    duplicates: int
    quarantined: int
    reason: str | None

    @property
    def kept(self) -> int:
        """Records that are rows, its own or a twin's."""
        return self.rows + self.duplicates

    @property
    def rejects(self) -> int:
        """Its rows of the quarantine."""
        return self.quarantined + (self.reason is not None)

    def is_bettered(self, rows: int, rejects: int, reason: str | None) -> bool:
        """Whether more of the object can be read now, or something else is said of what can't."""
        return (rows, -rejects) > (self.kept, -self.rejects) or (
            (rows, rejects) == (self.kept, self.rejects) and reason != self.reason
        )


@dataclass(frozen=True, slots=True)
class Object:
    """A log file to be read: exactly this generation of it."""

    source: int  # which of the settings' sources
    source_id: str
    key: str
    etag: str  # "" for a local file that nobody has read yet
    size: int
    modified: datetime | None
    log: LogKey
    regenerated: bool = False  # another generation of it was settled before
    before: Before | None = None  # where it is only wanted if more of it can be read than then

    @property
    def delivered(self) -> Delivered:
        return Delivered(self.source_id, self.key, self.log.kind, self.log.account_id, self.log.region)


def too_large(size: int) -> str:
    """What stands for the etag of a local file that was too large to be read."""
    return f"size:{size}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One batch: what will be read. Written down before any work."""

    batch_id: str
    objects: tuple[Object, ...]
    planned_at: datetime

    @property
    def bytes(self) -> int:
        return sum(o.size for o in self.objects)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object: a row of the ledger."""

    object: Object
    etag: str
    stored_sha256: str
    sha256: str
    inflated_bytes: int
    flags: tuple[str, ...]
    records: int
    rows: int
    duplicates: int
    quarantined: int
    conflicts: int
    reason: str | None  # why the object as a whole was quarantined


@dataclass(frozen=True, slots=True)
class PendingObject:
    """An object that could not be read for now. It is planned again by the next run."""

    source_id: str
    key: str
    reason: str
    detail: str


Generation = tuple[str, str, str]  # source, key and etag of an object


@dataclass(frozen=True, slots=True)
class Restates:
    """What a batch says anew: objects that others have settled, whose rows give way."""

    why: str
    before: Mapping[Generation, Before]


@dataclass(frozen=True, slots=True)
class Cleared:
    """A published file that holds rows which give way, and the files with what is left of it."""

    file: str
    remains: tuple[DataFile, ...]
    gone: int  # rows


@dataclass(frozen=True, slots=True)
class Way:
    """What gives way on one table, as seen on one snapshot of it."""

    base: int
    gone: tuple[DataFile, ...]
    cleared: tuple[Cleared, ...]

    @property
    def remains(self) -> tuple[DataFile, ...]:
        """The files that come instead."""
        return tuple(file for each in self.cleared for file in each.remains)


@dataclass(frozen=True, slots=True)
class Written:
    """Data files that lie in the warehouse and that no table knows of yet."""

    batch_id: str
    files: Mapping[str, tuple[DataFile, ...]]  # table -> its files
    outcomes: tuple[Outcome, ...]
    pending: tuple[PendingObject, ...]
    list_calls: int = 0  # that the run made, told with its first batch
    restates: Restates | None = None

    @property
    def bytes(self) -> int:
        return sum(file.file_size_in_bytes for made in self.files.values() for file in made)


# In the summary of the ledger's staged snapshot: why a batch says anew what others have said; that it takes some back.
RESTATES, TAKES_BACK = "trailhouse.restates", "trailhouse.takes-back"
ANEW = ("redecode", "retry", "salvage")  # why a batch says anew what others have said


@dataclass(frozen=True, slots=True)
class Staged:
    """The batch on branches of the tables, the ledger's rows among them."""

    batch_id: str
    tables: tuple[StagedTable, ...]
    notes: Mapping[str, str] = field(default_factory=dict)  # in the summary of the ledger's snapshot
    ways: Mapping[str, Way] = field(default_factory=dict)  # of tables on which rows give way to it
    as_before: frozenset[str] = frozenset()  # tables that an earlier audit has found to be right, and that stand

    @property
    def restates(self) -> str:
        """Why it says anew what others have said; "" where it does not."""
        return self.notes.get(RESTATES, "")

    def on(self, table: str) -> StagedTable:
        """What it has on a table that it touches."""
        (ready,) = (each for each in self.tables if each.table == table)
        return ready


@dataclass(frozen=True, slots=True)
class Twins:
    """Rows of one staged file that are there already, or whose key another record has."""

    table: str
    file: str
    duplicates: tuple[int, ...]  # places in the file
    conflicts: tuple[int, ...]
    dropped: Mapping[tuple[str, str], int]  # (source, key) of an object -> its rows among the duplicates
    flagged: Mapping[tuple[str, str], int]  # the same of conflicts; below zero where a flagged row is a duplicate


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that the audit measured of a table's staged rows, and in words what it says."""

    table: str
    name: str
    value: float
    rows: int  # how many rows it is about
    observed: str  # counts and ids, never a record's values

    @property
    def id(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is expected of a gauge. Each must be judged, or the batch has not passed."""

    table: str
    name: str
    severity: Literal["critical", "warning"]
    at_most: float
    doc: str

    @property
    def id(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of exactly the staged snapshots, before anything is judged."""

    staged: Staged
    gauges: tuple[Gauge, ...]
    twins: tuple[Twins, ...]
    days: Mapping[date, tuple[int, int]]  # day of an event -> rows, and those of them with an error code


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the audit, or one finding. A row of the table `quality`."""

    table: str
    snapshot: int | None
    name: str
    severity: Literal["critical", "warning"]
    success: bool
    observed: str  # counts and ids, never a record's values
    rows: int

    @property
    def id(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the audit says of exactly the staged snapshots."""

    measured: Measured
    wanted: tuple[Wanted, ...]
    checks: tuple[Check, ...]
    pages: Mapping[str, bytes] = field(default_factory=dict)  # Data Docs: path -> content

    @property
    def staged(self) -> Staged:
        return self.measured.staged

    @property
    def broken(self) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if c.severity == "critical" and not c.success)

    @property
    def findings(self) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if c.severity == "warning" and not c.success)

    @property
    def passed(self) -> bool:
        """Whether it is proven: something was expected, each of it was judged, and nothing critical failed."""
        judged = {check.id for check in self.checks}
        return bool(self.wanted) and {each.id for each in self.wanted} <= judged and not self.broken


@dataclass(slots=True)
class Result:
    """What a run did, for people and for schedulers."""

    batch_id: str | None = None
    status: str = "nothing_to_do"
    batches: list[str] = field(default_factory=list)
    objects: int = 0
    records: int = 0
    rows: int = 0
    duplicates: int = 0
    quarantined: int = 0
    quarantined_objects: int = 0
    conflicts: int = 0
    pending: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    list_calls: int = 0
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)  # seconds of each part of the run
    spark_jobs: dict[str, int] = field(default_factory=dict)
    data_docs: str | None = None  # where the last batch's audit can be read
    held: list[str] = field(default_factory=list)  # batches that the gate refused
    refused: list[str] = field(default_factory=list)  # what it said of them
    refusals: list[dict[str, Any]] = field(default_factory=list)  # the same for schedulers: batch, what failed, docs
    settled: list[str] = field(default_factory=list)  # batches of earlier runs that this one brought to an end
    findings: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    def conclude(self) -> None:
        """Say in one word how it went."""
        if self.refused:
            self.status = "refused"
        elif self.problems:
            self.status = "partial"
        else:
            self.status = "published" if self.batches or self.settled else "nothing_to_do"

    def refuse(self, batch_id: str, said: GateError) -> None:
        """Note that the gate holds a batch."""
        self.held.append(batch_id)
        self.refused.append(str(said))
        self.refusals.append(
            {"batch_id": batch_id, "expectations": list(said.expectations), "data_docs": said.data_docs}
        )
