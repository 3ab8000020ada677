"""
Measure what `trailhouse maintain` does for a lake that is fed in 96 batches a day, and write docs/upkeep.md.

`make upkeep`, or `python tools/upkeep.py --minutes N`. A sample bucket of 30 days and 10 accounts: its last days are
read at once, as a first load; its first days as they would come, a quarter of an hour at a time, for as many of them as
the minutes allow. One process and one Spark session, so that the time goes into batches and not into starting.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from trailhouse import sample, settings
from trailhouse.ask import local
from trailhouse.ingest import run
from trailhouse.ingest.job import Run
from trailhouse.lake import catalog, schema, session
from trailhouse.upkeep import maintain

ROOT = Path(__file__).resolve().parents[1]
RECIPE = sample.Recipe(accounts=10, days=30, events=300_000, digests=False)
SLOTS = 96
AT_MOST = 5  # days that are fed in small batches

# What is old after days is old at once here: the files were made a moment ago.
BOUNDS = settings.Maintain(
    quiet_for=timedelta(0), snapshots_after=timedelta(0), snapshots_kept=1, metadata_kept=1, orphans_after=timedelta(0)
)
QUERY = "SELECT event_name, count(*) FROM events WHERE event_date = DATE '{day}' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20"


@dataclass(frozen=True)
class Looked:
    """How the lake is at a moment."""

    tables: dict[str, maintain.State]
    rows: dict[str, tuple[int, int]]  # and the sum of a hash of each
    answer: list[tuple[Any, ...]]
    seconds: float  # of the query
    read: int  # data files that it reads


def main() -> None:
    """Measure and write the page."""
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("--minutes", type=float, default=20)
    given = reads.parse_args()
    with tempfile.TemporaryDirectory(prefix="trailhouse-upkeep-") as folder:
        page = "\n".join(_measured(Path(folder), given.minutes * 60))
    (ROOT / "docs" / "upkeep.md").write_text(page + "\n")
    print(page)


def _measured(folder: Path, seconds: float) -> Iterator[str]:
    print("making the sample", file=sys.stderr)
    sample.make_bucket(folder / "made", RECIPE)
    slots = _slots(folder / "made")
    days = sorted({day for day, _ in slots})
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake" / "catalog.sqlite"))
    spark = session.start(settings.Spark(master="local[2]"))
    for slot, files in slots.items():
        if slot[0] >= days[AT_MOST]:
            _deliver(folder, files)
    _ingest(where, folder, spark)
    fed, batches, began = 0, 0, time.monotonic()
    for day in days[:AT_MOST]:
        if fed and (time.monotonic() - began) * (fed + 1) / fed > seconds:
            break
        for number in range(SLOTS):
            _deliver(folder, slots.get((day, number), []))
            batches += _ingest(where, folder, spark)
        fed += 1
        print(f"fed {day}: {batches} batches, {time.monotonic() - began:.0f} s", file=sys.stderr)
    fed_seconds = time.monotonic() - began
    before = _look(where, days[0])
    began = time.monotonic()
    config = settings.Settings(lake=where, maintain=BOUNDS)
    going = Run(config, lambda *_: None, session=spark)
    report = maintain.maintain(going, maintain.Asked(allow_young=True))
    took = time.monotonic() - began
    yield from _page(before, _look(where, days[0]), (fed, batches, fed_seconds), (report, took))
    spark.stop()


def _slots(bucket: Path) -> dict[tuple[date, int], list[Path]]:
    """The bucket's log files by the day and the quarter of an hour of their delivery, as their names tell it."""
    found: defaultdict[tuple[date, int], list[Path]] = defaultdict(list)
    for path in sorted(bucket.rglob("*.json.gz")):
        stamp = re.search(r"_([0-9]{8}T[0-9]{4})Z_", path.name)
        if stamp:
            when = datetime.strptime(stamp[1], "%Y%m%dT%H%M")
            found[when.date(), (when.hour * 60 + when.minute) * SLOTS // 1440].append(path)
    return dict(sorted(found.items()))


def _deliver(folder: Path, files: list[Path]) -> None:
    for path in files:
        to = folder / "logs" / path.relative_to(folder / "made")
        to.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, to)


def _ingest(where: settings.Lake, folder: Path, spark: Any) -> int:
    config = settings.Settings(lake=where, sources=(settings.Source(url=str(folder / "logs")),))
    return len(run.ingest(Run(config, lambda *_: None, session=spark)).batches)


def _look(where: settings.Lake, day: date) -> Looked:
    lake = catalog.open_lake(where)
    tables = {name: lake.table(name) for name in schema.TABLES}
    query, best = QUERY.format(day=day), float("inf")
    for _ in range(3):
        began = time.monotonic()
        answer = local.ask(lake.where, query)
        best = min(best, time.monotonic() - began)
    read = list(tables["events"].scan(row_filter=f"event_date = '{day}'").plan_files())
    rows = {name: _rows(table) for name, table in tables.items()}
    states = {name: maintain.state(table) for name, table in tables.items()}
    return Looked(states, rows, [tuple(row) for row in answer.rows], best, len(read))


def _rows(table: Any) -> tuple[int, int]:
    """How many, and the sum of a hash of each: by another engine than the one that wrote them."""
    told = table.scan().to_arrow_batch_reader()  # noqa: F841 (the query names it)
    ((count, total),) = duckdb.sql("SELECT count(*), coalesce(sum(hash(told)::HUGEINT), 0) FROM told").fetchall()
    return int(count), int(total)


def _page(
    before: Looked, after: Looked, fed: tuple[int, int, float], done: tuple[maintain.Report, float]
) -> Iterator[str]:
    days, batches, seconds = fed
    report, took = done
    equal = before.rows == after.rows and before.answer == after.answer
    yield "# A lake that is fed 96 times a day, before and after `trailhouse maintain`\n"
    day, python = datetime.now(UTC).date(), platform.python_version()
    yield f"By `make upkeep` on {day}: {os.cpu_count()} cores, Python {python}.\n"
    at_once, left_out = RECIPE.days - AT_MOST, AT_MOST - days
    yield f"A sample of {RECIPE.days} days, {RECIPE.accounts} accounts and {RECIPE.events:,} events: {at_once}"
    yield f"days were read at once; before them {days} fed in {SLOTS} runs a day ({batches} batches, {seconds:,.0f} s;"
    yield f"a quarter of an hour without deliveries makes none), {left_out} left out, since the time was up."
    yield f"`maintain` took {took:,.0f} s; what it keeps for some days by default was old at once.\n"
    yield f"Rows of all tables are {'equal' if equal else 'NOT EQUAL'} before and after: counts, and the sum of a hash"
    yield "of each, by DuckDB. A query of one day of `events` that was fed in small batches (counts by event name, the"
    yield f"best of three) takes {before.seconds:.2f} s before, over {before.read:,} files, {after.seconds:.2f} s after"
    yield f"it, over {after.read:,}.\n"
    yield "| table | data files | MB | manifests | snapshots | metadata, MB | files stored | MB stored |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name in schema.TABLES:
        was, now = before.tables[name], after.tables[name]
        if was.files:
            yield f"| `{name}` | {_change(was.files, now.files)} | {_mega(was.bytes, now.bytes)} | {_tail(was, now)} |"
    whole = [sum(state.stored_bytes for state in looked.tables.values()) for looked in (before, after)]
    deleted = sum(told.deleted for told in report.tables)
    yield f"\nIn all {_mega(*whole)} MB are stored; {deleted:,} files were deleted."
    if not equal:
        raise SystemExit("rows differ")


def _tail(was: maintain.State, now: maintain.State) -> str:
    cells = [_change(was.manifests, now.manifests), _change(was.snapshots, now.snapshots)]
    cells += [_mega(was.metadata_bytes, now.metadata_bytes), _change(was.stored_files, now.stored_files)]
    return " | ".join([*cells, _mega(was.stored_bytes, now.stored_bytes)])


def _change(was: int, now: int) -> str:
    return f"{was:,} → {now:,}"


def _mega(was: int, now: int) -> str:
    return f"{was / 2**20:,.1f} → {now / 2**20:,.1f}"


if __name__ == "__main__":
    main()
