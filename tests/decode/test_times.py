"""A time is UTC, wherever the machine stands that reads it."""

from __future__ import annotations

import re
import time
from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases.make import event, gz, records
from tests.decode.one import EACH_WAY, decode
from tests.decode.test_cases import delivered
from trailhouse.decode import times

CANONICAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


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


NEAR = st.from_regex(r"[0-9]{3}[0-9:/]-[0-1][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9][Z0]", fullmatch=True)
USUAL = st.datetimes().map(times.written)
EDGES = st.sampled_from(
    ["0000-01-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-02-29T23:59:59Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z",
     "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
     "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "\u0662026-01-01T00:00:0Z"]
)  # fmt: skip


@given(st.lists(NEAR | USUAL | EDGES | st.text(max_size=22) | st.none(), max_size=12), st.integers(0, 3))
def test_a_column_of_times_is_read_as_each_of_them_alone(texts, cut):
    """Those in the usual spelling; the rest is left to be read one by one."""
    micros, sure = times.read_canonical(pa.array(texts, pa.string())[cut:])
    for text, micro, is_sure in zip(texts[cut:], micros.tolist(), sure.tolist(), strict=True):
        is_usual = text is not None and CANONICAL.fullmatch(text) is not None and times.read(text) is not None
        assert is_sure == is_usual, text
        assert not is_sure or micro == times.read(text), text
