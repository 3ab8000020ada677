"""What the templates make of their parameters: each a cloud of its own, deployed on moto."""

from __future__ import annotations

import json
import tomllib
from urllib.parse import unquote

from tests.infra.clouds import ACCOUNT, LOGS, REGION, client, cloud, deploy, deploy_all, statements
from tests.infra.house import held_by, parsed
from trailhouse.doctor.rights import Call, allowed


def test_an_organizations_trail_and_chosen_data_events_are_parameters():
    with cloud():
        chosen = {
            "OfOrganization": "true",
            "Insights": "false",
            "DataEventBuckets": "arn:aws:s3:::payroll/,arn:aws:s3:::books/2026/",
            "DataEventFunctions": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pay",
        }
        deploy_all(bucket={"OrganizationId": "o-abcdefghij"}, trail=chosen)
        (trail,) = client("cloudtrail").describe_trails()["trailList"]
        assert trail["IsOrganizationTrail"]
        assert not client("cloudtrail").get_insight_selectors(TrailName="trailhouse").get("InsightSelectors")
        selectors = client("cloudtrail").get_event_selectors(TrailName="trailhouse")["AdvancedEventSelectors"]
        told = [{each["Field"]: each for each in selector["FieldSelectors"]} for selector in selectors]
        assert [each["eventCategory"]["Equals"] for each in told] == [["Management"], ["Data"], ["Data"]]
        assert told[1]["resources.ARN"]["StartsWith"] == ["arn:aws:s3:::payroll/", "arn:aws:s3:::books/2026/"]
        assert told[2]["resources.ARN"]["Equals"] == [chosen["DataEventFunctions"]]
        written = statements(client("s3").get_bucket_policy(Bucket=LOGS)["Policy"])["CloudTrailDelivers"]["Resource"]
        assert written == [f"arn:aws:s3:::{LOGS}/AWSLogs/{ACCOUNT}/*", f"arn:aws:s3:::{LOGS}/AWSLogs/o-abcdefghij/*"]


def test_locking_archiving_and_expiry_of_logs_are_parameters():
    with cloud():
        deploy("log-bucket", LogBucketName=LOGS, ObjectLockDays=400, ArchiveAfterDays=30, ExpireAfterDays=3000)
        locked = client("s3").get_object_lock_configuration(Bucket=LOGS)["ObjectLockConfiguration"]
        assert locked["Rule"]["DefaultRetention"].items() >= {"Mode": "GOVERNANCE", "Days": 400}.items()
        rules = {each["ID"]: each for each in client("s3").get_bucket_lifecycle_configuration(Bucket=LOGS)["Rules"]}
        assert rules["what-is-old"]["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER_IR"}]
        assert rules["what-nobody-needs"]["Expiration"]["Days"] == 3000
        assert rules["what-was-replaced"]["Expiration"]["ExpiredObjectDeleteMarker"], (
            "or LIST gets slow over their marks"
        )


def test_logs_in_another_region_are_read_there_and_with_the_key_of_there():
    with cloud():
        told = deploy_all(lake={"LogRegion": "eu-west-1"})
        held = held_by("trailhouse-ingest")
    (source,) = tomllib.loads(told["Settings"])["source"]
    assert source["region"] == "eu-west-1"
    for region, may in (("eu-west-1", True), (REGION, False)):
        context = {"kms:viaservice": f"s3.{region}.amazonaws.com", "kms:encryptioncontext:aws:cloudtrail:arn": "arn:x"}
        assert allowed(held, Call("kms:Decrypt", told["LogKeyArn"], context)) is may


def test_the_settings_name_the_role_where_there_is_one():
    with cloud():
        role = "arn:aws:iam::444455556666:role/trailhouse-log-reader"
        told = deploy_all(lake={"LogReaderRoleArn": role, "LogPrefix": "org"})["Settings"]
    (source,) = tomllib.loads(told)["source"]
    assert (source["url"], source["role_arn"], source["external_id"]) == (f"s3://{LOGS}/org", role, "trailhouse")


def test_the_reader_of_another_account_wants_an_external_id_and_the_lakes_own_roles():
    with cloud():
        told = deploy("log-bucket", LogBucketName=LOGS, LakeAccountId="444455556666", OrganizationId="o-abcdefghij")
        role = client("iam").get_role(RoleName=told["LogReaderRoleArn"].rpartition("/")[2])["Role"]
    trust = role["AssumeRolePolicyDocument"]
    (statement,) = (json.loads(unquote(trust)) if isinstance(trust, str) else trust)["Statement"]
    condition = statement["Condition"]
    assert condition["StringEquals"] == {"sts:ExternalId": "trailhouse", "aws:PrincipalOrgID": "o-abcdefghij"}
    wanted = [f"arn:aws:iam::444455556666:role/trailhouse-{name}" for name in ("ingest", "verify")]
    assert condition["ArnEquals"]["aws:PrincipalArn"] == wanted


def test_the_reader_of_another_account_reads_and_is_denied_all_else():
    with cloud():
        told = deploy("log-bucket", LogBucketName=LOGS, LakeAccountId="444455556666", TrailPrefix="org")
        held = held_by("trailhouse-log-reader")
    key = {"kms:viaservice": f"s3.{REGION}.amazonaws.com", "kms:encryptioncontext:aws:cloudtrail:arn": "arn:x"}
    bucket = f"arn:aws:s3:::{LOGS}"
    for call, may in [
        (Call("s3:ListBucket", bucket, {"s3:prefix": "org/AWSLogs/"}), True),
        (Call("s3:ListBucket", bucket, {"s3:prefix": "other/"}), False),
        (Call("s3:GetObject", f"{bucket}/org/AWSLogs/x"), True),
        (Call("s3:GetObject", f"{bucket}/other/x"), False),
        (Call("kms:Decrypt", told["LogKeyArn"], key), True),
        (Call("kms:Decrypt", told["LogKeyArn"]), False),
        (Call("s3:PutObject", f"{bucket}/org/AWSLogs/x"), False),
        (Call("sts:AssumeRole", "*"), False),
    ]:
        assert allowed(held, call) is may, call
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    for action in ("s3:PutObject", "s3:DeleteObject", "cloudtrail:StopLogging", "iam:CreateUser"):
        assert allowed([*held, everything], Call(action, "*")) is False, "whatever else it is given"


def test_whoever_runs_the_jobs_by_hand_or_asks_is_a_parameter():
    airflow, people = f"arn:aws:iam::{ACCOUNT}:role/airflow", f"arn:aws:iam::{ACCOUNT}:role/analysts"
    with cloud():
        deploy_all(lake={"OperatorPrincipalArn": airflow, "AnalystPrincipalArn": people, "Schedules": "NONE"})
        trusted = {}
        for name in ("ingest", "maintain", "verify", "publish", "doctor", "analyst"):
            document = client("iam").get_role(RoleName=f"trailhouse-{name}")["Role"]["AssumeRolePolicyDocument"]
            trusted[name] = {each["Principal"].get("AWS") for each in parsed(document)["Statement"]} - {None}
        assert not client("scheduler").list_schedules(GroupName="trailhouse")["Schedules"]
    assert trusted.pop("analyst") == {people}
    assert set(map(frozenset, trusted.values())) == {frozenset({airflow})}
