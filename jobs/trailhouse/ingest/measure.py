"""
Measure: the numbers that the audit judges, of exactly what was staged.

One look of the workers at the staged files (`inspect`), and what the catalog and the ledger say; nothing is judged
here, so that what is expected (`audit`) and what was seen come from two places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median

from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In, IsNull, Or
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform

from trailhouse import settings
from trailhouse.ingest import stage
from trailhouse.ingest.inspect import Look, Partition, Seen
from trailhouse.ingest.values import Gauge, Measured, Outcome, Staged, Twins
from trailhouse.lake import commits, files
from trailhouse.lake.catalog import Lake
from trailhouse.lake.commits import StagedTable
from trailhouse.lake.expectations import Expectation

ROWS_AT_ONCE = 200_000  # of one task, where partitions are small
ROWS_IN_A_PART = 1_000_000  # of one task, where a partition is large: its keys are held in memory

# A day is compared with the days before it, when there are enough of them and it has enough rows to say something.
DAYS_BEFORE = 7
DAYS_NEEDED = 3
ROWS_NEEDED = 1000
OVER_AFTER = timedelta(days=2)  # after its begin; by then a day's files have come

_EPOCH = date(1970, 1, 1)

Looker = Callable[[Sequence[Look]], list[Seen]]
Days = Mapping[date, tuple[int, int]]


@dataclass(frozen=True)
class Asked:
    """What to measure by: the expectations of columns, what days had before, and the time."""

    expectations: tuple[Expectation, ...]
    days_before: Days
    now: datetime


def measure(lake: Lake, staged: Staged, outcomes: Sequence[Outcome], look: Looker, asked: Asked) -> Measured:
    """All numbers of a staged batch."""
    tables = {ready.table: (ready, lake.table(ready.table)) for ready in staged.tables if ready.table != "ledger"}
    partitions = [p for ready, table in tables.values() for p in _partitions(ready, table)]
    seen = merged(look(list(_looks(lake.where, staged.batch_id, partitions, asked.expectations))))
    files.note(seen.seals)
    gauges: list[Gauge] = []
    for ready, table in tables.values():
        gauges += _of_table(ready, table, seen, [p for p in partitions if p.table == ready.table])
    gauges += [_accounting(outcomes, seen), _ledger(lake, staged, outcomes), _changed(outcomes)]
    gauges += [_rule(each, seen) for each in asked.expectations if each.table in tables]
    gauges += [_share("quarantine", "share", "records in quarantine", *_quarantined(outcomes))]
    # What is said anew was counted when it was said first.
    days = {} if staged.restates else {day: (rows, seen.errors[day]) for day, rows in seen.days.items()}
    if "events" in tables:
        gauges += [_volume(days, asked), _error_rate(days, asked)]
    gauges += _words(seen, {gauge.id for gauge in gauges})
    return Measured(staged, tuple(gauges), tuple(seen.twins), days)


_SUMS = (
    *("counts", "wholes", "flags", "misplaced", "strays", "doubled", "spoiled", "looked_at"),
    *("breaks", "applies", "days", "errors"),
)


def merged(parts: Iterable[Seen]) -> Seen:
    """What several looks have seen, together."""
    total = Seen()
    for part in parts:
        for name in _SUMS:
            getattr(total, name).update(getattr(part, name))
        total.malformed |= part.malformed
        total.seals |= part.seals
        total.twins += part.twins
    total.twins = _by_file(total.twins)
    return total


def _by_file(twins: Iterable[Twins]) -> list[Twins]:
    """One value for each file: looks at parts of a partition tell of the same files."""
    files: dict[tuple[str, str], list[Twins]] = {}
    for each in twins:
        files.setdefault((each.table, each.file), []).append(each)
    return [
        Twins(
            table,
            file,
            tuple(sorted(row for each in its for row in each.duplicates)),
            tuple(sorted(row for each in its for row in each.conflicts)),
            _summed(each.dropped for each in its),
            _summed(each.flagged for each in its),
        )
        for (table, file), its in files.items()
    ]


def _summed(parts: Iterable[Mapping[tuple[str, str], int]]) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for part in parts:
        total.update(part)  # a sum would lose what is below zero
    return total


# ── what is looked at ────────────────────────────────────────────────────────────────────────────────────────────────


def _partitions(ready: StagedTable, table: Table) -> Iterator[Partition]:
    """The partitions that the batch touches, with the files that are there already."""
    staged: dict[tuple[object, ...], list[DataFile]] = {}
    for file in commits.added_files(table, ready.snapshot):
        staged.setdefault(_place(file), []).append(file)
    published: dict[tuple[object, ...], list[str]] = {}
    if ready.table != "quarantine":
        for task in table.scan(row_filter=_near(table, staged), snapshot_id=ready.under).plan_files():
            published.setdefault(_place(task.file), []).append(task.file.file_path)
    for place, added in staged.items():
        values = _values(table, place)
        yield Partition(
            ready.table,
            tuple((file.file_path, file.record_count, values) for file in added),
            tuple(published.get(place, ())),
            _forms(table),
        )


def _place(file: DataFile) -> tuple[object, ...]:
    return tuple(file.partition[number] for number in range(len(file.partition)))


def _forms(table: Table) -> tuple[tuple[str, ...], ...]:
    """The columns that the table has had, now and in older releases."""
    return tuple(tuple(field.name for field in each.fields) for each in table.metadata.schemas)


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


def _looks(
    where: settings.Lake, batch_id: str, partitions: Sequence[Partition], expectations: tuple[Expectation, ...]
) -> Iterator[Look]:
    """Tasks of bounded size: small partitions together, a large one key by key in several."""
    held: list[Partition] = []
    rows = 0
    for partition in partitions:
        if partition.rows > ROWS_IN_A_PART and partition.table != "quarantine":
            parts = -(-partition.rows // ROWS_IN_A_PART)
            for part in range(parts):
                yield Look(where, batch_id, (replace(partition, part=part, parts=parts),), expectations)
            continue
        if held and rows + partition.rows > ROWS_AT_ONCE:
            yield Look(where, batch_id, tuple(held), expectations)
            held, rows = [], 0
        held.append(partition)
        rows += partition.rows
    if held:
        yield Look(where, batch_id, tuple(held), expectations)


# ── our own invariants ───────────────────────────────────────────────────────────────────────────────────────────────


def _of_table(ready: StagedTable, table: Table, seen: Seen, partitions: Sequence[Partition]) -> list[Gauge]:
    name = ready.table
    staged_rows = sum(p.rows for p in partitions)
    paths = [path for p in partitions for path, _, _ in p.staged]
    twice = len(paths) - len(set(paths)) + len(set(paths) & {path for p in partitions for path in p.published})
    doubled = seen.doubled[name] + sum(len(t.duplicates) + len(t.conflicts) for t in seen.twins if t.table == name)
    malformed = len(seen.malformed & set(paths))
    lost = len(_manifests(table, ready.under) - _manifests(table, ready.snapshot))
    missed = abs(staged_rows - seen.looked_at[name])

    def gauge(check: str, bad: int, observed: str) -> Gauge:
        return Gauge(name, check, bad, bad, observed)

    found = [
        gauge("files", twice, f"{twice} files are attached twice"),
        gauge("unique", doubled, f"{doubled} rows share their key with another"),
        gauge("schema", malformed, f"{malformed} files are not of the table's schema or row count"),
        gauge("lineage", seen.strays[name], f"{seen.strays[name]} rows name another batch or a place twice"),
        gauge("no_shrink", lost, f"{lost} manifests of published rows are gone"),
        gauge("looked_at_all", missed, f"{seen.looked_at[name]} of {staged_rows} rows were looked at"),
    ]
    if table.spec().fields:
        misplaced = seen.misplaced[name]
        found.append(gauge("partition", misplaced, f"{misplaced} rows lie in another partition"))
    if name == "quarantine":
        found.append(gauge("bytes", seen.spoiled[name], f"{seen.spoiled[name]} rows hold other bytes than came"))
    return found


def _manifests(table: Table, snapshot_id: int) -> set[str]:
    """Those that hold something: an append drops what only tells of files that went."""
    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    held = snapshot.manifests(table.io) if snapshot else []
    return {each.manifest_path for each in held if each.has_added_files() or each.has_existing_files()}


def _accounting(outcomes: Sequence[Outcome], seen: Seen) -> Gauge:
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
    return Gauge("ledger", "accounting", len(wrong), len(wrong), observed)


def _ledger(lake: Lake, staged: Staged, outcomes: Sequence[Outcome]) -> Gauge:
    """The ledger's rows, read back, are what the run is about to say of its objects."""
    told, read = Counter(map(_line, outcomes)), Counter(map(_line, stage.outcomes(lake, staged)))
    wrong = sum(((told - read) + (read - told)).values())
    return Gauge("ledger", "ledger", wrong, wrong, f"{wrong} rows differ from the outcomes")


def _line(o: Outcome) -> tuple[object, ...]:
    counts = (o.records, o.rows, o.duplicates, o.quarantined, o.conflicts)
    odd = (o.object.regenerated, *o.flags)
    return (o.object.source_id, o.object.key, o.etag, o.sha256, o.reason, *counts, *odd)


# ── what records and objects say ─────────────────────────────────────────────────────────────────────────────────────


def _changed(outcomes: Sequence[Outcome]) -> Gauge:
    again = sum(o.object.regenerated for o in outcomes)
    observed = f"{again} objects were ingested before with other content"
    return Gauge("ledger", "changed_after_ingest", again, again, observed)


def _rule(each: Expectation, seen: Seen) -> Gauge:
    rows, of = seen.breaks[each.table, each.name], seen.applies[each.table, each.name]
    return _share(each.table, each.name, f"rows break {each.rule.column} {each.rule.kind}", rows, of)


def _words(seen: Seen, named: set[str]) -> Iterator[Gauge]:
    """Each flag and each reason of the quarantine that was seen; a user's expectation may have its name."""
    for (table, word), rows in sorted(seen.flags.items()):
        name = f"{word} (flag)" if f"{table}.{word}" in named else word
        yield Gauge(table, name, rows, rows, f"{rows} rows")


def _share(table: str, name: str, what: str, rows: int, of: int) -> Gauge:
    return Gauge(table, name, rows / of if of else 0.0, rows, f"{rows} of {of} {what}")


def _quarantined(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    return sum(o.quarantined for o in outcomes), sum(o.records for o in outcomes)


def _volume(days: Days, asked: Asked) -> Gauge:
    """How far a day's rows are from the days before it, as a factor: too many, or, once the day is over, too few."""
    worst, compared, on = 1.0, 0, ""
    for day in sorted(days):
        rows = days[day][0] + asked.days_before.get(day, (0, 0))[0]
        before = _before(day, days, asked.days_before, 0)
        usual = median(before) if before else 0.0
        if len(before) < DAYS_NEEDED or max(rows, usual) < ROWS_NEEDED:
            continue
        compared += 1
        over = asked.now.replace(tzinfo=None) - datetime.combine(day, datetime.min.time()) >= OVER_AFTER
        factor = max(rows / max(usual, 1), usual / max(rows, 1) if over else 0)
        if factor > worst:
            worst, on = factor, f", worst on {day}: {rows} rows, usually {usual:.0f}"
    observed = f"{worst:.1f} times the days before at most ({compared} days compared{on})"
    return Gauge("events", "volume", worst, 0, observed)


def _error_rate(days: Days, asked: Asked) -> Gauge:
    """How far a day's share of errors is from the days before it, in points of a hundred."""
    worst, compared, on = 0.0, 0, ""
    for day in sorted(days):
        rows, errors = (sum(pair) for pair in zip(days[day], asked.days_before.get(day, (0, 0)), strict=True))
        before = _before(day, days, asked.days_before, 1)
        if len(before) < DAYS_NEEDED or rows < ROWS_NEEDED:
            continue
        compared += 1
        share, usual = 100 * errors / rows, 100 * median(before)
        if abs(share - usual) > worst:
            worst, on = abs(share - usual), f", worst on {day}: {share:.1f} %, usually {usual:.1f} %"
    observed = f"{worst:.1f} points from the days before at most ({compared} days compared{on})"
    return Gauge("events", "error_rate", worst, 0, observed)


def _before(day: date, days: Days, known: Days, what: int) -> list[float]:
    """Rows (0) or shares of errors (1) of the days before one that have any."""
    found = []
    for back in range(1, DAYS_BEFORE + 1):
        at = day - timedelta(days=back)
        rows, errors = (sum(pair) for pair in zip(days.get(at, (0, 0)), known.get(at, (0, 0)), strict=True))
        if rows:
            found.append(errors / rows if what else float(rows))
    return found
