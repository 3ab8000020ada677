"""
Who acts: the users, roles, sessions and services of an account, with their userIdentity written out.

Every identity type that CloudTrail documents has somebody here. An actor is only a value; when his session begins
and who recorded that is `sessions`' business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from trailhouse.sample.blanks import escaped, example_id, hexadecimal, iso, uuid
from trailhouse.sample.recipe import STRANGER

FOREVER = 1 << 40
# What part of an account's events each kind of actor makes. The rest of an account's life is machines.
SHARES = {
    "app": 0.31, "ci": 0.17, "slr": 0.13, "people": 0.12, "batch": 0.09, "audit": 0.045, "svc-cloudtrail": 0.05,
    "svc-lambda": 0.025, "svc-ec2": 0.01, "svc-config": 0.01, "svc-ecs": 0.012, "svc-apigateway": 0.02,
    "svc-events": 0.002, "svc-rds": 0.001, "internal": 0.002, "foreign": 0.002, "workforce": 0.001, "federated": 0.004,
    "stranger": 0.0006, "anonymous": 0.0004, "directory": 0.0003,
}  # fmt: skip
PEOPLE = ("dana", "chen", "fatima", "bruno", "zoe", "emeka", "ingrid", "tomas")
_AGENTS = {
    "ci": "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 terraform-provider-aws/5.79.0 aws-sdk-go-v2/1.32.5 lang/go#1.23.3",
    "app": "Boto3/1.40.2 md/Botocore#1.40.2 ua/2.1 os/linux#6.1.155 md/arch#aarch64 lang/python#3.13.1",
    "batch": "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0-48-generic md/arch#x86_64 lang/python#3.13.7"
    " md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#s3.sync",
    "people": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "audit": "aws-sdk-java/2.30.11 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1 lang/java#21.0.5 md/vendor#Amazon",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who calls: the parts of a record that depend on the caller, and when he is about."""

    kind: str  # userIdentity.type, "" where it is missing
    role: str  # which rows of the tables he makes, a key of SHARES
    name: str  # for people who read the truth
    ending: str  # of `render.ENDINGS`: what comes last in his records
    blanks: Mapping[str, Any]
    since: int = 0
    until: int = FOREVER


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an actor sits: his account, address and client."""

    account: str
    ip: str
    agent: str


def actor(identity: dict[str, Any], role: str, name: str, seat: Seat, ending: str = "tls") -> Actor:
    """An actor from his userIdentity; services call themselves by their own name as address and client."""
    blanks = {
        "account": seat.account,
        "recipient": seat.account,
        "who": json.dumps(identity, ensure_ascii=False, separators=(",", ":")),
        "arn": escaped(identity.get("arn", "anonymous")),
        "ip": seat.ip,
        "agent": seat.agent,
        "s3agent": seat.agent if ending in ("service", "bare") else f"[{seat.agent}]",
        "shared": "",
        "addendum": "",
        "vpce": "",
    }
    if role == "app":
        blanks["vpce"] = f',"vpcEndpointId":"vpce-0{seat.account}0a1b"'
    return Actor(identity.get("type", ""), role, name, ending, blanks)


def address(rng: Random, role: str) -> str:
    """Documentation networks: people and builds come from one, workloads from another, IPv6 now and then."""
    if rng.random() < 0.06:
        return f"2001:db8:{rng.getrandbits(12):x}::{rng.getrandbits(16):x}"
    network = {"people": "203.0.113", "ci": "198.51.100"}.get(role, "192.0.2")
    return f"{network}.{rng.randint(1, 199)}"


def seat(rng: Random, account: str, role: str) -> Seat:
    return Seat(account, address(rng, role), _AGENTS.get(role, _AGENTS["app"]))


def user_id(account: str, name: str) -> str:
    return f"AIDA{hash_of(account + name):010d}EXAMPLE"


def iam_user(account: str, name: str, role: str, key: str = "") -> Actor:
    """A user with a long-term key: no session, so no sessionContext. The same user always has the same key."""
    own = Random(f"{account}/{name}")
    identity = {
        "type": "IAMUser",
        "principalId": user_id(account, name),
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
        "accessKeyId": key or example_id(own, "AKIA", 20),
        "userName": name,
    }
    return actor(identity, role, name, seat(own, account, role))


def console_user(rng: Random, account: str, name: str, started: int, mfa: bool) -> Actor:
    """A user signed in at the console: a temporary key, a session without an issuer, no TLS details."""
    identity = {
        "type": "IAMUser",
        "principalId": user_id(account, name),
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
        "accessKeyId": example_id(rng, "ASIA", 20),
        "userName": name,
        "sessionContext": {
            "sessionIssuer": {},
            "webIdFederationData": {},
            "attributes": {"creationDate": iso(started), "mfaAuthenticated": "true" if mfa else "false"},
        },
    }
    return actor(identity, "people", name, seat(rng, account, "people"), "console")


@dataclass(frozen=True, slots=True)
class Assumption:
    """A role taken on: which, under which session name, when, and what else its context says."""

    role_name: str
    session: str
    started: int
    path: str = "/"
    source_identity: str = ""
    mfa: bool = False
    invoked_by: str = ""
    extra: Mapping[str, Any] | None = None  # more of sessionContext


def role_session(rng: Random, place: Seat, role: str, taken: Assumption, ending: str = "tls") -> Actor:
    """A session of a role. Its blanks also hold what the record of its beginning has to say."""
    role_id = f"AROA{hash_of(place.account + taken.role_name):010d}EXAMPLE"
    key = example_id(rng, "ASIA", 20)
    role_arn = f"arn:aws:iam::{place.account}:role{taken.path}{taken.role_name}"
    context: dict[str, Any] = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": role_id,
            "arn": role_arn,
            "accountId": place.account,
            "userName": taken.role_name,
        },
        "attributes": {"creationDate": iso(taken.started), "mfaAuthenticated": "true" if taken.mfa else "false"},
        **(taken.extra or {}),
    }
    if taken.source_identity:
        context["sourceIdentity"] = taken.source_identity
    identity: dict[str, Any] = {
        "type": "AssumedRole",
        "principalId": f"{role_id}:{taken.session}",
        "arn": f"arn:aws:sts::{place.account}:assumed-role/{taken.role_name}/{taken.session}",
        "accountId": place.account,
        "accessKeyId": key,
        "sessionContext": context,
    }
    if taken.invoked_by:
        identity["invokedBy"] = taken.invoked_by
    made = actor(identity, role, f"{taken.role_name}/{taken.session}", place, ending)
    begin = {
        "sessionkey": key,
        "sessionid": identity["principalId"],
        "sessionarn": escaped(identity["arn"]),
        "rolearn": role_arn,
        "session": escaped(taken.session),
    }
    return Actor(made.kind, role, made.name, ending, {**made.blanks, **begin})


def hash_of(text: str) -> int:
    """A stable number of ten digits for a name (`hash` differs from process to process)."""
    value = 0
    for letter in text:
        value = (value * 131 + ord(letter)) % 9_999_999_967
    return value


def service(account: str, name: str, role: str) -> Actor:
    host = f"{name}.amazonaws.com"
    return actor({"type": "AWSService", "invokedBy": host}, role, host, Seat(account, host, host), "service")


def residents(rng: Random, account: str, before: int) -> list[Actor]:
    """Who is always about in an account: services, key users, service-linked roles, and the rare kinds."""
    names = ("cloudtrail", "lambda", "ec2", "config", "ecs", "apigateway", "events", "rds")
    actors = [service(account, name, f"svc-{name}") for name in names]
    actors += [iam_user(account, name, "batch") for name in ("backup-runner", "legacy-ftp")]
    for linked in ("config", "autoscaling", "securityhub"):
        host = f"{linked}.amazonaws.com"
        name, path = f"AWSServiceRoleFor{linked.title()}", f"/aws-service-role/{host}/"
        taken = Assumption(name, f"{linked}-session", before - 1800, path, invoked_by=host)
        actors.append(role_session(rng, Seat(account, host, host), "slr", taken, "bare"))
    actors += _network_callers(rng, account, before)
    return actors + rare_kinds(account)


def _network_callers(rng: Random, account: str, before: int) -> list[Actor]:
    taken = Assumption("AppServer", "i-0aaaabbbbccccdddd", before - 1800)
    inside = role_session(rng, Seat(account, "192.0.2.50", "-"), "network", taken)
    foreign = {"type": "AWSAccount", "principalId": f"{example_id(rng, 'AROA', 21)}:guest", "accountId": STRANGER}
    return [inside, actor(foreign, "network", f"guest of {STRANGER}", Seat(account, "192.0.2.51", "-"))]


def rare_kinds(account: str) -> list[Actor]:
    """One actor of each identity type that is seldom seen, the same ones at each call."""
    rng = Random(f"{account}/rare")
    home = seat(rng, account, "people")
    internal = Seat(account, "AWS Internal", "AWS Internal")
    store = f"arn:aws:identitystore::{account}:identitystore/d-1234567890"
    onbehalf = {"onBehalfOf": {"userId": uuid(rng), "identityStoreArn": store}, "credentialId": hexadecimal(rng, 16)}
    wrong_name = {
        "type": "IAMUser",
        "accountId": account,
        "accessKeyId": "",
        "userName": "HIDDEN_DUE_TO_SECURITY_REASONS",
    }
    federated = {
        "type": "FederatedUser",
        "principalId": f"{account}:dashboard",
        "arn": f"arn:aws:sts::{account}:federated-user/dashboard",
        "accountId": account,
        "accessKeyId": example_id(rng, "ASIA", 20),
        "sessionContext": {
            "sessionIssuer": {
                "type": "IAMUser",
                "principalId": user_id(account, "backup-runner"),
                "arn": f"arn:aws:iam::{account}:user/backup-runner",
                "accountId": account,
                "userName": "backup-runner",
            }
        },
    }
    guest = {"type": "AWSAccount", "principalId": f"{example_id(rng, 'AIDA', 21)}", "accountId": STRANGER}
    nobody = {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}
    return [
        actor(federated, "federated", "federated dashboard", home),
        actor(guest, "foreign", f"user of {STRANGER}", home),
        actor(nobody, "anonymous", "anonymous", home),
        actor({"accountId": account, "invokedBy": "AWS Internal"}, "internal", "AWS Internal", internal, "bare"),
        actor({"type": "IdentityCenterUser", "accountId": account, **onbehalf}, "workforce", "workforce user", home),
        actor({"type": "Unknown", "accountId": account, "userName": "", **onbehalf}, "workforce", "unknown", home),
        actor(
            {"type": "Directory", "accountId": account, "userName": "corp.example.com"},
            "directory",
            "directory",
            internal,
            "bare",
        ),
        actor(
            {
                "type": "Role",
                "principalId": example_id(rng, "AROA", 21),
                "accountId": account,
                "arn": f"arn:aws:iam::{account}:role/DirectorySync",
                "userName": "DirectorySync",
            },
            "directory",
            "DirectorySync",
            home,
        ),
        actor(wrong_name, "stranger", "failed sign-in", Seat(account, "198.51.100.222", _AGENTS["people"])),
    ]


def root(rng: Random, account: str) -> Actor:
    identity = {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": "",
    }
    return actor(identity, "people", "root", seat(rng, account, "people"), "tls")


def saml_user(rng: Random, account: str, name: str) -> Actor:
    identity = {
        "type": "SAMLUser",
        "principalId": f"ExampleQualifier:{name}",
        "userName": name,
        "identityProvider": f"arn:aws:iam::{account}:saml-provider/ExampleSSO",
    }
    return actor(identity, "people", name, seat(rng, account, "people"))


def web_identity_user(rng: Random, account: str) -> Actor:
    repository = "repo:example/shop:ref:refs/heads/main"
    provider = f"arn:aws:iam::{account}:oidc-provider/token.actions.example.com"
    identity = {
        "type": "WebIdentityUser",
        "principalId": f"{provider}:sts.amazonaws.com:{repository}",
        "userName": repository,
        "identityProvider": provider,
    }
    return actor(identity, "ci", repository, seat(rng, account, "ci"))
