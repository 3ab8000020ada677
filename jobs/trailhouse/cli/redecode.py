"""
`trailhouse redecode`: objects of a range decoded anew, their rows replaced.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, opened, range_of, range_options, with_settings
from trailhouse.cli.results import exit_code, show_result


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@range_options
@click.option("--every", is_flag=True, help="Also what this very release has decoded.")
@click.option("--reason", default="", help="Why objects may come out with fewer records than they had.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@form_option
@with_settings("lake", "batch", "limits", "quality", "spark", "source")
def redecode(sources: tuple[str, ...], every: bool, reason: str, dry_run: bool, **given: Any) -> int:
    """Bring a range up to date with this release: decode its objects anew and replace their rows.

    After a fix of the decoder, or for a new column. What this release has decoded already is left alone, so that a
    run that was interrupted goes on where it was. Each batch is replaced as a whole, when it has passed the audit; an
    object that can't be read now stays as it is.

    SOURCE says how objects are read that the lake has from there (see `ingest`); without one, with the settings file's
    sources, and else with the credentials at hand.

    \b
    Examples:
      trailhouse redecode --account 111122223333 --from 2026-03-01 --to 2026-03-31 --lake ./lake --dry-run
      trailhouse redecode --from 2026-03-01 --lake s3://lake/wh --config trailhouse.toml
    """
    form: show.Format = given.pop("form")
    which = range_of(given)
    config = load(given, sources)
    from trailhouse.ingest import run
    from trailhouse.upkeep import mend

    if dry_run:
        with opened(config) as lake:
            found = mend.outdated(lake, which, every)
        told = {"status": "planned", "objects": len(found.objects), "bytes_in": found.bytes}
        show.show_one(told | {"up_to_date": found.up_to_date}, form, sys.stdout)
        return 0
    with show.Progress() as progress:
        going = run.Run(config, progress.update)
        result, up_to_date = mend.redecode(going, which, every, reason)
    show_result(result, form)
    if up_to_date and form == "table":
        click.echo(f"{up_to_date} objects were up to date (--every decodes them too)", err=True)
    return exit_code(result)
