"""
`trailhouse batch`: what became of batches, and what is to become of those that the gate refused.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from trailhouse import settings, show
from trailhouse.cli.arguments import form_option, load, opened, with_settings
from trailhouse.cli.results import exit_code, show_result

STATES = ("published", "held", "discarded", "freed", "reopened", "refused", "rolled_back", "rollback", "unfinished")

_ONE_OR_MORE = click.IntRange(min=1)
_id = click.argument("batch_id", metavar="BATCH")


@click.group()
def batch() -> None:
    """See batches, and settle those that the gate refused.

    A refused batch is held: nothing of it is visible, its objects are not read again, and later batches go on.

    \b
    Examples:
      trailhouse batch list --state held --lake ./lake
      trailhouse batch show 20260301T101500_1a2b3c4d --lake ./lake
      trailhouse batch rows 20260301T101500_1a2b3c4d --expectation events.root_is_not_used --lake ./lake
      trailhouse batch release 20260301T101500_1a2b3c4d --reason "root was used in the drill" --lake ./lake
    """


@batch.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those.")
@click.option("--limit", type=_ONE_OR_MORE, default=20, show_default=True, help="How many, the newest first.")
@form_option
@with_settings("lake")
def list_(state: str | None, limit: int, form: show.Format, **given: Any) -> None:
    """The newest batches and their states.

    \b
    Example:
      trailhouse batch list --state held --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import batches

    with opened(config) as lake:
        found = batches.listed(lake, state or "", limit)
    show.show([tuple(each.values()) for each in found], batches.LISTED, form, sys.stdout)


@batch.command("show")
@_id
@form_option
@with_settings("lake")
def show_(batch_id: str, form: show.Format, **given: Any) -> None:
    """Why a batch is in its state: its numbers, and every result of its audit. In CSV, the results alone.

    \b
    Example:
      trailhouse batch show 20260301T101500_1a2b3c4d --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import batches

    with opened(config) as lake:
        story = batches.story(lake, batch_id)
    if form == "json":
        show.show_one({"batch": story.batch, "checks": story.checks, "data_docs": story.data_docs}, form, sys.stdout)
        return
    if form == "table":
        show.show_one(story.batch, form, sys.stdout)
        click.echo()
    show.show([tuple(each.values()) for each in story.checks], batches.CHECKED, form, sys.stdout)
    click.echo(f"\nData Docs: {show.escape_terminal(story.data_docs)}", err=True)


@batch.command("rows")
@_id
@click.option(
    "--expectation",
    "which",
    default="events",
    show_default=True,
    metavar="TABLE[.NAME]",
    help="Rows of a table, or only those that break one of its expectations, or have a flag.",
)
@click.option("--columns", default="", metavar="A,B,…", help="Which columns; `all` for every one.")
@click.option("--limit", type=_ONE_OR_MORE, default=20, show_default=True, help="How many rows at most.")
@form_option
@with_settings("lake", "quality")
def rows(batch_id: str, which: str, columns: str, limit: int, form: show.Format, **given: Any) -> None:
    """Look at the rows of a batch, whether it is visible or held.

    \b
    Examples:
      trailhouse batch rows 20260301T101500_1a2b3c4d --expectation events.event_version:in --lake ./lake
      trailhouse batch rows 20260301T101500_1a2b3c4d --expectation quarantine --columns all --format json --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import batches

    expectations = _going(config).expectations()
    with opened(config) as lake:
        shown, found = batches.rows(lake, batch_id, which, expectations, limit)
    names = {"": shown, "all": tuple(found.column_names)}.get(columns) or _named(columns, found.column_names)
    show.show([tuple(row[name] for name in names) for row in found.to_pylist()], names, form, sys.stdout)


def _named(given: str, known: list[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(","))
    for name in names:
        if name not in known:
            raise click.BadParameter(f"no column {name}; known are {', '.join(known)}", param_hint="--columns")
        if names.count(name) > 1:
            raise click.BadParameter(f"{name} is named twice", param_hint="--columns")
    return names


@batch.command("release")
@_id
@click.option("--reason", required=True, help="Why; it is kept with the batch.")
@click.option("--force", is_flag=True, help="Also where it breaks an invariant of the lake itself.")
@form_option
@with_settings("lake", "quality", "spark")
def release(batch_id: str, reason: str, force: bool, form: show.Format, **given: Any) -> int:
    """Publish a held batch although its audit failed.

    Of a discarded batch, the objects are let go: the next ingest reads them again.

    \b
    Example:
      trailhouse batch release 20260301T101500_1a2b3c4d --reason "root was used in the drill" --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import batches

    return _told(batches.release(_going(config), batch_id, reason, force), form)


@batch.command("retry")
@_id
@form_option
@with_settings("lake", "quality", "spark")
def retry(batch_id: str, form: show.Format, **given: Any) -> int:
    """Audit a held batch again, as after a change of your expectations; it is published when it passes.

    Of a discarded batch, the objects are let go: the next ingest reads them again.

    \b
    Example:
      trailhouse batch retry 20260301T101500_1a2b3c4d --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import batches

    return _told(batches.retry(_going(config), batch_id), form)


@batch.command("discard")
@_id
@click.option("--reason", default="", help="Why; it is kept with the batch.")
@with_settings("lake")
def discard(batch_id: str, reason: str, **given: Any) -> None:
    """Give a held batch up. Its objects stay held until it is released or retried.

    \b
    Example:
      trailhouse batch discard 20260301T101500_1a2b3c4d --reason "test data" --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import batches

    batches.discard(_going(config), batch_id, reason)
    click.echo(f"batch {batch_id} is discarded; its objects stay held: `trailhouse batch retry` has them read again")


def _going(config: settings.Settings) -> Any:
    from trailhouse.ingest import run

    return run.Run(config, lambda *_: None)


def _told(result: Any, form: show.Format) -> int:
    show_result(result, form)
    if result.status == "freed" and form == "table":
        click.echo(f"{result.objects} objects are let go: the next `trailhouse ingest` reads them again", err=True)
    return exit_code(result)
