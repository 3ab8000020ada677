"""
Drift: how a table differs from what this release knows of it, and what would bring it there.

A table of an older release lacks columns, or has narrower ones: an upgrade adds and widens. What another writer added,
dropped, renamed or changed is none of our doing, and is named. Pure: reads the table's metadata at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyiceberg.table import Table
from pyiceberg.types import DoubleType, FloatType, IcebergType, IntegerType, LongType, NestedField

from trailhouse.lake import schema
from trailhouse.lake.iceberg import VERSION, iceberg_schema, properties

# What Iceberg may widen without a file being written again.
_WIDER: dict[type[IcebergType], type[IcebergType]] = {IntegerType: LongType, FloatType: DoubleType}

# Properties that are not ours to set again where somebody has changed them.
_THEIRS = ("format-version", "trailhouse.made-by", "write.")
_OURS = "write.metadata.metrics.column."


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference."""

    said: str  # what it is
    statement: str  # what does away with it, as SQL; "" where nothing of ours does
    stops: bool  # whether rows can't be written before it is gone


def of(table: Table, wanted: schema.Table) -> list[Drift]:
    """All differences of a table."""
    return [*_columns(table, wanted), *_properties(table, wanted)]


def _columns(table: Table, wanted: schema.Table) -> Iterator[Drift]:
    there = {field.field_id: field for field in table.schema().fields}
    names = {field.name for field in there.values()}
    fields = iceberg_schema(wanted).fields
    for before, field in zip(("", *(f.name for f in fields)), fields, strict=False):
        if field.field_id in there:
            yield from _of_column(table, there.pop(field.field_id), field)
        elif field.name in names:
            yield _foreign(table, f"column {field.name} is another than the one that was made")
        else:
            place = f"AFTER {before}" if before else "FIRST"
            yield _lacks(table, field, f"ADD COLUMN {field.name} {field.field_type} {_comment(field)} {place}")
    for extra in there.values():
        yield _foreign(table, f"column {extra.name} ({extra.field_type}) was added")
    known = [field.field_id for field in fields]
    order = [field.field_id for field in table.schema().fields if field.field_id in known]
    if order != [number for number in known if number in order]:
        yield _foreign(table, "its columns are in another order")


def _of_column(table: Table, there: NestedField, wanted: NestedField) -> Iterator[Drift]:
    if there.name != wanted.name:
        yield _foreign(table, f"column {wanted.name} was renamed to {there.name}")
    elif there.required:
        yield _foreign(table, f"column {wanted.name} may not be NULL any more")
    elif there.field_type != wanted.field_type:
        said = f"column {wanted.name} is {there.field_type} and not {wanted.field_type}"
        if _WIDER.get(type(there.field_type)) is type(wanted.field_type):
            yield _change(table, said, f"ALTER COLUMN {wanted.name} TYPE {wanted.field_type}", stops=True)
        else:
            yield _foreign(table, said)
    elif there.doc != wanted.doc:
        said = f"column {wanted.name} is described otherwise"
        yield _change(table, said, f"ALTER COLUMN {wanted.name} {_comment(wanted)}", stops=False)


def _properties(table: Table, wanted: schema.Table) -> Iterator[Drift]:
    for key, value in missing(table, wanted).items():
        yield _change(table, f"{key} is not {value}", f"SET TBLPROPERTIES ('{key}' = {_quoted(value)})", stops=False)


def missing(table: Table, wanted: schema.Table) -> dict[str, str]:
    """Properties that are to be set."""
    return {
        key: value
        for key, value in properties(wanted).items()
        if table.properties.get(key, "1" if key == VERSION else None) != value
        and (key.startswith(_OURS) or not key.startswith(_THEIRS))
    }


def _foreign(table: Table, said: str) -> Drift:
    return Drift(f"{_name(table)}: {said}", "", stops=True)


def _lacks(table: Table, field: NestedField, change: str) -> Drift:
    return _change(table, f"column {field.name} is missing", change, stops=True)


def _change(table: Table, said: str, change: str, stops: bool) -> Drift:
    return Drift(f"{_name(table)}: {said}", f"ALTER TABLE {_name(table)} {change}", stops)


def _comment(field: NestedField) -> str:
    return f"COMMENT {_quoted(field.doc or '')}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(table: Table) -> str:
    return ".".join(table.name())
