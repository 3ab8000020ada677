"""
Public queries as others wrote them, what stands for their placeholders, and a small lake that most of them find something in.

Their text is no part of the repository: it lies in the folder that TRAILHOUSE_PUBLIC_QUERIES names, as lake/NAME.sql and
athena/NAME.sql. What is expected of each is in public_queries.toml, by name and by the hash of the text.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.buckets import ACCOUNT, OTHER, Bucket, event, key

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("TRAILHOUSE_PUBLIC_QUERIES") or ROOT.parent / "public-queries").resolve()
EXPECTED = Path(__file__).with_name("public_queries.toml")


@dataclass(frozen=True)
class Public:
    """One query, and what is to come of it."""

    kind: str  # lake, athena
    name: str
    source: str
    sha256: str
    outcome: str  # runs, or why not; what begins with `runs on this machine` does so on no other
    fill: dict[str, str]  # what stands for what, where running needs it
    reads: str = ""  # why it reads more than the day that it asks for

    @property
    def runs(self) -> bool:
        return self.outcome == "runs"

    @property
    def runs_here(self) -> bool:
        return self.runs or self.outcome.startswith("runs on this machine")

    def text(self) -> str:
        """As it was published; another text under its name is another query."""
        raw = (FOLDER / self.kind / f"{self.name}.sql").read_bytes()
        assert hashlib.sha256(raw).hexdigest() == self.sha256, f"{self.name} is not the text that is meant"
        return raw.decode("utf-8")

    def filled(self) -> str:
        """With its placeholders filled, and without the semicolon that ends it."""
        text = self.text()
        for placeholder, value in self.fill.items():
            assert placeholder in text, placeholder
            text = text.replace(placeholder, value)
        return text.rstrip().removesuffix(";")


def load(kind: str) -> list[Public]:
    told = tomllib.loads(EXPECTED.read_text("utf-8"))
    return [
        Public(
            kind,
            each["name"],
            each["from"],
            each["sha256"],
            each["outcome"],
            each.get("fill", {}),
            each.get("reads", ""),
        )
        for each in told[kind]
    ]


def limited(sql: str) -> bool:
    """Whether a query takes some of its rows, and any would do."""
    return bool(re.search(r"\blimit\b", sql, re.IGNORECASE))


# Days that the queries ask about.
DAYS = ("2019/02/19", "2019/07/05", "2022/05/15", "2022/11/10", "2023/01/03", "2023/01/22", "2023/07/07", "2023/10/10", "2023/11/16", "2024/01/15", "2024/10/22")  # fmt: skip
IDENTITY_CENTER = {"type": "AssumedRole", "principalId": "AROAEXAMPLE:alice@example.com", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/alice/alice@example.com", "accountId": ACCOUNT, "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "alice@example.com", "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": "arn:aws:iam::555555555555:role/alice", "accountId": ACCOUNT, "userName": "alice"}, "attributes": {"creationDate": "2023-01-01T00:00:00Z", "mfaAuthenticated": "false"}}}  # fmt: skip
S3 = {"bucketName": "my-bucket-name", "key": "example/datafile.txt"}
TLS = {"tlsVersion": "TLSv1.1", "cipherSuite": "ECDHE-RSA-AES128-SHA", "clientProvidedHostHeader": "s3.example.com"}
CALLS = (
    {"eventName": "GetObject", "eventCategory": "Data", "managementEvent": False, "requestParameters": S3, "additionalEventData": {"SignatureVersion": "SigV2", "aclRequired": "Yes"}, "resources": [{"ARN": "arn:aws:s3:::my-bucket-name/example/datafile.txt", "type": "AWS::S3::Object"}], "tlsDetails": TLS},
    {"eventName": "GetObject", "userIdentity": {"type": "AWSAccount", "accountId": "anonymous"}, "requestParameters": {"bucketName": "[your bucket name ]", "key": "k"}},
    {"eventName": "PutObject", "readOnly": False, "requestParameters": S3 | {"x-amz-server-side-encryption": "AES256"}, "responseElements": {"x-amz-server-side-encryption": "AES256"}},
    {"eventName": "DeleteBucket", "readOnly": False, "requestParameters": {"bucketName": "gone"}, "resources": [{"ARN": "arn:aws:s3:::gone", "accountId": ACCOUNT, "type": "AWS::S3::Bucket"}]},
    {"eventName": "PutBucketPublicAccessBlock", "readOnly": False, "requestParameters": {"bucketName": "demo-20230707", "PublicAccessBlockConfiguration": {"RestrictPublicBuckets": False, "BlockPublicPolicy": True}}},
    {"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn", "sourceIPAddress": "192.0.2.76", "responseElements": {"ConsoleLogin": "Success"}, "additionalEventData": {"MFAUsed": "No", "LoginTo": "https://console.aws.amazon.com/"}},
    {"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "userAgent": "support.amazonaws.com", "userIdentity": IDENTITY_CENTER, "requestParameters": {"roleArn": "arn:aws:iam::555555555555:role/alice"}, "resources": [{"ARN": "arn:aws:iam::555555555555:role/alice", "accountId": OTHER, "type": "AWS::IAM::Role"}]},
    {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "readOnly": False, "userIdentity": IDENTITY_CENTER, "requestParameters": {"userName": "new"}, "responseElements": {"user": {"userName": "new", "userId": "AIDAEXAMPLE"}}},
    {"eventSource": "iam.amazonaws.com", "eventName": "CreateRole", "readOnly": False, "userIdentity": IDENTITY_CENTER, "errorCode": "AccessDenied", "errorMessage": "no"},
    {"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "readOnly": False, "userIdentity": IDENTITY_CENTER, "sessionCredentialFromConsole": "true"},
    {"eventSource": "iam.amazonaws.com", "eventName": "PutRolePolicy", "readOnly": False, "userIdentity": IDENTITY_CENTER, "requestParameters": {"roleName": "r", "policyDocument": "{}"}},
    {"eventSource": "iam.amazonaws.com", "eventName": "AddUserToGroup", "readOnly": False, "requestParameters": {"userName": "u", "groupName": "the-admins"}},
    {"eventSource": "sso.amazonaws.com", "eventName": "Federate", "eventType": "AwsServiceEvent", "userIdentity": IDENTITY_CENTER, "serviceEventDetails": {"account_id": OTHER, "role_name": "Admin"}},
    {"eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "readOnly": False, "responseElements": {"instancesSet": {"items": [{"instanceId": "i-b188560f"}]}}},
    {"eventSource": "ec2.amazonaws.com", "eventName": "CreateSnapshot", "readOnly": False, "requestParameters": {"volumeId": "vol-1"}, "responseElements": {"snapshotId": "snap-1", "encrypted": False}},
    {"eventSource": "ec2.amazonaws.com", "eventName": "CreateTags", "readOnly": False, "requestParameters": {"resourcesSet": {"items": [{"resourceId": "i-1"}]}, "tagSet": {"items": [{"key": "a", "value": "b"}]}}},
    {"eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "readOnly": False, "requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [{"ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}},
    {"eventSource": "ec2.amazonaws.com", "eventName": "ModifySecurityGroupRules", "readOnly": False, "requestParameters": {"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0"}}}},
    {"eventSource": "ec2.amazonaws.com", "eventName": "RevokeSecurityGroupIngress", "readOnly": False, "requestParameters": {"groupId": "sg-1"}},
    {"eventSource": "rds.amazonaws.com", "eventName": "CreateDBInstance", "readOnly": False, "requestParameters": {"dBInstanceIdentifier": "d", "engine": "aurora-postgresql", "engineVersion": "15", "enablePerformanceInsights": True, "publiclyAccessible": True}},
    {"eventSource": "rds.amazonaws.com", "eventName": "CreateDBInstance", "readOnly": False, "requestParameters": {"dBInstanceIdentifier": "e", "engine": "aurora-mysql", "dBInstanceClass": "db.r6g.large"}},
    {"eventSource": "rds.amazonaws.com", "eventName": "FailoverDBCluster", "readOnly": False, "requestParameters": {"dBClusterIdentifier": "c"}},
    {"eventSource": "rds.amazonaws.com", "eventName": "RebootDBInstance", "readOnly": False, "requestParameters": {"dBInstanceIdentifier": "d"}},
    {"eventSource": "rds.amazonaws.com", "eventName": "RestoreDBClusterToPointInTime", "readOnly": False, "requestParameters": {"sourceDBClusterIdentifier": "c", "dBClusterIdentifier": "c2"}},
    {"eventSource": "rds.amazonaws.com", "eventName": "DeleteDBCluster", "readOnly": False, "requestParameters": {"dBClusterIdentifier": "c", "skipFinalSnapshot": True}},
    {"eventSource": "config.amazonaws.com", "eventName": "PutEvaluations", "readOnly": False, "additionalEventData": {"configRuleName": "r", "configRuleArn": "arn:aws:config:us-east-1:111122223333:config-rule/r"}, "requestParameters": {"evaluations": [{"complianceType": "COMPLIANT", "complianceResourceType": "AWS::S3::Bucket", "complianceResourceId": "b"}]}},
    {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StartQuery", "requestParameters": {"queryStatement": "SELECT 1"}, "responseElements": {"queryId": "q"}},
    {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "readOnly": False, "requestParameters": {"name": "trail"}},
    {"eventSource": "cloudformation.amazonaws.com", "eventName": "UpdateStackSet", "readOnly": False, "requestParameters": {"stackSetName": "base"}},
    {"eventSource": "cloudformation.amazonaws.com", "eventName": "UpdateStack", "readOnly": False, "requestParameters": {"stackName": "StackSet-base-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"}},
    {"eventSource": "kms.amazonaws.com", "eventName": "CreateAlias", "readOnly": False, "requestParameters": {"targetKeyId": "k", "aliasName": "alias/a"}},
    {"eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "errorCode": "AccessDenied"},
    {"eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue", "eventCategory": "NetworkActivity", "errorCode": "VpceAccessDenied", "errorMessage": "denied", "vpcEndpointId": "vpce-1", "vpcEndpointAccountId": ACCOUNT, "requestParameters": {"secretId": "s"}},
    {"eventSource": "dynamodb.amazonaws.com", "eventName": "scan", "userIdentity": {"type": "Root", "principalId": ACCOUNT, "accountId": ACCOUNT, "userName": "bob"}},
    {"eventSource": "iam.amazonaws.com", "eventName": "CreateBucket", "requestParameters": {"bucketName": "new"}, "userIdentity": {"type": "IAMUser", "principalId": "AIDABOB", "accountId": OTHER, "userName": "bob"}},
)  # fmt: skip


def bucket() -> Bucket:
    """Each call on each of the days."""
    made = Bucket()
    for at, day in enumerate(DAYS):
        calls = (event(1000 * at + n, day=day, **fields) for n, fields in enumerate(CALLS, 1))
        made.put(key(f"q{at}", day=day), *calls)
    return made
