"""
Bookkeeping rows: frozen dataclasses and dicts become Arrow tables in a table's own order, and back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.types import DateType

from trailhouse.lake import catalog, commits, schema, write
from trailhouse.lake.catalog import Lake


def table_of(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of a table; a column that a row doesn't name is NULL."""
    return pa.Table.from_pylist(list(rows), schema=schema.arrow_schema(name))


def files_of(lake: Lake, name: str, rows: pa.Table) -> list[DataFile]:
    """The rows as new data files of a table, which no commit tells of yet."""
    return write.write_rows(rows, lake.table(name).metadata, catalog.file_io(lake.where))


def replace(lake: Lake, name: str, gone: BooleanExpression, rows: pa.Table) -> None:
    """These rows in place of others, in one commit."""
    commits.replace(lake, name, gone, files_of(lake, name, rows), commits.mark(f"{name} {uuid.uuid4()}"))


def known_objects(
    lake: Lake, source_id: str, days: Iterable[date], columns: tuple[str, ...], snapshot: int | None = None
) -> pa.Table:
    """Of the ledger, main's or a snapshot's: what is settled for these days' folders of a source."""
    return lake.table("ledger").scan(_of(source_id, days), selected_fields=columns, snapshot_id=snapshot).to_arrow()


def known_batches(
    lake: Lake, source_id: str, days: Iterable[date], columns: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """The same, a piece at a time: a ledger of many millions of rows is more than a driver holds."""
    scan = lake.table("ledger").scan(_of(source_id, days), selected_fields=columns)
    reader = ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter, scan.case_sensitive)
    for task in scan.plan_files():
        yield from reader.to_record_batches([task])  # of several at once it would hold whatever is read ahead


def _of(source_id: str, days: Iterable[date]) -> BooleanExpression:
    return And(EqualTo("source", source_id), In("key_day", set(days)))


def newest_day(lake: Lake, most: date) -> date | None:
    """
    The newest day in the ledger that is not after `most`: one planted object may lie in any year.

    From the manifests' own bounds; only one whose bound is after `most` is opened.
    """
    table = lake.table("ledger")
    snapshot = table.current_snapshot()
    found: list[date] = []
    for manifest in snapshot.manifests(table.io) if snapshot else ():
        bound = manifest.partitions[0].upper_bound if manifest.partitions else None
        upper = _date(from_bytes(DateType(), bound)) if bound else None
        if upper and upper > most:
            entries = manifest.fetch_manifest_entry(table.io)
            upper = max((day for e in entries if (day := _date(e.data_file.partition[0])) <= most), default=None)
        found += [upper] if upper else []
    return max(found, default=None)


def _date(days: Any) -> date:
    return days if isinstance(days, date) else date(1970, 1, 1) + timedelta(days=days)
