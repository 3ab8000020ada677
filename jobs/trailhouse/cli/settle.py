"""
`trailhouse settle`: bring to an end what killed runs have left.
"""

from __future__ import annotations

from typing import Any

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option, load, with_settings
from trailhouse.cli.outcome import noted, result_option
from trailhouse.cli.results import exit_code, show_result


@click.command()
@form_option
@result_option
@with_settings("lake", "quality", "spark")
def settle(form: show.Format, **given: Any) -> int:
    """Bring to an end what earlier runs left: publish a batch that was staged whole, forget any other.

    Every ingest begins with this; alone it is for schedulers, and for whoever wants to know that nothing is left. It
    looks for no new objects, and without anything to settle it takes a second or two. What is left is listed by
    `trailhouse batch list --state unfinished`.

    \b
    Examples:
      trailhouse settle --lake ./lake
      trailhouse settle --config trailhouse.toml --format json
    """
    config = load(given)
    from trailhouse.ingest import run

    job = run.Run(config, lambda *_: None)
    with noted(job):
        result = run.settle_left(job)
    show_result(result, form)
    return exit_code(result)
