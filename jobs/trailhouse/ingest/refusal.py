"""
What a refusal says: what failed, and the commands that show why and which rows, as a shell takes them.

Pure: a verdict and settings in, a line of text out.
"""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import PurePath

from trailhouse import options, settings
from trailhouse.ingest import audit
from trailhouse.ingest.values import Verdict


def refusal(verdict: Verdict, config: settings.Settings, asked_for: bool) -> str:
    """Of a batch that the gate holds; `asked_for` where somebody wanted it released all the same."""
    batch_id, first = verdict.staged.batch_id, verdict.broken[0]
    others = f", and {len(verdict.broken) - 1} more" if len(verdict.broken) > 1 else ""
    said = (
        f"batch {batch_id} was refused and nothing of it is visible: expectation {first.id} failed "
        f"({first.observed}; {first.rows} rows){others}. See why: {command('show', batch_id, config)}"
    )
    if first.table != "quality":  # which is about the audit itself
        said += f"; its rows: {command('rows', batch_id, config, first.id)}"
    said += "; then release, retry or discard it"
    if asked_for and audit.is_unreadable(verdict):
        said += "; a file of it can't be read: discard it, then retry it, to have its objects read anew"
    elif asked_for:
        said += "; it breaks an invariant of the lake itself, so that releasing it takes --force"
    return said


def of_restated(verdict: Verdict, config: settings.Settings) -> str:
    """Of a batch that was to say anew what others have said."""
    batch_id, first = verdict.staged.batch_id, verdict.broken[0]
    return (
        f"batch {batch_id} was refused and what was published before stays as it is: expectation {first.id} failed "
        f"({first.observed}). See why: {command('show', batch_id, config)}"
    )


def command(verb: str, batch_id: str, config: settings.Settings, expectation: str = "") -> str:
    """A `trailhouse batch` command that finds this lake, and knows the rules that the batch was judged by."""
    about = ["--expectation", expectation] if expectation else []
    own = config.quality.expectations if expectation else ""
    rules = ["--quality-expectations", own] if own else []
    return shlex.join(["trailhouse", "batch", verb, batch_id, *about, *_lake(config.lake), *rules])


def _lake(where: settings.Lake) -> list[str]:
    """The lake's options, without those that say what is so anyway."""
    given = ["--lake", where.location]
    flags = {option.name: option.flag for option in options.options()}
    for each in fields(where):
        value = getattr(where, each.name)
        usual = str(PurePath(where.location) / "catalog.sqlite") if each.name == "catalog_uri" else each.default
        if each.name != "location" and value and value != usual:
            given += [flags[f"lake.{each.name}"], str(value)]
    return given
