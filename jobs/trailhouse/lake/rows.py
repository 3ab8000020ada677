"""
Bookkeeping rows: frozen dataclasses and dicts become Arrow tables in a table's own order, and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In

from trailhouse.lake import schema
from trailhouse.lake.catalog import Lake


def table_of(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of a table; a column that a row doesn't name is NULL."""
    return pa.Table.from_pylist(list(rows), schema=schema.arrow_schema(name))


def known_objects(
    lake: Lake, source_id: str, days: Iterable[date], columns: tuple[str, ...], snapshot: int | None = None
) -> pa.Table:
    """Of the ledger, main's or a snapshot's: what is settled for these days' folders of a source."""
    which: BooleanExpression = And(EqualTo("source", source_id), In("key_day", set(days)))
    return lake.table("ledger").scan(which, selected_fields=columns, snapshot_id=snapshot).to_arrow()
