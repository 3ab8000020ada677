"""
`trailhouse lake-queries`: saved queries of CloudTrail Lake, taken along.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, with_settings
from trailhouse.cli.results import PARTIAL
from trailhouse.errors import TrailhouseError, UsageError

if TYPE_CHECKING:
    from trailhouse.ask.answer import Answer
    from trailhouse.ask.lake_queries import Converted

_COLUMNS = ("query", "converted", "changes", "reasons", "rows", "failed")


@click.group("lake-queries")
def lake_queries() -> None:
    """Take queries of CloudTrail Lake along: make them queries for Athena on the view cloudtrail_lake.

    \b
    Examples:
      trailhouse lake-queries convert saved.sql
      trailhouse lake-queries convert ./lake-queries --out ./athena-queries
    """


@lake_queries.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="FILE|DIR")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write NAME.sql files there, in folders as they were.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option("--run", "run_", is_flag=True, help="Run each converted query, and say how many rows it has.")
@click.option("--on", type=click.Choice(["local", "athena"]), default="local", show_default=True, help="Who runs it.")
@form_option
@with_settings("lake", "athena")
def convert(source: Path, out: Path | None, run_: bool, form: show.Format, **given: Any) -> int | None:
    """Convert the queries of a file, or of the .sql files of a folder and of those in it.

    The ids of event data stores become the view cloudtrail_lake; texts that are compared with times become times;
    anything that Athena takes stays. What is changed is told, and so is what can't be read or converted; the
    exit code is 5 then. Without --out the SQL goes to standard output.

    \b
    Examples:
      trailhouse lake-queries convert saved.sql > athena.sql
      trailhouse lake-queries convert ./lake-queries --out ./athena-queries
      trailhouse lake-queries convert ./lake-queries --out ./athena-queries --run --lake ./lake
      trailhouse lake-queries convert ./lake-queries --out ./athena-queries --run --on athena --config trailhouse.toml
    """
    from trailhouse.ask import lake_queries as queries

    force, on = given.pop("force"), given.pop("on")
    made = queries.apart(each for file in _files(source, out) for each in _converted(file, source))
    if out is not None:
        _write(made, out, force)
    ran: dict[str, tuple[int | None, str | None]] = {}
    if run_:
        from trailhouse.ask import engines

        with engines.asking(load(given), on) as ask:
            ran = {one.name: _run(ask, one.sql) for one in made if one.sql is not None}
    _show(made, ran, form, out is not None)
    failed = any(why for _, why in ran.values())
    return PARTIAL if failed or any(one.sql is None for one in made) else None


def _files(source: Path, out: Path | None) -> list[Path]:
    """Every .sql file below a folder, and what keeps from looking; what was written before is no source."""
    if not source.is_dir():
        return [source]
    found: list[Path] = []
    seen = {os.path.realpath(source)}
    written = os.path.realpath(out) if out is not None else None
    unread = lambda error: found.append(Path(error.filename))  # noqa: E731 (os.walk's own way)
    for folder, inside, names in os.walk(source, onerror=unread, followlinks=True):
        inside[:] = sorted(name for name in inside if os.path.realpath(Path(folder, name)) not in seen | {written})
        seen.update(os.path.realpath(Path(folder, name)) for name in inside)
        found += [Path(folder, name) for name in names if _is_sql(name)]
        found += [Path(folder, name) for name in inside if _is_sql(name) and _is_empty(Path(folder, name))]
    if not found:
        raise UsageError(f"there is no .sql file in {source}")
    return sorted(found)


def _is_sql(name: str) -> bool:
    return name.lower().endswith(".sql")


def _is_empty(folder: Path) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return False  # told by the walk itself


def _converted(file: Path, source: Path) -> list[Converted]:
    """Its queries, under its own name or that from the folder on; or why it can't be read."""
    from trailhouse.ask import lake_queries as queries

    name = file.relative_to(source).as_posix() if source.is_dir() else file.name
    name = name[: -len(".sql")] if _is_sql(name) else name if source.is_dir() else file.stem
    try:
        return queries.convert(name, file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        return [queries.unread(name, f"{file} can't be read as text: {error}")]


def _write(made: list[Converted], out: Path, force: bool) -> None:
    """Each query into a file of its own; all of them, or none where one is in the way."""
    places = {out / f"{one.name}.sql": one.sql for one in made if one.sql is not None}
    there = sorted(str(place) for place in places if place.exists())
    if there and not force:
        raise UsageError(f"{there[0]} is there already; --force writes over it")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for place, sql in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(sql + "\n", "utf-8")
    except OSError as error:
        raise TrailhouseError(f"can't write to {out}: {error.strerror or error}") from error


def _run(ask: Callable[[str], Answer], sql: str) -> tuple[int | None, str | None]:
    """How many rows a query has, or why it failed: one that fails leaves the others alone."""
    try:
        return len(ask(sql).rows), None
    except TrailhouseError as error:
        return None, str(error)


def _show(
    made: list[Converted], ran: dict[str, tuple[int | None, str | None]], form: show.Format, written: bool
) -> None:
    """What became of each query; and the SQL, unless it was written to files or rows are asked for."""
    if form != "table":
        rows = [
            (one.name, one.sql is not None, list(one.changes), list(one.reasons), *ran.get(one.name, (None, None)))
            for one in made
        ]
        show.show(rows, _COLUMNS, form, sys.stdout)
        return
    stream = sys.stdout if written else sys.stderr
    for one in made:
        show.tell(_lines(one, *ran.get(one.name, (None, None))), stream)
        if one.sql is not None and not written:
            click.echo(f"{one.sql};\n")
    show.tell([_counts(made, ran)], stream)


def _lines(one: Converted, rows: int | None, failed: str | None) -> list[str]:
    state = "converted" if one.sql is not None else "can't be converted"
    told = [f"  {show.escape_terminal(said)}" for said in one.changes or one.reasons]
    ended = [f"  failed: {show.escape_terminal(failed)}"] if failed else []
    return [
        f"{show.escape_terminal(one.name)}: {state}",
        *told,
        *ended,
        *([f"  {rows:,} rows"] if rows is not None else []),
    ]


def _counts(made: list[Converted], ran: dict[str, tuple[int | None, str | None]]) -> str:
    done = sum(one.sql is not None for one in made)
    said = f"{done} of {len(made)} converted"
    failed = sum(why is not None for _, why in ran.values())
    return said + (f"; {len(ran) - failed} of {len(ran)} ran" if ran else "")
