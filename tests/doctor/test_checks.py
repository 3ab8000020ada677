"""Checks over values, for what no cloud of the tests has: three trails, rules with tags, other partitions of AWS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trailhouse import settings
from trailhouse.doctor import roles, stores, trails
from trailhouse.doctor.values import LAKE, LOGS, RESULTS, Bucket, Cloud, Key, Role, Trail

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
    bucket = Bucket("my-lake", LAKE, ("lake/",), rules=(rule, ABORTS))
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


# ── log buckets ──────────────────────────────────────────────────────────────────────────────────────────────────────

LOCKED = {"Rule": {}}


def log_bucket(*policy: dict, prefix: str = "AWSLogs/", rules: tuple = (ABORTS,), **more) -> Bucket:
    tls = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::logs/*",
           "Condition": {"Bool": {"aws:SecureTransport": False}}}  # fmt: skip
    return Bucket("logs", LOGS, (prefix,), lock=LOCKED, policy=(tls, *policy), rules=rules, **more)


def deny(action, resource="arn:aws:s3:::logs/*", **condition) -> dict:
    told = {"Condition": condition} if condition else {}
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, **told}


SHUT = (deny(["s3:DeleteObject", "s3:DeleteObjectVersion"]), deny("s3:PutObject"))


def said_of(bucket: Bucket, config: settings.Settings = CONFIG) -> set[str]:
    return {each.check for each in stores.check(replace(CLOUD, buckets=(bucket,)), config)}


@pytest.mark.parametrize(
    ("denials", "words"),
    [
        (SHUT, set()),
        ((deny("s3:*", "arn:aws:s3:::logs/org/*"),), set()),
        ((SHUT[0], deny("s3:PutObject", StringNotEquals={"s3:x-amz-server-side-encryption": "aws:kms"})), {"bucket_takes_plants"}),
        ((SHUT[0], deny("s3:PutObject", Null={"s3:x-amz-server-side-encryption": "true"})), {"bucket_takes_plants"}),
        ((SHUT[0], deny("s3:PutObject", StringNotEquals={"aws:PrincipalServiceName": "cloudtrail.amazonaws.com"})), set()),
        ((SHUT[1], deny("s3:Delete*", BoolIfExists={"aws:MultiFactorAuthPresent": "false"})), {"bucket_deletes"}),
        ((SHUT[1], deny("s3:Delete*", ArnNotLike={"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/broom"})), set()),
        ((SHUT[1], deny("s3:Delete*", "arn:aws:s3:::logs/org/AWSLogs/111122223333/*")), {"bucket_deletes"}),
        (({"Effect": "Deny", "NotPrincipal": {"AWS": OWN}, "Action": "s3:*", "Resource": "arn:aws:s3:::logs/*"},), set()),
        ((SHUT[0], deny("s3:PutObject", NumericLessThan={"s3:TlsVersion": 1.2})), {"bucket_takes_plants"}),
    ],
)  # fmt: skip
def test_what_is_denied_is_denied_in_all_of_the_trails_prefix_and_however_it_is_asked_for(denials, words):
    assert said_of(log_bucket(*denials, prefix="org/AWSLogs/")) == words


@pytest.mark.parametrize(
    ("rule", "early"),
    [
        (EXPIRES, True),
        (EXPIRES | {"Filter": {"Prefix": "AWSLogs/111122223333/CloudTrail/"}}, True),
        (EXPIRES | {"Filter": {"Prefix": "AWSLogs/o-abcdefghij/111122223333/CloudTrail-Digest/"}}, True),
        (EXPIRES | {"Filter": {"Prefix": "AWSLogs/111122223333/elasticloadbalancing/"}}, False),
        (EXPIRES | {"Filter": {"Prefix": "AWSLogs/o-abcdefghij/111122223333/Config/"}}, False),
        (EXPIRES | {"Filter": {"Prefix": "access-logs/"}}, False),
    ],
)
def test_a_rule_about_what_else_lies_in_the_log_bucket_is_nobodys_business(rule, early):
    assert said_of(log_bucket(*SHUT, rules=(rule, ABORTS))) == ({"bucket_expires_early"} if early else set())
    moves = {name: value for name, value in rule.items() if name != "Expiration"}
    moves |= {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}
    assert said_of(log_bucket(*SHUT, rules=(moves, ABORTS))) == ({"bucket_archives"} if early else set())


@pytest.mark.parametrize("arn", ["arn:aws:cloudtrail:*:*:trail/*", "*"])
def test_a_condition_that_every_trail_meets_is_none(arn):
    condition = {"Condition": {"StringLike": {"aws:SourceArn": arn}}}
    trails_ = {"Effect": "Allow", "Principal": {"Service": stores.CLOUDTRAIL}, "Resource": "*", **condition}
    assert said_of(log_bucket(*SHUT, trails_ | {"Action": "s3:PutObject"})) == {"bucket_any_trail"}
    key = Key("arn:aws:kms:us-east-1:111122223333:key/k", LOGS, "Enabled", (trails_ | {"Action": "kms:*"},), True)
    assert [each.check for each in stores.check(replace(CLOUD, keys=(key,)), CONFIG)] == ["key_any_trail"]


@pytest.mark.parametrize(
    ("condition", "open_"),
    [
        ({}, True),
        ({"StringLike": {"aws:Referer": "https://example.com/*"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, False),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, False),
    ],
)
def test_a_policy_is_open_unless_a_condition_names_somebody(condition, open_):
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "*"}
    anybody |= {"Condition": condition} if condition else {}
    assert said_of(log_bucket(*SHUT, anybody)) == ({"bucket_open"} if open_ else set())
    role = Role("trailhouse-ingest", True, (anybody | {"Action": "sts:AssumeRole"},))
    assert [each.check for each in roles.check(replace(CLOUD, roles=(role,)), CONFIG)] == (
        ["role_open"] if open_ else []
    )


def test_a_role_that_may_do_something_to_a_part_of_the_log_files_is_found():
    """By the prefix that the trail writes under, and below it."""
    cloud = replace(CLOUD, buckets=(log_bucket(prefix="org/AWSLogs/"),))
    for place in ("org/*", "org/AWSLogs/111122223333/*", "*", "org/AWSLogs/111122223333/CloudTrail/x.json.gz"):
        held = ({"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::logs/{place}"},)
        told = roles.check(replace(cloud, roles=(Role("trailhouse-publish", True, (), held),)), CONFIG)
        assert "role_deletes" in {each.check for each in told}, place
    held = ({"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::logs/other/*"},)
    told = roles.check(replace(cloud, roles=(Role("trailhouse-publish", True, (), held),)), CONFIG)
    assert "role_deletes" not in {each.check for each in told}


@pytest.mark.parametrize("place", ["trailhouse/integrity/*", "trailhouse_ops/ledger/data/x", "trailhouse_ops/*"])
def test_a_role_that_may_delete_a_part_of_the_lake_is_found(place):
    held = ({"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::my-lake/lake/{place}"},)
    told = roles.check(replace(CLOUD, roles=(Role("trailhouse-ingest", True, (), held),)), CONFIG)
    assert "role_deletes" in {each.check for each in told}


def test_a_key_is_used_in_its_own_region():
    key = Key(f"arn:aws:kms:eu-west-1:{OWN}:key/k", LOGS)
    source = settings.Source(url="s3://logs", expected_owner=OWN)
    (call,) = [
        each
        for each in roles.needs(roles.Places(replace(CLOUD, keys=(key,)), replace(CONFIG, sources=(source,))))["ingest"]
        if each.action == "kms:Decrypt"
    ]
    assert call.context["kms:viaservice"] == "s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("location", "layout", "asked"),
    [
        ("s3://my-lake", "aws", {"trailhouse/events/", "org/AWSLogs/"}),
        ("s3://my-lake/lake/", "flat", {"lake/trailhouse/events/", "org/"}),
    ],
)
def test_a_role_lists_what_begins_as_the_keys_do(location, layout, asked):
    source = settings.Source(url="s3://logs/org", layout=layout)
    config = replace(CONFIG, sources=(source,), lake=replace(CONFIG.lake, location=location))
    calls = roles.needs(roles.Places(CLOUD, config))["ingest"]
    assert {each.context["s3:prefix"] for each in calls if each.action == "s3:ListBucket"} == asked


def test_where_no_role_is_of_ours_nothing_is_missing_and_nothing_well():
    gone = tuple(Role(f"trailhouse-{name}", False) for name in roles.ROLES)
    cloud = replace(CLOUD, roles=gone)
    assert [(each.check, each.severity) for each in roles.check(cloud, CONFIG)] == [("roles_unknown", "unchecked")]
    named = replace(CONFIG, doctor=settings.Doctor(roles="trailhouse"))
    assert {each.check for each in roles.check(cloud, named)} == {"role_missing"}
    cloud = replace(CLOUD, roles=(*gone[1:], Role("trailhouse-ingest", True)))
    assert {each.check for each in roles.check(cloud, CONFIG)} == {"role_missing"}


# ── trails ───────────────────────────────────────────────────────────────────────────────────────────────────────────

OTHER = "444455556666"
THEIRS = {
    "Effect": "Allow", "Principal": {"Service": stores.CLOUDTRAIL}, "Action": "s3:PutObject", "Resource": "*",
    "Condition": {"StringEquals": {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{OTHER}:trail/x"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("bucket", "word"),
    [
        (Bucket("logs", LOGS, owner=OWN), "trail_missing"),
        (Bucket("logs", LOGS), "trail_missing"),
        (Bucket("logs", LOGS, owner=OTHER), "trail_unseen"),
        (Bucket("logs", LOGS, owner=OWN, policy=(THEIRS,)), "trail_unseen"),
        (Bucket("logs", LOGS, owner=OWN, copied=True), None),
    ],
)
def test_a_bucket_that_others_deliver_to_is_not_said_to_have_no_trail(bucket, word):
    told = list(trails.check(replace(CLOUD, trails=(), buckets=(bucket,)), None))
    assert [each.check for each in told] == ([word] if word else [])
    assert all(OTHER in each.what for each in told if word == "trail_unseen")


def all_objects_but(*arns: str) -> dict:
    told = {"eventCategory": {"Equals": ["Data"]}, "resources.type": {"Equals": ["AWS::S3::Object"]}}
    told |= {"resources.ARN": {"NotStartsWith": list(arns)}} if arns else {}
    return {"FieldSelectors": [{"Field": name} | its for name, its in told.items()]}


@pytest.mark.parametrize(
    ("spared", "words"),
    [
        ([], ["data_events_all"]),
        (["arn:aws:s3:::logs/", "arn:aws:s3:::my-lake/"], []),
        (["arn:aws:s3:::logs/"], ["data_events_loop"]),
        (["arn:aws:s3:::other/"], ["data_events_loop", "data_events_loop"]),
    ],
)
def test_data_events_of_all_objects_but_ours_are_no_loop(spared, words):
    selectors = ({"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}, all_objects_but(*spared))
    told = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True, "LogFileValidationEnabled": True}
    its = replace(trail("a"), bucket="logs", told=told | {"KmsKeyId": "k"}, selectors=selectors, insights=None)
    buckets = (Bucket("logs", LOGS), Bucket("my-lake", LAKE))
    assert [each.check for each in trails.check(replace(CLOUD, trails=(its,), buckets=buckets), None)] == words


def test_how_to_mend_a_trail_says_in_which_region():
    """CloudTrail changes a trail at home alone."""
    its = replace(trail("a", "eu-west-1"), bucket="logs")
    told = trails.check(replace(CLOUD, trails=(its,), buckets=(Bucket("logs", LOGS),)), None)
    commands = [each.mend for each in told if each.mend.startswith("aws cloudtrail update-trail")]
    assert len(commands) == 4 and all("--region eu-west-1" in each for each in commands)


# ── the lake's bucket, results, keys ─────────────────────────────────────────────────────────────────────────────────


def test_a_class_that_is_read_as_before_is_no_move():
    for to, words in (("INTELLIGENT_TIERING", set()), ("GLACIER_IR", {"lake_moves"})):
        moves = {"ID": "m", "Status": "Enabled", "Transitions": [{"Days": 0, "StorageClass": to}]}
        assert said_of(Bucket("my-lake", LAKE, ("lake/",), rules=(moves, ABORTS))) == words


@pytest.mark.parametrize(
    ("filter_", "enough"),
    [
        ({}, True),
        ({"Prefix": "lake/"}, True),
        ({"Prefix": "lake/trailhouse/events/"}, False),
        ({"ObjectSizeGreaterThan": 9}, False),
        ({"And": {"Prefix": "lake/", "ObjectSizeLessThan": 9}}, False),
    ],
)
def test_a_rule_that_clears_a_part_is_not_enough(filter_, enough):
    forgets = {"ID": "f", "Status": "Enabled", "Filter": filter_, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}
    lake = Bucket("my-lake", LAKE, ("lake/",), versioning="Enabled", rules=(forgets, ABORTS))
    assert said_of(lake) == (set() if enough else {"lake_versions_stay"})
    expires = {"ID": "e", "Status": "Enabled", "Filter": filter_, "Expiration": {"Days": 7}}
    results = Bucket("results", RESULTS, ("lake/",), rules=(expires, ABORTS))
    assert said_of(results) == (set() if enough else {"results_stay"})


@pytest.mark.parametrize(
    ("state", "word"),
    [("Enabled", None), ("Creating", None), ("Disabled", "key_disabled"), ("PendingDeletion", "key_going"),
     ("PendingReplicaDeletion", "key_going"), ("PendingImport", "key_unusable"), ("Unavailable", "key_unusable")],
)  # fmt: skip
def test_a_key_that_opens_nothing_is_found_whatever_its_state_is_called(state, word):
    key = Key(f"arn:aws:kms:eu-west-1:{OWN}:key/k", LAKE, state)
    told = list(stores.check(replace(CLOUD, keys=(key,)), CONFIG))
    assert [each.check for each in told] == ([word] if word else [])
    assert all("--region eu-west-1" in each.mend for each in told), "KMS knows an ARN in its own region alone"


def test_one_bucket_for_everything_is_judged_as_each_and_told_of_once():
    uses = (LOGS, ("AWSLogs/",)), (LAKE, ("lake/",)), (RESULTS, ("athena/",))
    expires = EXPIRES | {"Expiration": {"Days": 400}, "Filter": {"Prefix": "lake/"}}
    buckets = tuple(Bucket("one", use, prefixes, rules=(expires,)) for use, prefixes in uses)
    told = [each.check for each in stores.check(replace(CLOUD, buckets=buckets), CONFIG)]
    assert told == ["bucket_no_abort", "lake_expires", "results_stay"]


def test_nothing_is_said_of_what_was_not_seen():
    cloud = replace(CLOUD, buckets=(Bucket("logs", LOGS), Bucket("my-lake", LAKE)), keys=(Key("k", LOGS),))
    cloud = replace(cloud, roles=(Role("trailhouse-ingest", True),))
    assert (
        list(stores.check(cloud, CONFIG)) == list(roles.check(cloud, CONFIG)) == list(trails.check(cloud, None)) == []
    )
