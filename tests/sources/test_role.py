"""
A source's role is assumed, with its external id, and what it gives is used for reading.

Against moto's STS and S3: no real role can be had here. moto checks nobody's rights, so what is asserted is what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.client import BaseClient
from moto.server import ThreadedMotoServer

from trailhouse.settings import Listing, Source
from trailhouse.sources import aws
from trailhouse.sources.listing import list_source
from trailhouse.sources.objects import Fetched, ToRead, fetch, reader_for

ROLE = "arn:aws:iam::111122223333:role/log-reader"
KEY = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/111122223333_CloudTrail_us-east-1_20260301T0005Z_x.json.gz"
EVERY = Listing()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What STS was asked, while moto answers."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws, "_CLIENTS", {})
    found: list[dict[str, str]] = []
    call = BaseClient._make_api_call

    def remembered(client: BaseClient, operation: str, given: dict[str, str]) -> object:
        if operation == "AssumeRole":
            found.append(given)
        return call(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", remembered)
    yield found
    server.stop()


def test_a_source_is_read_as_its_role(asked):
    boto3.client("s3").create_bucket(Bucket="logs")
    boto3.client("s3").put_object(Bucket="logs", Key=KEY, Body=b"{}")
    source = Source(url="s3://logs", role_arn=ROLE, external_id="trailhouse")

    listed = list_source(source, None, EVERY, datetime(2026, 3, 2, tzinfo=UTC))
    (found,) = listed.found
    (got,) = fetch([ToRead(found.key, found.etag, found.size)], reader_for(source))

    assert isinstance(got, Fetched)
    assert got.data == b"{}"
    assert asked, "no role was assumed"
    assert {(each["RoleArn"], each["ExternalId"]) for each in asked} == {(ROLE, "trailhouse")}


def test_a_source_without_a_role_assumes_none(asked):
    boto3.client("s3").create_bucket(Bucket="bare")
    listed = list_source(Source(url="s3://bare"), None, EVERY, datetime(2026, 3, 2, tzinfo=UTC))
    assert (listed.found, listed.problems, asked) == ((), (), [])
