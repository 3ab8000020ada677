"""
`trailhouse maintain`: keep a lake small and fast.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, with_settings
from trailhouse.cli.outcome import note, result_option
from trailhouse.cli.results import PARTIAL
from trailhouse.errors import UsageError

STEPS = ("compact", "manifests", "refs", "snapshots", "orphans")

_STATE = ("files", "bytes", "manifests", "snapshots", "metadata_bytes", "stored_files", "stored_bytes")
_DID = ("gathered", "into", "manifests", "snapshots", "deleted", "deleted_bytes")


class _Steps(click.ParamType[tuple[str, ...]]):
    name = "steps"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        words = tuple(word.strip() for word in value.split(",")) if value else ()
        for word in words:
            if word not in STEPS:
                self.fail(f"{word} is no step; known are {', '.join(STEPS)}", param, ctx)
        return words


@click.command()
@click.option("--only", type=_Steps(), default="", metavar="A,B,…", help=f"Only these steps of {', '.join(STEPS)}.")
@click.option("--table", "tables", multiple=True, metavar="TABLE", help="Only this table; can be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write and delete nothing.")
@click.option(
    "--allow-young", is_flag=True, help="Let orphans_after be less than 24h: only where nothing else is running."
)
@form_option
@result_option
@with_settings("lake", "maintain", "spark")
def maintain(
    only: tuple[str, ...], tables: tuple[str, ...], dry_run: bool, allow_young: bool, form: show.Format, **given: Any
) -> int:
    """Keep a lake small and fast: gather small files, take away what nothing needs any more. No row changes.

    \b
    compact    small files of closed partitions become large ones, sorted, with filters for what is looked up
    manifests  few in place of many small ones
    refs       branches of settled batches that killed runs have left
    snapshots  the old ones that no reference needs
    orphans    files that nothing refers to any more, old metadata files, old plans and Data Docs

    It may run beside ingest, and can be interrupted and run again. It alone deletes files.

    \b
    Examples:
      trailhouse maintain --dry-run --lake ./lake
      trailhouse maintain --lake ./lake
      trailhouse maintain --only compact,manifests --table events --config trailhouse.toml
    """
    config = load(given)
    from trailhouse.ingest.job import Run
    from trailhouse.lake import schema
    from trailhouse.upkeep import maintain as upkeep

    for name in tables:
        if name not in schema.TABLES:
            raise UsageError(f"there is no table {name}: give one of {', '.join(schema.TABLES)}")
    logging.getLogger("trailhouse.upkeep").setLevel(logging.INFO)  # it may take an hour: each step is told
    asked = upkeep.Asked(only, tables or schema.TABLES, dry_run, allow_young)
    report = upkeep.maintain(Run(config, lambda *_: None), asked)
    note(asdict(report))
    _show(report, form)
    return PARTIAL if report.problems else 0


def _show(report: Any, form: show.Format) -> None:
    """A line per table of what was done, and one of how it was and is; the JSON form has all of it in one object."""
    if form == "json":
        show.show_one(asdict(report), form, sys.stdout)
        return
    did = [(t.table, *(getattr(t, name) for name in _DID), len(t.refs)) for t in report.tables]
    show.show(did, ("table", *_DID, "refs"), form, sys.stdout)
    if form == "table":
        click.echo()
        is_now = [
            (t.table, word, *(getattr(state, name) for name in _STATE))
            for t in report.tables
            for word, state in (("before", t.before), ("after", t.after))
            if state
        ]
        show.show(is_now, ("table", "", *_STATE), form, sys.stdout)
        click.echo(f"\n{report.status}; {report.pages} plans and pages of old batches")
    for problem in report.problems[:10]:
        click.echo("problem: " + show.escape_terminal(f"{problem['where']}: {problem['reason']}", 300), err=True)
    if len(report.problems) > 10:
        click.echo(f"problem: … and {len(report.problems) - 10} more (--format json has all)", err=True)
