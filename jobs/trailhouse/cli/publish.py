"""
`trailhouse publish`: views and saved reports where Athena's users look for them.
"""

from __future__ import annotations

import sys
from dataclasses import astuple
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, with_settings

_SILENT = "unchanged"


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@form_option
@with_settings("lake", "athena")
def publish(dry_run: bool, form: show.Format, **given: Any) -> None:
    """Put views into Glue and saved reports into Athena: a work group, named queries, prepared statements.

    What is there already stays; what differs from this release is written anew, and said. What somebody else made is
    left alone, whatever its name.

    \b
    Examples:
      trailhouse publish --dry-run --lake s3://my-lake/warehouse --lake-catalog glue
      trailhouse publish --config trailhouse.toml
    """
    config = load(given)
    from trailhouse.ask import publish as published

    changes = published.publish(config, dry_run)
    status = "planned" if dry_run else "published"
    if form != "table":
        show.show([astuple(each) for each in changes], ("kind", "name", "what", "detail"), form, sys.stdout)
        return
    different = [each for each in changes if each.what != _SILENT]
    if different:
        show.show([astuple(each) for each in different], ("kind", "name", "what", ""), form, sys.stdout)
    same = len(changes) - len(different)
    click.echo(f"{status}: {len(different)} differ, {same} unchanged")
