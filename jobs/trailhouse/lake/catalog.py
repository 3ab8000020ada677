"""
Which catalog the tables are in, and how a table comes to be.

Knows PyIceberg's catalogs and the Iceberg form of a schema. Commits are in `lake.commits`, data files in `lake.write`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import BucketTransform, IdentityTransform, Transform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DoubleType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
)
from sqlalchemy import URL

from trailhouse import __version__, faults, settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import schema
from trailhouse.lake.files import KeepingFileIO, s3_properties
from trailhouse.sources import aws

# Raised when a column is added; an older release refuses to write to a newer lake.
SCHEMA_VERSION = "1"

MAIN = "main"

_TYPES: dict[str, IcebergType] = {
    "string": StringType(),
    "boolean": BooleanType(),
    "int": IntegerType(),
    "long": LongType(),
    "double": DoubleType(),
    "date": DateType(),
    "timestamp": TimestampType(),
    "binary": BinaryType(),
}


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


def open_lake(where: settings.Lake) -> Lake:
    """An existing lake."""
    lake = Lake(where, _connect(where, create=False))
    try:
        _check_version(lake.table("batches"))
    except NoSuchTableError as error:
        raise UsageError(
            f"there is no lake at {where.location}: make one with `trailhouse ingest SOURCE --lake …`"
        ) from error
    return lake


def make_lake(where: settings.Lake) -> Lake:
    """The lake, made where there is none yet."""
    lake = Lake(where, _connect(where, create=True))
    for database in (where.database, where.ops_database):
        try:
            lake.catalog.create_namespace_if_not_exists(database)
        except NamespaceAlreadyExistsError:
            continue  # another first run was faster
    existing = {name for db in {where.database, where.ops_database} for name in lake.catalog.list_tables(db)}
    for name in schema.TABLES:
        known = lake.name(name) in existing
        with faults.at("table_made"):
            table = lake.table(name) if known else _make_table(lake, schema.table(name))
            _check_version(table)
            _begin(table)
    return lake


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


def warehouse(where: settings.Lake) -> str:
    """The lake's location: a plain path, since PyIceberg takes a `file:` address by the letter, escapes and all."""
    if "://" in where.location:
        return where.location.rstrip("/")
    return str(Path(where.location).absolute())


def own_folder(where: settings.Lake) -> str:
    """Where Trailhouse keeps what is no table: plans, how far sources were listed, Data Docs."""
    return f"{warehouse(where)}/_trailhouse"


def write_file(where: settings.Lake, path: str, data: bytes) -> str:
    """Write a file into that folder; its location."""
    location = f"{own_folder(where)}/{path}"
    with file_io(where).new_output(location).create(overwrite=True) as file:
        file.write(data)
    return location


def _connect(where: settings.Lake, create: bool) -> Catalog:
    _check_named(where)
    properties: dict[str, str | None] = {**file_properties(where), "warehouse": warehouse(where)}
    if where.catalog == "sqlite":
        path = sqlite_path(where)
        if not create and not path.is_file():
            raise UsageError(f"there is no lake at {where.location}: make one with `trailhouse ingest SOURCE --lake …`")
        make_folder(path.parent)
        properties |= {"type": "sql", "uri": URL.create("sqlite", database=str(path)).render_as_string()}
    elif where.catalog == "rest":
        properties |= {"type": "rest", "uri": where.catalog_uri}
    else:
        return _glue(where, properties)
    return load_catalog(where.catalog_name, **properties)


def _glue(where: settings.Lake, properties: dict[str, str | None]) -> Catalog:
    """With a client of ours: PyIceberg's own reads neither AWS's configuration nor an endpoint set for Glue."""
    from pyiceberg.catalog.glue import GlueCatalog

    return GlueCatalog(where.catalog_name, client=aws.client("glue"), **properties)


def make_folder(folder: Path) -> None:
    """Make the folder of an embedded catalog."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrailhouseError(f"can't make the lake's folder {folder}: {error.strerror}") from error


def _check_named(where: settings.Lake) -> None:
    if not where.location and where.catalog != "rest":
        raise UsageError("no lake is named: give --lake FOLDER (or s3://bucket/prefix), or set lake.location")


def sqlite_path(where: settings.Lake) -> Path:
    """The file of the embedded catalog."""
    _check_named(where)
    if where.catalog_uri:
        return Path(where.catalog_uri.removeprefix("sqlite:///"))
    if "://" in where.location:
        raise UsageError("a lake on S3 with the embedded catalog needs a place for it: give --lake-catalog-uri FILE")
    return Path(where.location).absolute() / "catalog.sqlite"


def file_properties(where: settings.Lake) -> dict[str, str]:
    """How files are reached."""
    ours = {"py-io-impl": f"{KeepingFileIO.__module__}.{KeepingFileIO.__qualname__}"}
    return ours | (s3_properties() if where.location.startswith("s3://") else {})


def _make_table(lake: Lake, table: schema.Table) -> Table:
    spec = partition_spec(table, lake.where)
    try:
        made = lake.catalog.create_table(
            lake.name(table.name),
            schema=iceberg_schema(table),
            partition_spec=spec,
            sort_order=_sort_order(table),
            properties=_properties(table),
        )
    except TableAlreadyExistsError:
        made = lake.table(table.name)  # another first run was faster
    return made


def _check_version(table: Table) -> None:
    """A lake of a newer release may have columns that this one would leave empty."""
    made = table.properties.get("trailhouse.schema-version", SCHEMA_VERSION)
    if int(made) > int(SCHEMA_VERSION):
        raise UsageError(
            f"the lake is of a newer release (schema {made}, this one knows {SCHEMA_VERSION}): upgrade first"
        )


def _begin(table: Table) -> None:
    """Give a table its empty first snapshot: a branch can only be made from one."""
    if MAIN not in table.metadata.refs:
        with table.transaction() as transaction:
            transaction.update_snapshot().fast_append().commit()


def iceberg_schema(table: schema.Table) -> Schema:
    """The Iceberg form of a table."""
    return Schema(
        *(NestedField(c.id, c.name, _iceberg_type(c), required=False, doc=c.doc) for c in table.columns), schema_id=0
    )


def _iceberg_type(column: schema.Column) -> IcebergType:
    if column.type == "list<string>":
        return ListType(element_id=column.element_id, element=StringType(), element_required=False)
    return _TYPES[column.type]


def partition_spec(table: schema.Table, where: settings.Lake) -> PartitionSpec:
    """The layout chosen when the lake is made: by account, or hashed where there are thousands of them."""
    fields = table.partition_bucketed if where.partition == "bucket" else table.partition
    made = []
    for number, text in enumerate(fields):
        bucketed = text.startswith("bucket(")
        column = text.removeprefix("bucket(").removesuffix(")")
        transform: Transform[Any, Any] = BucketTransform(where.buckets) if bucketed else IdentityTransform()
        name = f"{column}_bucket" if bucketed else column
        made.append(PartitionField(table.column(column).id, PARTITION_FIELD_ID_START + number, transform, name))
    return PartitionSpec(*made)


def _sort_order(table: schema.Table) -> SortOrder:
    return SortOrder(
        *(
            SortField(
                source_id=table.column(name).id,
                transform=IdentityTransform(),
                direction=SortDirection.ASC,
                null_order=NullOrder.NULLS_FIRST,
            )
            for name in table.sort
        )
    )


def _properties(table: schema.Table) -> dict[str, str]:
    # A column's bounds lie in manifests, where an erasure would have to find them: none of personal data.
    counts = {f"write.metadata.metrics.column.{c.name}": "counts" for c in table.columns if c.sensitivity != "open"}
    return {
        "format-version": "2",
        "comment": table.doc,
        "write.parquet.compression-codec": "zstd",
        "write.object-storage.enabled": "false",
        "trailhouse.schema-version": SCHEMA_VERSION,
        "trailhouse.made-by": __version__,
        **counts,
    }
