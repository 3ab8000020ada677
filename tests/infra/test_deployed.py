"""The templates, deployed by CloudFormation on moto, and what then can be read back of each service."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.infra.clouds import ACCOUNT, LAKE, LOGS, REGION, RESULTS, client, cloud, deploy_all, statements
from tests.infra.house import parsed
from trailhouse import cli, settings
from trailhouse.ask import publish
from trailhouse.cli import arguments
from trailhouse.doctor.rights import Call, allowed, everybody


@pytest.fixture(scope="module")
def deployed():
    with cloud():
        yield deploy_all()


def test_the_trail_is_of_all_regions_validated_encrypted_and_on(deployed):
    (trail,) = client("cloudtrail").describe_trails()["trailList"]
    assert trail["Name"] == "trailhouse" and trail["S3BucketName"] == LOGS
    assert trail["IsMultiRegionTrail"] and trail["IncludeGlobalServiceEvents"] and trail["LogFileValidationEnabled"]
    assert trail["KmsKeyId"] == deployed["LogKeyArn"]
    assert not trail["IsOrganizationTrail"]
    assert client("cloudtrail").get_trail_status(Name="trailhouse")["IsLogging"]
    insights = client("cloudtrail").get_insight_selectors(TrailName="trailhouse")["InsightSelectors"]
    assert {each["InsightType"] for each in insights} == {"ApiCallRateInsight", "ApiErrorRateInsight"}
    (selector,) = client("cloudtrail").get_event_selectors(TrailName="trailhouse")["AdvancedEventSelectors"]
    assert selector["FieldSelectors"] == [{"Field": "eventCategory", "Equals": ["Management"]}]


@pytest.mark.parametrize("name", [LOGS, LAKE, RESULTS])
def test_no_bucket_is_public_or_reached_without_tls(deployed, name):
    s3 = client("s3")
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    (owned,) = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owned["ObjectOwnership"] == "BucketOwnerEnforced"
    tls = statements(s3.get_bucket_policy(Bucket=name)["Policy"])["OnlyOverTls"]
    assert (tls["Effect"], tls["Action"]) == ("Deny", "s3:*")
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert tls["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert any("AbortIncompleteMultipartUpload" in each for each in rules)


def test_only_this_trail_delivers_and_nobody_deletes(deployed):
    told = statements(client("s3").get_bucket_policy(Bucket=LOGS)["Policy"])
    arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/trailhouse"
    assert told["CloudTrailDelivers"]["Resource"] == [f"arn:aws:s3:::{LOGS}/AWSLogs/{ACCOUNT}/*"]
    delivered = {"aws:SourceArn": arn, "s3:x-amz-acl": "bucket-owner-full-control"}
    assert told["CloudTrailDelivers"]["Condition"] == {"StringEquals": delivered}
    assert told["CloudTrailLooks"]["Condition"]["StringEquals"]["aws:SourceArn"] == arn
    assert told["NobodyDeletes"]["Effect"] == "Deny" and "Condition" not in told["NobodyDeletes"]
    key = json.loads(client("kms").get_key_policy(KeyId=deployed["LogKeyArn"], PolicyName="default")["Policy"])
    given = {each["Sid"]: each for each in key["Statement"]}["CloudTrailEncrypts"]["Condition"]
    assert given["StringEquals"]["aws:SourceArn"] == arn
    assert "kms:EncryptionContext:aws:cloudtrail:arn" in given["StringLike"]


def test_log_and_lake_keep_versions_and_have_keys_of_their_own(deployed):
    s3 = client("s3")
    assert {s3.get_bucket_versioning(Bucket=name)["Status"] for name in (LOGS, LAKE)} == {"Enabled"}
    keys = set()
    for name in (LAKE, RESULTS):
        (each,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert each["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        keys.add(each["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    assert len(keys | {deployed["LogKeyArn"]}) == 3
    assert all(client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] for key in keys)


def test_no_rule_deletes_or_moves_what_is_current_in_the_lake(deployed):
    rules = client("s3").get_bucket_lifecycle_configuration(Bucket=LAKE)["Rules"]
    assert not [each for each in rules if "Days" in each.get("Expiration", {}) or "Transitions" in each]
    assert [each["NoncurrentVersionExpiration"]["NoncurrentDays"] for each in rules if len(each) > 4] == [7]


def test_the_databases_lie_where_ingest_would_put_them(deployed):
    told = {each["Name"]: each["LocationUri"] for each in client("glue").get_databases()["DatabaseList"]}
    assert told == {name: f"s3://{LAKE}/lake/{name}" for name in ("trailhouse", "trailhouse_ops")}


@pytest.fixture
def config(deployed, tmp_path) -> settings.Settings:
    """The settings that the stack tells, read as a user's."""
    path = tmp_path / "trailhouse.toml"
    path.write_text(deployed["Settings"])
    return settings.load(path, {}, {})


def test_the_settings_that_the_stack_tells_are_settings(deployed, config):
    assert tomllib.loads(deployed["Settings"])["lake"]["location"] == config.lake.location == f"s3://{LAKE}/lake"
    assert (config.lake.database, config.lake.ops_database) == ("trailhouse", "trailhouse_ops")
    (source,) = config.sources
    assert (source.url, source.expected_owner, source.role_arn) == (f"s3://{LOGS}", ACCOUNT, "")


def test_publish_finds_its_own_work_group_and_changes_nothing_of_it(deployed, config):
    (change,) = publish._work_group(config, dry_run=True)
    assert (change.kind, change.what) == ("work group", "unchanged")
    there = client("athena").get_work_group(WorkGroup=config.athena.work_group)["WorkGroup"]
    assert there["Configuration"].items() >= publish._enforced(config).items()
    assert there["Description"].endswith(publish.MARK)


def test_each_job_is_started_as_its_own_role(deployed):
    scheduler, seen = client("scheduler"), {}
    for name in ("ingest", "maintain", "verify"):
        told = scheduler.get_schedule(GroupName="trailhouse", Name=name)
        assert told["State"] == "ENABLED"
        assert told["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:emrserverless:startJobRun"
        given = json.loads(told["Target"]["Input"])
        assert given["ApplicationId"] == deployed["ApplicationId"]
        for place in ("emr-serverless.driverEnv", "executorEnv"):
            assert (
                f"--conf spark.{place}.AWS_REGION={REGION}"
                in given["JobDriver"]["SparkSubmit"]["SparkSubmitParameters"]
            )
        assert given["JobDriver"]["SparkSubmit"]["EntryPoint"] == f"s3://{LAKE}/artifacts/jobs/{name}.py"
        seen[name] = given["ExecutionRoleArn"]
    assert seen == {name: deployed[f"{name.capitalize()}RoleArn"] for name in seen}


@pytest.mark.parametrize("name", ["ingest", "maintain", "verify"])
def test_a_job_finds_its_settings_where_the_readme_puts_them(deployed, config, name, aws_env):
    told = client("scheduler").get_schedule(GroupName="trailhouse", Name=name)["Target"]["Input"]
    given = json.loads(told)["JobDriver"]["SparkSubmit"]["EntryPointArguments"]
    parsed = cli.trailhouse.commands[name].make_context(name, list(given)).params
    with open_to_moto(LAKE):
        client("s3").put_object(Bucket=LAKE, Key="artifacts/trailhouse.toml", Body=deployed["Settings"].encode())
        assert arguments.load({"config": parsed["config"], "verbose": False}) == config


@contextmanager
def open_to_moto(bucket: str) -> Iterator[None]:
    """Without its policy, whose conditions moto takes as met: then TLS is denied to everybody."""
    before = client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    client("s3").delete_bucket_policy(Bucket=bucket)
    try:
        yield
    finally:
        client("s3").put_bucket_policy(Bucket=bucket, Policy=before)


def test_the_lakes_bucket_lets_maintain_alone_delete(deployed):
    """Whatever a role may come to hold by mistake."""
    held = list(statements(client("s3").get_bucket_policy(Bucket=LAKE)["Policy"]).values())
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    for name in ("ingest", "maintain", "verify", "publish", "analyst", "doctor"):
        as_role = {"aws:principalarn": deployed[f"{name.capitalize()}RoleArn"], "aws:securetransport": "true"}
        current = Call("s3:DeleteObject", f"arn:aws:s3:::{LAKE}/lake/trailhouse/events/x", as_role)
        assert allowed([everything, *held], current) is (name == "maintain")
        old = Call("s3:DeleteObjectVersion", f"arn:aws:s3:::{LAKE}/lake/trailhouse/events/x", as_role)
        assert allowed([everything, *held], old) is False
        written = Call("s3:PutObject", f"arn:aws:s3:::{LAKE}/lake/trailhouse/events/x", as_role)
        assert allowed([everything, *held], written) is True


def test_nobody_but_cloudtrail_writes_log_files_and_nobody_deletes_them(deployed):
    held = list(statements(client("s3").get_bucket_policy(Bucket=LOGS)["Policy"]).values())
    admin = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    tls = {"aws:securetransport": "true"}
    path = f"arn:aws:s3:::{LOGS}/AWSLogs/{ACCOUNT}/CloudTrail/x"
    for action, context, may in [
        ("s3:PutObject", {}, False),
        ("s3:PutObject", {"aws:principalservicename": "delivery.logs.amazonaws.com"}, False),
        ("s3:PutObject", {"aws:principalservicename": "cloudtrail.amazonaws.com"}, True),
        ("s3:ReplicateObject", {}, False),
        ("s3:DeleteObject", {}, False),
        ("s3:DeleteObjectVersion", {}, False),
        ("s3:ReplicateDelete", {}, False),
        ("s3:GetObject", {}, True),
        ("s3:GetObject", {"aws:securetransport": "false"}, False),
    ]:
        assert allowed([admin, *held], Call(action, path, tls | context)) is may, (action, context)


def test_keys_of_lake_and_results_are_of_no_use_but_through_s3(deployed):
    keys = set()
    for name in (LAKE, RESULTS):
        (rule,) = client("s3").get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        keys.add(rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"])
    for key in keys:
        held = json.loads(client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"]
        for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"):
            through = {"kms:viaservice": f"s3.{REGION}.amazonaws.com"}
            assert allowed(held, Call(action, key, through)) is True
            assert allowed(held, Call(action, key)) is False
            assert allowed(held, Call(action, key, {"kms:viaservice": f"ec2.{REGION}.amazonaws.com"})) is False


@pytest.mark.parametrize("name", ["ingest", "maintain", "verify", "publish", "analyst", "doctor", "scheduler"])
def test_who_may_take_on_a_role_is_named(deployed, name):
    document = client("iam").get_role(RoleName=f"trailhouse-{name}")["Role"]["AssumeRolePolicyDocument"]
    for each in parsed(document)["Statement"]:
        assert not everybody(each)
        if "Service" in each["Principal"]:
            assert each["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
            assert "aws:SourceArn" in str(each["Condition"])
        else:
            assert each["Principal"]["AWS"] == f"arn:aws:iam::{ACCOUNT}:root"
    services = {each["Principal"].get("Service") for each in parsed(document)["Statement"]}
    jobs = name in ("ingest", "maintain", "verify")
    wanted = "emr-serverless.amazonaws.com" if jobs else "scheduler.amazonaws.com" if name == "scheduler" else None
    assert services == {wanted}
