"""
`trailhouse rollback`: the lake as it was when a batch was over.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, opened, with_settings


@click.command()
@click.option("--to", "to", default="", metavar="BATCH", help="The newest batch that stays; `start` for none.")
@click.option("--last", type=click.IntRange(min=1), help="Take back so many of the newest batches.")
@click.option("--reason", default="", help="Why; it is kept with the batches.")
@click.option("--hold", is_flag=True, help="Have the objects held, instead of read again by the next ingest.")
@click.option("--dry-run", is_flag=True, help="Say which batches would be taken back; write nothing.")
@form_option
@with_settings("lake")
def rollback(reason: str, hold: bool, dry_run: bool, form: show.Format, **given: Any) -> None:
    """Take back the newest batches: all tables, and the ledger with them.

    Readers see the lake as it was when the batch named by --to was over. The objects of what is taken back are read
    again by the next `trailhouse ingest`; with --hold they wait until `trailhouse batch retry` or `release` lets them
    go. Nothing is deleted: history keeps what was taken back until maintenance expires it.

    \b
    Examples:
      trailhouse rollback --last 1 --dry-run --lake ./lake
      trailhouse rollback --to 20260301T101500_1a2b3c4d --reason "wrong limits" --lake ./lake
      trailhouse rollback --to start --hold --reason "test data" --lake ./lake
    """
    to, last = given.pop("to"), given.pop("last")
    config = load(given)
    from trailhouse.ingest import run
    from trailhouse.upkeep import rollback as back

    far = back.Back(to, last or 0)
    if dry_run:
        with opened(config) as lake:
            taken = back.told(lake, back.chosen(lake, far))
        status, batch_id = "planned" if taken else "nothing_to_do", None
    else:
        result, taken = back.rollback(run.Run(config, lambda *_: None), far, reason, hold)
        status, batch_id = result.status, result.batch_id
    if form == "json":
        show.show_one({"status": status, "batch_id": batch_id, "batches": taken}, form, sys.stdout)
        return
    show.show([tuple(each.values()) for each in taken], back.LISTED, form, sys.stdout)
    done = {"planned": "would be taken back", "rolled_back": "were taken back"}.get(status, "are newer: nothing to do")
    click.echo(f"{len(taken)} batches {done}", err=True)
