"""
`trailhouse coverage`: is everything here? A picture, findings, rows, a page.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trailhouse import settings, show
from trailhouse.cli.arguments import day, form_option, load, opened, with_settings
from trailhouse.cli.results import PARTIAL
from trailhouse.errors import TrailhouseError

if TYPE_CHECKING:
    from trailhouse.upkeep.coverage import Report

_FINDINGS = 50  # that are told in a terminal
_PAGE_COLUMNS = 200
_FINDING = ("what", "account_id", "name", "region", "kind", "source", "since", "until", "objects", "said", "look")


class _Words(click.ParamType[tuple[str, ...]]):
    """Findings, by their words, with commas between."""

    name = "words"
    known = ("silent", "absent", "hole", "pending", "held", "quarantined", "late")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        words = tuple(word.strip() for word in value.split(",") if word.strip())
        for word in words:
            if word not in self.known:
                self.fail(f"{word!r} is no finding; known are {', '.join(self.known)}", param, ctx)
        return words


class _Time(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            made = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-03-01T12:00 (UTC)", param, ctx)
        return made if made.tzinfo else made.replace(tzinfo=UTC)


@click.command()
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True, help="How many days.")
@click.option("--since", type=day, metavar="DATE", help="First day, instead.")
@click.option("--until", type=day, metavar="DATE", help="Last day.  [default: today; of folders their newest]")
@click.option("--as-of", type=_Time(), metavar="TIME", help="Seen from when; of folders it is their end by default.")
@click.option("--account", default="", metavar="ID", help="Only this account.")
@click.option("--region", default="", metavar="REGION", help="Only this region.")
@click.option(
    "--by",
    type=click.Choice(["account", "feed"]),
    help="A line per account (default), or per feed (default of one account).",
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page as well.")
@click.option("--findings", "alone", is_flag=True, help="Show the findings alone, as rows.")
@click.option(
    "--fail-on", type=_Words(), default="", metavar="A,B,…", help="Exit code 5 where there is such a finding."
)
@click.option("--no-store", is_flag=True, help="Leave the table `coverage` as it is.")
@form_option
@with_settings("lake", "coverage")
def coverage(
    html: Path | None, alone: bool, fail_on: tuple[str, ...], no_store: bool, form: show.Format, **given: Any
) -> int:
    """Say whether everything is here: what was delivered hour by hour, what of it is missing, late or waiting.

    Findings: silent (a feed that used to deliver and doesn't), absent (an account in the list of accounts that never
    did), hole (hours without delivery in a steady feed), pending, held, quarantined, late. What was found is kept as
    the table `coverage`; --format json and csv show its rows.

    \b
    Examples:
      trailhouse coverage --lake ./lake
      trailhouse coverage --days 30 --html coverage.html --lake ./lake
      trailhouse coverage --fail-on silent,hole,pending --config trailhouse.toml
      trailhouse coverage --findings --format json --lake ./lake
    """
    wanted = {name: given.pop(name) for name in ("days", "since", "until", "as_of")}
    account, region, by = given.pop("account"), given.pop("region"), given.pop("by")
    config = load(given)
    from trailhouse.upkeep import accounts
    from trailhouse.upkeep import coverage as covered

    now = datetime.now(UTC)
    with opened(config) as lake:
        whole = covered.report(lake, covered.Asked(now, **wanted), config.coverage)
        names = accounts.names(lake)
    made = whole.only(account, region)
    shown = _Shown(made, names, by_feed=by == "feed" or bool(account and not by))
    if html:
        _write_page(html, shown, now)
    shown.show(form, alone)
    if not no_store:
        covered.store(config.lake, whole)
    return PARTIAL if any(finding.what in fail_on for finding in made.findings) else 0


class _Shown:
    """A report in the forms that it is shown in."""

    def __init__(self, made: Report, names: dict[str, str], by_feed: bool) -> None:
        self.made, self.names, self.by_feed = made, names, by_feed

    @property
    def about(self) -> str:
        return f"{self.made.since} to {self.made.until}"

    def grid(self, columns: int) -> Any:
        from trailhouse import picture

        needed = ["account_id", "region", "kind", "day", "hour", "state", "objects", "records"]
        rows = self.made.rows.select(needed).to_pylist()
        return picture.grid(rows, (self.made.since, self.made.until), self.names, self.by_feed, columns)

    def findings(self) -> list[dict[str, Any]]:
        told = []
        for each in self.made.findings:
            row = {name: getattr(each, name) for name in _FINDING if name != "name"}
            told.append(row | {"name": self.names.get(each.account_id)})
        return told

    def where(self, finding: dict[str, Any]) -> str:
        if not finding["account_id"]:
            return str(finding["source"])
        name = f" ({finding['name']})" if finding["name"] else ""
        return f"{finding['account_id']}{name} {finding['region']} {finding['kind']}".rstrip()

    def show(self, form: show.Format, alone: bool) -> None:
        """The picture and the findings; or rows, with the findings on stderr."""
        if alone:
            rows = [tuple(each[name] for name in _FINDING) for each in self.findings()]
            show.show(rows, _FINDING, form, sys.stdout)
        elif form == "table":
            self._picture()
            self._lines(sys.stdout)
        else:
            names = (*self.made.rows.column_names, "name")
            rows = [(*row.values(), self.names.get(row["account_id"])) for row in self.made.rows.to_pylist()]
            show.show(rows, names, form, sys.stdout)
            self._lines(sys.stderr)

    def _picture(self) -> None:
        from trailhouse import picture

        width = shutil.get_terminal_size().columns
        labels = (picture.label(row, self.names, self.by_feed) for row in self._places())
        made = self.grid(width - picture.label_width(labels) - 1)
        colour = sys.stdout.isatty() and not settings.environment().get("NO_COLOR")
        utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        show.tell([f"{self.about}, UTC", "", *picture.lines(made, width, utf8, colour), ""], sys.stdout)

    def _places(self) -> list[dict[str, Any]]:
        place = ["account_id", "region", "kind"]
        return list(self.made.rows.group_by(place).aggregate([]).to_pylist())

    def _lines(self, stream: Any) -> None:
        told = [
            show.escape_terminal(f"{each['what']}: {self.where(each)}: {each['said']}. Look at: {each['look']}")
            for each in self.findings()
        ]
        more = [f"... and {len(told) - _FINDINGS} more findings: --findings has all"] if len(told) > _FINDINGS else []
        show.tell([*told[:_FINDINGS], *more] or ["nothing that wants looking at"], stream)


def _write_page(file: Path, shown: _Shown, now: datetime) -> None:
    from trailhouse import page

    told = [
        {name: str(each[name]) for name in ("what", "region", "kind", "said", "look")}
        | {"account": " ".join(filter(None, (each["account_id"] or each["source"], each["name"])))}
        for each in shown.findings()
    ]
    try:
        file.write_text(page.html(shown.grid(_PAGE_COLUMNS), told, shown.about, now), "utf-8")
    except OSError as error:
        raise TrailhouseError(f"the page can't be written to {file}: {error.strerror}") from error
