"""A time is UTC, wherever the machine stands that reads it."""

from __future__ import annotations

import time
from datetime import date, datetime

import pytest

from tests.cases.make import event, gz, records
from tests.decode.one import EACH_WAY, decode
from tests.decode.test_cases import delivered


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "America/New_York", "Asia/Kathmandu"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


SPELLED = ["2026-03-08T02:30:00Z", "2026-03-08T02:30:00.000Z", "2026-03-08T02:30:00+00:00", "2026-03-07T21:30:00-05:00"]


@EACH_WAY
def test_a_time_is_utc_in_every_zone(zone, way):
    """An hour that New York does not have, on a day that others are past or not yet in."""
    data = gz(records(*(event(n, eventTime=f'"{text}"') for n, text in enumerate(SPELLED))))
    for row in decode(data, delivered(), way=way).rows.to_pylist():
        assert (row["event_time"], row["event_date"]) == (datetime(2026, 3, 8, 2, 30), date(2026, 3, 8)), zone
