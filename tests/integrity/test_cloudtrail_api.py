"""The API that stands for CloudTrail's answers as it does, and refuses as it does."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integrity.chains import FIRST, SECOND, Trail
from tests.integrity.cloudtrail_api import ANYWHERE


def client(api, region: str = "us-east-1", attempts: int = 1):
    return boto3.client(
        "cloudtrail", endpoint_url=api.url, aws_access_key_id="k", aws_secret_access_key="s", region_name=region,
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )  # fmt: skip


def fingerprints(told) -> list[str]:
    return [each["Fingerprint"] for each in told["PublicKeyList"]]


def test_keys_are_those_of_the_region_and_the_time(cloudtrail):
    cloudtrail.keys = {"us-east-1": [FIRST, SECOND], ANYWHERE: [SECOND]}
    late = {"StartTime": datetime(2026, 4, 1, tzinfo=UTC), "EndTime": datetime(2026, 4, 2, tzinfo=UTC)}
    assert fingerprints(client(cloudtrail).list_public_keys()) == [FIRST.fingerprint, SECOND.fingerprint]
    assert fingerprints(client(cloudtrail).list_public_keys(**late)) == [SECOND.fingerprint]
    assert fingerprints(client(cloudtrail, "eu-west-1").list_public_keys()) == [SECOND.fingerprint]
    assert [each.region for each in cloudtrail.asked] == ["us-east-1", "us-east-1", "eu-west-1"]


def test_a_key_comes_as_bytes_with_its_times(cloudtrail):
    cloudtrail.keys = {ANYWHERE: [FIRST]}
    (told,) = client(cloudtrail).list_public_keys()["PublicKeyList"]
    assert (told["Value"], told["ValidityStartTime"], told["ValidityEndTime"]) == (FIRST.der, FIRST.since, FIRST.until)


def test_the_next_requests_are_refused_as_too_many(cloudtrail):
    cloudtrail.throttle = 1
    with pytest.raises(ClientError, match="ThrottlingException"):
        client(cloudtrail).list_public_keys()
    assert fingerprints(client(cloudtrail).list_public_keys()) == []
    cloudtrail.throttle = 1
    assert fingerprints(client(cloudtrail, attempts=3).list_public_keys()) == []


def test_a_trail_is_found_by_its_arn_and_an_operation_can_be_refused(cloudtrail):
    trail = Trail(prefix="audit")
    cloudtrail.add_trail(trail, "trail-logs")
    assert client(cloudtrail).get_trail(Name=trail.arn)["Trail"]["S3KeyPrefix"] == "audit"
    with pytest.raises(ClientError, match="TrailNotFoundException"):
        client(cloudtrail).get_trail(Name="none")
    cloudtrail.refuse = {"GetTrail": "AccessDeniedException"}
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client(cloudtrail).get_trail(Name=trail.arn)
