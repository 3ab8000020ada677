"""
What hangs together: sessions with their beginning, records that two accounts get, and one of each rare thing.

A scene puts records with a fixed moment into the day's plan and returns who is about because of it. The theft that the
sample tells of is in `story`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from trailhouse.sample.blanks import uuid
from trailhouse.sample.cast import (
    PEOPLE,
    Actor,
    Assumption,
    Seat,
    actor,
    console_user,
    iam_user,
    rare_kinds,
    role_session,
    root,
    saml_user,
    seat,
    service,
    web_identity_user,
)
from trailhouse.sample.layout import Feed
from trailhouse.sample.recipe import STRANGER, Recipe
from trailhouse.sample.render import RECORDED, Outcome, Recorded, moment_blanks, recorded
from trailhouse.sample.schedule import DayPlan, Planned

_BEGIN = ("session", "sessionkey", "sessionid", "sessionarn", "rolearn")
_HOUR = 3600
_UPDATED = ',"addendum":{"reason":"UPDATED_DATA","updatedFields":"responseElements","originalRequestID":"%s",'


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenes of one day play."""

    recipe: Recipe
    plan: DayPlan
    midnight: int
    rng: Random

    @property
    def home(self) -> str:
        return self.recipe.region_names[0]

    def feed(self, account: str, region: str = "") -> Feed:
        return Feed(account, "CloudTrail", region or self.home)

    def tell(self, feed: Feed, epoch: int, who: Actor, what: Recorded, more: Mapping[str, Any] | None = None) -> bool:
        """Plan a record of something that went well; False where the feed has no room for it."""
        return self.tell_outcome(feed, epoch, who, (what, what.good), more)

    def tell_outcome(
        self, feed: Feed, epoch: int, who: Actor, what: tuple[Recorded, Outcome], more: Mapping[str, Any] | None = None
    ) -> bool:
        blanks = moment_blanks(who, feed.region, epoch, self.rng)
        blanks.update(more or {})
        return self.plan.place(feed, epoch, Planned(*what, who, blanks))


def sessions(stage: Stage, account: str, events: int) -> list[Actor]:
    """The sessions that begin on this day in this account, more of them the busier it is."""
    found: list[Actor | None] = []
    found += [_person(stage, account) for _ in range(_some(events, 1500, 24))]
    found += [_console(stage, account) for _ in range(_some(events, 6000, 8))]
    found += [_build(stage, account) for _ in range(_some(events, 700, 60))]
    found += [_workload(stage, account) for _ in range(_some(events, 900, 40))]
    found += [_audit(stage, account) for _ in range(2)]
    return [session for session in found if session is not None]


def _some(events: int, each: int, most: int) -> int:
    return min(most, 1 + events // each)


def _when(stage: Stage, account: str, hours: tuple[int, int]) -> int | None:
    wanted = stage.midnight + stage.rng.randint(hours[0] * _HOUR, hours[1] * _HOUR)
    return stage.plan.near(stage.feed(account), wanted, stage.rng)


def _lasting(session: Actor, since: int, seconds: int) -> Actor:
    return replace(session, since=since, until=since + seconds)


def _begin(session: Actor, human: str = "") -> dict[str, Any]:
    return {**{name: session.blanks[name] for name in _BEGIN}, "human": human, "roleaccount": session.blanks["account"]}


def _begin_here(session: Actor, human: str = "") -> dict[str, Any]:
    """A beginning that comes from the address at which the session is then used."""
    return {**_begin(session, human), "ip": session.blanks["ip"], "agent": session.blanks["agent"]}


def _person(stage: Stage, account: str) -> Actor | None:
    """Single sign-on: the identity provider vouches, then hours with one key and one address."""
    rng = stage.rng
    since = _when(stage, account, (6, 11))
    if since is None:
        return None
    name = rng.choice(PEOPLE)
    role = rng.choice(("AdministratorAccess_0123456789abcdef", "ReadOnlyAccess_fedcba9876543210"))
    path = "/aws-reserved/sso.amazonaws.com/"
    taken = Assumption(f"AWSReservedSSO_{role}", f"{name}@example.com", since, path)
    session = role_session(rng, seat(rng, account, "people"), "people", taken, rng.choice(("tls", "console", "tls")))
    told = stage.tell(
        stage.feed(account),
        since,
        saml_user(rng, account, f"{name}@example.com"),
        recorded("sts", "AssumeRoleWithSAML"),
        _begin_here(session, f"{name}@example.com"),
    )
    return _lasting(session, since, rng.randint(4, 9) * _HOUR) if told else None


def _console(stage: Stage, account: str) -> Actor | None:
    """A user with a password: signs in, mostly with a second factor, and works with a temporary key."""
    rng = stage.rng
    since = _when(stage, account, (7, 15))
    if since is None:
        return None
    mfa = rng.random() < 0.75
    session = console_user(rng, account, rng.choice(PEOPLE[:6]), since, mfa)
    signed_in = recorded("signin", "ConsoleLogin", "with a second" if mfa else "without a second")
    told = stage.tell(stage.feed(account), since, replace(session, ending="tls"), signed_in)
    if told and mfa:
        stage.tell(stage.feed(account), since - 9, replace(session, ending="tls"), recorded("signin", "CheckMfa"))
    return _lasting(session, since, rng.randint(1, 5) * _HOUR) if told else None


def _build(stage: Stage, account: str) -> Actor | None:
    rng = stage.rng
    since = _when(stage, account, (0, 23))
    if since is None:
        return None
    taken = Assumption("Deploy", f"ci-{rng.randint(1, 99999)}", since)
    session = role_session(rng, seat(rng, account, "ci"), "ci", taken)
    told = stage.tell(
        stage.feed(account),
        since,
        web_identity_user(rng, account),
        recorded("sts", "AssumeRoleWithWebIdentity"),
        _begin_here(session),
    )
    return _lasting(session, since, rng.randint(15, 90) * 60) if told else None


_WORKLOADS = (
    ("ec2", "AppServer", "i-0{hex}", {"ec2RoleDelivery": "2.0"}),
    ("ec2", "LegacyServer", "i-0{hex}", {"ec2RoleDelivery": "1.0"}),
    ("lambda", "LambdaWorker", "checkout", None),
    ("ecs", "TaskRunner", "{hex}", None),
)


def _workload(stage: Stage, account: str) -> Actor | None:
    """A machine, function or task: its service takes on the role for it, and takes it on again after hours."""
    rng = stage.rng
    since = _when(stage, account, (0, 22))
    if since is None:
        return None
    host, role, pattern, extra = rng.choice(_WORKLOADS)
    name = pattern.format(hex=f"{rng.getrandbits(64):016x}")
    session = role_session(rng, seat(rng, account, "app"), "app", Assumption(role, name, since, extra=extra))
    told = stage.tell(
        stage.feed(account),
        since,
        service(account, host, f"svc-{host}"),
        recorded("sts", "AssumeRole", "start of a session"),
        _begin(session),
    )
    return _lasting(session, since, 6 * _HOUR) if told else None


def standing_workload(rng: Random, account: str, before: int) -> Actor:
    """A server whose session began before the sample does: nothing in the bucket tells of its beginning."""
    taken = Assumption("AppServer", f"i-0{rng.getrandbits(64):016x}", before - _HOUR, extra={"ec2RoleDelivery": "2.0"})
    scope = {
        "inScopeOf": {
            "issuerType": "AWS::Lambda::Function",
            "credentialsIssuedTo": "lambda",
            "sourceArn": f"arn:aws:lambda:us-east-1:{account}:function:ingest",
            "sourceAccount": account,
        }
    }
    session = role_session(rng, seat(rng, account, "app"), "app", taken)
    who = session.blanks["who"][:-1] + "," + json.dumps(scope, separators=(",", ":"))[1:]
    return replace(session, blanks={**session.blanks, "who": who})


def _audit(stage: Stage, account: str) -> Actor | None:
    """The auditor of the first account (or a stranger's) takes on a role here: both accounts get a record."""
    rng = stage.rng
    since = _when(stage, account, (2, 20))
    if since is None:
        return None
    caller_account = stage.recipe.account_ids[0]
    caller_account = STRANGER if caller_account == account else caller_account
    human = rng.choice(("dana", "chen", "fatima"))
    taken = Assumption("OrgAudit", f"audit-{human}", since, "/audit/", source_identity=human, mfa=True)
    place = seat(rng, account, "audit")
    session = role_session(rng, place, "audit", taken)
    caller = iam_user(caller_account, "audit-bot", "audit")
    told = twins(
        stage, since, (caller, account), recorded("sts", "AssumeRole", "start of a session"), _begin(session, human)
    )
    return _lasting(session, since, _HOUR) if told else None


def twins(stage: Stage, epoch: int, who: tuple[Actor, str], what: Recorded, more: Mapping[str, Any]) -> bool:
    """One call, two accounts: the owner's copy knows the caller only as a principal of another account."""
    caller, owner = who
    caller_account = caller.blanks["account"]
    shared = {"shared": f',"sharedEventID":"{uuid(stage.rng)}"', **more}
    principal = json.loads(caller.blanks["who"])["principalId"]
    foreign = {"type": "AWSAccount", "principalId": principal, "accountId": caller_account}
    seen = actor(foreign, "foreign", f"of {caller_account}", Seat(owner, caller.blanks["ip"], caller.blanks["agent"]))
    told = stage.tell(stage.feed(owner), epoch, seen, what, shared)
    if told and caller_account in stage.recipe.account_ids:
        stage.tell(stage.feed(caller_account), epoch, caller, what, shared)
    return told


def shared_resources(stage: Stage) -> None:
    """Each day the first account uses a bucket and a key of the second."""
    accounts = stage.recipe.account_ids
    if len(accounts) < 2:
        return
    caller = iam_user(accounts[0], "backup-runner", "batch")
    for what in (recorded("s3", "GetObject", "bucket of another"), recorded("kms", "Decrypt", "key of another")):
        since = stage.plan.near(stage.feed(accounts[1]), stage.midnight + 9 * _HOUR, stage.rng)
        if since is not None:
            more = {"roleaccount": accounts[1], "key": "shared/price-list.csv"}
            twins(stage, since, (caller, accounts[1]), what, more)


def roll_call(stage: Stage) -> None:
    """On the first day: each odd row of the tables once, each rare identity once, an amended record, root's sign-in."""
    account = stage.recipe.account_ids[0]
    feed = stage.feed(account)
    for who, what in (*_odd_rows(stage, account), *_rare_faces(account)):
        epoch = stage.plan.near(feed, stage.midnight + stage.rng.randint(8, 17) * _HOUR, stage.rng)
        if epoch is not None:
            stage.tell(feed, epoch, who, what)
    _amended(stage, feed)


def _odd_rows(stage: Stage, account: str) -> Iterator[tuple[Actor, Recorded]]:
    user = iam_user(account, "dana", "people")
    owner = root(stage.rng, account)
    yield owner, recorded("signin", "ConsoleLogin", "without a second")
    yield owner, recorded("iam", "ListAccessKeys")
    for what in RECORDED:
        call = what.call
        elsewhere = call.service in ("sts", "signin") or "another account" in call.odd
        if call.odd and not elsewhere and _role_of(what) not in ("workforce", "directory", "internal", "anonymous"):
            yield user, what


def _role_of(what: Recorded) -> str:
    return what.call.by.partition(":")[0]


def _rare_faces(account: str) -> Iterator[tuple[Actor, Recorded]]:
    for who in rare_kinds(account):
        for what in RECORDED:
            if f"{who.role}:" in what.call.by and (what.call.odd or who.role in ("federated", "directory", "foreign")):
                yield who, what
                break
    internal = next(who for who in rare_kinds(account) if not who.kind)
    yield internal, recorded("elasticfilesystem", "NewClientConnection")


def _amended(stage: Stage, feed: Feed) -> None:
    """A record that amends another: its own eventID, the original's in the addendum."""
    epoch = stage.plan.near(feed, stage.midnight + 12 * _HOUR, stage.rng)
    if epoch is not None:
        original = f'"originalEventID":"{uuid(stage.rng)}"}}'
        who = iam_user(feed.account, "dana", "people")
        more = {"addendum": _UPDATED % uuid(stage.rng) + original}
        stage.tell(feed, epoch, who, recorded("kms", "DescribeKey"), more)
