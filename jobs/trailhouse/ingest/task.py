"""
What a worker does with some objects: fetch, decode, drop duplicates, write data files, say what became of each.

Runs in a Spark task, without a catalog and without a checkout. It never raises for what is wrong with an object. Files
of a lost attempt stay behind as orphans; only what the surviving attempt returns is ever committed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile

from trailhouse import faults, settings
from trailhouse.decode import Account, Decoded, Delivered, Limits, Reject, parts
from trailhouse.decode.canonical import form
from trailhouse.decode.parse import OBJECT_KEPT
from trailhouse.decode.rebuild import record
from trailhouse.ingest import duplicates
from trailhouse.ingest.values import Object, Outcome, PendingObject, too_large
from trailhouse.lake import catalog, pages, rows, schema, write
from trailhouse.sources.listing import source_id
from trailhouse.sources.objects import Fetched, Pending, ReadLimits, TooLarge, ToRead, fetch, reader_for

# Rows held before they are written: bounds a worker's memory whatever the objects inflate to.
HELD_BYTES = 96 * 2**20

# Stored bytes decoded together: enough that a column's fixed cost is shared, little enough to inflate at once.
TOGETHER_BYTES = 2**20


Waiting = Sequence[tuple[Object, Fetched]]


@dataclass(frozen=True)
class Work:
    """One task: its objects, and all that a worker needs to know."""

    batch_id: str
    now: datetime
    lake: settings.Lake
    sources: tuple[settings.Source, ...]
    limits: Limits
    threads: int
    fast: bool
    tables: Mapping[str, str]  # table -> its metadata, as text
    objects: tuple[Object, ...]
    tally: Mapping[str, Any]  # accumulators: objects, records
    salvaging: bool = False  # of what was cut short, take the records that are whole


@dataclass
class Done:
    """What a task returns."""

    files: dict[str, list[DataFile]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    pending: list[PendingObject] = field(default_factory=list)


def work(task: Work) -> Done:
    """Do it. A task of no objects is a rehearsal: it uses what every task does, and returns nothing."""
    writer = _Writer(task)
    if not task.objects:
        _rehearse(task)
    for wanted, got in _read(task):
        if isinstance(got, Pending):
            writer.done.pending.append(PendingObject(wanted.source_id, wanted.key, got.reason, got.detail))
        elif isinstance(got, TooLarge):
            writer.settle(wanted, got.object.etag or too_large(got.size), "", _too_large(got))
        else:
            writer.take(wanted, got)
    writer.decode()
    writer.flush()
    # The worker lives on for other tasks: what the allocator kept for itself would add up.
    pa.default_memory_pool().release_unused()
    return writer.done


def _rehearse(task: Work) -> None:
    nowhere = Delivered("", "", next(iter(schema.KINDS)), "", "")
    for decoded in parts([(b'{"Records":[{"eventID":"a"}]}', nowhere)], task.limits, fast=task.fast):
        made = decoded.rows
        pq.write_table(made, pa.BufferOutputStream(), **pages.look(made).form(made.num_rows, ()))


def put_off(task: Work) -> Done:
    """Leave objects, one of which workers die over, for the next run."""
    why = ("error", "workers die over it, or over another that was read with it")
    return Done(pending=[PendingObject(o.source_id, o.key, *why) for o in task.objects])


def poisoned(task: Work) -> Done:
    """Quarantine objects that workers die over, without a look into them."""
    writer = _Writer(task)
    for wanted, got in _read(task):
        if isinstance(got, Fetched):
            reject = Reject("poison", None, got.data[:OBJECT_KEPT], got.size, got.stored_sha256)
            writer.settle(wanted, got.etag, got.stored_sha256, Account(0, (reject,), 0, (), "", 0))
        else:
            reason = got.reason if isinstance(got, Pending) else "error"
            writer.done.pending.append(PendingObject(wanted.source_id, wanted.key, reason, "workers die over it"))
    writer.flush()
    return writer.done


def _read(task: Work) -> Iterator[tuple[Object, Fetched | Pending | TooLarge]]:
    """The objects with their bytes, source by source (in the order that decides which of two equal records stays)."""
    limits = ReadLimits(stored_bytes=task.limits.stored_bytes)
    for number, source in sorted(enumerate(task.sources), key=lambda each: source_id(each[1])):
        objects = [o for o in task.objects if o.source == number]
        wanted = [ToRead(o.key, o.etag, o.size, o.modified) for o in objects]
        yield from zip(objects, fetch(wanted, reader_for(source), task.threads, limits), strict=True)


class _Writer:
    """Gathers objects until there are enough to decode together, and rows until there are enough for files."""

    def __init__(self, task: Work) -> None:
        self.task = task
        self.done = Done()
        self.io: FileIO = catalog.file_io(task.lake)
        self.metadata = {name: write.from_text(text) for name, text in task.tables.items()}
        self.waiting: list[tuple[Object, Fetched]] = []
        self.waiting_bytes = 0
        self.held: dict[str, list[pa.Table]] = {}

    def take(self, wanted: Object, got: Fetched) -> None:
        """Hold an object until its like have come."""
        if self.waiting and schema.KINDS[self.waiting[0][0].log.kind] != schema.KINDS[wanted.log.kind]:
            self.decode()
        self.waiting.append((wanted, got))
        self.waiting_bytes += got.size
        if self.waiting_bytes > TOGETHER_BYTES:
            self.decode()

    def decode(self) -> None:
        """Decode the objects that wait, and hold their rows."""
        waiting, self.waiting, self.waiting_bytes = self.waiting, [], 0
        for which, decoded in self._decoded(waiting):
            with faults.at("decoded"):
                self._take_rows(which, decoded)

    def _decoded(self, waiting: Waiting) -> Iterator[tuple[Waiting, Decoded]]:
        """The bulkhead: around decoding alone, since a write that fails is nobody's damage (see docs/adr/0007)."""
        done = 0
        found = self._parts(waiting)
        while done < len(waiting):
            try:
                decoded = next(found)
            except Exception:
                yield from self._one_by_one(waiting[done:])
                return
            yield waiting[done : done + len(decoded.accounts)], decoded
            done += len(decoded.accounts)

    def _parts(self, waiting: Waiting) -> Iterator[Decoded]:
        return parts(_pairs(waiting), self.task.limits, fast=self.task.fast, salvaging=self.task.salvaging)

    def _one_by_one(self, waiting: Waiting) -> Iterator[tuple[Waiting, Decoded]]:
        """Decode objects alone where decoding them together has failed; what fails again is quarantined."""
        for wanted, got in waiting:
            try:
                (decoded,) = self._parts([(wanted, got)])
            except Exception as error:
                reason = "limit_memory" if isinstance(error, MemoryError) else f"internal:{type(error).__name__}"
                reject = Reject(reason, None, got.data[:OBJECT_KEPT], got.size, got.stored_sha256)
                self.settle(wanted, got.etag, got.stored_sha256, Account(0, (reject,), 0, (), "", 0))
            else:
                yield [(wanted, got)], decoded

    def _take_rows(self, which: Waiting, decoded: Decoded) -> None:
        places = []  # of each object, its number among the outcomes
        for (wanted, got), account in zip(which, decoded.accounts, strict=True):
            took = self.settle(wanted, got.etag, got.stored_sha256, account)
            places.append(len(self.done.outcomes) - 1 if took else None)
        if decoded.rows.num_rows:
            numbers = pa.array(places, pa.int32()).take(decoded.objects)
            wanted_rows = decoded.rows.filter(pc.is_valid(numbers)) if None in places else decoded.rows
            self._hold(schema.KINDS[which[0][0].log.kind], wanted_rows, numbers.drop_null())
        if sum(part.nbytes for held in self.held.values() for part in held) > HELD_BYTES:
            self.flush()

    def settle(self, wanted: Object, etag: str, stored_sha256: str, account: Account) -> bool:
        """Note what became of an object; its number is its place among the outcomes. False: it came out no better."""
        if wanted.before and not wanted.before.is_bettered(account.rows, len(account.rejects), _whole(account)):
            return False
        if account.rejects:
            made = quarantined(wanted, etag, account.rejects, self.task)
            self._hold("quarantine", made, pa.repeat(pa.scalar(len(self.done.outcomes), pa.int32()), made.num_rows))
        self.done.outcomes.append(_outcome(wanted, account, etag, stored_sha256))
        self.task.tally["objects"].add(1)
        self.task.tally["records"].add(account.records)
        return True

    def _hold(self, table: str, made: pa.Table, objects: pa.Array) -> None:
        self.held.setdefault(table, []).append(made.append_column("object", objects))

    def flush(self) -> None:
        """Write what is held."""
        for name, held in self.held.items():
            gathered = pa.concat_tables(held)
            if name in schema.LAKE_TABLES:
                gathered = self._settle(name, gathered)
            with faults.at("data_written"):
                files = write.write_rows(gathered.drop_columns(["object"]), self.metadata[name], self.io)
            self.done.files.setdefault(name, []).extend(files)
        self.held = {}

    def _settle(self, name: str, gathered: pa.Table) -> pa.Table:
        batch = pa.repeat(self.task.batch_id, gathered.num_rows)
        gathered = gathered.set_column(gathered.column_names.index("batch_id"), "batch_id", batch)

        def canonical(of: pa.Table, row: int) -> bytes:
            return form(record(of.slice(row, 1).to_pylist()[0], name))

        settled = duplicates.settle(gathered, canonical)
        for number in settled.duplicates.keys() | settled.conflicts.keys():
            self.done.outcomes[number] = adjusted(
                self.done.outcomes[number], settled.duplicates[number], settled.conflicts[number]
            )
        return settled.rows


def _pairs(objects: Waiting) -> list[tuple[bytes, Delivered]]:
    return [(got.data, wanted.delivered) for wanted, got in objects]


def adjusted(outcome: Outcome, dropped: int, flagged: int) -> Outcome:
    """An object's outcome after some of its rows turned out to be duplicates or conflicts."""
    return replace(
        outcome,
        rows=outcome.rows - dropped,
        duplicates=outcome.duplicates + dropped,
        conflicts=outcome.conflicts + flagged,
    )


def _outcome(wanted: Object, account: Account, etag: str, stored_sha256: str) -> Outcome:
    return Outcome(
        object=wanted,
        etag=etag,
        stored_sha256=stored_sha256,
        sha256=account.sha256,
        inflated_bytes=account.inflated_bytes,
        flags=account.flags,
        records=account.records,
        rows=account.rows,
        duplicates=0,
        quarantined=sum(reject.position is not None for reject in account.rejects),
        conflicts=0,
        reason=_whole(account),
    )


def _whole(account: Account) -> str | None:
    """Why the object as a whole is quarantined."""
    return next((each.reason for each in account.rejects if each.position is None), None)


def _too_large(got: TooLarge) -> Account:
    """The outcome of an object over the limit: it was not even fetched."""
    return Account(0, (Reject("size_limit", None, b"", got.size, ""),), 0, (), "", 0)


def quarantined(wanted: Object, etag: str, rejects: Sequence[Reject], task: Work) -> pa.Table:
    """Rows of the quarantine, with what can still be read of them."""
    return rows.table_of("quarantine", [_quarantined(wanted, etag, reject, task) for reject in rejects])


def _quarantined(wanted: Object, etag: str, reject: Reject, task: Work) -> dict[str, Any]:
    readable = reject.raw if reject.position is not None else b""
    return {
        "source": wanted.source_id,
        "key": wanted.key,
        "etag": etag,
        "kind": wanted.log.kind,
        "account_id": wanted.log.account_id,
        "region": wanted.log.region,
        "key_day": wanted.log.day,
        "record_index": reject.position,
        "reason": reject.reason,
        "raw": reject.raw,
        "raw_size": reject.size,
        "raw_sha256": reject.sha256,
        "batch_id": task.batch_id,
        "quarantined_at": task.now.replace(tzinfo=None),
        **{column: _glimpse(readable, name) for column, name in _GLIMPSES.items()},
    }


# Best effort on text that is no JSON: the first thing that looks like the field.
_GLIMPSES = {
    "event_time": re.compile(rb'"eventTime"\s*:\s*"([^"\\]{1,64})"'),
    "event_source": re.compile(rb'"eventSource"\s*:\s*"([^"\\]{1,256})"'),
    "event_name": re.compile(rb'"eventName"\s*:\s*"([^"\\]{1,256})"'),
    "identity_arn": re.compile(rb'"arn"\s*:\s*"([^"\\]{1,2048})"'),
}


def _glimpse(raw: bytes, field: re.Pattern[bytes]) -> str | None:
    found = field.search(raw)
    return found[1].decode("utf-8", "backslashreplace") if found else None


def tallied(outcomes: Iterable[Outcome]) -> Counter[str]:
    """The sums of a batch's outcomes."""
    total: Counter[str] = Counter()
    for o in outcomes:
        total["objects"] += 1
        total["quarantined_objects"] += o.reason is not None
        for name in ("records", "rows", "duplicates", "quarantined", "conflicts"):
            total[name] += getattr(o, name)
        total["bytes_in"] += o.object.size
    return total
