"""
What commands have in common: options for settings, how results are shown, and the settings of a run.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trailhouse import options, settings
from trailhouse.errors import SettingsError
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
            help="Settings file, also in S3 (s3://bucket/key).  [default: $TRAILHOUSE_CONFIG, else ./trailhouse.toml]",
        )
        verbose = click.option("--verbose", is_flag=True, help="Say more, and show where an error comes from.")
        return lake(config(verbose(command)))

    return decorate


def _parameter(name: str) -> str:
    """A setting's name as click can hold it."""
    return name.replace(".", DOT)


def load(given: dict[str, Any], sources: Sequence[str] = ()) -> settings.Settings:
    """The settings of this run. Options that were not given are left to the file and the defaults."""
    config, env = given.pop("config"), settings.environment()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: "py4j" not in record.pathname)  # it takes an interrupt for an error of its own
    logging.basicConfig(handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("trailhouse").setLevel(logging.INFO if given.pop("verbose") else logging.WARNING)
    overrides = {name.replace(DOT, "."): value for name, value in given.items() if value is not None}
    if sources:
        overrides["source"] = list(sources)
    named = str(config or env.get(settings.CONFIG_VARIABLE, ""))
    if named.startswith("s3://"):
        return _from_s3(named, overrides, env)
    return settings.load(Path(config) if config else None, overrides, env)


def _from_s3(url: str, overrides: dict[str, Any], env: Mapping[str, str]) -> settings.Settings:
    """What jobs in the cloud have, which begin with no file. It has no folder, so that its places must be whole."""
    from trailhouse.sources import settings_file

    told = settings_file.read(url)
    with tempfile.TemporaryDirectory(prefix="trailhouse-") as folder:
        copy = Path(folder).resolve() / url.rpartition("/")[2]
        copy.write_bytes(told)
        read = settings.load(copy, overrides, env)
        if str(copy.parent) in repr(read):
            raise SettingsError(f"a folder in {url} begins at the file's own, and there is none: write it whole")
    return read


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
