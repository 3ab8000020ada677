"""
Ask the same SQL of a lake, of raw log files, or of a contender's Parquet: `python -m bench.asking FILE`.

FILE is JSON: `kind` (lake, raw, parquet), `place` (the lake's folder, or a pattern of files) and `asked`, each name's
SQL in Athena's dialect. All of it on DuckDB, each question on a connection of its own. Prints, of each, its rows, its
seconds, and the bytes that it read: those that the kernel gave this process by read calls (`rchar` in /proc/self/io),
less what a question takes that reads nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from bench import tables
from trailhouse import settings
from trailhouse.ask import dialect, local, queries, translate, views
from trailhouse.ask.macros import MACROS
from trailhouse.lake import schema

Ask = Callable[[str], list[tuple[Any, ...]]]  # SQL -> the rows that answer it
NOTHING = "SELECT 1, DATE '2026-03-01', TIMESTAMP '2026-03-01 00:00:00', ARRAY['a'], 1.5e0, true"  # of each type


def main() -> None:
    """Ask what the file says, and print what was found."""
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print(json.dumps(asked(told["kind"], told["place"], told["asked"])))


def asked(kind: str, place: str, sqls: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Each question's rows, seconds and bytes."""
    _one(kind, place, next(iter(sqls.values())))  # whatever is imported or made once is so by now
    nothing = _one(kind, place, NOTHING)
    found = {name: _one(kind, place, sql) for name, sql in sqls.items()}
    return {name: one | {"bytes": max(one["bytes"] - nothing["bytes"], 0)} for name, one in found.items()}


def answers(kind: str, place: str, sqls: Mapping[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    """Each question's rows, whatever it takes."""
    with _connected(kind, place) as ask:
        return {name: ask(sql) for name, sql in sqls.items()}


def _one(kind: str, place: str, sql: str) -> dict[str, Any]:
    began, before = time.monotonic(), bytes_read()
    with _connected(kind, place) as ask:
        rows = len(ask(sql))
    return {"rows": rows, "seconds": time.monotonic() - began, "bytes": bytes_read() - before}


def bytes_read() -> int:
    """What read calls have brought into this process, whichever of its threads made them."""
    lines = (line.split() for line in Path("/proc/self/io").read_text().splitlines())
    return next(int(count) for name, count in lines if name == "rchar:")


@contextmanager
def _connected(kind: str, place: str) -> Iterator[Ask]:
    if kind == "lake":
        where = settings.Lake(location=place, catalog_uri=f"{place}/catalog.sqlite")
        with local.asking(where) as ask:
            yield lambda sql: ask(sql).rows
        return
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for macro in (*MACROS, *tables.MACROS):
        connection.execute(macro)
    connection.execute(f"CREATE VIEW events AS {tables.events(kind, place)}")
    connection.register("accounts", schema.arrow_schema("accounts").empty_table())
    try:
        yield lambda sql: connection.execute(translate.to_duckdb(_with_views(dialect.parse(sql)))).fetchall()
    finally:
        connection.close()


def _with_views(statement: exp.Query) -> exp.Query:
    """The query with the text of Trailhouse's own views in the place of their names."""
    where = settings.Lake()

    def source(name: str) -> exp.Expr | None:
        view = queries.views().get(name)
        return _with_views(dialect.parse(views.named(view.sql, where))) if view else None

    return dialect.over(statement, source)


if __name__ == "__main__":
    main()
