"""
Views of the lake: which there are, what they lean on, and their form in Glue, where Athena and Trino find them.

Pure. Views are written with the default names of the two databases; a lake with others gets them here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

from trailhouse import settings
from trailhouse.ask import dialect, queries
from trailhouse.ask.queries import View

CATALOG = "awsdatacatalog"  # what Athena calls Glue
DEFAULT_OPS = "trailhouse_ops"
LONGEST_COMMENT = 255  # characters, by Glue


def named(sql: str, where: settings.Lake) -> str:
    """The text, with the lake's own name of the database for bookkeeping."""
    return re.sub(rf"\b{DEFAULT_OPS}(?=\.)", where.ops_database, sql)


def needed(names: Iterable[str]) -> list[View]:
    """The views among these names and all that they lean on, each after what it leans on."""
    found: dict[str, View] = {}

    def take(name: str) -> None:
        view = queries.views().get(name)
        if view and name not in found:
            for under in sorted(leans_on(view)):
                take(under)
            found[name] = view

    for name in sorted(names):
        take(name)
    return list(found.values())


def leans_on(view: View) -> set[str]:
    """The tables and views that a view reads."""
    return dialect.tables(dialect.parse(view.sql))


def glue_form(view: View, where: settings.Lake) -> dict[str, Any]:
    """
    The view as Glue keeps it for Athena and Trino: the text in base64, with the types that its columns have.

    Athena runs it with the rights of whoever asks.
    """
    text = {
        "originalSql": named(view.sql, where),
        "catalog": CATALOG,
        "schema": where.database,
        "columns": [{"name": column.name, "type": column.type} for column in view.columns],
        "comment": view.title,
        "runAsInvoker": True,
    }
    encoded = base64.b64encode(json.dumps(text, separators=(",", ":")).encode()).decode()
    return {
        "Name": view.name,
        "Description": view.doc,
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "Parameters": {"presto_view": "true", "comment": "Presto View", "trailhouse": "view"},
        "StorageDescriptor": {
            "Columns": [
                {"Name": column.name, "Type": hive_type(column.type), "Comment": column.doc[:LONGEST_COMMENT]}
                for column in view.columns
            ],
            "Location": "",
            "SerdeInfo": {},
        },
        "PartitionKeys": [],
    }


def hive_type(type_: str) -> str:
    """A type of Trino in Hive's words, which Glue shows: `row(a varchar)` is `struct<a:string>`."""
    head, inside = _opened(type_)
    if head in _SCALARS:
        return _SCALARS[head]
    if head == "array":
        return f"array<{hive_type(inside[0])}>"
    if head == "map":
        return f"map<{','.join(map(hive_type, inside))}>"
    fields = [field.split(" ", 1) for field in inside]
    return "struct<" + ",".join(f"{name}:{hive_type(kind)}" for name, kind in fields) + ">"


_SCALARS = {
    "varchar": "string", "boolean": "boolean", "bigint": "bigint", "integer": "int", "double": "double", "date": "date",
    "timestamp": "timestamp", "varbinary": "binary",
}  # fmt: skip


def _opened(type_: str) -> tuple[str, list[str]]:
    """What stands before the parentheses, and what stands in them, at the commas of that level."""
    head, _, rest = type_.strip().partition("(")
    parts, depth = [""], 0
    for char in rest[:-1]:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return head, [part.strip() for part in parts]
