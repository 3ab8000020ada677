"""The templates, deployed by CloudFormation on moto, and what then can be read back of each service."""

from __future__ import annotations

import json
import tomllib

import pytest

from tests.infra.clouds import ACCOUNT, LAKE, LOGS, REGION, RESULTS, client, cloud, deploy_all, statements
from trailhouse import settings
from trailhouse.ask import publish


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
    assert told["CloudTrailDelivers"]["Condition"]["StringEquals"]["aws:SourceArn"] == arn
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
        assert given["JobDriver"]["SparkSubmit"]["EntryPoint"] == f"s3://{LAKE}/artifacts/jobs/{name}.py"
        seen[name] = given["ExecutionRoleArn"]
    assert seen == {name: deployed[f"{name.capitalize()}RoleArn"] for name in seen}
