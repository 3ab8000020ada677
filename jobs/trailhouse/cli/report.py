"""
`trailhouse report`: the saved questions, listed, shown, and answered here or by Athena.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from trailhouse import show
from trailhouse.cli.arguments import load, with_settings
from trailhouse.cli.outcome import note, result_option
from trailhouse.errors import TrailhouseError, UsageError

if TYPE_CHECKING:
    from trailhouse.ask.answer import Answer
    from trailhouse.ask.engines import Ask

Form = Literal["table", "csv", "json", "parquet"]
SHOWN = 1000  # rows in a terminal; files have all


class _Given(click.ParamType[tuple[str, str]]):
    """A parameter, as name=value."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = value.partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is not NAME=VALUE, such as since=2026-03-01", param, ctx)
        return name, text


@click.group()
def report() -> None:
    """Answer saved questions: who did it, who signed in without MFA, what became public, what it costs.

    \b
    Examples:
      trailhouse report list
      trailhouse report show who_deleted_it
      trailhouse report run who_deleted_it --param since=-30d --lake ./lake
      trailhouse report run --all --out ./reports --format csv --config trailhouse.toml
    """


@report.command("list")
@click.option("--tag", help="Only those with this tag, such as identity or cost.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def list_(tag: str | None, form: show.Format) -> None:
    """Say which reports there are, and what they answer.

    \b
    Examples:
      trailhouse report list
      trailhouse report list --tag identity
    """
    from trailhouse.ask import queries

    known = sorted({each for one in queries.reports().values() for each in one.tags})
    if tag and tag not in known:
        raise UsageError(f"no report has the tag {tag}: known are {', '.join(known)}")
    found = [one for one in queries.reports().values() if not tag or tag in one.tags]
    rows = [(one.name, one.title, ", ".join(one.tags)) for one in found]
    show.show(rows, ("report", "answers", "tags"), form, sys.stdout)


@report.command("show")
@click.argument("name")
def show_(name: str) -> None:
    """Say what a report asks, what it can be given, and its SQL.

    \b
    Example:
      trailhouse report show who_deleted_it
    """
    from trailhouse.ask import queries

    one = queries.report(name)
    click.echo(f"{one.name}: {one.title}\n\n{one.doc}\n{one.why}\n")
    click.echo(f"One row is one {', '.join(one.grain)}. Tags: {', '.join(one.tags)}.\n")
    rows = [(param.name, param.type, param.default, param.doc) for param in one.params]
    show.show(rows, ("parameter", "type", "default", "meaning"), "table", sys.stdout)
    click.echo(f"\n{one.sql}")


@report.command("run")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Run every report into the folder that --out names.")
@click.option("--param", "-p", "params", multiple=True, type=_Given(), help="A parameter; can be repeated.")
@click.option("--on", type=click.Choice(["local", "athena"]), default="local", show_default=True, help="Who answers.")
@click.option("--format", "form", type=click.Choice(get_args(Form)), default="table", show_default=True)
@click.option("--csv-raw", is_flag=True, help="CSV with the bare values: for machines, not for spreadsheets.")
@click.option("--out", metavar="FILE|DIR", help="Write there, in place of the terminal; s3://bucket/… as well.")
@result_option
@with_settings("lake", "athena")
def run(
    name: str | None, every: bool, params: tuple[tuple[str, str], ...], form: Form, out: str | None, **given: Any
) -> int | None:
    """Answer a report, or all of them.

    Days are UTC: 2026-03-01, today, yesterday, or -7d for seven days ago. In names * stands for anything. CSV is safe
    to open in a spreadsheet; with --csv-raw it holds the bare values.

    \b
    Examples:
      trailhouse report run who_deleted_it --lake ./lake
      trailhouse report run who_did_it -p since=2026-03-01 -p until=2026-03-31 -p actor='*alice*' --lake ./lake
      trailhouse report run sign_ins_without_mfa --format csv --out sign-ins.csv --lake ./lake
      trailhouse report run root_use --on athena --config trailhouse.toml
      trailhouse report run --all --out ./march -p since=2026-03-01 -p until=2026-03-31 --lake ./lake
    """
    write = _writer(form, given.pop("csv_raw"))
    on, config, today = given.pop("on"), load(given), datetime.now(UTC).date()
    if bool(name) is every:
        raise UsageError("give the name of a report, or --all; `trailhouse report list` shows them")
    if every and out is None:
        raise UsageError("--all wants a folder to write into: --out DIR")
    if form == "parquet" and out is None:
        raise UsageError("Parquet is no text: say where to write it with --out FILE")
    texts = _texts(name, _once(params), today)
    from trailhouse.ask import engines
    from trailhouse.lake import place

    with engines.asking(config, on) as ask:
        if every:
            suffix = "txt" if form == "table" else form
            return _run_all(ask, texts, lambda one: place.inside(str(out), f"{one}.{suffix}"), write)
        answer = ask(texts[str(name)])
    write(answer, out)
    if out is not None:
        click.echo(f"{len(answer.rows):,} rows in {out}", err=True)
    return None


def _once(params: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """What was given, by name."""
    names = [name for name, _ in params]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"the parameter `{twice}` is given twice: give it one value")
    return dict(params)


Write = Callable[["Answer", str | None], None]


def _texts(name: str | None, params: Mapping[str, str], today: date) -> dict[str, str]:
    """The SQL of one report, or of all with those parameters that each knows, by name."""
    from trailhouse.ask import parameters, queries

    if name:
        return {name: parameters.bound(queries.report(name), params, today)}
    reports = queries.reports().values()
    for one in params:
        if not any(param.name == one for report in reports for param in report.params):
            raise UsageError(f"no report has a parameter `{one}`")
    mine = {each.name: {p.name: params[p.name] for p in each.params if p.name in params} for each in reports}
    return {each.name: parameters.bound(each, mine[each.name], today) for each in reports}


_RAN = ("report", "rows", "seconds", "file")


def _run_all(ask: Ask, texts: Mapping[str, str], place: Callable[[str], str], write: Write) -> int:
    """One after another; one that fails is told, and the others go on."""
    failed: list[str] = []
    rows = []
    for name, sql in texts.items():
        began = time.monotonic()
        try:
            answer = ask(sql)
            write(answer, place(name))
        except TrailhouseError as error:
            failed.append(name)
            click.echo(f"error: {name}: {show.escape_terminal(str(error))}", err=True)
            continue
        rows.append((name, len(answer.rows), round(time.monotonic() - began, 2), place(name)))
    note({"reports": [dict(zip(_RAN, row, strict=True)) for row in rows], "failed": failed})
    show.show(rows, _RAN, "table", sys.stdout)
    return 1 if failed else 0


def _writer(form: Form, csv_raw: bool) -> Write:
    """What writes an answer to a file, or where there is none, to the terminal."""
    from trailhouse.lake import place

    def write(answer: Answer, out: str | None) -> None:
        if form == "parquet":
            assert out is not None
            with place.replaced(out) as fresh:
                _write_parquet(answer, fresh)
            return
        shown: show.Format = "csv_raw" if form == "csv" and csv_raw else form
        if out is not None:
            with place.replaced(out) as fresh:
                _write_text(answer, shown, fresh)
            return
        cut = SHOWN if form == "table" else len(answer.rows)
        show.show(answer.rows[:cut], answer.columns, shown, sys.stdout)
        if len(answer.rows) > cut:
            click.echo(f"… and {len(answer.rows) - cut:,} more rows: --format csv has all", err=True)

    return write


def _write_text(answer: Answer, form: show.Format, out: Path) -> None:
    with out.open("w", encoding="utf-8", newline="") as stream:
        show.show(answer.rows, answer.columns, form, stream)


def _write_parquet(answer: Answer, out: Path) -> None:
    from trailhouse.cli import parquet

    parquet.write(answer, out)
