"""
The command line: arguments become settings, one call does the work, its result is shown, an exit code says how it went.

A thin skin. Each command imports what it needs when it runs, so that `trailhouse --help` loads neither Spark nor boto3.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from trailhouse import __version__, settings, show
from trailhouse.cli.accounts import accounts
from trailhouse.cli.arguments import form_option, load, opened, range_of, range_options, with_settings
from trailhouse.cli.batch import batch
from trailhouse.cli.check import check
from trailhouse.cli.coverage import coverage
from trailhouse.cli.doctor import doctor
from trailhouse.cli.lake_queries import lake_queries
from trailhouse.cli.maintain import maintain
from trailhouse.cli.outcome import INTERRUPTED, Outcome, command_of, note, noted, place_of, result_option
from trailhouse.cli.pack import pack
from trailhouse.cli.publish import publish
from trailhouse.cli.quarantine import quarantine
from trailhouse.cli.redecode import redecode
from trailhouse.cli.report import report
from trailhouse.cli.results import PARTIAL, exit_code, show_result
from trailhouse.cli.rollback import rollback
from trailhouse.cli.settle import settle
from trailhouse.cli.upgrade import upgrade
from trailhouse.cli.verify import verify
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.sources.values import Range


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def _run(arguments: list[str]) -> int:
    told = Outcome(command_of(trailhouse, arguments))
    return told.write(place_of(arguments), _ended(arguments, told))


def _ended(arguments: list[str], told: Outcome) -> int:
    try:
        return int(trailhouse.main(arguments, prog_name="trailhouse", standalone_mode=False, obj=told) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 2
    except click.ClickException as error:
        error.show()
        told.error = error.format_message()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; everything is whole: run the same command again to go on", err=True)
        return INTERRUPTED
    except TrailhouseError as error:
        told.fails(show.escape_terminal(str(error)))
        return error.exit_code
    except BrokenPipeError:
        return 0  # whoever was reading has seen enough
    except Exception as error:
        told.fails(f"{type(error).__name__}: {show.escape_terminal(str(error), 2000)}")
        if "--verbose" in arguments:
            traceback.print_exc()
        else:
            click.echo("this should not happen; add --verbose to see where", err=True)
        return 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="trailhouse")
def trailhouse() -> None:
    """The CloudTrail lake you own: log files in, an audited Iceberg table out.

    \b
    Examples:
      trailhouse demo
      trailhouse ingest ./logs --lake ./lake
      trailhouse ingest s3://my-trail-bucket --lake s3://my-lake/warehouse --config trailhouse.toml
      trailhouse sql "SELECT actor, count(*) FROM events GROUP BY 1" --lake ./lake

    \b
    Exit codes: 0 done or nothing to do, 1 failed, 2 wrong usage or settings, 3 refused by the gate,
    4 verify, check or doctor found something,
    5 done but for what could not be read or checked, or a finding of coverage that
    --fail-on names, or what maintain could not do,
    6 outcome unknown (run again), 130 interrupted.
    """


trailhouse.add_command(batch)
trailhouse.add_command(accounts)
trailhouse.add_command(coverage)
trailhouse.add_command(doctor)
trailhouse.add_command(lake_queries)
trailhouse.add_command(quarantine)
trailhouse.add_command(redecode)
trailhouse.add_command(rollback)
trailhouse.add_command(settle)
trailhouse.add_command(maintain)
trailhouse.add_command(pack)
trailhouse.add_command(check)
trailhouse.add_command(upgrade)
trailhouse.add_command(report)
trailhouse.add_command(publish)
trailhouse.add_command(verify)


@trailhouse.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@range_options
@click.option("--no-fast-path", is_flag=True, help="Look at every record closely: slower, the same rows.")
@form_option
@result_option
@with_settings("lake", "batch", "limits", "listing", "quality", "spark", "source")
def ingest(sources: tuple[str, ...], dry_run: bool, no_fast_path: bool, form: show.Format, **given: Any) -> int:
    """Bring a lake up to date with its log files.

    SOURCE is a folder, s3://bucket/prefix, or the name of a source in the settings file; without one, all sources of
    the file are read. Nothing is read twice, and what can't be read now is tried again by the next run.
    With a range only that part is looked at, whatever is new elsewhere: for years that are loaded piece by piece.

    \b
    Examples:
      trailhouse ingest ./logs --lake ./lake
      trailhouse ingest s3://org-trail s3://old-trail/logs --lake s3://lake/wh --lake-catalog glue
      trailhouse ingest --config trailhouse.toml --dry-run
      trailhouse ingest --config trailhouse.toml --from 2024-01-01 --to 2024-01-31 --account 111122223333
    """
    only = asked if (asked := range_of(given)) != Range() else None
    config = load(given, sources)
    from trailhouse.ingest import run

    if dry_run:
        return _show_plan(config, only, form)
    with show.Progress() as progress:
        job = run.Run(config, progress.update, not no_fast_path, listed=progress.listed)
        with noted(job):
            result = run.ingest(job, only)
    show_result(result, form)
    return exit_code(result)


def _show_plan(config: settings.Settings, only: Range | None, form: show.Format) -> int:
    from trailhouse.ingest import run

    now = datetime.now(UTC)
    with show.Progress() as progress:
        found, estimate = run.dry_run(config, now, only, progress.listed)
    planned = {
        "status": "planned",
        "objects": len(found.new),
        "bytes_in": found.new.bytes,
        "known": found.known,
        "skipped": dict(found.skipped),
        "list_calls": found.list_calls,
        "get_calls": len(found.new),
        "estimated_seconds": estimate["seconds"],
        "estimated_dollars": estimate["dollars"],
        # Older folders were listed too, as only an ingest can remember: without one, each plan lists them again.
        "listed_wider": any(now in state.done.values() for state in found.states.values()),
        "problems": [{"where": p.where, "reason": p.reason} for p in found.problems],
    }
    note(planned)
    show.show_one(planned, form, sys.stdout)
    return PARTIAL if found.problems else 0


@trailhouse.command()
@form_option
@with_settings("lake")
def status(form: show.Format, **given: Any) -> None:
    """Say what the lake holds: tables, last batches, accounts and regions, quarantine.

    \b
    Examples:
      trailhouse status --lake ./lake
      trailhouse status --lake ./lake --format json
    """
    config = load(given)
    from trailhouse.ask import status as asked

    with opened(config) as lake:
        answers = asked.status(lake)
    if form == "json":
        whole = {name: [dict(zip(a.columns, row, strict=True)) for row in a.rows] for name, a in answers.items()}
        show.show_one(whole, form, sys.stdout)
        return
    for name, answer in answers.items():
        click.echo(f"{name}:")
        show.show(answer.rows, answer.columns, form, sys.stdout)
        click.echo()


@trailhouse.command()
@click.argument("query")
@form_option
@with_settings("lake")
def sql(query: str, form: show.Format, **given: Any) -> None:
    """Ask the lake in Athena's SQL, on this machine.

    The tables are events, insight_events, aggregated_events, coverage, accounts, integrity, digests, and for
    bookkeeping public_keys, ledger, pending, quarantine, quality, batches.
    `-` reads the query from standard input.

    \b
    Examples:
      trailhouse sql "SELECT event_name, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10" --lake ./lake
      trailhouse sql - --lake ./lake --format csv < question.sql
    """
    config = load(given)
    from trailhouse.ask import local

    text = _asked(query)
    try:
        answer = local.ask(config.lake, text)
    except RecursionError as error:
        raise UsageError("the query is nested too deeply: write it with fewer levels of parentheses") from error
    show.show(answer.rows, answer.columns, form, sys.stdout)


def _asked(query: str) -> str:
    """The query, from the command line or from standard input."""
    try:
        text = sys.stdin.read() if query == "-" else query
        text.encode("utf-8")
    except UnicodeError as error:
        raise UsageError(f"the query is no text in UTF-8: {error}") from error
    return text.removeprefix("\ufeff")


@trailhouse.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--accounts", default=5, show_default=True, help="Accounts of the organization.")
@click.option("--regions", default=4, show_default=True, help="Regions that they use.")
@click.option("--days", default=3, show_default=True, help="Days of logs.")
@click.option("--events", default=100_000, show_default=True, help="Events, each counted once.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same bucket.")
@click.option("--start", default="2026-03-01", show_default=True, metavar="DATE", help="First day.")
@click.option(
    "--layout",
    type=click.Choice(["mixed", "organization", "single", "control-tower"]),
    default="mixed",
    show_default=True,
    help="How the trails lay out their files.",
)
@click.option("--clean", is_flag=True, help="Leave out what is broken, late or delivered twice.")
@click.option(
    "--digests/--no-digests",
    default=True,
    show_default=True,
    help="Signed digests: one an hour for each account and region, so leave them out of a bucket of many accounts.",
)
@form_option
def sample(folder: Path, start: str, form: show.Format, **recipe: Any) -> None:
    """Make a believable bucket of log files in FOLDER, and write down what is in it (truth.json).

    \b
    Examples:
      trailhouse sample ./logs
      trailhouse sample ./logs --accounts 20 --regions 8 --days 30 --events 1000000 --seed 7
    """
    from trailhouse import sample as maker

    made = _make_sample(folder, maker.Recipe(start=_date(start), **recipe))
    show.show_one({"folder": str(folder), **made}, form, sys.stdout)


def _make_sample(folder: Path, recipe: Any) -> dict[str, Any]:
    from trailhouse import sample as maker

    total = maker.make_bucket(folder, recipe).total
    return {
        "events": total.events,
        "insight_events": total.insight_events,
        "aggregated_events": total.aggregated_events,
        "records_delivered": total.records_delivered,
        "duplicates": total.duplicates,
        "objects": sum(total.objects.values()),
        "bytes": total.bytes,
    }


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text} is no date such as 2026-03-01", param_hint="--start") from error


@trailhouse.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="demo")
@click.option("--events", default=20_000, show_default=True, help="Events of the sample bucket.")
def demo(folder: Path, events: int) -> None:
    """Make a sample bucket in FOLDER (default: ./demo), ingest it, and show what can be asked.

    \b
    Example:
      trailhouse demo ./somewhere
    """
    from trailhouse import sample as maker
    from trailhouse.ask import local, parameters, queries
    from trailhouse.ingest import run

    logs, lake = folder / "logs", folder / "lake"
    start = maker.Recipe(events=events).start
    if not (logs / "truth.json").exists():
        click.echo(f"Making a sample bucket in {logs} …", err=True)
        _make_sample(logs, maker.Recipe(events=events))
    click.echo(f"\n$ trailhouse ingest {logs} --lake {lake}", err=True)
    config = settings.load(None, {"source": [str(logs)], "lake.location": str(lake)}, {})
    with show.Progress() as progress:
        result = run.ingest(run.Run(config, progress.update, listed=progress.listed))
    show_result(result, "table")
    for name in ("who_did_it", "denied_calls", "who_deleted_it"):
        asked = queries.report(name)
        answer = local.ask(config.lake, parameters.bound(asked, {"since": str(start)}, datetime.now(UTC).date()))
        click.echo(f"\n{asked.title}")
        show.show(answer.rows[:10], answer.columns, "table", sys.stdout)
    click.echo(f'\nAsk your own: trailhouse sql "SELECT …" --lake {lake}')
