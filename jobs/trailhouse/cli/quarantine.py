"""
`trailhouse quarantine`: what was set aside, and how it comes into the tables after all.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, opened, range_of, range_options, with_settings
from trailhouse.cli.results import exit_code, show_result

_reason = click.option(
    "--reason", "reasons", multiple=True, metavar="WORD", help="Set aside for this; more than one may be given."
)
_key = click.option("--key", default="", help="Of this object alone.")


@click.group()
def quarantine() -> None:
    """See what was set aside, and take it in once it can be read.

    \b
    Examples:
      trailhouse quarantine list --lake ./lake
      trailhouse quarantine show --reason gzip_truncated --lake ./lake
      trailhouse quarantine retry --reason json --lake ./lake
      trailhouse quarantine retry --reason gzip_truncated --salvage --lake ./lake
    """


@quarantine.command("list")
@range_options
@form_option
@with_settings("lake")
def list_(**given: Any) -> None:
    """What was set aside and why, grouped by reason.

    \b
    Example:
      trailhouse quarantine list --from 2026-03-01 --lake ./lake
    """
    form, asked = given.pop("form"), range_of(given)
    config = load(given)
    from trailhouse.upkeep import mend

    with opened(config) as lake:
        found = mend.quarantined(lake, asked)
    show.show([tuple(each.values()) for each in found], mend.LISTED, form, sys.stdout)


@quarantine.command("show")
@range_options
@_reason
@_key
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many rows at most.")
@form_option
@with_settings("lake")
def show_(reasons: tuple[str, ...], key: str, limit: int, **given: Any) -> None:
    """What was set aside, row by row, with the beginning of its bytes.

    \b
    Example:
      trailhouse quarantine show --reason json --limit 5 --lake ./lake
    """
    form, asked = given.pop("form"), range_of(given)
    config = load(given)
    from trailhouse.upkeep import mend

    with opened(config) as lake:
        found = mend.rejects(lake, asked, reasons, key, limit)
    show.show([tuple(each.values()) for each in found], mend.SHOWN, form, sys.stdout)


@quarantine.command("retry")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@range_options
@_reason
@_key
@click.option("--salvage", is_flag=True, help="Of objects that were cut short, take the records before the cut.")
@form_option
@with_settings("lake", "batch", "limits", "quality", "spark", "source")
def retry(sources: tuple[str, ...], reasons: tuple[str, ...], key: str, salvage: bool, **given: Any) -> int:
    """Read the objects once more, as after a fix or with wider limits, and take in what is good now.

    An object is replaced where more of it can be read than before, through the same audit as any batch; what is no
    better stays as it is. With --salvage, the whole records before the cut of a truncated object are taken, flagged
    `salvaged`; the object stays in quarantine for what is lost of it.

    SOURCE says how objects are read that the lake has from there (see `ingest`).

    \b
    Examples:
      trailhouse quarantine retry --lake ./lake
      trailhouse quarantine retry --reason record_size --limits-record-bytes 33554432 --lake ./lake
      trailhouse quarantine retry --reason gzip_truncated --salvage --lake ./lake
    """
    form, asked = given.pop("form"), range_of(given)
    config = load(given, sources)
    from trailhouse.ingest import run
    from trailhouse.upkeep import mend

    with show.Progress() as progress:
        going = run.Run(config, progress.update)
        result = mend.retry(going, asked, reasons, key, salvage)
    show_result(result, form)
    return exit_code(result)
