"""
Measure what the column `event_time_text` costs and what it saves, and write docs/text-time.md.

`make text-time`, or `python -m tools.measure_text_time`. A sample lake, as ingest wrote it and after `maintain`: its
data files with the column and without, and what a filter on the text of one day reads, against the same filter on a
text that a view computes. Without a JVM, since it counts bytes and files.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table import Table

from tests.ingest.inline import INLINE
from trailhouse import sample, settings
from trailhouse.ask import local
from trailhouse.ingest import run
from trailhouse.ingest.job import Run
from trailhouse.lake import catalog, write
from trailhouse.upkeep import maintain

ROOT = Path(__file__).resolve().parents[1]
RECIPE = sample.Recipe(accounts=10, days=30, events=300_000, digests=False)
COLUMN = "event_time_text"
COMPUTED = "date_format(event_time, '%Y-%m-%dT%H:%i:%sZ')"

# What is old after days is old at once here: the files were made a moment ago.
BOUNDS = settings.Maintain(
    quiet_for=timedelta(0), snapshots_after=timedelta(0), snapshots_kept=1, metadata_kept=1, orphans_after=timedelta(0)
)


@dataclass(frozen=True)
class Read:
    """What a filter reads, and how many rows it finds."""

    files: int
    bytes: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class Looked:
    """The table `events` at a moment."""

    bytes: int
    without: int  # bytes, had the files been written without the column
    text: Read
    computed: Read


def main() -> None:
    """Measure and write the page."""
    with tempfile.TemporaryDirectory(prefix="trailhouse-text-time-") as folder:
        page = "\n".join(_measured(Path(folder)))
    (ROOT / "docs" / "text-time.md").write_text(page + "\n")
    print(page)


def _measured(folder: Path) -> Iterator[str]:
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake" / "catalog.sqlite"))
    config = settings.Settings(lake=where, maintain=BOUNDS, sources=(settings.Source(url=str(folder / "logs")),))
    going = Run(config, lambda *_: None, session=INLINE)
    print("making the sample", file=sys.stderr)
    sample.make_bucket(folder / "logs", RECIPE)
    print("ingest", file=sys.stderr)
    run.ingest(going)
    day = _middle(catalog.open_lake(where))
    ingested = look(catalog.open_lake(where), day)
    print("maintain", file=sys.stderr)
    maintain.maintain(going, maintain.Asked(allow_young=True))
    yield from _page(day, {"as ingested": ingested, "after `maintain`": look(catalog.open_lake(where), day)})


def look(lake: catalog.Lake, day: date) -> Looked:
    """What the column costs in the files of today, and what it saves a filter of one day."""
    table = lake.table("events")
    files = _planned(table, "True")
    size = sum(each for _, each in files)
    saved = sum(_again(table, path, drop=False) - _again(table, path, drop=True) for path, _ in files)
    bounds = [f"'{each}T00:00:00Z'" for each in (day, day + timedelta(days=1))]
    asked = "{0} >= {1} AND {0} < {2}"
    text = _read(lake, _planned(table, asked.format(COLUMN, *bounds)), asked.format(COLUMN, *bounds))
    # A filter on what is computed from a column says nothing of the column's bounds: every file may have such rows.
    computed = _read(lake, files, asked.format(COMPUTED, *bounds))
    if text.rows != computed.rows:
        raise SystemExit(f"the answers differ: {text.rows} rows by the column, {computed.rows} by what is computed")
    return Looked(size, size - saved, text, computed)


def _middle(lake: catalog.Lake) -> date:
    """A day like any other: it has events, and days before and after it."""
    days = local.ask(lake.where, "SELECT DISTINCT event_date FROM events WHERE event_date IS NOT NULL ORDER BY 1").rows
    found = days[len(days) // 2][0]
    return found if isinstance(found, date) else date.fromisoformat(str(found))


def _planned(table: Table, condition: str) -> list[tuple[str, int]]:
    tasks = table.scan(row_filter=condition).plan_files()
    return [(task.file.file_path, task.file.file_size_in_bytes) for task in tasks]


def _read(lake: catalog.Lake, files: Sequence[tuple[str, int]], condition: str) -> Read:
    query = f"SELECT count(*) FROM events WHERE {condition}"  # noqa: S608 (made of this module's own words)
    rows, best = 0, float("inf")
    for _ in range(3):
        began = time.monotonic()
        ((rows,),) = local.ask(lake.where, query).rows
        best = min(best, time.monotonic() - began)
    return Read(len(files), sum(size for _, size in files), rows, best)


def _again(table: Table, path: str, drop: bool) -> int:
    """The bytes of a data file, had it been written now, group by group."""
    file = write.open_file(path, table.io)
    schema = file.schema_arrow
    kept = [name for name in schema.names if not (drop and name == COLUMN)]
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, pa.schema([schema.field(name) for name in kept]), **write.FORM) as writer:
        for number in range(file.num_row_groups):
            writer.write_table(file.read_row_group(number).select(kept))
    return int(sink.getvalue().size)


def _page(day: date, looked: dict[str, Looked]) -> Iterator[str]:
    today, python = datetime.now(UTC).date(), platform.python_version()
    yield "# What the text of a time costs, and what it saves\n"
    yield f"By `make text-time` on {today}: {os.cpu_count()} cores, Python {python}.\n"
    yield f"A sample of {RECIPE.days} days, {RECIPE.accounts} accounts and {RECIPE.events:,} events. The column"
    yield f"`{COLUMN}` of `events` holds `eventTime` as it was delivered. *Without it* is what the same data files"
    yield "would have, written again without the column.\n"
    yield "| | data files | with it, bytes | without it | the column costs |"
    yield "| --- | --- | --- | --- | --- |"
    for name, each in looked.items():
        cost = f"{each.bytes / each.without - 1:.1%}"
        yield f"| {name} | {each.computed.files:,} | {each.bytes:,} | {each.without:,} | {cost} |"
    yield f"\nA filter on one day's text, `>= '{day}T00:00:00Z'` and less than the next day's. On the column the"
    yield "engine plans with each file's bounds; on a text that a view computes from `event_time` it reads every file."
    yield "Both find the same rows. Seconds are DuckDB's for `count(*)` on local files, the best of three; Athena bills"
    yield "bytes.\n"
    yield "| | read by the column | read by the computed text | times fewer files | rows | seconds |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, each in looked.items():
        yield f"| {name} | {_told(each.text)} | {_told(each.computed)} | {_tail(each)} |"


def _told(read: Read) -> str:
    return f"{read.files:,} files, {read.bytes / 2**20:,.2f} MB"


def _tail(each: Looked) -> str:
    fewer = each.computed.files / max(1, each.text.files)
    return f"{fewer:.0f} | {each.text.rows:,} | {each.text.seconds:.2f} and {each.computed.seconds:.2f}"


if __name__ == "__main__":
    main()
