"""
Cases of reports and views: records of an account of their own, and the rows that must come of them, written by hand.

A file `cases/NAME.toml` belongs to the report or view of that name:

    account = "100000000001"                 # no other file's; what a second account is needed for is 2…01, 3…01
    account_name = "Web shop"                # what the lake calls it; it has no name where this isn't said
    [[record]]                               # a sound record of a preset, with what is said here put over it
    like = "user"                            # user, role, root, service, signin, s3, network, insight_start, insight_end
    at = "2026-03-01T10:00:00Z"              # becomes eventTime
    eventName = "DeleteBucket"
    userIdentity.userName = "bob"            # dotted keys go inside; "drop!" takes a field away
    [[record]]
    raw = '{"eventVersion":…}'               # or the exact text
    [[expect]]
    params = { since = "2026-03-01", until = "2026-03-01" }   # `account` is the file's where it isn't given
    rows = [["2026-03-01T10:00:00Z", "bob", "NULL"]]

What differs from run to run, such as the time of a batch, is "ANY". Of a view, `select` says which columns are compared
and `where` which rows beside those of the file's own account. Records become log files by account, region, day and kind;
the ids of events count up.
"""

from __future__ import annotations

import copy
import json
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from tests.buckets import Bucket, event, key
from trailhouse.upkeep import accounts

FOLDER = Path(__file__).parent / "cases"
DROPPED, NULL, ANY = "drop!", "NULL", "ANY"

Rows = list[list[Any]]


@dataclass(frozen=True)
class Expected:
    """What must come of one question."""

    params: dict[str, str]
    rows: Rows
    select: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Case:
    """One file."""

    name: str
    account: str
    account_name: str | None
    records: tuple[dict[str, Any], ...]
    expected: tuple[Expected, ...]


def load(name: str) -> Case:
    given = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    expected = tuple(
        Expected(
            {"account": given["account"]} | each.get("params", {}), _loose(each["rows"]), tuple(each.get("select", ())),
            each.get("where", ""),
        )
        for each in given["expect"]
    )  # fmt: skip
    return Case(name, given["account"], given.get("account_name"), tuple(given["record"]), expected)


def _loose(rows: Rows) -> Rows:
    return [[mock.ANY if value == ANY else value for value in row] for row in rows]


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def later() -> Bucket:
    """What makes a second batch, of an account that is nobody's."""
    made = Bucket()
    made.put(key("later", "999999999999"), event(1, "999999999999"))
    return made


def named() -> list[accounts.Account]:
    """The names that accounts have."""
    return [accounts.Account(case.account, case.account_name) for case in map(load, names()) if case.account_name]


def bucket() -> Bucket:
    """The log files of all cases."""
    made, there = Bucket(), {}
    for name in names():
        case = load(name)
        for number, record in enumerate(case.records):
            text, place = _record(record, case.account, number)
            there.setdefault((name, *place), []).append(text)
    for (name, account, region, day, kind), texts in there.items():
        made.put(key(name.replace("_", ""), account, region, day, kind), *texts)
    return made


def _record(given: dict[str, Any], account: str, number: int) -> tuple[bytes, tuple[str, str, str, str]]:
    """The record's text, and the account, region, day and kind under which it is delivered."""
    given = dict(given)
    delivered = given.pop("delivered", None)
    if "raw" in given:
        region, day = given.get("awsRegion", "us-east-1"), delivered or "2026/03/01"
        return given["raw"].encode(), (account, region, day, "CloudTrail")
    made = copy.deepcopy(PRESETS[given.pop("like", "user")])
    kind = made.pop("kind", "CloudTrail")
    made["eventTime"] = given.pop("at", "2026-03-01T10:00:00Z")
    made["eventID"] = f"{number:08x}-0000-4000-8000-{account}"
    made["recipientAccountId"] = account
    made = json.loads(json.dumps(made).replace("ACCOUNT", given.get("recipientAccountId", account)))
    _put_over(made, given)
    day = delivered or made["eventTime"][:10].replace("-", "/")
    return json.dumps(made).encode(), (made["recipientAccountId"], made.get("awsRegion", "us-east-1"), day, kind)


def _put_over(made: dict[str, Any], given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value == DROPPED:
            made.pop(name, None)
        elif value == NULL:
            made[name] = None
        elif isinstance(value, dict) and isinstance(made.get(name), dict):
            _put_over(made[name], value)
        else:
            made[name] = value


def plain(value: Any) -> Any:
    """A value of either engine as the files write it."""
    if value is None:
        return NULL
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


_BASE = {
    "eventVersion": "1.11",
    "eventTime": "",
    "eventSource": "s3.amazonaws.com",
    "eventName": "ListBuckets",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "192.0.2.10",
    "userAgent": "aws-cli/2.15",
    "requestParameters": {},
    "responseElements": None,
    "eventID": "",
    "readOnly": True,
    "eventType": "AwsApiCall",
    "managementEvent": True,
    "recipientAccountId": "ACCOUNT",
    "eventCategory": "Management",
}
_USER = {
    "type": "IAMUser",
    "principalId": "AIDAALICE",
    "arn": "arn:aws:iam::ACCOUNT:user/alice",
    "accountId": "ACCOUNT",
    "accessKeyId": "AKIAALICE0000000EXAM",
    "userName": "alice",
}
_ROLE = {
    "type": "AssumedRole",
    "principalId": "AROADEPLOY:ci-42",
    "arn": "arn:aws:sts::ACCOUNT:assumed-role/Deploy/ci-42",
    "accountId": "ACCOUNT",
    "accessKeyId": "ASIADEPLOY000000EXAM",
    "sessionContext": {
        "sessionIssuer": {
            "type": "Role", "principalId": "AROADEPLOY", "arn": "arn:aws:iam::ACCOUNT:role/Deploy",
            "accountId": "ACCOUNT", "userName": "Deploy",
        },
        "attributes": {"creationDate": "2026-03-01T08:00:00Z", "mfaAuthenticated": "false"},
    },
}  # fmt: skip
_ROOT = {"type": "Root", "principalId": "ACCOUNT", "arn": "arn:aws:iam::ACCOUNT:root", "accountId": "ACCOUNT"}
_SERVICE = {"type": "AWSService", "invokedBy": "config.amazonaws.com"}
_SIGNIN = {
    "eventSource": "signin.amazonaws.com",
    "eventName": "ConsoleLogin",
    "eventType": "AwsConsoleSignIn",
    "readOnly": False,
    "requestParameters": None,
    "responseElements": {"ConsoleLogin": "Success"},
    "additionalEventData": {"LoginTo": "https://console.aws.amazon.com/", "MobileVersion": "No", "MFAUsed": "Yes"},
}
_S3 = {
    "eventName": "GetObject",
    "eventCategory": "Data",
    "managementEvent": False,
    "requestParameters": {"bucketName": "amzn-s3-demo-bucket", "key": "report.csv"},
    "additionalEventData": {"bytesTransferredIn": 0, "bytesTransferredOut": 1000},
    "resources": [
        {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::amzn-s3-demo-bucket/report.csv"},
        {"accountId": "ACCOUNT", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::amzn-s3-demo-bucket"},
    ],
}
_NETWORK = {
    "kind": "CloudTrail-NetworkActivity",
    "eventVersion": "1.09",
    "userIdentity": {"type": "AWSAccount", "principalId": "AROAPROBE:probe", "accountId": "777777777777"},
    "eventTime": "",
    "eventSource": "s3.amazonaws.com",
    "eventName": "GetObject",
    "awsRegion": "us-east-1",
    "sourceIPAddress": "198.51.100.7",
    "errorCode": "VpceAccessDenied",
    "errorMessage": "The request was denied due to a VPC endpoint policy",
    "requestID": "R1",
    "eventID": "",
    "eventType": "AwsVpceEvent",
    "recipientAccountId": "ACCOUNT",
    "vpcEndpointId": "vpce-0123456789abcdef0",
    "vpcEndpointAccountId": "ACCOUNT",
    "eventCategory": "NetworkActivity",
}
_INSIGHT = {
    "kind": "CloudTrail-Insight",
    "eventVersion": "1.08",
    "eventTime": "",
    "awsRegion": "us-east-1",
    "eventID": "",
    "eventType": "AwsCloudTrailInsight",
    "recipientAccountId": "ACCOUNT",
    "sharedEventID": "00000000-1111-4000-8000-000000000000",
    "insightDetails": {
        "state": "Start", "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey",
        "insightType": "ApiCallRateInsight",
        "insightContext": {
            "statistics": {"baseline": {"average": 0.5}, "insight": {"average": 7.5}, "baselineDuration": 10080},
        },
    },
    "eventCategory": "Insight",
}  # fmt: skip


def _over(*layers: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for layer in layers:
        _put_over(made, copy.deepcopy(layer))
    return made


PRESETS = {
    "user": _over(_BASE, {"userIdentity": _USER}),
    "role": _over(_BASE, {"userIdentity": _ROLE}),
    "root": _over(_BASE, {"userIdentity": _ROOT}),
    "service": _over(_BASE, {"userIdentity": _SERVICE, "sourceIPAddress": "config.amazonaws.com"}),
    "signin": _over(_BASE, _SIGNIN, {"userIdentity": _USER | {"accessKeyId": ""}}),
    "s3": _over(_BASE, _S3, {"userIdentity": _USER}),
    "network": _NETWORK,
    "insight_start": _INSIGHT,
    "insight_end": _over(
        _INSIGHT,
        {"insightDetails": {"state": "End", "insightContext": {"statistics": {"insightDuration": 12}}}},
    ),
}
