"""
What decode needs to know of a table, worked out once: the parser's types, and where each value goes.

Derived from the schema. Knows msgspec; knows nothing of files or of single records.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from trailhouse.lake import schema

# The Python type that the fast path takes for a column; everything else costs the record a careful look.
# A boolean spelled as text, a time and a number inside a parent are taken as AWS writes them, and read later.
_SCALARS: dict[str, Any] = {"string": str, "boolean": bool, "timestamp": str, "double": float}


@dataclass(frozen=True)
class Layout:
    """One table as the decoder sees it."""

    table: schema.Table
    top: tuple[schema.Column, ...]  # one top-level field each, in the order of `Record`'s fields
    fields: dict[str, schema.Column]  # top-level field -> its column
    folded: dict[str, str]  # lower-cased field -> its one right spelling
    records: msgspec.json.Decoder[list[Any]]  # a whole array of them
    inner: dict[str, Inner]  # top-level field -> what is read from inside it


@dataclass(frozen=True)
class Inner:
    """The columns read from inside one top-level field."""

    parent: schema.Column
    columns: tuple[schema.Column, ...]
    decoder: msgspec.json.Decoder[Any]

    def leaves(self, value: Any) -> tuple[Any, ...]:
        """The values of the columns, from the parent as the decoder made it."""
        return tuple(_reach(value, c.path[1:]) for c in self.columns)


@cache
def layout(name: str) -> Layout:
    """The layout of a table."""
    table = schema.table(name)
    top = table.top_level()
    fields = {c.path[0]: c for c in top}
    record = msgspec.defstruct(
        "Record",
        [(c.name, msgspec.Raw if c.json else _SCALARS[c.type] | None, None) for c in top],
        rename={c.name: c.path[0] for c in top},
        gc=False,
    )
    inner = {
        parent: Inner(
            fields[parent], columns, msgspec.json.Decoder(_struct(parent, [(c.path[1:], c) for c in columns]))
        )
        for parent, columns in table.nested().items()
    }
    folded = {field.lower(): field for field in fields}
    return Layout(table, top, fields, folded, msgspec.json.Decoder(list[record]), inner)  # type: ignore[valid-type]


def _struct(name: str, columns: list[tuple[tuple[str, ...], schema.Column]]) -> type[msgspec.Struct]:
    """A nested type whose leaves are the columns; what it doesn't name is skipped."""
    fields: list[tuple[str, Any, Any]] = []
    children: dict[str, list[tuple[tuple[str, ...], schema.Column]]] = {}
    for path, column in columns:
        if len(path) == 1:
            kind = bool | str if column.spelled == "text" else _SCALARS[column.type]
            fields.append((path[0], kind | None, None))
        else:
            children.setdefault(path[0], []).append((path[1:], column))
    for child, below in children.items():
        fields.append((child, _struct(child, below) | None, None))
    return msgspec.defstruct(name, fields, gc=False)


def _reach(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if value is None:
            return None
        value = getattr(value, step)
    return value
