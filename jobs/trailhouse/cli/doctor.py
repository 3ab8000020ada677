"""
`trailhouse doctor`: is all of it set as it should be? Each finding with how to mend it.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Any

import click

from trailhouse import __version__, show
from trailhouse.cli.arguments import form_option, load, with_settings
from trailhouse.cli.results import DAMAGED, PARTIAL

if TYPE_CHECKING:
    from trailhouse.doctor.examine import Report

_CODES = {"wrong": DAMAGED, "costly": DAMAGED, "unchecked": PARTIAL, "well": 0}


@click.command()
@click.argument("named", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--organizations", is_flag=True, help="Hold the organization's accounts against trail and lake, asked of AWS."
)
@form_option
@with_settings("lake", "athena", "listing", "coverage", "maintain", "doctor", "source")
def doctor(named: tuple[str, ...], organizations: bool, form: show.Format, **given: Any) -> int:
    """Say what is wrong or costly with trails, buckets, keys, roles, jobs and the lake, and how to mend it.

    It writes nothing. What it may not look at is told as unchecked, and never passes for well. All words are in
    docs/doctor.md; a lake and log files in folders have fewer of them.

    Exit code 4: something is wrong or costly; 5: only that something could not be looked at; 0: at most advice.

    \b
    Examples:
      trailhouse doctor --config trailhouse.toml
      trailhouse doctor --config trailhouse.toml --organizations --format json
      trailhouse doctor ./logs --lake ./lake
    """
    config = load(given, named)
    from trailhouse.doctor import examine

    report = examine.examine(config, examine.Asked(organizations))
    _show(report, form)
    return _CODES[report.status]


def _show(report: Report, form: show.Format) -> None:
    from trailhouse.doctor.values import COLUMNS

    if form == "json":
        told = {"status": report.status, "caller": report.caller, "calls": report.calls}
        show.show_one(told | {"findings": [asdict(each) for each in report.findings]}, form, sys.stdout)
        return
    if form != "table":
        show.show([astuple(each) for each in report.findings], COLUMNS, form, sys.stdout)
        return
    lines = ["all is well" if report.status == "well" else f"{report.status}: {len(report.findings)} findings"]
    for each in report.findings:
        line = f"{each.severity}: {each.check}: {each.where}: {each.what}"
        lines += ["", show.escape_terminal(line), f"  mend: {show.escape_terminal(each.mend)}"]
    if report.calls:
        as_whom = show.escape_terminal(report.caller)
        lines += ["", f"looked as {as_whom}, {report.calls} calls; they show in the trail's own events, "
                  f"with the user agent trailhouse/{__version__}"]  # fmt: skip
    show.tell(lines, sys.stdout)
