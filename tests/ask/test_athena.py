"""Athena's API where it does not go as one would wish: what is told, and with which exit code."""

from __future__ import annotations

import logging
from datetime import datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from trailhouse import settings
from trailhouse.ask import athena
from trailhouse.errors import TrailhouseError, UsageError

CONFIG = settings.Settings(lake=settings.Lake(location="s3://lake/warehouse", catalog="glue"))


class Client:
    """An Athena whose query is in one state, and that can't stop it."""

    exceptions = SimpleNamespace(InvalidRequestException=ClientError)

    def __init__(self, status, stopping=None):
        self.status, self.stopping, self.stopped = status, stopping, 0

    def start_query_execution(self, **given):
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **given):
        if isinstance(self.status, BaseException):
            raise self.status
        return {"QueryExecution": {"Status": self.status}}

    def stop_query_execution(self, **given):
        self.stopped += 1
        if self.stopping:
            raise self.stopping


@pytest.fixture
def asking(monkeypatch):
    def ask(client, config=CONFIG):
        monkeypatch.setattr(athena.aws, "client", lambda _: client)
        athena.ask(config, "SELECT 1")

    return ask


REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "StopQueryExecution")
UNREACHED = EndpointConnectionError(endpoint_url="https://athena.example.com")


@pytest.mark.parametrize("stopping", [None, REFUSED, UNREACHED])
def test_an_interrupt_is_an_interrupt_also_where_the_query_can_not_be_stopped(asking, stopping, caplog):
    client = Client(KeyboardInterrupt(), stopping)
    with caplog.at_level(logging.WARNING, "trailhouse"), pytest.raises(KeyboardInterrupt):
        asking(client)
    assert client.stopped == 1 and ("may go on" in caplog.text) == (stopping is not None)


def test_a_time_out_is_told_also_where_the_query_can_not_be_stopped(asking, monkeypatch):
    monkeypatch.setattr(athena.time, "monotonic", iter(range(0, 10**6, 10**4)).__next__)
    monkeypatch.setattr(athena.time, "sleep", lambda _: None)
    with pytest.raises(TrailhouseError, match=r"no answer in \d+ s: athena.timeout"):
        asking(Client({"State": "RUNNING"}, REFUSED))


@pytest.mark.parametrize(("category", "code"), [(1, 1), (2, 2), (3, 2), (None, 2)])
def test_what_athena_itself_did_wrong_is_no_wrong_usage(asking, category, code):
    told = {} if category is None else {"AthenaError": {"ErrorCategory": category}}
    with pytest.raises(TrailhouseError, match="out of memory") as raised:
        asking(Client({"State": "FAILED", "StateChangeReason": "out of memory", **told}))
    assert raised.value.exit_code == code and isinstance(raised.value, UsageError) == (code == 2)


@pytest.mark.parametrize(("text", "read"), [
    ("2026-03-01 10:00:00.000 UTC", datetime(2026, 3, 1, 10)), ("2026-03-01 10:00:00.000 Europe/Berlin", datetime(2026, 3, 1, 9)),
    ("2026-03-01 10:00:00.000 Nowhere/Else", "2026-03-01 10:00:00.000 Nowhere/Else"), ("soon", "soon"),
])  # fmt: skip
def test_a_moment_with_a_zone_is_told_in_utc(text, read):
    got = athena._READERS["timestamp with time zone"](text)
    assert (got.replace(tzinfo=None) if isinstance(got, datetime) else got) == read
