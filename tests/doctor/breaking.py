"""
Every way to set a deployed cloud wrongly, one at a time: each a block in which it is so, and after which it is not.

Where moto's API can't be told something (that S3 refuses a trail's files, that a bucket lies abroad), its state is set.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.infra.clouds import ACCOUNT, LAKE, LOGS, REGION, RESULTS, client

TRAIL = "trailhouse"
OUTPUTS: dict[str, str] = {}  # of the stacks, filled in by the test


def backend(service: str, region: str = REGION) -> Any:
    from moto.backends import get_backend

    return get_backend(service)[ACCOUNT][region]


@contextmanager
def attribute(thing: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(thing, name)
    setattr(thing, name, value)
    yield
    setattr(thing, name, before)


@contextmanager
def entry(held: dict[str, Any], name: str) -> Iterator[None]:
    """Gone."""
    before = held.pop(name)
    yield
    held[name] = before


# ── trails ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def trail(**told: Any) -> Iterator[None]:
    (before,) = [each for each in client("cloudtrail").describe_trails()["trailList"] if each["Name"] == TRAIL]
    client("cloudtrail").update_trail(Name=TRAIL, **told)
    yield
    names = {"EnableLogFileValidation": "LogFileValidationEnabled"}
    client("cloudtrail").update_trail(Name=TRAIL, **{name: before[names.get(name, name)] for name in told})


@contextmanager
def stopped() -> Iterator[None]:
    client("cloudtrail").stop_logging(Name=TRAIL)
    yield
    client("cloudtrail").start_logging(Name=TRAIL)


@contextmanager
def status(**told: str) -> Iterator[None]:
    """What GetTrailStatus says besides: moto's trails never fail."""
    its = backend("cloudtrail").trails[TRAIL].status
    describe = its.description
    its.description = lambda: describe() | told
    yield
    del its.description


@contextmanager
def selectors(
    *, basic: list[dict[str, Any]] | None = None, data: dict[str, list[str]] | None = None, management: bool = True
) -> Iterator[None]:
    before = client("cloudtrail").get_event_selectors(TrailName=TRAIL)["AdvancedEventSelectors"]
    if basic:
        client("cloudtrail").put_event_selectors(TrailName=TRAIL, EventSelectors=basic)
        backend("cloudtrail").trails[TRAIL].advanced_event_selectors = []  # which moto keeps beside them
    else:
        advanced = [*(before if management else []), *([objects(**data)] if data is not None else [])]
        client("cloudtrail").put_event_selectors(TrailName=TRAIL, AdvancedEventSelectors=advanced)
    yield
    client("cloudtrail").put_event_selectors(TrailName=TRAIL, AdvancedEventSelectors=before)


def objects(**arn: list[str]) -> dict[str, Any]:
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        *([{"Field": "resources.ARN", **arn}] if arn else []),
    ]
    return {"Name": "objects", "FieldSelectors": fields}


@contextmanager
def second_trail() -> Iterator[None]:
    client("cloudtrail").create_trail(Name="zz-other", S3BucketName=RESULTS)
    client("cloudtrail").start_logging(Name="zz-other")
    yield
    client("cloudtrail").delete_trail(Name="zz-other")


# ── buckets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def policy(bucket: str, change: Callable[[dict[str, dict[str, Any]]], Any]) -> Iterator[None]:
    before = client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    document = json.loads(before)
    named = {each["Sid"]: each for each in document["Statement"]}
    change(named)
    changed = json.dumps(document | {"Statement": list(named.values())})
    client("s3").put_bucket_policy(Bucket=bucket, Policy=changed)
    yield
    client("s3").put_bucket_policy(Bucket=bucket, Policy=before)


def without(bucket: str, sid: str) -> Any:
    return policy(bucket, lambda named: named.pop(sid))


def let_in(named: dict[str, dict[str, Any]]) -> None:
    named["World"] = {
        "Sid": "World", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{LAKE}/*",
    }  # fmt: skip


@contextmanager
def rules(bucket: str, change: Callable[[dict[str, dict[str, Any]]], Any]) -> Iterator[None]:
    s3 = client("s3")
    before = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    named = {each["ID"]: each for each in copy.deepcopy(before)}
    change(named)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(named.values())})
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": before})


def no_rule(bucket: str, name: str) -> Any:
    return rules(bucket, lambda named: named.pop(name))


def rule(bucket: str, prefix: str = "", **told: Any) -> Any:
    made = {"ID": "added", "Status": "Enabled", "Filter": {"Prefix": prefix}, **told}
    return rules(bucket, lambda named: named.update(added=made))


@contextmanager
def versioning(bucket: str, to: str) -> Iterator[None]:
    for each in (to, "Enabled"):
        client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": each})
        if each == to:
            yield


@contextmanager
def unblocked(bucket: str) -> Iterator[None]:
    s3 = client("s3")
    before = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before | {"RestrictPublicBuckets": False})
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


@contextmanager
def unlocked() -> Iterator[None]:
    s3 = client("s3")
    before = s3.get_object_lock_configuration(Bucket=LOGS)["ObjectLockConfiguration"]
    s3.put_object_lock_configuration(Bucket=LOGS, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    yield
    before["Rule"]["DefaultRetention"].pop("Years", None)
    s3.put_object_lock_configuration(Bucket=LOGS, ObjectLockConfiguration=before)


@contextmanager
def notified() -> Iterator[None]:
    topic = client("sns").create_topic(Name="elsewhere")["TopicArn"]
    for told in ({"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}, {}):
        client("s3").put_bucket_notification_configuration(Bucket=LOGS, NotificationConfiguration=told)
        if told:
            yield


@contextmanager
def unencrypted() -> Iterator[None]:
    before = client("s3").get_bucket_encryption(Bucket=LAKE)["ServerSideEncryptionConfiguration"]
    client("s3").delete_bucket_encryption(Bucket=LAKE)
    yield
    client("s3").put_bucket_encryption(Bucket=LAKE, ServerSideEncryptionConfiguration=before)


@contextmanager
def no_bucket(name: str) -> Iterator[None]:
    from moto.s3.models import s3_backends

    with entry(backend("s3", "aws").buckets, name), entry(s3_backends.bucket_accounts, name):
        yield


def stored(name: str) -> Any:
    return backend("s3", "aws").buckets[name]


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def log_key() -> str:
    """Its id: moto disables no key by its ARN."""
    return OUTPUTS["LogKeyArn"].rpartition("/")[2]


@contextmanager
def disabled_key() -> Iterator[None]:
    client("kms").disable_key(KeyId=log_key())
    yield
    client("kms").enable_key(KeyId=log_key())


@contextmanager
def going_key() -> Iterator[None]:
    client("kms").schedule_key_deletion(KeyId=log_key())
    yield
    client("kms").cancel_key_deletion(KeyId=log_key())
    client("kms").enable_key(KeyId=log_key())


@contextmanager
def unrotated() -> Iterator[None]:
    client("kms").disable_key_rotation(KeyId=log_key())
    yield
    client("kms").enable_key_rotation(KeyId=log_key())


@contextmanager
def key_policy(change: Callable[[dict[str, dict[str, Any]]], Any]) -> Iterator[None]:
    kms, named = client("kms"), {"KeyId": log_key(), "PolicyName": "default"}
    before = kms.get_key_policy(**named)["Policy"]
    document = json.loads(before)
    held = {each["Sid"]: each for each in document["Statement"]}
    change(held)
    kms.put_key_policy(**named, Policy=json.dumps(document | {"Statement": list(held.values())}))
    yield
    kms.put_key_policy(**named, Policy=before)


# ── Glue, Athena, roles, jobs ────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def database(location: str) -> Iterator[None]:
    glue = client("glue")
    before = glue.get_database(Name="trailhouse_ops")["Database"]["LocationUri"]
    for to in (location, before):
        glue.update_database(Name="trailhouse_ops", DatabaseInput={"Name": "trailhouse_ops", "LocationUri": to})
        if to == location:
            yield


@contextmanager
def work_group(**told: Any) -> Iterator[None]:
    its = backend("athena").work_groups["trailhouse"]
    with attribute(its, "configuration", its.configuration | told):
        yield


@contextmanager
def also(role: str, action: str | list[str], resource: str) -> Iterator[None]:
    """A statement that the role has besides."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    named = {"RoleName": f"trailhouse-{role}", "PolicyName": "besides"}
    client("iam").put_role_policy(**named, PolicyDocument=json.dumps(document))
    yield
    client("iam").delete_role_policy(**named)


@contextmanager
def detached(role: str, ending: str) -> Iterator[None]:
    iam, name = client("iam"), f"trailhouse-{role}"
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    (arn,) = [each["PolicyArn"] for each in attached if each["PolicyArn"].endswith(ending)]
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    yield
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)


@contextmanager
def inline(role: str, sid: str) -> Iterator[None]:
    """Without a statement of its own policy."""
    iam, name = client("iam"), f"trailhouse-{role}"
    (held,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=held)["PolicyDocument"]
    left = [each for each in document["Statement"] if each["Sid"] != sid]
    for statements in (left, document["Statement"]):
        told = json.dumps(document | {"Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName=held, PolicyDocument=told)
        if statements is left:
            yield


@contextmanager
def assumed_by_all() -> Iterator[None]:
    iam, name = client("iam"), "trailhouse-analyst"
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    anybody = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
    }
    for document in (anybody, before):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
        if document is anybody:
            yield


@contextmanager
def job(state: str) -> Iterator[None]:
    scheduler = client("scheduler")
    told = scheduler.get_schedule(GroupName="trailhouse", Name="ingest")
    kept = {name: told[name] for name in ("GroupName", "Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    for each in (state, "ENABLED"):
        scheduler.update_schedule(**kept, State=each)
        if each == state:
            yield


MANAGEMENT = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": []}
EVENTS = f"arn:aws:s3:::{LAKE}/lake/trailhouse/events/*"

# (the word, where it is found, what is broken)
WAYS: list[tuple[str, str, str, Callable[[], Any]]] = [
    ("trail_missing", "trail to another bucket", LOGS, lambda: trail(S3BucketName=RESULTS)),
    ("trail_off", "stopped", TRAIL, stopped),
    ("trail_one_region", "one region", TRAIL, lambda: trail(IsMultiRegionTrail=False)),
    ("trail_no_global", "no global events", TRAIL, lambda: trail(IncludeGlobalServiceEvents=False)),
    ("trail_no_validation", "no digests", TRAIL, lambda: trail(EnableLogFileValidation=False)),
    ("trail_no_key", "no key", TRAIL, lambda: trail(KmsKeyId="")),
    ("trail_delivery_fails", "refused files", TRAIL, lambda: status(LatestDeliveryError="AccessDenied")),
    ("trail_digests_fail", "refused digests", TRAIL, lambda: status(LatestDigestDeliveryError="NoSuchBucket")),
    ("trail_no_management", "data events alone", TRAIL, lambda: selectors(data={"StartsWith": ["arn:aws:s3:::payroll/"]}, management=False)),
    ("trail_leaves_out", "writes alone", TRAIL, lambda: selectors(basic=[MANAGEMENT])),
    ("trail_leaves_out", "without a service", TRAIL, lambda: selectors(basic=[MANAGEMENT | {"ReadWriteType": "All", "ExcludeManagementEventSources": ["kms.amazonaws.com"]}])),
    ("trail_no_insights", "no insights", TRAIL, lambda: attribute(backend("cloudtrail").trails[TRAIL], "insight_selectors", [])),
    ("trails_twice", "another trail", "zz-other", second_trail),
    ("data_events_all", "all objects", TRAIL, lambda: selectors(data={})),
    ("data_events_all", "all objects, told of old", TRAIL, lambda: selectors(basic=[MANAGEMENT | {"ReadWriteType": "All", "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}])),
    ("data_events_loop", "the log bucket's objects", TRAIL, lambda: selectors(data={"StartsWith": [f"arn:aws:s3:::{LOGS}/"]})),
    ("data_events_loop", "a part of the lake's objects", TRAIL, lambda: selectors(data={"StartsWith": [f"arn:aws:s3:::{LAKE}/lake/"]})),
    ("bucket_missing", "no bucket", RESULTS, lambda: no_bucket(RESULTS)),
    ("bucket_public", "block of logs", LOGS, lambda: unblocked(LOGS)),
    ("bucket_public", "block of results", RESULTS, lambda: unblocked(RESULTS)),
    ("bucket_open", "everybody", LAKE, lambda: policy(LAKE, let_in)),
    ("bucket_any_trail", "any trail", LOGS, lambda: policy(LOGS, lambda named: named["CloudTrailDelivers"]["Condition"]["StringEquals"].pop("aws:SourceArn"))),
    ("bucket_deletes", "deletions", LOGS, lambda: without(LOGS, "NobodyDeletes")),
    ("bucket_deletes", "deletions of versions", LOGS, lambda: policy(LOGS, lambda named: named["NobodyDeletes"].update(Action="s3:DeleteObject"))),
    ("bucket_takes_plants", "plants", LOGS, lambda: without(LOGS, "NobodyElseWrites")),
    ("bucket_no_tls", "no TLS", LAKE, lambda: without(LAKE, "OnlyOverTls")),
    ("bucket_not_versioned", "no versions", LOGS, lambda: versioning(LOGS, "Suspended")),
    ("bucket_no_lock", "no lock", LOGS, unlocked),
    ("bucket_no_abort", "uploads of logs", LOGS, lambda: no_rule(LOGS, "what-was-given-up")),
    ("bucket_no_abort", "uploads of the lake", LAKE, lambda: no_rule(LAKE, "what-was-given-up")),
    ("bucket_expires_early", "expiry of logs", LOGS, lambda: rule(LOGS, Expiration={"Days": 5})),
    ("bucket_archives", "deep archive", LOGS, lambda: rule(LOGS, Transitions=[{"Days": 30, "StorageClass": "DEEP_ARCHIVE"}])),
    ("bucket_notifies", "notifications", LOGS, notified),
    ("lake_expires", "expiry of all", LAKE, lambda: rule(LAKE, Expiration={"Days": 400})),
    ("lake_expires", "expiry of a table", LAKE, lambda: rule(LAKE, "lake/trailhouse/events/", Expiration={"Days": 400})),
    ("lake_moves", "colder", LAKE, lambda: rule(LAKE, "lake/", Transitions=[{"Days": 30, "StorageClass": "GLACIER_IR"}])),
    ("lake_versions_stay", "versions for ever", LAKE, lambda: no_rule(LAKE, "what-was-deleted")),
    ("lake_no_undo", "no versions", LAKE, lambda: versioning(LAKE, "Suspended")),
    ("lake_no_key", "no key of one's own", LAKE, unencrypted),
    ("lake_elsewhere", "another region", LAKE, lambda: attribute(stored(LAKE), "region_name", "eu-central-1")),
    ("results_stay", "results for ever", RESULTS, lambda: rules(RESULTS, lambda named: named["results"].pop("Expiration"))),
    ("key_disabled", "disabled", "key/", disabled_key),
    ("key_going", "pending deletion", "key/", going_key),
    ("key_not_cloudtrails", "not CloudTrail's", "key/", lambda: key_policy(lambda held: held.pop("CloudTrailEncrypts"))),
    ("key_any_trail", "any trail's", "key/", lambda: key_policy(lambda held: held["CloudTrailEncrypts"].pop("Condition"))),
    ("key_no_rotation", "not rotated", "key/", unrotated),
    ("database_missing", "no database", "trailhouse_ops", lambda: entry(backend("glue").databases, "trailhouse_ops")),
    ("database_elsewhere", "database elsewhere", "trailhouse_ops", lambda: database("s3://elsewhere/lake/trailhouse_ops")),
    ("work_group_missing", "no work group", "trailhouse", lambda: entry(backend("athena").work_groups, "trailhouse")),
    ("work_group_off", "disabled", "trailhouse", lambda: attribute(backend("athena").work_groups["trailhouse"], "state", "DISABLED")),
    ("work_group_loose", "nothing enforced", "trailhouse", lambda: work_group(EnforceWorkGroupConfiguration=False)),
    ("work_group_no_limit", "no limit", "trailhouse", lambda: work_group(BytesScannedCutoffPerQuery=None)),
    ("work_group_differs", "another limit", "trailhouse", lambda: work_group(BytesScannedCutoffPerQuery=10_000_000)),
    ("work_group_differs", "another place", "trailhouse", lambda: work_group(ResultConfiguration={"OutputLocation": "s3://x/"})),
    ("role_short", "ingest can't read logs", "trailhouse-ingest", lambda: detached("ingest", "reads-logs")),
    ("role_short", "ingest can't write", "trailhouse-ingest", lambda: inline("ingest", "WritesFiles")),
    ("role_short", "ingest can't encrypt", "trailhouse-ingest", lambda: inline("ingest", "Encrypts")),
    ("role_short", "verify has no keys", "trailhouse-verify", lambda: inline("verify", "AsksForPublicKeys")),
    ("role_short", "analyst can't keep results", "trailhouse-analyst", lambda: inline("analyst", "KeepsResults")),
    ("role_short", "maintain can't delete", "trailhouse-maintain", lambda: inline("maintain", "WritesAndDeletesFiles")),
    ("role_deletes", "ingest deletes", "trailhouse-ingest", lambda: also("ingest", "s3:Delete*", EVENTS)),
    ("role_deletes", "maintain deletes logs", "trailhouse-maintain", lambda: also("maintain", "s3:DeleteObject", f"arn:aws:s3:::{LOGS}/*")),
    ("role_deletes", "publish deletes files", "trailhouse-publish", lambda: also("publish", "s3:DeleteObject", EVENTS)),
    ("role_too_wide", "analyst reads logs", "trailhouse-analyst", lambda: also("analyst", "s3:GetObject", f"arn:aws:s3:::{LOGS}/*")),
    ("role_too_wide", "analyst reads quarantine", "trailhouse-analyst", lambda: also("analyst", "s3:Get*", f"arn:aws:s3:::{LAKE}/lake/*")),
    ("role_too_wide", "verify writes events", "trailhouse-verify", lambda: also("verify", "s3:PutObject", EVENTS)),
    ("role_too_wide", "ingest stops trails", "trailhouse-ingest", lambda: also("ingest", ["cloudtrail:*"], "*")),
    ("role_missing", "no role", "trailhouse-verify", lambda: hidden_role("trailhouse-verify")),
    ("role_open", "anybody", "trailhouse-analyst", assumed_by_all),
    ("job_off", "disabled", "trailhouse/ingest", lambda: job("DISABLED")),
]  # fmt: skip


@contextmanager
def hidden_role(name: str) -> Iterator[None]:
    held = backend("iam", "aws").roles
    (found,) = [id_ for id_, role in held.items() if role.name == name]
    with entry(held, found):
        yield
