"""Who did it: each form of `userIdentity` has one answer."""

from __future__ import annotations

import json

import pytest

from tests.decode.one import EACH_WAY, decode
from trailhouse.decode import Delivered

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/eng/Deploy"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/ci-42"
ISSUER = {"type": "Role", "principalId": "AROAEXAMPLE1", "arn": ROLE, "accountId": ACCOUNT, "userName": "Deploy"}
STORE = f"arn:aws:identitystore::{ACCOUNT}:identitystore/d-1234567890"

# identity -> (actor, type, account, session, via)
WHO = {
    "a service event has no type": (
        {"accountId": ACCOUNT, "invokedBy": "AWS Internal"},
        ("AWS Internal", "service", ACCOUNT, None, None),
    ),
    "a service": (
        {"type": "AWSService", "invokedBy": "config.amazonaws.com"},
        ("config.amazonaws.com", "service", None, None, None),
    ),
    "a person of Identity Center": (
        {"type": "IdentityCenterUser", "accountId": ACCOUNT, "onBehalfOf": {"userId": "u-1", "identityStoreArn": STORE}},
        ("u-1", "identity_center", ACCOUNT, None, None),
    ),
    "Unknown, on behalf of somebody": (
        {"type": "Unknown", "onBehalfOf": {"userId": "u-1", "identityStoreArn": STORE}},
        ("u-1", "identity_center", None, None, None),
    ),
    "a role's session": (
        {"type": "AssumedRole", "principalId": "AROAEXAMPLE1:ci-42", "arn": SESSION, "accountId": ACCOUNT,
         "sessionContext": {"sessionIssuer": ISSUER}},
        ("Deploy/ci-42", "role", ACCOUNT, "ci-42", None),
    ),
    "the source identity is the person behind a session": (
        {"type": "AssumedRole", "principalId": "AROAEXAMPLE1:ci-42", "arn": SESSION, "accountId": ACCOUNT,
         "sessionContext": {"sessionIssuer": ISSUER, "sourceIdentity": "dana"}},
        ("Deploy/dana", "role", ACCOUNT, "ci-42", None),
    ),
    "a service with a role's rights": (
        {"type": "AssumedRole", "principalId": "AROAEXAMPLE1:ci-42", "arn": SESSION, "accountId": ACCOUNT,
         "sessionContext": {"sessionIssuer": ISSUER}, "invokedBy": "cloudformation.amazonaws.com"},
        ("Deploy/ci-42", "role", ACCOUNT, "ci-42", "cloudformation.amazonaws.com"),
    ),
    "a role's session without an ARN": (
        {"type": "AssumedRole", "principalId": "AROAEXAMPLE1:ci-42", "sessionContext": {"sessionIssuer": ISSUER}},
        ("Deploy/ci-42", "role", ACCOUNT, "ci-42", None),
    ),
    "a role's session without an issuer": (
        {"type": "AssumedRole", "principalId": "AROAEXAMPLE1:ci-42", "arn": SESSION, "accountId": ACCOUNT},
        ("Deploy/ci-42", "role", ACCOUNT, "ci-42", None),
    ),
    "a federated user": (
        {"type": "FederatedUser", "principalId": f"{ACCOUNT}:dana", "accountId": ACCOUNT,
         "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/dana", "sessionContext": {"sessionIssuer": {"type": "IAMUser"}}},
        ("dana", "federated", ACCOUNT, "dana", None),
    ),
    "a SAML user": (
        {"type": "SAMLUser", "principalId": "q:dana@example.com", "userName": "dana@example.com", "identityProvider": "q"},
        ("dana@example.com", "saml", None, None, None),
    ),
    "a web identity": (
        {"type": "WebIdentityUser", "principalId": "accounts.example.com:app:1", "identityProvider": "accounts.example.com"},
        ("accounts.example.com:app:1", "web_identity", None, None, None),
    ),
    "a foreign account's principal": (
        {"type": "AWSAccount", "principalId": "AROAEXAMPLE9:probe", "accountId": "999988887777"},
        ("AROAEXAMPLE9:probe", "account", "999988887777", "probe", None),
    ),
    "nobody known, an unsigned call": (
        {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"},
        ("anonymous", "anonymous", None, None, None),
    ),
    "root": (
        {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT},
        ("root", "root", ACCOUNT, None, None),
    ),
    "a service as root": (
        {"type": "Root", "principalId": ACCOUNT, "accountId": ACCOUNT, "invokedBy": "support.amazonaws.com"},
        ("root", "root", ACCOUNT, None, "support.amazonaws.com"),
    ),
    "a privileged root session": (
        {"type": "Root", "accountId": ACCOUNT, "sessionContext": {"assumedRoot": "true"}},
        ("root", "assumed_root", ACCOUNT, None, None),
    ),
    "a user": (
        {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ops/dana", "accountId": ACCOUNT, "userName": "dana"},
        ("dana", "user", ACCOUNT, None, None),
    ),
    "a user without a name": (
        {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ops/dana", "accountId": ACCOUNT},
        ("dana", "user", ACCOUNT, None, None),
    ),
    "a vendor with delegated access": (
        {"type": "AssumedRole", "arn": SESSION, "accountId": ACCOUNT, "invokedByDelegate": {"accountId": "999988887777"}},
        ("999988887777", "delegate", "999988887777", None, SESSION),
    ),
    "a type that nobody knows yet": (
        {"type": "Robot", "principalId": "R2", "accountId": ACCOUNT},
        ("R2", "unknown", ACCOUNT, None, None),
    ),
    "nothing at all": ({}, (None, None, None, None, None)),
}  # fmt: skip


@EACH_WAY
@pytest.mark.parametrize("name", WHO)
def test_every_identity_has_one_actor(name, way):
    identity, answer = WHO[name]
    data = json.dumps({"Records": [{"eventVersion": "1.08", "userIdentity": identity}]}, separators=(",", ":"))
    decoded = decode(data.encode(), Delivered("s3://logs", "k", "CloudTrail", ACCOUNT, "us-east-1"), way=way)
    (row,) = decoded.rows.to_pylist()
    assert answer == (
        (row["actor"], row["actor_type"], row["actor_account_id"], row["actor_session"], row["actor_via"])
    )
