"""
Clocks that are wrong (F19): what is new is what the ledger does not have, and never what a clock says.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.buckets import DAY, Bucket, event, key
from tests.faults.proxy import Fault
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse import settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(days=-1), timedelta(hours=-3), timedelta(days=400)])
@pytest.mark.parametrize("then", [timedelta(), timedelta(minutes=5)])
def test_a_clock_that_jumps_between_runs_hides_no_object(s3, bucket, tmp_path, skew, then):
    where = settings.Lake(location=str(tmp_path / "lake"), catalog_uri=str(tmp_path / "lake" / "catalog.sqlite"))
    for number, when in enumerate((NOW, NOW + skew, NOW + skew + then, NOW)):
        some = Bucket()
        some.put(key(f"n{number}", day=DAY), event(number + 1))
        some.upload(s3.client(), bucket)
        assert ingest(where, f"s3://{bucket}", clock=lambda when=when: when).objects == 1, when
    contents = Contents(where)
    assert len(contents.rows("events")) == 4
    holds_together(contents)


def test_a_clock_that_s3_will_not_have_leaves_it_pending(proxy, bucket, s3, tmp_path):
    some = Bucket()
    some.put(key("a"), event(1))
    some.upload(s3.client(), bucket)
    where = settings.Lake(location=str(tmp_path / "lake"), catalog_uri=str(tmp_path / "lake" / "catalog.sqlite"))
    proxy.begin(
        Fault("answer", among=lambda r: r.kind == "GetObject log", share=1.0, status=403, code="RequestTimeTooSkewed")
    )
    result = ingest(where, f"s3://{bucket}")
    assert (result.status, result.pending) == ("partial", 1)
    proxy.begin()
    assert ingest(where, f"s3://{bucket}").objects == 1
