"""
Upgrade: a lake of an older release becomes what this one writes to, by changes to its tables' metadata alone.

What to do is the difference between each table and its schema (`lake.drift`): columns that are missing or narrower,
descriptions, properties, tables. Each table is one commit that can be made again; `batches` goes first, so that from
its commit on an older release does not begin to write. No row is touched: what was added is NULL in what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyiceberg.table import Table
from pyiceberg.table.update import (
    AddSchemaUpdate,
    AssertCurrentSchemaId,
    AssertTableUUID,
    SetCurrentSchemaUpdate,
    SetPropertiesUpdate,
)

from trailhouse import faults, settings
from trailhouse.errors import UsageError
from trailhouse.lake import catalog, commits, door, drift, schema
from trailhouse.lake.catalog import Lake
from trailhouse.lake.drift import Drift
from trailhouse.lake.iceberg import SCHEMA_VERSION, iceberg_schema

FIRST = "batches"
ORDER = (FIRST, *(name for name in schema.TABLES if name != FIRST))


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What was to be done to a lake, and whether it was."""

    statements: tuple[str, ...]
    version: str
    done: bool


def upgrade(where: settings.Lake, dry_run: bool) -> Upgrade:
    """Bring a lake up to this release; with `dry_run` only say how."""
    with door.writing(where):
        lake = catalog.open_lake(where)
        tables = {name: lake.find(name) for name in ORDER}
        changes = {name: _changes(table, name) for name, table in tables.items() if table}
        foreign = [each.said for its in changes.values() for each in its if not each.statement]
        if foreign:
            raise UsageError(
                f"tables of the lake are what no release of ours made: {'; '.join(foreign)}. Nothing was changed: "
                "change them back, then run again"
            )
        statements = [each.statement for its in changes.values() for each in its]
        statements += [_made(lake, name) for name, table in tables.items() if table is None]
        if statements and not dry_run:
            for name, its in changes.items():
                if its:
                    _change(lake, name)
            catalog.make_lake(where)
        return Upgrade(tuple(statements), SCHEMA_VERSION, bool(statements) and not dry_run)


def _changes(table: Table, name: str) -> Sequence[Drift]:
    catalog.check_version(table)
    return drift.of(table, schema.table(name))


def _made(lake: Lake, name: str) -> str:
    wanted = schema.table(name)
    columns = ", ".join(f"{field.name} {field.field_type}" for field in iceberg_schema(wanted).fields)
    return f"CREATE TABLE {'.'.join(lake.name(name))} ({columns})"


def _change(lake: Lake, name: str) -> None:
    """One table, in one commit; nothing where it was done meanwhile."""
    wanted = schema.table(name)

    def commit() -> None:
        table = lake.table(name)
        updates = (*_schema_updates(table, wanted), *_property_updates(table, wanted))
        if updates:
            same = (
                AssertTableUUID(uuid=table.metadata.table_uuid),
                AssertCurrentSchemaId(current_schema_id=table.schema().schema_id),
            )
            lake.catalog.commit_table(table, same, updates)

    with faults.at("table_upgraded"):
        commits.until_sure(commit, lambda: not drift.of(lake.table(name), wanted))


def _schema_updates(table: Table, wanted: schema.Table) -> tuple[()] | tuple[AddSchemaUpdate, SetCurrentSchemaUpdate]:
    """Ids as the schema's file gives them: a library that numbers new columns itself would give others."""
    made = iceberg_schema(wanted)
    if made.fields == table.schema().fields:
        return ()
    number = max(each.schema_id for each in table.metadata.schemas) + 1
    return AddSchemaUpdate(schema=made.model_copy(update={"schema_id": number})), SetCurrentSchemaUpdate(schema_id=-1)


def _property_updates(table: Table, wanted: schema.Table) -> tuple[()] | tuple[SetPropertiesUpdate]:
    missing = drift.missing(table, wanted)
    return (SetPropertiesUpdate(updates=missing),) if missing else ()
