"""
The next release, as tests make it up: what its schemas say besides today's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa

from trailhouse import faults, settings
from trailhouse.decode.layout import layout
from trailhouse.lake import catalog, iceberg, schema
from trailhouse.lake.schema import Column, Table
from trailhouse.upkeep import check, upgrade

NEXT = str(int(iceberg.SCHEMA_VERSION) + 1)
MOOD = Column(9001, "mood", "string", "How it's felt.", path=("mood",), sensitivity="personal")
NOTES = Table("notes", "Notes.", "ops", (Column(1, "note_id", "string", "Which."),), (), (), (), ("note_id",))


def doctor(put: Callable[[Any, str, Any], None]) -> None:
    """A column more in `events`, in the middle; a wider one in `quarantine`; a table more."""
    plainly = schema.table

    @cache
    def table(name: str) -> Table:
        if name == "notes":
            return NOTES
        found = plainly(name)
        if name == "events":
            at = [c.name for c in found.columns].index("event_name") + 1
            return replace(found, columns=(*found.columns[:at], MOOD, *found.columns[at:]))
        if name == "quarantine":
            wider = (replace(c, type="long") if c.name == "record_index" else c for c in found.columns)
            return replace(found, columns=tuple(wider))
        return found

    @cache
    def arrow_schema(name: str) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.arrow) for c in table(name).columns])

    tables = (*schema.TABLES[:-1], "notes", schema.TABLES[-1])
    put(schema, "table", table)
    put(schema, "arrow_schema", arrow_schema)
    put(schema, "TABLES", tables)
    put(upgrade, "ORDER", (upgrade.FIRST, *(name for name in tables if name != upgrade.FIRST)))
    for module in (iceberg, catalog, check, upgrade):
        put(module, "SCHEMA_VERSION", NEXT)
    forget()


def forget() -> None:
    """What the decoder has made of the schemas: to be called where they are put back, too."""
    layout.cache_clear()


def upgrade_and_die(where: settings.Lake, fault: str) -> None:
    """In a child."""
    doctor(setattr)
    faults.arm(fault)
    upgrade.upgrade(where, dry_run=False)
