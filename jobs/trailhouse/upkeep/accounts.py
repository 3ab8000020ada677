"""
Accounts: the names that people know them by, from a CSV file or from AWS Organizations (see `organization`).

Replaced as a whole, in one commit, so that what is read is one list and never half of two. Names come from outside:
they are shown as text wherever they are shown.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from pyiceberg.expressions import AlwaysTrue

from trailhouse import settings
from trailhouse.errors import UsageError
from trailhouse.lake import catalog, failures, rows, schema, seals
from trailhouse.lake.catalog import Lake

TABLE = "accounts"
ID = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of one account."""

    account_id: str
    name: str | None = None
    owner: str | None = None
    organizational_unit: str | None = None
    environment: str | None = None


COLUMNS = tuple(field.name for field in fields(Account))


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import does to the list: ids of accounts."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def listed(lake: Lake) -> list[dict[str, object]]:
    """The list, by id; empty in a lake that is older than the table."""
    table = lake.find(TABLE)
    found = table.scan().to_arrow().to_pylist() if table else []
    return sorted(found, key=lambda row: str(row["account_id"]))


def names(lake: Lake) -> dict[str, str]:
    """The name of each account that has one."""
    return {str(row["account_id"]): str(row["name"]) for row in listed(lake) if row["name"]}


def keep(where: settings.Lake, accounts: Sequence[Account], now: datetime, dry_run: bool) -> Changes:
    """Make this the list; returns what that changes. A row that stays as it is keeps its time."""
    with failures.told(where), seals.kept(where):
        lake = catalog.open_lake(where)
        before = {str(row["account_id"]): row for row in listed(lake)}
        wanted = {account.account_id: account for account in accounts}
        same = {
            number
            for number, account in wanted.items()
            if number in before and astuple(account) == tuple(before[number][name] for name in COLUMNS)
        }
        made = Changes(
            added=tuple(sorted(wanted.keys() - before.keys())),
            changed=tuple(sorted(wanted.keys() & before.keys() - same)),
            removed=tuple(sorted(before.keys() - wanted.keys())),
            unchanged=len(same),
        )
        if not dry_run and (made.added or made.changed or made.removed):
            told = now.replace(tzinfo=None)
            held = [
                asdict(a) | {"updated_at": before[n]["updated_at"] if n in same else told} for n, a in wanted.items()
            ]
            catalog.make_missing(lake, TABLE)
            rows.replace(lake, TABLE, AlwaysTrue(), rows.table_of(TABLE, held))
        return made


def read_csv(path: Path) -> list[Account]:
    """The accounts in a file; what can't be meant is refused, with the line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not in UTF-8: save it as CSV UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    try:
        return _accounts(text, path.name)
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV file: {error}") from error


def _accounts(text: str, file: str) -> list[Account]:
    head = text.partition("\n")[0]
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ",", strict=True
    )
    columns = _columns(next(lines, []), file)
    found: dict[str, Account] = {}
    for account, line in _rows(lines, columns, file):
        if not ID.fullmatch(account.account_id):
            raise UsageError(
                f"{file}, line {line}: {account.account_id!r} is no account id of 12 digits{_hint(account)}"
            )
        if account.account_id in found:
            raise UsageError(f"{file}, line {line}: account {account.account_id} is there twice: leave one of them out")
        found[account.account_id] = account
    if not found:
        raise UsageError(f"{file} holds no account: the list would be empty after it")
    return list(found.values())


def _columns(head: Sequence[str], file: str) -> list[str]:
    """Names of columns as they are written anywhere: `Account ID`, `account_id`, `ACCOUNT-ID`."""
    known = {name.replace("_", ""): name for name in COLUMNS}
    made = []
    for cell in head:
        plain = re.sub(r"[\s_-]", "", cell).lower()
        if plain not in known:
            near = get_close_matches(plain, known, n=1)
            hint = f"did you mean `{known[near[0]]}`?" if near else f"known are {', '.join(COLUMNS)}"
            raise UsageError(f"unknown column {cell!r} in {file}: {hint}")
        made.append(known[plain])
    if "account_id" not in made:
        raise UsageError(
            f"{file} has no column account_id: its first line must name the columns ({', '.join(COLUMNS)})"
        )
    if len(set(made)) < len(made):
        raise UsageError(f"{file} has a column twice: {', '.join(made)}")
    return made


def _rows(lines: Iterator[list[str]], columns: Sequence[str], file: str) -> Iterator[tuple[Account, int]]:
    number = 2
    for cells in lines:
        if any(cell.strip() for cell in cells):
            if len(cells) != len(columns):
                raise UsageError(f"{file}, line {number}: {len(cells)} cells, and the first line names {len(columns)}")
            values = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
            account_id = values.pop("account_id")
            yield Account(account_id, **{name: value or None for name, value in values.items()}), number
        number = getattr(lines, "line_num", number) + 1


def _hint(account: Account) -> str:
    of_spreadsheet = re.fullmatch(r"[0-9]{1,11}|[0-9][.,][0-9]+E\+[0-9]+", account.account_id)
    return "; a spreadsheet drops leading zeros: format the column as text" if of_spreadsheet else ""


def columns() -> tuple[str, ...]:
    """What `listed` has of each."""
    return tuple(schema.arrow_schema(TABLE).names)
