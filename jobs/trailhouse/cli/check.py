"""
`trailhouse check`: is anything broken? Counts of what was found, what to do about each kind, and each by its name.
"""

from __future__ import annotations

import sys
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import click

from trailhouse import settings, show
from trailhouse.cli.arguments import day, form_option, load, with_settings
from trailhouse.cli.results import DAMAGED, PARTIAL
from trailhouse.errors import UsageError

if TYPE_CHECKING:
    from trailhouse.upkeep.damage import Finding, Report


@click.command()
@click.argument("named", nargs=-1, metavar="[SOURCE]...")
@click.option("--deep", is_flag=True, help="Read every byte and every row; needs Spark, and takes its time.")
@click.option("--sources", is_flag=True, help="Compare the sources with the ledger as well.")
@click.option("--since", type=day, metavar="DATE", help="Of sources: the first day, as keys have it.")
@click.option("--until", type=day, metavar="DATE", help="Of sources: the last day.")
@click.option("--seal", is_flag=True, help="With --deep: seal what is sound and has no seal; this alone writes.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Findings told one by one.")
@form_option
@with_settings("lake", "batch", "limits", "listing", "spark", "source")
def check(named: tuple[str, ...], limit: int, form: show.Format, **given: Any) -> int:
    """Say whether anything of the lake is missing, extra, changed or unreadable; nothing is mended, or written.

    Quick, for every hour: all metadata is opened, the folders are listed, and sums are compared. With --deep, bytes,
    rows, keys and seals. With --sources, log objects: those of the settings, or of each SOURCE.

    Exit code 4: something is damaged; 5: something could not be looked at.

    \b
    Examples:
      trailhouse check --lake ./lake
      trailhouse check --deep --lake ./lake --format json
      trailhouse check ./logs --sources --since 2026-03-01 --lake ./lake
    """
    wanted = {name: given.pop(name) for name in ("deep", "seal", "sources", "since", "until")}
    config = load(given, named)
    if named and not wanted["sources"]:
        raise UsageError("sources are compared with the ledger where --sources says so: add it, or leave them out")
    if wanted["seal"] and not wanted["deep"]:
        raise UsageError("what is sealed must have been read: add --deep")
    from trailhouse.upkeep import check as checked

    asked = checked.Asked(**wanted)
    with show.Progress() as progress:
        report = checked.check(_going(config, progress), asked)
    _show(report, form, limit)
    return DAMAGED if report.damaged else PARTIAL if report.status == "unchecked" else 0


def _going(config: settings.Settings, progress: show.Progress) -> Any:
    from trailhouse.ingest import job

    return job.Run(config, lambda files, rows, total: progress.update(files, rows, total))


def _show(report: Report, form: show.Format, limit: int) -> None:
    from trailhouse.upkeep.damage import ADVICE, COLUMNS

    found = report.sorted()
    if form == "json":
        show.show_one(_told(report, found[:limit]), form, sys.stdout)
        return
    if form == "table":
        looked = ", ".join(f"{count} {name}" for name, count in report.looked_at.items())
        click.echo(f"{report.status}: looked at {looked}")
        if report.skipped:
            click.echo("skipped: " + ", ".join(f"{count} {why}" for why, count in sorted(report.skipped.items())))
        counted = [(kind, report.counts[kind], ADVICE[kind]) for kind in ADVICE if report.counts[kind]]
        if counted:
            click.echo()
            show.show(counted, ("kind", "found", "what to do"), form, sys.stdout)
        found = [each for each in found if each.kind != "unsealed"]  # counted is enough
        show.tell(["", *map(_line, found[:limit])] if found[:limit] else [], sys.stdout)
    else:
        show.show([astuple(each) for each in found[:limit]], COLUMNS, form, sys.stdout)
    if len(found) > limit:
        click.echo(f"… and {len(found) - limit} more: --limit N tells more of them", err=True)


def _line(each: Finding) -> str:
    what = " ".join(filter(None, (each.what, each.table and f"of {each.table}", each.path)))
    return show.escape_terminal(f"{each.kind}: {what}: expected {each.expected}, found {each.found}")


def _told(report: Report, found: list[Finding]) -> dict[str, Any]:
    from trailhouse.upkeep.damage import COLUMNS

    return {
        "status": report.status,
        "counts": dict(report.counts),
        "looked_at": dict(report.looked_at),
        "skipped": dict(report.skipped),
        "findings": [dict(zip(COLUMNS, astuple(each), strict=True)) for each in found],
    }
