"""Times in AWS's answers: read fast where they look as S3 writes them, and always as botocore reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.utils import parse_timestamp

from trailhouse.sources.aws import _time


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.123456+02:00",
        "2026-03-01T12:00:00",
        "Sun, 01 Mar 2026 12:00:00 GMT",
        "20260301T120000Z",
        "1772366400",
        "20260301",  # seconds, which look like a day
        1772366400,
        1772366400.25,
    ],
)
def test_a_time_is_what_botocore_reads(told: object) -> None:
    assert _time(told) == parse_timestamp(told)


def test_what_is_no_time_is_refused_by_botocore() -> None:
    with pytest.raises(ValueError, match="not a time"):
        _time("not a time")


def test_the_times_of_a_listing_are_read_so(s3, bucket) -> None:
    from trailhouse.sources import bucket as listed

    s3.client().put_object(Bucket=bucket, Key="a", Body=b"x")
    (page,) = listed.pages(listed.Bucket(bucket), "", ("", ""), listed.Calls())
    when = page[0]["LastModified"]
    assert when.tzinfo is UTC, "dateutil's own zone would stand here"
    assert abs((datetime.now(UTC) - when).total_seconds()) < 600
