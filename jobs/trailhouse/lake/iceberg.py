"""
The Iceberg form of a table: its schema, layout and properties, as `schemas/*.toml` say.
"""

from __future__ import annotations

from typing import Any

from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
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

from trailhouse import __version__, settings
from trailhouse.lake import schema

# Raised when a column is added or widened: an older release then only reads the lake, and `trailhouse upgrade` of this
# one brings older lakes up to it.
SCHEMA_VERSION = "2"
VERSION = "trailhouse.schema-version"  # the property of a table that says which it has

_METRICS = "write.metadata.metrics.column."

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


def sort_order(table: schema.Table) -> SortOrder:
    """How the rows of each file are sorted."""
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


def properties(table: schema.Table) -> dict[str, str]:
    """What a table of ours says of itself, and how engines are to write it."""
    # A column's bounds lie in manifests, where an erasure would have to find them: none of personal data.
    counts = {f"{_METRICS}{c.name}": "counts" for c in table.columns if c.sensitivity != "open"}
    longer = {f"{_METRICS}{c.name}": f"truncate({c.bounds})" for c in table.columns if c.bounds}
    return {
        "format-version": "2",
        "comment": table.doc,
        "write.parquet.compression-codec": "zstd",
        "write.object-storage.enabled": "false",
        VERSION: SCHEMA_VERSION,
        "trailhouse.made-by": __version__,
        **counts,
        **longer,
    }
