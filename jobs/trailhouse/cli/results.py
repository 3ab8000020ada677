"""
How a run's result is shown, and which exit code it has.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from trailhouse import show
from trailhouse.cli import outcome
from trailhouse.errors import GateError

DAMAGED, PARTIAL = 4, 5

# What a person wants to see of a run; the JSON form has all of it.
_TOLD = ("batch_id", "status", "objects", "records", "rows", "duplicates", "quarantined", "quarantined_objects")
_TOLD_TOO = ("conflicts", "pending", "bytes_in", "bytes_out", "list_calls", "seconds")


def show_result(result: Any, form: show.Format) -> None:
    told = asdict(result)
    outcome.note(told)
    if form != "table":
        show.show_one(told, form, sys.stdout)
        return
    show.show_one({name: told[name] for name in (*_TOLD, *_TOLD_TOO)}, form, sys.stdout)
    if told["skipped"]:
        click.echo("skipped: " + ", ".join(f"{count} {why}" for why, count in sorted(told["skipped"].items())))
    if told["findings"]:
        click.echo("findings:")
        show.show(
            [(f.get("table", ""), f["name"], f["rows"]) for f in told["findings"]],
            ("table", "finding", "rows"),
            form,
            sys.stdout,
        )
    for problem in told["problems"][:10]:
        line = f"{problem['where']}: {problem['reason']} {problem['detail']}"
        click.echo("pending: " + show.escape_terminal(line, 300), err=True)
    if len(told["problems"]) > 10:
        click.echo(f"pending: … and {len(told['problems']) - 10} more (--format json has all)", err=True)


def exit_code(result: Any) -> int:
    """What a scheduler sees; what the gate said goes to stderr."""
    for message in result.refused:
        click.echo("error: " + show.escape_terminal(message), err=True)
    return GateError.exit_code if result.refused else PARTIAL if result.problems else 0
