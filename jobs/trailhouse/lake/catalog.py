"""
Which catalog the tables are in, and how a table comes to be.

Knows PyIceberg's catalogs. The Iceberg form of a schema is in `lake.iceberg`, commits are in `lake.commits`, data files
in `lake.write`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.sorting import SortOrder
from pyiceberg.table.update import AddPartitionSpecUpdate, AddSchemaUpdate, AddSortOrderUpdate, TableUpdate
from sqlalchemy import URL

from trailhouse import faults, settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import drift, pointers, schema
from trailhouse.lake.files import KMS_KEY, KeepingFileIO
from trailhouse.lake.iceberg import SCHEMA_VERSION, VERSION, iceberg_schema, partition_spec, properties, sort_order
from trailhouse.sources import aws

MAIN = "main"


@dataclass(frozen=True, slots=True)
class Lake:
    """An open lake: its catalog, and the names of its tables."""

    where: settings.Lake
    catalog: Catalog

    def name(self, table: str) -> tuple[str, str]:
        """The table's identifier in the catalog."""
        is_ops = schema.table(table).database == "ops"
        return (self.where.ops_database if is_ops else self.where.database, table)

    def table(self, table: str) -> Table:
        """The table as it is now."""
        return self.catalog.load_table(self.name(table))

    def find(self, table: str) -> Table | None:
        """The same; None where the lake is older than the table, which the next ingest makes."""
        try:
            return self.table(table)
        except NoSuchTableError:
            return None


def open_lake(where: settings.Lake, to_read: bool = False) -> Lake:
    """An existing lake. One of a newer release is opened only to be read: it has more columns, or wider ones."""
    lake = connect(where)
    try:
        table = lake.table("batches")
    except NoSuchTableError as error:
        raise pointers.none(where) from error
    if not to_read:
        check_version(table)
    return lake


def connect(where: settings.Lake) -> Lake:
    """A lake whose tables may be damaged: nothing of it is looked at."""
    return Lake(where, _connect(where, create=False))


def make_lake(where: settings.Lake) -> Lake:
    """The lake, made where there is none yet."""
    lake = Lake(where, _connect(where, create=True))
    for database in (where.database, where.ops_database):
        if lake.catalog.namespace_exists(database):
            continue  # and nobody needs the right to make one
        try:
            lake.catalog.create_namespace(database)
        except NamespaceAlreadyExistsError:
            continue  # another first run was faster
    existing = {name for db in {where.database, where.ops_database} for name in lake.catalog.list_tables(db)}
    there = {name: lake.table(name) for name in schema.TABLES if lake.name(name) in existing}
    check(there)
    for name in schema.TABLES:
        with faults.at("table_made"):
            _begin(there.get(name) or _make_table(lake, schema.table(name)))
    return lake


def check(tables: Mapping[str, Table]) -> None:
    """Refuse to write to tables of a newer release, to ones that an older one has left, and to what others changed."""
    for table in tables.values():
        check_version(table)
    found = [each for name, table in tables.items() for each in drift.of(table, schema.table(name)) if each.stops]
    foreign = "; ".join(each.said for each in found if not each.statement)
    if foreign:
        raise UsageError(
            f"tables of the lake are not what this release writes to: {foreign}. Another writer changed them: nothing "
            "was written; change them back, then run again"
        )
    if found:
        raise UsageError(
            f"the lake lacks what this release writes: {'; '.join(each.said for each in found)}. An older release made "
            "it, or another writer dropped that. Nothing was written: run `trailhouse upgrade` (with --dry-run it says "
            "what it would do), then run again"
        )


def pointer(lake: Lake, name: str) -> str:
    """Where the catalog says that a table's metadata is, whether it can be read or not."""
    if lake.where.catalog == "rest":
        return lake.table(name).metadata_location
    found = pointers.pointers(lake.where).get(lake.name(name))
    if found is None:
        raise NoSuchTableError(f"there is no table {'.'.join(lake.name(name))}")
    return found


def make_missing(lake: Lake, name: str) -> None:
    """Make what a lake older than this table lacks."""
    if lake.find(name) is None:
        make_lake(lake.where)


def exists(where: settings.Lake) -> bool:
    """Whether there is a lake."""
    try:
        open_lake(where)
    except UsageError:
        return False
    return True


def file_io(where: settings.Lake) -> FileIO:
    """Access to the lake's files, for a worker that has no catalog."""
    return load_file_io(file_properties(where), where.location)


def own_folder(where: settings.Lake) -> str:
    """Where Trailhouse keeps what is no table: plans, how far sources were listed, Data Docs."""
    return f"{pointers.warehouse(where)}/_trailhouse"


def write_file(where: settings.Lake, path: str, data: bytes) -> str:
    """Write a file into that folder; its location."""
    location = f"{own_folder(where)}/{path}"
    with file_io(where).new_output(location).create(overwrite=True) as file:
        file.write(data)
    return location


def _connect(where: settings.Lake, create: bool) -> Catalog:
    pointers.check_named(where)
    given: dict[str, str | None] = {**file_properties(where), "warehouse": pointers.warehouse(where)}
    if where.catalog == "sqlite":
        path = pointers.sqlite_path(where)
        if not create and not path.is_file():
            raise pointers.none(where)
        make_folder(path.parent)
        given |= {"type": "sql", "uri": URL.create("sqlite", database=str(path)).render_as_string()}
    elif where.catalog == "rest":
        given |= {"type": "rest", "uri": where.catalog_uri}
    else:
        return _glue(where, given)
    return load_catalog(where.catalog_name, **given)


def _glue(where: settings.Lake, given: dict[str, str | None]) -> Catalog:
    """With a client of ours: PyIceberg's own reads neither AWS's configuration nor an endpoint set for Glue."""
    from pyiceberg.catalog.glue import GlueCatalog

    return GlueCatalog(where.catalog_name, client=aws.client("glue"), **given)


def make_folder(folder: Path) -> None:
    """Make the folder of an embedded catalog."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrailhouseError(f"can't make the lake's folder {folder}: {error.strerror}") from error


def file_properties(where: settings.Lake) -> dict[str, str]:
    """How files are reached."""
    ours = {"py-io-impl": f"{KeepingFileIO.__module__}.{KeepingFileIO.__qualname__}"}
    key = {KMS_KEY: where.kms_key} if where.kms_key else {}
    return ours | key | (pointers.s3_properties() if where.location.startswith("s3://") else {})


def _make_table(lake: Lake, table: schema.Table) -> Table:
    form = iceberg_schema(table), partition_spec(table, lake.where), sort_order(table)
    made = lake.name(table.name)
    try:
        transaction = lake.catalog.create_table_transaction(made, form[0], None, *form[1:], properties(table))
        transaction._updates = tuple(_with_our_ids(each, *form) for each in transaction._updates)
        transaction.commit_transaction()
    except (TableAlreadyExistsError, CommitFailedException):
        return lake.table(table.name)  # another first run was faster
    return lake.table(table.name)


def _with_our_ids(update: TableUpdate, made: Schema, spec: PartitionSpec, order: SortOrder) -> TableUpdate:
    """Libraries and catalogs number a new table's columns as they like, and an older lake has ids that were given."""
    match update:
        case AddSchemaUpdate():
            return AddSchemaUpdate(schema=made)
        case AddPartitionSpecUpdate():
            return AddPartitionSpecUpdate(spec=spec)
        case AddSortOrderUpdate():
            return AddSortOrderUpdate(sort_order=order)
    return update


def check_version(table: Table) -> None:
    """A lake of a newer release may have columns that this one would leave empty."""
    made = table.properties.get(VERSION, SCHEMA_VERSION)
    if int(made) > int(SCHEMA_VERSION):
        raise UsageError(
            f"the lake is of a newer release (schema {made}, this one knows {SCHEMA_VERSION}), and this one only reads "
            "it: install the newer release"
        )


def _begin(table: Table) -> None:
    """Give a table its empty first snapshot: a branch can only be made from one."""
    if MAIN not in table.metadata.refs:
        with table.transaction() as transaction:
            transaction.update_snapshot().fast_append().commit()
