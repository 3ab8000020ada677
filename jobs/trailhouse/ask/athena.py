"""
SQL on Athena: started, waited for, paged; cancelled where whoever asked goes away.

Knows Athena's API. What is asked is ready SQL; where results go and what a query may read is the work group's business.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse import settings
from trailhouse.ask import dialect, views
from trailhouse.ask.answer import Answer
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.sources import aws

SYSTEM = 1  # the category of errors that are Athena's own
_LOG = logging.getLogger(__name__)
_WAITS = (0.1, 0.2, 0.4, 0.8)  # seconds between looks; the last one then stays


def ask(config: settings.Settings, sql: str) -> Answer:
    """The answer to one SELECT."""
    dialect.parse(sql)  # one statement that reads, before anything is paid for
    with aws.told("asking Athena"):
        return _ask(config, sql)


def _ask(config: settings.Settings, sql: str) -> Answer:
    client = aws.client("athena")
    started = _start(client, config, views.named(sql, config.lake))
    try:
        _wait(client, started, config.athena.timeout.total_seconds())
    except BaseException:  # an interrupt too: what nobody waits for shall not go on reading
        _stop(client, started)
        raise
    return _answer(client, started)


def _stop(client: Any, started: str) -> None:
    """As well as it goes: whoever stops a query has a reason, and that is what is told."""
    try:
        client.stop_query_execution(QueryExecutionId=started)
    except (ClientError, BotoCoreError) as error:
        _LOG.warning("the query %s may go on, it could not be stopped: %s", started, error)


def _start(client: Any, config: settings.Settings, sql: str) -> str:
    try:
        begun = client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": config.lake.database},
            WorkGroup=config.athena.work_group,
        )
    except client.exceptions.InvalidRequestException as error:
        said = error.response["Error"]["Message"]
        raise UsageError(
            f"Athena refuses the query: {said} (`trailhouse publish` makes the work group {config.athena.work_group})"
        ) from error
    return str(begun["QueryExecutionId"])


def _wait(client: Any, started: str, longest: float) -> None:
    until = time.monotonic() + longest
    for wait in _pauses():
        execution = client.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        status = execution["Status"]
        state, why = status["State"], status.get("StateChangeReason", "")
        if state == "SUCCEEDED":
            return
        if state == "FAILED" and status.get("AthenaError", {}).get("ErrorCategory") == SYSTEM:
            raise TrailhouseError(f"Athena failed to answer the query, run it again: {why}")
        if state == "FAILED":
            raise UsageError(f"the query can't be answered: {why}")
        if state == "CANCELLED":
            raise TrailhouseError(f"Athena cancelled the query: {why}")
        if time.monotonic() > until:
            raise TrailhouseError(f"no answer in {longest:.0f} s: athena.timeout allows for more")
        time.sleep(wait)


def _pauses() -> Iterator[float]:
    yield from _WAITS
    while True:
        yield _WAITS[-1]


def _answer(client: Any, started: str) -> Answer:
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=started)
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    readers: list[Callable[[str], Any]] = []
    rows: list[tuple[Any, ...]] = []
    for number, page in enumerate(pages):
        found = page["ResultSet"]["Rows"]
        if number == 0:
            told = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            columns, types = tuple(each["Name"] for each in told), tuple(map(_type, told))
            readers = [_READERS.get(each["Type"], str) for each in told]
            found = found[1:]  # the first row of all is the header
        rows += [tuple(map(_value, readers, row["Data"])) for row in found]
    return Answer(columns, rows, types)


def _type(told: dict[str, Any]) -> str:
    """A column's type, of a decimal with its digits."""
    kind = str(told["Type"])
    return f"decimal({told['Precision']},{told['Scale']})" if kind == "decimal" else kind


def _zoned(text: str) -> Any:
    """A moment with the name of its zone, in UTC; as it is where nobody knows the zone."""
    moment, _, zone = text.rpartition(" ")
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        return text


def _value(read: Callable[[str], Any], cell: dict[str, str]) -> Any:
    return read(cell["VarCharValue"]) if "VarCharValue" in cell else None


_READERS: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: text == "true",
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "double": float,
    "float": float,
    "real": float,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamp with time zone": _zoned,
}
