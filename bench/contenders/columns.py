"""
What every contender makes of a record: the columns of the lake's table `events` that are fields of it.

Read from the schema with the standard library alone, since a contender's Python may have nothing else. What Trailhouse
derives beside them (who did it, flags, hashes, lineage) is asked of nobody; nor is the text of userIdentity, all of
whose known fields have columns of their own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EVENTS = Path(__file__).resolve().parents[2] / "schemas" / "events.toml"
LEFT_OUT = {"user_identity"}
PARTITION = ("account_id", "region", "event_date")


@dataclass(frozen=True)
class Column:
    """A column, and the field of a record that it holds."""

    name: str
    type: str  # string, boolean, timestamp
    path: tuple[str, ...]
    is_text: bool  # of a boolean: it is delivered as the text `true` or `false`
    is_json: bool  # an object or an array, kept as its text


def columns() -> list[Column]:
    """All of them, in the order of the table."""
    told = tomllib.loads(EVENTS.read_text("utf-8"))["column"]
    return [
        Column(each["name"], each["type"], tuple(each["from"].split(".")), "spelled" in each, "json" in each)
        for each in told
        if "from" in each and each["name"] not in LEFT_OUT
    ]


Fields = dict[str, "Column | Fields"]


def fields() -> Fields:
    """The same as records have them, one in the other."""
    tree: Fields = {}
    for column in columns():
        inside = tree
        for name in column.path[:-1]:
            inside = inside.setdefault(name, {})  # type: ignore[assignment]
        inside[column.path[-1]] = column
    return tree


def leaves(tree: Fields) -> Iterator[Column]:
    """Every column of such a tree."""
    for each in tree.values():
        yield from leaves(each) if isinstance(each, dict) else (each,)
