"""
CloudFormation on moto, for the resource types that `infra/` uses: each is made by its own service's API.

moto resolves the templates (parameters, conditions, functions) and keeps their order; of most of these types it makes
nothing, and of buckets and roles less than a template says. What a service's API has under another name is translated here
and nowhere else, so that a setting that is missing in the template is missing in the cloud as well.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.aws_env import aws_of

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"  # moto's own
LOGS, LAKE, RESULTS = "org-trail-logs", "trail-lake", "trail-lake-results"
Made = tuple[str, dict[str, str]]  # the physical id, and attributes
NEEDS = {"CAPABILITY_NAMED_IAM"}


@cache
def client(service: str) -> Any:
    """Of the cloud that is on, made once."""
    return boto3.client(service, region_name=REGION)


# ── what makes each type ─────────────────────────────────────────────────────────────────────────────────────────────


def bucket(its: dict[str, Any]) -> Made:
    s3, name = client("s3"), its["BucketName"]
    locked = {"ObjectLockEnabledForBucket": True} if its.get("ObjectLockEnabled") else {}
    s3.create_bucket(Bucket=name, **locked)
    if "VersioningConfiguration" in its:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=its["VersioningConfiguration"])
    if "PublicAccessBlockConfiguration" in its:
        block = its["PublicAccessBlockConfiguration"]
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    if "OwnershipControls" in its:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=its["OwnershipControls"])
    if "BucketEncryption" in its:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=encryption(its["BucketEncryption"]))
    if "LifecycleConfiguration" in its:
        rules = [rule(each) for each in its["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if "ObjectLockConfiguration" in its:
        s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=its["ObjectLockConfiguration"])
    return name, {"Arn": f"arn:aws:s3:::{name}"}


def encryption(its: dict[str, Any]) -> dict[str, Any]:
    return {
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": each["ServerSideEncryptionByDefault"]}
            | ({"BucketKeyEnabled": each["BucketKeyEnabled"]} if "BucketKeyEnabled" in each else {})
            for each in its["ServerSideEncryptionConfiguration"]
        ]
    }


def rule(its: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's form of a lifecycle rule as the API's."""
    made: dict[str, Any] = {"ID": its["Id"], "Status": its["Status"], "Filter": {"Prefix": its.get("Prefix", "")}}
    expiration = {api: its[cfn] for cfn, api in EXPIRATION.items() if cfn in its}
    if expiration:
        made["Expiration"] = expiration
    if "Transitions" in its:
        made["Transitions"] = [
            {"Days": each["TransitionInDays"], "StorageClass": each["StorageClass"]} for each in its["Transitions"]
        ]
    kept = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    return made | {name: its[name] for name in kept if name in its}


EXPIRATION = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}


def bucket_policy(its: dict[str, Any]) -> Made:
    client("s3").put_bucket_policy(Bucket=its["Bucket"], Policy=json.dumps(its["PolicyDocument"]))
    return its["Bucket"], {}


def key(its: dict[str, Any]) -> Made:
    kms = client("kms")
    told = kms.create_key(Policy=json.dumps(its["KeyPolicy"]), Description=its["Description"])["KeyMetadata"]
    if its.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=told["KeyId"])
    return told["KeyId"], {"Arn": told["Arn"]}


def alias(its: dict[str, Any]) -> Made:
    client("kms").create_alias(**its)
    return its["AliasName"], {}


def database(its: dict[str, Any]) -> Made:
    client("glue").create_database(DatabaseInput=its["DatabaseInput"])
    return its["DatabaseInput"]["Name"], {}


def work_group(its: dict[str, Any]) -> Made:
    configuration = its["WorkGroupConfiguration"]
    client("athena").create_work_group(
        Name=its["Name"], Description=its["Description"], Configuration=configuration, Tags=[]
    )
    return its["Name"], {}


def role(its: dict[str, Any]) -> Made:
    iam, name = client("iam"), its["RoleName"]
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(its["AssumeRolePolicyDocument"]))["Role"][
        "Arn"
    ]
    for each in its.get("Policies", []):
        document = json.dumps(each["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=each["PolicyName"], PolicyDocument=document)
    for each in its.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=each)
    return name, {"Arn": arn}


def managed_policy(its: dict[str, Any]) -> Made:
    document = json.dumps(its["PolicyDocument"])
    made = client("iam").create_policy(PolicyName=its["ManagedPolicyName"], PolicyDocument=document)
    return made["Policy"]["Arn"], {}


def trail(its: dict[str, Any]) -> Made:
    cloudtrail, name = client("cloudtrail"), its["TrailName"]
    names = {
        "S3BucketName": "S3BucketName", "S3KeyPrefix": "S3KeyPrefix", "KMSKeyId": "KmsKeyId",
        "EnableLogFileValidation": "EnableLogFileValidation", "IsMultiRegionTrail": "IsMultiRegionTrail",
        "IncludeGlobalServiceEvents": "IncludeGlobalServiceEvents", "IsOrganizationTrail": "IsOrganizationTrail",
    }  # fmt: skip
    given = {api: flag(its[cfn]) for cfn, api in names.items() if cfn in its}
    arn = cloudtrail.create_trail(Name=name, **given)["TrailARN"]
    if "AdvancedEventSelectors" in its:
        cloudtrail.put_event_selectors(TrailName=name, AdvancedEventSelectors=its["AdvancedEventSelectors"])
    if "InsightSelectors" in its:
        cloudtrail.put_insight_selectors(TrailName=name, InsightSelectors=its["InsightSelectors"])
    if flag(its["IsLogging"]):
        cloudtrail.start_logging(Name=name)
    return name, {"Arn": arn}


def flag(value: Any) -> Any:
    """A parameter has no truth, only a word for it."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def application(its: dict[str, Any]) -> Made:
    assert its["ReleaseLabel"].startswith("emr-"), its
    # moto knows no release of the last years and refuses them; which one it is says the template.
    made = client("emr-serverless").create_application(
        name=its["Name"], releaseLabel="emr-6.6.0", type=its["Type"], clientToken=str(uuid.uuid4())
    )
    return made["applicationId"], {"Arn": made["arn"]}


def schedule_group(its: dict[str, Any]) -> Made:
    return its["Name"], {"Arn": client("scheduler").create_schedule_group(Name=its["Name"])["ScheduleGroupArn"]}


def schedule(its: dict[str, Any]) -> Made:
    client("scheduler").create_schedule(**its)
    return its["Name"], {}


def log_group(its: dict[str, Any]) -> Made:
    logs, name = client("logs"), its["LogGroupName"]
    logs.create_log_group(logGroupName=name)
    return name, {"Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"}


TYPES: dict[str, Callable[[dict[str, Any]], Made]] = {
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::KMS::Key": key,
    "AWS::KMS::Alias": alias,
    "AWS::Glue::Database": database,
    "AWS::Athena::WorkGroup": work_group,
    "AWS::IAM::Role": role,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::CloudTrail::Trail": trail,
    "AWS::EMRServerless::Application": application,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Logs::LogGroup": log_group,
}


# ── moto's side ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Resource:
    """What moto's CloudFormation asks of a resource."""

    def __init__(self, kind: str, made: Made) -> None:
        self.type = kind
        self.physical_resource_id, self.attributes = made

    def is_created(self) -> bool:
        return True

    def get_cfn_attribute(self, name: str) -> str:
        return self.attributes[name]


def model(kind: str) -> Any:
    class Model:
        @staticmethod
        def cloudformation_type() -> str:
            return kind

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def has_cfn_attr(name: str) -> bool:
            return name == "Arn"

        @staticmethod
        def create_from_cloudformation_json(name: str, told: dict[str, Any], *_: str, **more: Any) -> Resource:
            return Resource(kind, TYPES[kind](present(told["Properties"])))

    return Model


def present(value: Any) -> Any:
    """Without what `AWS::NoValue` left, which moto takes out of objects and not of lists."""
    if isinstance(value, dict):
        return {name: present(each) for name, each in value.items() if each is not None}
    return [present(each) for each in value if each is not None] if isinstance(value, list) else value


@contextmanager
def cloud() -> Iterator[None]:
    """An AWS of its own in this process, empty, whose CloudFormation makes what `TYPES` says and nothing else."""
    from moto.cloudformation import parsing

    models = {kind: model(kind) for kind in TYPES}
    with pytest.MonkeyPatch.context() as patch, aws_of(patch, {"AWS_DEFAULT_REGION": REGION}), mock_aws():
        patch.setattr(parsing, "get_model_map", cache(lambda: models))
        patch.setattr(parsing, "get_model_list", cache(lambda: list(models.values())))
        client.cache_clear()
        yield
        client.cache_clear()


def deploy(template: str, **parameters: object) -> dict[str, str]:
    """Make the stack; its outputs."""
    formation = client("cloudformation")
    formation.create_stack(
        StackName=template,
        TemplateBody=(ROOT / "infra" / f"{template}.yaml").read_text("utf-8"),
        Parameters=[{"ParameterKey": name, "ParameterValue": str(value)} for name, value in parameters.items()],
        Capabilities=sorted(NEEDS),
    )
    (stack,) = formation.describe_stacks(StackName=template)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}


def deploy_all(
    bucket: Mapping[str, object] = {}, trail: Mapping[str, object] = {}, lake: Mapping[str, object] = {}
) -> dict[str, str]:
    """The three of them in one account, as infra/README.md says; the outputs of all."""
    outputs = deploy("log-bucket", LogBucketName=LOGS, **bucket)
    logs = {"LogBucketName": outputs["LogBucketName"], "LogKeyArn": outputs["LogKeyArn"]}
    outputs |= deploy("trail", **({"OfOrganization": "false"} | logs | dict(trail)))
    owner = {"LogBucketOwner": outputs["LogBucketOwner"], "LakeBucketName": LAKE, "ResultsBucketName": RESULTS}
    return outputs | deploy("lake", **(logs | owner | {"Schedules": "ENABLED"} | dict(lake)))


def statements(policy: str) -> dict[str, dict[str, Any]]:
    """Of a policy, by their names."""
    return {each["Sid"]: each for each in json.loads(policy)["Statement"]}
