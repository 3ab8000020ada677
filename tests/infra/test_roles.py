"""What the roles of infra/lake.yaml may, and may not: judged as IAM does, over the templates' own text."""

from __future__ import annotations

import boto3
import pytest

from tests.infra.actions import NO_OPERATION, S3_ACTIONS, S3_CONTROL_ACTIONS
from tests.infra.clouds import ACCOUNT, LAKE, LOGS, REGION, RESULTS
from tests.infra.house import ROLES, actions, policies
from trailhouse.doctor.rights import Call, allowed
from trailhouse.lake import schema

GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
EVENTS, QUARANTINE = "trailhouse/events", "trailhouse_ops/quarantine"
JOBS = ("ingest", "maintain", "verify")


@pytest.fixture(scope="module")
def held():
    return policies()[0]


def test_no_role_names_an_action_or_a_resource_by_a_star(held):
    """Where a service allows names: these know none."""
    nameless = {
        "cloudtrail:ListPublicKeys", "cloudtrail:DescribeTrails", "cloudtrail:ListTrails", "organizations:ListAccounts",
        "athena:ListWorkGroups", "s3:GetAccountPublicAccessBlock",
    }  # fmt: skip
    for role, statements in held.items():
        assert not [each for each in actions(statements) if "*" in each], role
        anywhere = [each["Action"] for each in statements if each["Effect"] == "Allow" and each["Resource"] == "*"]
        assert {a for each in anywhere for a in ([each] if isinstance(each, str) else each)} <= nameless, role


def test_every_action_exists(held):
    """By the services' own models; what S3 calls otherwise is in a table, whose other side is in the model."""
    session = boto3.session.Session(region_name=REGION)
    models = {}
    for action in sorted(set().union(*map(actions, held.values())) - NO_OPERATION):
        service, _, name = action.partition(":")
        if action in S3_CONTROL_ACTIONS:
            service, name = "s3control", S3_CONTROL_ACTIONS[action]
        if service not in models:
            client = session.client(service, aws_access_key_id="x", aws_secret_access_key="x")
            models[service] = set(client.meta.service_model.operation_names)
        assert S3_ACTIONS[action] in models["s3"] if service == "s3" else name in models[service], action


def lake(path: str) -> str:
    return f"arn:aws:s3:::{LAKE}/lake/{path}"


# §: what no role may, or only those that are named
NEVER: list[tuple[str, str, tuple[str, ...]]] = [
    ("s3:DeleteObject", lake(f"{EVENTS}/data/x"), ("maintain",)),
    ("s3:DeleteObject", lake(f"{QUARANTINE}/data/x"), ("maintain",)),
    ("s3:DeleteObject", f"arn:aws:s3:::{LAKE}/artifacts/jobs/ingest.py", ()),
    ("s3:DeleteObject", f"arn:aws:s3:::{LOGS}/AWSLogs/x", ()),
    ("s3:DeleteObject", f"arn:aws:s3:::{RESULTS}/athena/x", ()),
    ("s3:DeleteObjectVersion", lake(f"{EVENTS}/data/x"), ()),
    ("s3:DeleteObjectVersion", f"arn:aws:s3:::{LOGS}/AWSLogs/x", ()),
    ("s3:PutObject", f"arn:aws:s3:::{LOGS}/AWSLogs/x", ()),
    ("s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/jobs/ingest.py", ()),
    ("s3:PutObject", f"arn:aws:s3:::{LAKE}/artifacts/trailhouse.toml", ()),
    ("s3:PutObject", lake(f"{EVENTS}/data/x"), ("ingest", "maintain")),
    ("s3:PutObject", lake("trailhouse/integrity/data/x"), ("ingest", "maintain", "verify")),
    ("s3:PutObject", lake("_trailhouse/plans/x"), ("ingest", "maintain")),
    ("s3:GetObject", f"arn:aws:s3:::{LOGS}/AWSLogs/x", ("ingest", "verify")),
    ("s3:ListBucket", f"arn:aws:s3:::{LOGS}", ("ingest", "verify")),
    ("s3:GetObject", lake(f"{EVENTS}/data/x"), (*JOBS, "analyst", "doctor")),
    ("s3:GetObject", lake(f"{QUARANTINE}/data/x"), (*JOBS, "doctor")),
    ("s3:GetObject", lake("trailhouse_ops/quality/data/x"), (*JOBS, "doctor")),
    ("s3:GetObject", lake("_trailhouse/plans/x"), (*JOBS, "doctor")),
    ("s3:GetObject", f"arn:aws:s3:::{RESULTS}/athena/x", ("analyst",)),
    ("s3:PutBucketPolicy", f"arn:aws:s3:::{LAKE}", ()),
    ("s3:PutLifecycleConfiguration", f"arn:aws:s3:::{LOGS}", ()),
    ("glue:UpdateTable", f"{GLUE}:table/{EVENTS}", ("ingest", "maintain")),
    ("glue:UpdateTable", f"{GLUE}:table/trailhouse/integrity", ("ingest", "maintain", "verify")),
    ("glue:UpdateTable", f"{GLUE}:table/trailhouse/actions", ("ingest", "maintain", "publish")),
    ("glue:UpdateTable", f"{GLUE}:table/{QUARANTINE}", ("ingest", "maintain")),
    ("glue:CreateTable", f"{GLUE}:table/{QUARANTINE}", ("ingest",)),
    ("glue:CreateTable", f"{GLUE}:table/{EVENTS}", ("ingest",)),
    ("glue:CreateTable", f"{GLUE}:table/trailhouse/actions", ("ingest", "publish")),
    ("glue:GetTable", f"{GLUE}:table/{QUARANTINE}", (*JOBS, "doctor")),
    ("glue:DeleteTable", f"{GLUE}:table/trailhouse/actions", ("publish",)),
    *(("glue:DeleteTable", f"{GLUE}:table/{db}/{name}", ()) for db, name in
      ((("trailhouse" if schema.table(n).database == "lake" else "trailhouse_ops"), n) for n in schema.TABLES)),
    ("glue:DeleteDatabase", f"{GLUE}:database/trailhouse", ()),
    ("glue:GetTable", f"{GLUE}:table/payroll/salaries", ()),
    ("glue:GetDatabase", f"{GLUE}:database/default", ("analyst",)),
    ("glue:GetTable", f"{GLUE}:table/default/any", ()),
    ("athena:StartQueryExecution", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/trailhouse", ("analyst",)),
    ("athena:StartQueryExecution", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/primary", ()),
    ("athena:UpdateWorkGroup", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/trailhouse", ()),
    ("athena:DeleteNamedQuery", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/trailhouse", ("publish",)),
    ("cloudtrail:StopLogging", "*", ()),
    ("cloudtrail:UpdateTrail", "*", ()),
    ("cloudtrail:PutEventSelectors", "*", ()),
    ("cloudtrail:DeleteTrail", "*", ()),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/trailhouse-ingest", ()),
    ("iam:CreateRole", "*", ()),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", ()),
    ("sts:AssumeRole", "arn:aws:iam::444455556666:role/any", ()),
    ("kms:ScheduleKeyDeletion", "*", ()),
    ("kms:CreateGrant", "*", ()),
    ("sns:Publish", "*", ()),
    ("events:PutEvents", "*", ()),
    ("sqs:ReceiveMessage", "*", ()),
    ("emr-serverless:CancelJobRun", "*", ()),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource", "who"), NEVER, ids=[f"{a} {r.rpartition(':')[2]}" for a, r, _ in NEVER])
def test_who_may_do_what_is_this_and_nobody_else(held, action, resource, who):
    may = {role for role in ROLES if allowed(held[role], Call(action, resource)) is True}
    unknown = {role for role in ROLES if allowed(held[role], Call(action, resource)) is None}
    assert (may, unknown) == (set(who), set())


def test_keys_are_used_by_s3_alone_and_each_by_those_that_need_it(held):
    outputs = policies()[1]
    via = {"kms:viaservice": f"s3.{REGION}.amazonaws.com"}
    context = {"kms:encryptioncontext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/trailhouse"}
    log_key = {each["Resource"] for each in held["ingest"] if each["Sid"] == "OpensLogs"}.pop()
    for role in ROLES:
        assert not allowed(held[role], Call("kms:Decrypt", log_key, context)), "not through S3"
        assert not allowed(held[role], Call("kms:Decrypt", log_key, via)), "no log file of CloudTrail's"
        assert allowed(held[role], Call("kms:Decrypt", log_key, via | context)) is (role in ("ingest", "verify"))
        assert not allowed(held[role], Call("kms:GenerateDataKey", log_key, via | context))
    assert outputs["LogKeyArn"]


def test_the_scheduler_passes_exactly_the_roles_of_its_jobs(held):
    service = {"iam:passedtoservice": "emr-serverless.amazonaws.com"}
    passed = [f"arn:aws:iam::{ACCOUNT}:role/trailhouse-{role}" for role in ROLES]
    may = [allowed(held["scheduler"], Call("iam:PassRole", role, service)) for role in passed]
    assert dict(zip(ROLES, may, strict=True)) == {role: role in JOBS for role in ROLES}
    assert not allowed(held["scheduler"], Call("iam:PassRole", passed[0], {"iam:passedtoservice": "ec2.amazonaws.com"}))
    assert actions(held["scheduler"]) == {"emr-serverless:StartJobRun", "iam:PassRole"}


def test_the_denial_of_publish_names_every_table_that_the_lake_has(held):
    (never,) = [each for each in held["publish"] if each["Sid"] == "NeverTables"]
    tables = {each.rpartition("/")[2] for each in never["Resource"]}
    assert tables == {name for name in schema.TABLES if schema.table(name).database == "lake"}


def test_a_reader_in_another_account_is_the_only_role_that_is_assumed():
    role = "arn:aws:iam::444455556666:role/trailhouse-log-reader"
    held, _ = policies(LogReaderRoleArn=role)
    for name in ROLES:
        assert allowed(held[name], Call("sts:AssumeRole", role)) is (name in ("ingest", "verify"))
        assert not allowed(held[name], Call("s3:GetObject", f"arn:aws:s3:::{LOGS}/AWSLogs/x"))
