"""
What somebody gives a run by hand, parsed before anything is done with it.

Whoever may trigger a DAG may send any JSON. What comes out of here is a day, an account of twelve digits, the name of a
source that the settings have, or one of two words; anything else is an error. Nothing is ever pasted into a command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

FIRST_DAY = date(2013, 1, 1)  # CloudTrail is not older
MOST_ACCOUNTS = 1000
ORDERS = ("oldest first", "newest first")


class ParameterError(ValueError):
    """A parameter is not what it must be."""


@dataclass(frozen=True, slots=True)
class Range:
    """A part of the sources; without anything, all of them."""

    first: date | None = None
    last: date | None = None
    accounts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def as_conf(self) -> dict[str, Any]:
        """As the form of trailhouse_ingest takes it."""
        days = {"from": self.first and self.first.isoformat(), "to": self.last and self.last.isoformat()}
        return {**days, "accounts": list(self.accounts), "sources": list(self.sources)}


def range_of(given: Mapping[str, Any], known: tuple[str, ...], today: date) -> Range:
    """The part that `trailhouse_ingest` is asked for."""
    _only(given, ("from", "to", "accounts", "sources"))
    first = _day(given.get("from"), "from", today, end=False)
    last = _day(given.get("to"), "to", today, end=True)
    if first and last and first > last:
        raise ParameterError(f"`from` ({first}) is after `to` ({last})")
    return Range(first, last, _accounts(given.get("accounts")), _sources(given.get("sources"), known))


def months_of(given: Mapping[str, Any], known: tuple[str, ...], today: date) -> list[Range]:
    """The months that `trailhouse_backfill` goes through, in the order that is asked for."""
    _only(given, ("from", "to", "accounts", "sources", "order"))
    order = given.get("order") or ORDERS[0]
    if order not in ORDERS:
        raise ParameterError(f"`order` must be one of {', '.join(ORDERS)}, not {order!r}")
    whole = range_of({key: value for key, value in given.items() if key != "order"}, known, today)
    if not whole.first or not whole.last:
        raise ParameterError("`from` and `to` are needed: months such as 2024-01, or days such as 2024-01-15")
    months, first = [], whole.first
    while first <= whole.last:
        last = min(_end_of_month(first), whole.last)
        months.append(Range(first, last, whole.accounts, whole.sources))
        first = last + timedelta(days=1)
    return months if order == ORDERS[0] else months[::-1]


def _only(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise ParameterError(f"unknown parameter {key!r}: known are {', '.join(known)}")


def _day(given: Any, name: str, today: date, end: bool) -> date | None:
    """A day, or the first or last day of a month."""
    if given is None or given == "":
        return None
    if not isinstance(given, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", given):
        raise ParameterError(f"`{name}` must be a month such as 2024-01 or a day such as 2024-01-15, not {given!r}")
    try:
        day = date.fromisoformat(given if len(given) == 10 else f"{given}-01")
    except ValueError as error:
        raise ParameterError(f"`{name}` is no day of the calendar: {given!r}") from error
    day = _end_of_month(day) if end and len(given) == 7 else day
    if not FIRST_DAY <= day <= _end_of_month(today):
        raise ParameterError(f"`{name}` must lie between {FIRST_DAY} and this month, not {given!r}")
    return day


def _end_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _accounts(given: Any) -> tuple[str, ...]:
    listed = _list(given, "accounts")
    for each in listed:
        if not re.fullmatch(r"[0-9]{12}", each):
            raise ParameterError(f"`accounts` must be ids of 12 digits, not {each!r}")
    if len(listed) > MOST_ACCOUNTS:
        raise ParameterError(f"`accounts` has {len(listed)} ids, and may have {MOST_ACCOUNTS}")
    return tuple(dict.fromkeys(listed))


def _sources(given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    listed = _list(given, "sources")
    for each in listed:
        if each not in known:
            raise ParameterError(f"there is no source {each!r} in the settings: known are {', '.join(known) or 'none'}")
    return tuple(dict.fromkeys(listed))


def _list(given: Any, name: str) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ParameterError(f"`{name}` must be a list of texts, not {given!r}")
    return given
