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

    [[ledger]]                               # what the ledger is to say of the object that a record came in, where that
    of = 1                                   # is not what ingest said: so many rows in place of its own, with what is
    rows = [{ state = "held" }]              # said here put over it; no row where the list is empty
    [[integrity]]                            # what verify found of that object; without `of`, of no object of the case
    of = 0
    verdict = "valid"
    listed_sha256 = "INGESTED"               # the hash of what was ingested
    [[digests]]                              # what it found of a digest, or a gap
    what = "gap"

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
DROPPED, NULL, ANY, INGESTED = "drop!", "NULL", "ANY", "INGESTED"

Rows = list[list[Any]]
Row = dict[str, Any]

# What a row of `integrity` has of the object that it is about, as the ledger knows it.
_OF_THE_OBJECT = ("source", "key", "etag", "size", "modified", "kind", "account_id", "region", "key_day", "sha256")


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
    records: tuple[Row, ...]
    expected: tuple[Expected, ...]
    ledger: tuple[Row, ...] = ()
    integrity: tuple[Row, ...] = ()
    digests: tuple[Row, ...] = ()


def load(name: str) -> Case:
    given = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    expected = tuple(
        Expected(
            {"account": given["account"]} | each.get("params", {}), _loose(each["rows"]), tuple(each.get("select", ())),
            each.get("where", ""),
        )
        for each in given["expect"]
    )  # fmt: skip
    told = (tuple(given.get(table, ())) for table in ("ledger", "integrity", "digests"))
    return Case(name, given["account"], given.get("account_name"), tuple(given["record"]), expected, *told)


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
        for number in range(len(case.records)):
            text, where = _record(case, number)
            there.setdefault(where, []).append(text)
    for where, texts in there.items():
        made.put(where, *texts)
    return made


@dataclass(frozen=True)
class Told:
    """What the lake's books are to say beside what ingest wrote there."""

    instead: frozenset[str]  # keys of objects whose rows of the ledger give way
    ledger: tuple[Row, ...]
    integrity: tuple[Row, ...]
    digests: tuple[Row, ...]


def told(ledger: list[Row]) -> Told:
    """By the ledger as ingest wrote it."""
    by_key = {row["key"]: row for row in ledger}
    somewhere = min(ledger, key=lambda row: str(row["key"]))["source"]
    instead, made = set[str](), {"ledger": list[Row](), "integrity": list[Row](), "digests": list[Row]()}
    for case in map(load, names()):
        nothing = {"source": somewhere, "account_id": case.account, "region": "us-east-1"}
        for each in case.ledger:
            was = by_key[_record(case, each["of"])[1]]
            instead.add(was["key"])
            made["ledger"] += [was | over for over in each["rows"]]
        for each in case.integrity:
            over = dict(each)
            was = by_key[_record(case, over.pop("of"))[1]] if "of" in over else None
            base = {name: was[name] for name in _OF_THE_OBJECT} if was else nothing | {"kind": "CloudTrail"}
            made["integrity"].append(base | {k: base["sha256"] if v == INGESTED else v for k, v in over.items()})
        made["digests"] += [nothing | each for each in case.digests]
    return Told(frozenset(instead), *(tuple(made[table]) for table in ("ledger", "integrity", "digests")))


def _record(case: Case, number: int) -> tuple[bytes, str]:
    """A record's text, and the key of the object that it is delivered in: one for each account, region, day and kind."""
    given, account, name = dict(case.records[number]), case.account, case.name.replace("_", "")
    delivered = given.pop("delivered", None)
    if "raw" in given:
        region, day = given.get("awsRegion", "us-east-1"), delivered or "2026/03/01"
        return given["raw"].encode(), key(name, account, region, day)
    made = copy.deepcopy(PRESETS[given.pop("like", "user")])
    kind = made.pop("kind", "CloudTrail")
    made["eventTime"] = given.pop("at", "2026-03-01T10:00:00Z")
    made["eventID"] = f"{number:08x}-0000-4000-8000-{account}"
    made["recipientAccountId"] = account
    made = json.loads(json.dumps(made).replace("ACCOUNT", given.get("recipientAccountId", account)))
    _put_over(made, given)
    day = delivered or made["eventTime"][:10].replace("-", "/")
    return json.dumps(made).encode(), key(
        name, made["recipientAccountId"], made.get("awsRegion", "us-east-1"), day, kind
    )


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
