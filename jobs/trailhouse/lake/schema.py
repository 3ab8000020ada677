"""
The tables, as `schemas/*.toml` describe them: the one source of truth that every other form is derived from.

Pure: reads its own files and nothing else. The Iceberg form is made in `lake.catalog`, which knows that library.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # a fifth of a second, which whoever asks for names and types alone need not wait
    import pyarrow as pa

LAKE_TABLES = ("events", "insight_events", "aggregated_events")
TOLD_TABLES = ("coverage", "accounts", "digests", "integrity")  # for people as well, but no batch writes them
OPS_TABLES = (
    "public_keys",
    "pending",
    "ledger",
    "quarantine",
    "quality",
    "batches",
)  # the last one tells that there is a lake
TABLES = LAKE_TABLES + TOLD_TABLES + OPS_TABLES

# The registry of kinds: folder -> table. A new kind is one entry here and one schema file.
KINDS: dict[str, str] = {
    "CloudTrail": "events",
    "CloudTrail-NetworkActivity": "events",
    "CloudTrail-Insight": "insight_events",
    "CloudTrail-Aggregated": "aggregated_events",
}


@cache
def arrow_types() -> dict[str, pa.DataType]:
    """Each of our types in Arrow's form."""
    import pyarrow as pa

    return {
        "string": pa.string(),
        "boolean": pa.bool_(),
        "int": pa.int32(),
        "long": pa.int64(),
        "double": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),  # without zone, UTC: Athena refuses zoned timestamps in views
        "binary": pa.binary(),
        "list<string>": pa.list_(pa.field("element", pa.string())),
    }


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where it comes from and what it means. Its id is given once and never reused."""

    id: int
    name: str
    type: str
    doc: str
    path: tuple[str, ...] = ()  # in the record; empty for a derived or bookkeeping column
    json: tuple[str, ...] = ()  # kept as JSON text; the kinds of value that the facts know there
    spelled: str = ""  # "text": a boolean that AWS writes as the texts "true" and "false"
    derive: str = ""  # which rule computes it
    sensitivity: Literal["open", "personal", "secret"] = "open"
    element_id: int = 0  # of a list's elements
    bounds: int = 0  # characters of a text that a file's bounds keep, where Iceberg's 16 are too few
    # What its values are expected to be: see `lake.expectations`.
    expect: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)

    @property
    def arrow(self) -> pa.DataType:
        return arrow_types()[self.type]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, how it is laid out, and what identifies a row."""

    name: str
    doc: str
    database: Literal["lake", "ops"]
    columns: tuple[Column, ...]
    partition: tuple[str, ...]
    partition_bucketed: tuple[str, ...]
    sort: tuple[str, ...]
    key: tuple[str, ...]

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def top_level(self) -> tuple[Column, ...]:
        """The columns that hold one top-level field of the record each, in order."""
        return tuple(c for c in self.columns if len(c.path) == 1)

    def nested(self) -> dict[str, tuple[Column, ...]]:
        """Top-level field -> the columns that are read from inside it."""
        parents: dict[str, list[Column]] = {}
        for c in self.columns:
            if len(c.path) > 1:
                parents.setdefault(c.path[0], []).append(c)
        return {parent: tuple(columns) for parent, columns in parents.items()}


@cache
def table(name: str) -> Table:
    """The table of that name."""
    raw = tomllib.loads(text(name))
    return Table(
        name=raw["table"],
        doc=raw["doc"],
        database=raw["database"],
        columns=tuple(_column(c) for c in raw["column"]),
        partition=tuple(raw["partition"]),
        partition_bucketed=tuple(raw.get("partition_bucketed", raw["partition"])),
        sort=tuple(raw["sort"]),
        key=tuple(raw["key"]),
    )


def text(name: str) -> str:
    """The table's file, as it is written."""
    return (_folder() / f"{name}.toml").read_text("utf-8")


@cache
def arrow_schema(name: str) -> pa.Schema:
    """The Arrow form of a table: what decode fills and `lake.write` writes."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, c.arrow) for c in table(name).columns])


def as_now(name: str, rows: pa.Table, columns: Sequence[str] = ()) -> pa.Table:
    """Rows that an older release wrote, in the columns of today, or some of them: what was added since is NULL."""
    import pyarrow as pa

    whole = arrow_schema(name)
    wanted = pa.schema([whole.field(column) for column in columns or whole.names])
    if (rows.schema.names, rows.schema.types) == (wanted.names, wanted.types):
        return rows
    made = [rows[f.name] if f.name in rows.column_names else pa.nulls(rows.num_rows, f.type) for f in wanted]
    return pa.Table.from_arrays(made, names=wanted.names).cast(wanted)


def is_of(name: str, read: pa.Schema, forms: Sequence[tuple[str, ...]] = ()) -> bool:
    """Whether a file has the columns of its table, or those that the table had at a time (its forms)."""
    wanted = arrow_schema(name)
    older = tuple(read.names) in forms and set(read.names) <= set(wanted.names)
    return (read.names == wanted.names or older) and all(_fits(f.type, wanted.field(f.name).type) for f in read)


def _fits(is_now: pa.DataType, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    widened = {(pa.int32(), pa.int64()), (pa.float32(), pa.float64())}
    return is_now == wanted or pa.types.is_list(is_now) or (is_now, wanted) in widened


def _column(raw: dict[str, Any]) -> Column:
    fields = dict(raw)
    source = fields.pop("from", "")
    fields["path"] = tuple(source.split(".")) if source else ()
    fields["json"] = tuple(fields.get("json", ()))
    expect = fields.get("expect", ())
    fields["expect"] = (expect,) if isinstance(expect, dict) else tuple(expect)
    return Column(**fields)


def _folder() -> Traversable:
    """`schemas/`: inside the package where it is installed or zipped, beside `jobs/` in a checkout."""
    packaged = files("trailhouse") / "schemas"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "schemas"
