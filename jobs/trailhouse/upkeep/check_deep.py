"""
`check --deep`: hands every file to the workers, and compares what they counted with the ledger, object by object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trailhouse.ingest.job import Run
from trailhouse.lake import files, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.lake.files import Seal
from trailhouse.upkeep import check_rows, check_sums
from trailhouse.upkeep.check_rows import Counted, Counting, Partition, Reading
from trailhouse.upkeep.check_tables import Held, Seen
from trailhouse.upkeep.damage import DAMAGE, INCONSISTENT, UNCHECKED, Finding, Report

TASK_BYTES, TASK_FILES = 64 * 2**20, 500
ROWS_AT_ONCE = 1_000_000  # whose keys a task holds in memory


def check(run: Run, lake: Lake, tables: Mapping[str, Seen], sealed: Mapping[str, Seal], report: Report) -> None:
    """Read everything. Findings go to the report; the seals of what is sound and had none, to whoever keeps seals."""
    from trailhouse.lake import session

    counter = session.Counter(run.spark().sparkContext, ("files", "rows"))
    tasks = list(_readings(lake, tables, sealed, counter.adders()))
    total = sum(len(task.files) for task in tasks)
    with session.Watch(counter, lambda told: run.tell(told["files"], told["rows"], total)):
        for read in run.each("check files", check_rows.read, tasks):
            report.add(read.findings)
            files.note(read.sound)
    report.looked_at.update({f"{name} read whole": number for name, number in counter.read().items()})
    broken = {each.path for each in report.findings if each.kind in (*DAMAGE, UNCHECKED)}
    counted = run.each("check rows", check_rows.count, list(_countings(lake, tables, broken)))
    for part in counted:
        report.add(part.findings)
    if check_sums.can_be_compared(tables, report):
        report.add(compare(counted, check_sums.objects(tables, lake)))


def compare(counted: Iterable[Counted], ledger: Mapping[tuple[str, str], Mapping[str, int]]) -> Iterator[Finding]:
    """Nothing lost: of each source object, the tables hold what the ledger says."""
    there: Counter[tuple[str, str, str]] = Counter()
    for part in counted:
        there.update(part.rows)
        there.update({("whole", *place): rows for place, rows in part.wholes.items()})
    told = Counter({(name, *place): rows for place, by in ledger.items() for name, rows in by.items()})
    for name, source, key in sorted(there.keys() | told.keys()):
        expected, found = told[name, source, key], there[name, source, key]
        if expected != found:
            said = f"{found} in {'quarantine, as a whole' if name == 'whole' else name}"
            yield Finding(INCONSISTENT, "source object", "ledger", f"{source} {key}", f"{expected} rows", said)


def _readings(
    lake: Lake, tables: Mapping[str, Seen], sealed: Mapping[str, Seal], tally: Mapping[str, Any]
) -> Iterator[Reading]:
    """Tasks of bounded size: data files manifest by manifest, each file once; then what is only bytes."""
    known: set[str] = set()
    for name, seen in tables.items():
        metadata = write.to_text(seen.table.metadata) if seen.table else ""
        for path, held in seen.held.items():
            mine = [file for file in held if file.path not in known and not file.takes_away]
            known |= {file.path for file in mine}
            for piece in _pieces(mine):
                paths = {file.path: "data file" for file in piece}
                yield Reading(lake.where, name, metadata, seen.manifests[path], paths, _of(paths, sealed), tally)
        read = {seen.pointer, *seen.manifests, *_lists(seen), *known}
        others = {path: what for path, (what, _) in seen.files.items() if path not in read}
        known |= others.keys() | read
        yield from _bytes_alone(lake, name, others, sealed, tally)


def _bytes_alone(
    lake: Lake, name: str, paths: Mapping[str, str], sealed: Mapping[str, Seal], tally: Mapping[str, Any]
) -> Iterator[Reading]:
    ordered = list(paths.items())
    for start in range(0, len(ordered), TASK_FILES):
        piece = dict(ordered[start : start + TASK_FILES])
        yield Reading(lake.where, name, "", None, piece, _of(piece, sealed), tally)


def _lists(seen: Seen) -> set[str]:
    """Manifest lists, which have been read already."""
    return {each.manifest_list for each in seen.table.metadata.snapshots} if seen.table else set()


def _of(paths: Iterable[str], sealed: Mapping[str, Seal]) -> dict[str, Seal]:
    return {path: sealed[path] for path in paths if path in sealed}


def _pieces(held: Iterable[Held]) -> Iterator[list[Held]]:
    piece: list[Held] = []
    for file in held:
        if piece and (len(piece) >= TASK_FILES or sum(each.size for each in piece) + file.size > TASK_BYTES):
            yield piece
            piece = []
        piece.append(file)
    if piece:
        yield piece


def _countings(lake: Lake, tables: Mapping[str, Seen], broken: set[str]) -> Iterator[Counting]:
    """Small partitions together, a large one key by key in several."""
    held: list[Partition] = []
    rows = 0
    for partition in _partitions(tables, broken):
        size = sum(file.rows for file in partition.files)
        parts = 1 if partition.table == "quarantine" else -(-size // ROWS_AT_ONCE)
        if parts > 1:
            for part in range(parts):
                yield Counting(lake.where, (Partition(partition.table, partition.files, part, parts),))
            continue
        if held and rows + size > ROWS_AT_ONCE:
            yield Counting(lake.where, tuple(held))
            held, rows = [], 0
        held.append(partition)
        rows += size
    if held:
        yield Counting(lake.where, tuple(held))


def _partitions(tables: Mapping[str, Seen], broken: set[str]) -> Iterator[Partition]:
    for name in (*schema.LAKE_TABLES, "quarantine"):
        places: dict[tuple[object, ...], list[Held]] = {}
        for file in tables[name].main if name in tables else ():
            if file.path not in broken:
                places.setdefault(file.place, []).append(file)
        yield from (Partition(name, tuple(held)) for held in places.values())
