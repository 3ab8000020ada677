"""
Audit: whether exactly what was staged is fit to be seen.

Critical are only our own invariants. What a record says can only warn: nobody who can call an API may stop a batch.
The numbers come from `inspect`, which reads the staged files back in workers; this module judges them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta

from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In, IsNull, Or
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform

from trailhouse import settings
from trailhouse.ingest import stage
from trailhouse.ingest.inspect import Look, Partition, Seen
from trailhouse.ingest.values import Check, Outcome, Staged, Verdict
from trailhouse.lake import commits
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable

ROWS_AT_ONCE = 200_000  # of one task

_EPOCH = date(1970, 1, 1)

Looker = Callable[[Sequence[Look]], list[Seen]]


def audit(lake: Lake, staged: Staged, outcomes: Sequence[Outcome], look: Looker) -> Verdict:
    """The verdict on the staged snapshots."""
    tables = {ready.table: (ready, lake.table(ready.table)) for ready in staged.tables if ready.table != "ledger"}
    partitions = [p for ready, table in tables.values() for p in _partitions(ready, table)]
    seen = merged(look(list(_looks(lake.where, staged.batch_id, partitions))))
    checks: list[Check] = []
    for ready, table in tables.values():
        checks += _judge(ready, table, seen, [p for p in partitions if p.table == ready.table])
    checks += [_accounting(outcomes, seen), _ledger(lake, staged, outcomes)]
    checks += _findings(seen, outcomes, {name: ready for name, (ready, _) in tables.items()})
    return Verdict(staged, tuple(checks), tuple(seen.twins))


def merged(parts: Iterable[Seen]) -> Seen:
    """What several looks have seen, together."""
    total = Seen()
    for part in parts:
        total.counts.update(part.counts)
        total.wholes.update(part.wholes)
        total.flags.update(part.flags)
        total.misplaced.update(part.misplaced)
        total.strays.update(part.strays)
        total.malformed += part.malformed
        total.twins += part.twins
        total.looked_at.update(part.looked_at)
    return total


def _partitions(ready: StagedTable, table: Table) -> Iterator[Partition]:
    """The partitions that the batch touches, with the files that are there already."""
    staged: dict[tuple[object, ...], list[DataFile]] = {}
    for file in commits.added_files(table, ready.snapshot):
        staged.setdefault(_place(file), []).append(file)
    published: dict[tuple[object, ...], list[str]] = {}
    if ready.table != "quarantine":
        for task in table.scan(row_filter=_near(table, staged), snapshot_id=ready.base).plan_files():
            published.setdefault(_place(task.file), []).append(task.file.file_path)
    for place, files in staged.items():
        values = _values(table, place)
        yield Partition(
            ready.table,
            tuple((file.file_path, file.record_count, values) for file in files),
            tuple(published.get(place, ())),
        )


def _place(file: DataFile) -> tuple[object, ...]:
    return tuple(file.partition[number] for number in range(len(file.partition)))


def _near(table: Table, places: Iterable[tuple[object, ...]]) -> BooleanExpression:
    """A filter that leaves the days that the batch touches: all that manifests can be pruned by in both layouts."""
    names = [field.name for field in table.spec().fields]
    if "event_date" not in names:
        return AlwaysTrue()
    days = {place[names.index("event_date")] for place in places}
    known = {_EPOCH + timedelta(days=day) for day in days if isinstance(day, int)}
    some: BooleanExpression = In("event_date", known)
    return Or(some, IsNull("event_date")) if None in days else some


def _values(table: Table, place: tuple[object, ...]) -> tuple[tuple[str, int, object], ...]:
    """What the rows of a partition must come to: (column, buckets or 0, value)."""
    values = []
    for field, value in zip(table.spec().fields, place, strict=True):
        buckets = field.transform.num_buckets if isinstance(field.transform, BucketTransform) else 0
        values.append((table.schema().find_column_name(field.source_id) or "", buckets, value))
    return tuple(values)


def _looks(where: settings.Lake, batch_id: str, partitions: Sequence[Partition]) -> Iterator[Look]:
    """Partitions in tasks of bounded size."""
    held: list[Partition] = []
    rows = 0
    for partition in partitions:
        if held and rows + partition.rows > ROWS_AT_ONCE:
            yield Look(where, batch_id, tuple(held))
            held, rows = [], 0
        held.append(partition)
        rows += partition.rows
    if held:
        yield Look(where, batch_id, tuple(held))


def _judge(ready: StagedTable, table: Table, seen: Seen, partitions: Sequence[Partition]) -> list[Check]:
    name, snapshot = ready.table, ready.snapshot
    staged_rows = sum(p.rows for p in partitions)
    paths = [path for p in partitions for path, _, _ in p.staged]
    twice = len(paths) - len(set(paths)) + len(set(paths) & {path for p in partitions for path in p.published})

    def critical(check: str, bad: int, observed: str) -> Check:
        return Check(name, snapshot, check, "critical", not bad, observed, bad)

    twins = [t for t in seen.twins if t.table == name]
    doubled = sum(len(t.duplicates) + len(t.conflicts) for t in twins)
    malformed = set(seen.malformed) & set(paths)
    lost = _manifests(table, ready.base) - _manifests(table, ready.snapshot)
    missed = abs(staged_rows - seen.looked_at[name])
    return [
        critical("files", twice, f"{twice} files are attached twice"),
        critical("unique", doubled, f"{doubled} rows share their key with another"),
        critical("schema", len(malformed), f"{len(malformed)} files are not of the table's schema or row count"),
        critical("lineage", seen.strays[name], f"{seen.strays[name]} rows name another batch or a place twice"),
        critical("partition", seen.misplaced[name], f"{seen.misplaced[name]} rows lie in another partition"),
        critical("no_shrink", len(lost), f"{len(lost)} manifests of published rows are gone"),
        critical("looked_at_all", missed, f"{seen.looked_at[name]} of {staged_rows} rows were looked at"),
    ]


def _manifests(table: Table, snapshot_id: int) -> set[str]:
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    return {manifest.manifest_path for manifest in snapshot.manifests(table.io)} if snapshot else set()


def _accounting(outcomes: Sequence[Outcome], seen: Seen) -> Check:
    """Nothing lost: what the ledger is about to say of each object is what the tables hold of it."""
    wrong: list[str] = []
    rows: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    wholes = seen.wholes.copy()
    for (table, source, key), count in seen.counts.items():
        (held if table == "quarantine" else rows)[source, key] += count
    for o in outcomes:
        place = (o.object.source_id, o.object.key)
        adds_up = o.records == o.rows + o.duplicates + o.quarantined
        found = (rows.pop(place, 0), held.pop(place, 0), wholes.pop(place, 0))
        if not adds_up or found != (o.rows, o.quarantined, int(o.reason is not None)):
            wrong.append(o.object.key)
    wrong += [key for _, key in (*rows, *held, *wholes)]
    observed = f"{len(wrong)} of {len(outcomes)} objects do not add up"
    return Check("ledger", None, "accounting", "critical", not wrong, observed, len(wrong))


def _ledger(lake: Lake, staged: Staged, outcomes: Sequence[Outcome]) -> Check:
    """The ledger's rows, read back, are what the run is about to say of its objects."""
    snapshot = next(each.snapshot for each in staged.tables if each.table == "ledger")
    told, read = Counter(map(_line, outcomes)), Counter(map(_line, stage.outcomes(lake, staged.batch_id)))
    wrong = sum(((told - read) + (read - told)).values())
    return Check("ledger", snapshot, "ledger", "critical", not wrong, f"{wrong} rows differ from the outcomes", wrong)


def _line(o: Outcome) -> tuple[object, ...]:
    counts = (o.records, o.rows, o.duplicates, o.quarantined, o.conflicts)
    return (o.object.source_id, o.object.key, o.etag, o.sha256, o.reason, *counts)


def _findings(seen: Seen, outcomes: Sequence[Outcome], tables: dict[str, StagedTable]) -> list[Check]:
    """What records and objects say that somebody should look at."""
    found = [
        Check(table, tables[table].snapshot, word, "warning", False, f"{rows} rows", rows)
        for (table, word), rows in sorted(seen.flags.items())
    ]
    if again := sum(o.object.regenerated for o in outcomes):
        observed = f"{again} objects were ingested before with other content"
        found.append(Check("ledger", None, "changed_after_ingest", "warning", False, observed, again))
    return found
