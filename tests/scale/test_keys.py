"""The bucket of keys that nobody has stored: a real client sees what a real bucket would show."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tools.scale.bucket import NAME, page, serving
from tools.scale.keys import ROOT, Space
from trailhouse.sources import bucket as s3
from trailhouse.sources.keys import LogKey, parse_key, prefix_of

SPACE = Space(3, 4, 250)


@pytest.fixture
def served(aws_env: pytest.MonkeyPatch):
    for name, value in {"ACCESS_KEY_ID": "nobody", "SECRET_ACCESS_KEY": "none", "REGION": "us-east-1"}.items():
        aws_env.setenv(f"AWS_{name}", value)
    with serving(SPACE) as url:
        aws_env.setenv("AWS_ENDPOINT_URL_S3", url)
        yield s3.Bucket(NAME)


def test_keys_are_log_files_in_the_order_of_s3() -> None:
    keys = [SPACE.key(number) for number in range(len(SPACE))]
    assert keys == sorted(set(keys))
    assert all(isinstance(parse_key(key), LogKey) for key in keys)


def test_an_object_stays_itself_when_days_are_added() -> None:
    shorter = Space(3, 2, 250)
    files = {SPACE.key(number): SPACE.etag(number) for number in range(len(SPACE))}
    assert {shorter.key(n): shorter.etag(n) for n in range(len(shorter))}.items() <= files.items()


def test_a_listing_has_all_keys_once_and_as_many_pages_as_that_takes(served) -> None:
    calls = s3.Calls()
    listed = [each["Key"] for found in s3.pages(served, "", ("", ""), calls) for each in found]
    assert listed == [SPACE.key(number) for number in range(len(SPACE))]
    assert calls.made == len(SPACE) // 1000


@pytest.mark.parametrize("number", [0, 249, 250, 2_999, 11_999])
def test_a_listing_goes_on_after_a_key(served, number: int) -> None:
    key = SPACE.key(number)
    log = parse_key(key)
    assert isinstance(log, LogKey)
    following = next((each["Key"] for found in s3.pages(served, "", (key, ""), s3.Calls()) for each in found), None)
    assert following == (SPACE.key(number + 1) if number + 1 < len(SPACE) else None)
    feed = prefix_of(log)
    day = SPACE.first + timedelta(days=1)
    after = [
        each["Key"] for found in s3.pages(served, feed, (f"{feed}{day:%Y/%m/%d}/", ""), s3.Calls()) for each in found
    ]
    assert len(after) == 3 * 250 and after[0].startswith(f"{feed}{day:%Y/%m/%d}/")


def test_folders_are_those_of_the_keys(served) -> None:
    assert s3.folders(served, "", s3.Calls()) == ["AWSLogs/"]
    assert s3.folders(served, ROOT, s3.Calls()) == [f"{ROOT}{SPACE.account(number)}/" for number in range(3)]
    assert len(s3.folders(served, f"{ROOT}{SPACE.account(1)}/CloudTrail/", s3.Calls())) == 4


def test_a_prefix_that_nothing_has_is_empty() -> None:
    assert "<Contents>" not in page(SPACE, {"prefix": "AWSLogs/nobody/"})
    assert SPACE.folders("AWSLogs/nobody/") == []
