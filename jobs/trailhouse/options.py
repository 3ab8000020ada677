"""
Settings as options: what the command line and the docs say of each.

Knows what `settings` knows of its fields. Knows nothing of values.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from trailhouse import settings

OF_THE_FILE = ("airflow",)  # tables that no command reads: what stands in them is for the DAGs


@dataclass(frozen=True, slots=True)
class Option:
    """One scalar setting, for the command line and for the docs."""

    name: str  # "batch.objects"
    flag: str  # "--batch-objects"; "" for what can only stand in the file
    type: str  # text | number | size | duration | place, or the allowed words: "sqlite|glue|rest"
    default: str  # as it would be written in the file
    doc: str


@cache  # a dozen commands ask, each time that any one of them starts
def options() -> tuple[Option, ...]:
    """Every setting; those of a source, on the command line, hold for every source of the run."""
    return tuple(
        _option(table, name, "" if table in OF_THE_FILE else f"--{table}-{name}".replace("_", "-"))
        for table, kind in {**settings.TABLES, "source": settings.Source}.items()
        for name in settings.names(kind)
        if (table, name) not in {("source", "url"), ("source", "name")}
    )


def source_options() -> tuple[Option, ...]:
    """What a [[source]] of the file may hold, for the docs."""
    return tuple(_option("source", name, "") for name in settings.names(settings.Source))


def _option(table: str, key: str, flag: str) -> Option:
    kind = settings.Source if table == "source" else settings.TABLES[table]
    hint, form = get_type_hints(kind)[key], settings.form_of(table, key)
    words = "|".join(get_args(hint)) if get_origin(hint) is Literal else ""
    words = "true|false" if hint is bool else words
    named = {"bytes": "size", "memory": "size"}.get(form, form) or words or ("number" if hint is int else "text")
    default = next(each.default for each in fields(kind) if each.name == key)
    return Option(f"{table}.{key}", flag, named, _written(default, form), settings.metadata_of(table, key)["doc"])


def _written(value: Any, form: str) -> str:
    """A default as a person would write it."""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        size, unit = next(
            (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0
        )
        return f"{seconds // size}{unit}"
    if form == "bytes":
        size, unit = next(
            (size, unit)
            for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
            if value % size == 0
        )
        return f"{value // size}{unit}"
    return str(value).lower() if isinstance(value, bool) else str(value)
