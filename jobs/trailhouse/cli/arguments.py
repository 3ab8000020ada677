"""
What commands have in common: options for settings, how results are shown, and the settings of a run.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trailhouse import config_file, options, settings
from trailhouse.sources.values import Range

if TYPE_CHECKING:
    from trailhouse.lake.catalog import Lake

DOT = "__"  # stands for the dot in "lake.location", which is no parameter name

Command = TypeVar("Command", bound=Callable[..., Any])


def with_settings(*tables: str) -> Callable[[Command], Command]:
    """Options for the settings of these tables, with `--config` and `--lake`."""

    def decorate(command: Command) -> Command:
        for option in reversed(options.options()):
            if option.name.partition(".")[0] in tables and option.name != "lake.location":
                metavar = option.type.upper() if "|" not in option.type else f"[{option.type}]"
                default = f"  [default: {option.default}]" if option.default else ""
                command = click.option(
                    option.flag, _parameter(option.name), metavar=metavar, help=option.doc + default
                )(command)
        lake = click.option(
            "--lake", _parameter("lake.location"), metavar="PLACE", help="The lake: a folder, or s3://bucket/prefix."
        )
        config = click.option(
            "--config",
            metavar="FILE",
            help="Settings file, or s3://bucket/key.  "
            "[default: $TRAILHOUSE_CONFIG, else ./trailhouse.toml where there is one]",
        )
        verbose = click.option("--verbose", is_flag=True, help="Say more, and show where an error comes from.")
        return lake(config(verbose(command)))

    return decorate


def _parameter(name: str) -> str:
    """A setting's name as click can hold it."""
    return name.replace(".", DOT)


def load(given: dict[str, Any], sources: Sequence[str] = ()) -> settings.Settings:
    """The settings of this run. Options that were not given are left to the file and the defaults."""
    config = given.pop("config")
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: "py4j" not in record.pathname)  # it takes an interrupt for an error of its own
    logging.basicConfig(handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("trailhouse").setLevel(logging.INFO if given.pop("verbose") else logging.WARNING)
    overrides = {name.replace(DOT, "."): value for name, value in given.items() if value is not None}
    if sources:
        overrides["source"] = list(sources)
    env = settings.environment()
    return settings.load(Path(config) if config else None, overrides, env, _fetched(config_file.in_bucket(config, env)))


def _fetched(url: str) -> config_file.File | None:
    """A settings file that lies in a bucket: on a cluster the driver may have no other."""
    if not url:
        return None
    from trailhouse.sources import aws

    return config_file.File(url, None, aws.text(url))


@contextmanager
def opened(config: settings.Settings) -> Iterator[Lake]:
    """The lake, to be read; what goes wrong with it is said in words."""
    from trailhouse.lake import catalog, failures

    with failures.told(config.lake):
        yield catalog.open_lake(config.lake, to_read=True)


class _Date(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date such as 2026-03-01", param, ctx)


day = _Date()


class _Account(click.ParamType[str]):
    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch("[0-9]{12}", value):
            self.fail(f"{value!r} is no account id of 12 digits", param, ctx)
        return str(value)


form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "csv_raw"]),
    default="table",
    show_default=True,
    help="How to show it. csv is safe in a spreadsheet and a terminal; csv_raw holds the bare values.",
)


def range_options(command: Command) -> Command:
    """Which objects: of some accounts, delivered on some days."""
    last = click.option("--to", "last", type=day, metavar="DATE", help="Delivered on this day or before.")
    first = click.option("--from", "first", type=day, metavar="DATE", help="Delivered on this day or after.")
    account = click.option(
        "--account",
        "accounts",
        multiple=True,
        type=_Account(),
        metavar="ID",
        help="Of this account; more than one may be given.",
    )
    return account(first(last(command)))


def range_of(given: dict[str, Any]) -> Range:
    """What these options were given, taken out of all that was given."""
    asked = Range(*(given.pop(name) for name in ("accounts", "first", "last")))
    if asked.first and asked.last and asked.first > asked.last:
        raise click.BadParameter(f"{asked.first} is after --to {asked.last}", param_hint="--from")
    return asked
