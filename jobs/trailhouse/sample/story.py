"""
The planted story: a stolen key, so that "who did it?" has an answer.

On the last evening somebody uses the long-term key of `deploy-legacy` from an address never seen before, looks around
and is refused, makes himself a key for `svc-admin`, stops and deletes the account's own trail, and with the new key
deletes objects. The organization's trail goes on delivering: that is how we know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from trailhouse.sample.blanks import iso
from trailhouse.sample.cast import Actor, Seat, actor, iam_user
from trailhouse.sample.recipe import DAY, Recipe
from trailhouse.sample.render import recorded
from trailhouse.sample.scenes import Stage

THIEF_ADDRESS = "192.0.2.250"  # workloads have .1 to .199
STOLEN_KEY = "AKIALEGACYKEYEXAMPLE"
MADE_KEY = "AKIABACKDOOR1EXAMPLE"
VICTIM = "deploy-legacy"
_AGENT = "aws-cli/1.32.101 Python/3.11.8 Linux/6.6.15-amd64 botocore/1.34.101"
_DELETED_OBJECTS = 12
_STOLEN_STEPS = (
    # seconds from the beginning, service, call, error code
    (0, "sts", "GetCallerIdentity", ""),
    (41, "iam", "ListUsers", "AccessDenied"),
    (66, "iam", "ListRoles", "AccessDenied"),
    (97, "ec2", "DescribeInstances", "Client.UnauthorizedOperation"),
    (133, "secretsmanager", "GetSecretValue", "AccessDeniedException"),
    (188, "s3", "ListBuckets", ""),
    (251, "iam", "CreateAccessKey", ""),
    (402, "cloudtrail", "DescribeTrails", ""),
    (455, "cloudtrail", "StopLogging", ""),
    (521, "cloudtrail", "DeleteTrail", ""),
)


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, for the truth. A bucket too small for it has none."""

    account: str
    user: str
    stolen_access_key: str
    created_access_key: str
    source_ip: str
    first_use: str
    trail_deleted_at: str
    trail_deleted_by: str
    objects_deleted: int
    denied_calls: int


def began_at(recipe: Recipe) -> int:
    return recipe.end - DAY + 19 * 3600 + 43 * 60 + 12


def trail_deleted_at(recipe: Recipe) -> int:
    return began_at(recipe) + _STOLEN_STEPS[-1][0]


def legacy_trail_since(recipe: Recipe) -> int:
    """From when on there is a second trail, which is deleted."""
    return trail_deleted_at(recipe) - 6 * 3600


def victim(account: str) -> Actor:
    """The user in his ordinary life, from his ordinary address."""
    return iam_user(account, VICTIM, "batch", STOLEN_KEY)


def tell_story(stage: Stage, rightful: Actor) -> Story | None:
    """Put the story into the last day's plan; None if the day has no room for all of it."""
    account = stage.recipe.account_ids[0]
    feed = stage.feed(account)
    room = sum(max(0, min(plan.free, plan.count - 1)) for plan in stage.plan.files.get(feed, []))
    if room < 3 * (len(_STOLEN_STEPS) + _DELETED_OBJECTS):
        return None
    thief = replace(
        rightful, blanks={**rightful.blanks, "ip": THIEF_ADDRESS, "agent": _AGENT, "s3agent": f"[{_AGENT}]"}
    )
    start = began_at(stage.recipe)
    for seconds, service, name, code in _STOLEN_STEPS:
        what = recorded(service, name)
        outcome = what.failing(code) if code else what.good
        more = {"newuserkey": MADE_KEY, "iamuser": "svc-admin"} if name == "CreateAccessKey" else None
        _must(stage.tell_outcome(feed, start + seconds, thief, (what, outcome), more))
    _delete_objects(stage, account, start + 740)
    deleted_at = trail_deleted_at(stage.recipe)
    arn = f"arn:aws:iam::{account}:user/{VICTIM}"
    denied = sum(1 for step in _STOLEN_STEPS if step[3])
    return Story(
        account, VICTIM, STOLEN_KEY, MADE_KEY, THIEF_ADDRESS, iso(start), iso(deleted_at), arn, _DELETED_OBJECTS, denied
    )


def _delete_objects(stage: Stage, account: str, start: int) -> None:
    identity = {
        "type": "IAMUser",
        "principalId": "AIDASVCADMIN00EXAMPLE",
        "accountId": account,
        "arn": f"arn:aws:iam::{account}:user/svc-admin",
        "accessKeyId": MADE_KEY,
        "userName": "svc-admin",
    }
    second = actor(identity, "batch", "svc-admin", Seat(account, THIEF_ADDRESS, _AGENT))
    feed = stage.feed(account)
    for number in range(_DELETED_OBJECTS):
        more = {"bucket": f"example-backup-{account}", "key": f"nightly/2026-02-{number + 10}/database.dump"}
        what = recorded("s3", "DeleteObject")
        _must(stage.tell(feed, start + 23 * number, second, what, more))


def _must(told: bool) -> None:
    assert told, "room for the story was counted beforehand"
