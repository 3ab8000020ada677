"""
`trailhouse accounts`: the names that people know accounts by.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, opened, with_settings
from trailhouse.errors import UsageError

_TOLD = 10  # ids that are named of each kind; the JSON form has all


@click.group()
def accounts() -> None:
    """Give accounts the names that people know them by; `status` and `coverage` show them.

    \b
    Examples:
      trailhouse accounts import accounts.csv --lake ./lake
      trailhouse accounts import --organizations --lake ./lake
      trailhouse accounts list --lake ./lake
    """


@accounts.command("import")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE.csv]")
@click.option("--organizations", is_flag=True, help="Ask AWS Organizations; tags owner and environment are read too.")
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@form_option
@with_settings("lake")
def import_(file: Path | None, organizations: bool, dry_run: bool, form: show.Format, **given: Any) -> None:
    """Make a list of accounts the lake's own, in place of the one before.

    The file's first line names its columns: account_id, and of name, owner, organizational_unit, environment what there
    is. From AWS Organizations, run it as the management account or a delegated administrator.

    \b
    Examples:
      trailhouse accounts import accounts.csv --dry-run --lake ./lake
      trailhouse accounts import --organizations --lake ./lake
    """
    config = load(given)
    if (file is None) is not organizations:
        raise UsageError("give either a CSV file or --organizations")
    from trailhouse.upkeep import accounts as kept
    from trailhouse.upkeep import organization

    found = organization.accounts() if file is None else kept.read_csv(file)
    changes = kept.keep(config.lake, found, datetime.now(UTC), dry_run)
    status = "planned" if dry_run else "imported"
    told = {name: list(getattr(changes, name)) for name in ("added", "changed", "removed")}
    if form == "table":
        shown = {name: _few(ids) for name, ids in told.items()}
        show.show_one({"status": status, **shown, "unchanged": changes.unchanged}, form, sys.stdout)
        return
    show.show_one({"status": status, **told, "unchanged": changes.unchanged}, form, sys.stdout)


def _few(ids: list[str]) -> str:
    """How many, and which."""
    named = ", ".join(ids[:_TOLD])
    more = f", and {len(ids) - _TOLD} more" if len(ids) > _TOLD else ""
    return f"{len(ids)}: {named}{more}" if ids else "0"


@accounts.command("list")
@form_option
@with_settings("lake")
def list_(form: show.Format, **given: Any) -> None:
    """Show the list.

    \b
    Example:
      trailhouse accounts list --lake ./lake --format csv
    """
    config = load(given)
    from trailhouse.upkeep import accounts as kept

    with opened(config) as lake:
        found = kept.listed(lake)
    names = kept.columns()
    show.show([tuple(row[name] for name in names) for row in found], names, form, sys.stdout)
