"""
`trailhouse upgrade`: a lake of an older release becomes one of this.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, with_settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@form_option
@with_settings("lake")
def upgrade(dry_run: bool, form: show.Format, **given: Any) -> None:
    """Bring a lake of an older release up to this one: columns and tables that were added, descriptions, properties.

    No row is touched. From then on an older release only reads the lake.

    \b
    Examples:
      trailhouse upgrade --dry-run --lake ./lake
      trailhouse upgrade --lake ./lake
    """
    config = load(given)
    from trailhouse.upkeep import upgrade as upgraded

    made = upgraded.upgrade(config.lake, dry_run)
    status = "upgraded" if made.done else "planned" if made.statements else "nothing_to_do"
    told = {"status": status, "schema_version": made.version, "statements": list(made.statements)}
    if form != "table":
        show.show_one(told, form, sys.stdout)
        return
    show.tell([f"{show.escape_terminal(each)};" for each in made.statements], sys.stdout)
    click.echo({"upgraded": "done", "planned": "nothing was changed", "nothing_to_do": "nothing to do"}[status])
