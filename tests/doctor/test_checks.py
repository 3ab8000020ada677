"""Checks over values, for what no cloud of the tests has: three trails, rules with tags, other partitions of AWS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trailhouse import settings
from trailhouse.doctor import roles, stores, trails
from trailhouse.doctor.values import LAKE, LOGS, Bucket, Cloud, Key, Role, Trail

OWN = "111122223333"
CLOUD = Cloud(OWN, "us-east-1", f"arn:aws:sts::{OWN}:assumed-role/x/y")
CONFIG = settings.Settings(lake=settings.Lake(location="s3://my-lake/lake", catalog="glue"))


def trail(name: str, region: str = "us-east-1", many: bool = False, logging: bool = True) -> Trail:
    told = {"IsMultiRegionTrail": many}
    selectors = ({"IncludeManagementEvents": True},)
    return Trail(
        f"arn:aws:cloudtrail:{region}:{OWN}:trail/{name}", "elsewhere", told, {"IsLogging": logging}, selectors, ()
    )


@pytest.mark.parametrize(
    ("there", "twice"),
    [
        ([trail("a"), trail("b")], ["b"]),
        ([trail("a"), trail("b", "eu-west-1")], []),
        ([trail("a", many=True), trail("b", "eu-west-1"), trail("c", "ap-south-1")], ["a"]),
        ([trail("a"), trail("b", logging=False)], []),
        ([trail("a"), trail("b"), trail("c")], ["b", "c"]),
    ],
)
def test_each_trail_after_the_first_of_a_region_is_paid_for(there, twice):
    found = trails.check(replace(CLOUD, trails=tuple(there)), None)
    assert [each.where.rpartition("/")[2] for each in found] == twice


EXPIRES = {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}}
ABORTS = {"ID": "a", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (EXPIRES, True),
        (EXPIRES | {"Filter": {"Prefix": "lake/trailhouse/"}}, True),
        (EXPIRES | {"Filter": {"And": {"Prefix": "lake/", "ObjectSizeLessThan": 9}}}, True),
        (EXPIRES | {"Prefix": "lake/"}, True),
        (EXPIRES | {"Expiration": {"Date": "2027-01-01"}}, True),
        (EXPIRES | {"Filter": {"Prefix": "athena-results/"}}, False),
        (EXPIRES | {"Filter": {"Tag": {"Key": "k", "Value": "v"}}}, False),
        (EXPIRES | {"Filter": {"And": {"Prefix": "lake/", "Tags": [{"Key": "k", "Value": "v"}]}}}, False),
        (EXPIRES | {"Status": "Disabled"}, False),
        (EXPIRES | {"Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
    ],
)
def test_a_rule_that_deletes_what_is_current_in_the_lake_is_found(rule, wrong):
    bucket = Bucket("my-lake", LAKE, rules=(rule, ABORTS))
    found = {each.check for each in stores.check(replace(CLOUD, buckets=(bucket,)), CONFIG)}
    assert found == ({"lake_expires"} if wrong else set())


@pytest.mark.parametrize(("partition", "suffix"), [("aws", "amazonaws.com"), ("aws-cn", "amazonaws.com.cn"), ("aws-us-gov", "amazonaws.com")])  # fmt: skip
def test_roles_are_judged_in_every_partition_of_aws(partition, suffix):
    key = f"arn:{partition}:kms:us-east-1:{OWN}:key/k"
    cloud = replace(CLOUD, caller=f"arn:{partition}:sts::{OWN}:assumed-role/x/y", keys=(Key(key, LAKE),))
    s3, glue = f"arn:{partition}:s3:::my-lake", f"arn:{partition}:glue:us-east-1:{OWN}:table/trailhouse/*"
    held = [
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": [s3, f"{s3}/lake/*"]},
        {"Effect": "Allow", "Action": ["glue:GetTable", "glue:UpdateTable"], "Resource": glue},
        {"Effect": "Allow", "Action": "kms:*", "Resource": key, "Condition": {"StringEquals": {"kms:ViaService": f"s3.us-east-1.{suffix}"}}},
    ]  # fmt: skip
    role = Role("trailhouse-maintain", True, (), tuple(held))
    assert list(roles.check(replace(cloud, roles=(role,)), CONFIG)) == []
    (short,) = roles.check(replace(cloud, roles=(replace(role, held=tuple(held[:-1])),)), CONFIG)
    assert short.check == "role_short" and "kms:Decrypt" in short.what


def test_what_a_role_may_by_a_condition_that_nobody_can_judge_is_taken_for_allowed():
    """Of what it must not: of what it needs, it is not said to lack it."""
    cloud = replace(CLOUD, buckets=(Bucket("logs", LOGS),))
    some = {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
    role = Role("trailhouse-analyst", True, (), ({"Effect": "Allow", "Action": "*", "Resource": "*", **some},))
    assert [each.check for each in roles.check(replace(cloud, roles=(role,)), CONFIG)] == [
        "role_deletes",
        "role_too_wide",
    ]


def test_nothing_is_said_of_what_was_not_seen():
    cloud = replace(CLOUD, buckets=(Bucket("logs", LOGS), Bucket("my-lake", LAKE)), keys=(Key("k", LOGS),))
    cloud = replace(cloud, roles=(Role("trailhouse-ingest", True),))
    assert (
        list(stores.check(cloud, CONFIG)) == list(roles.check(cloud, CONFIG)) == list(trails.check(cloud, None)) == []
    )
