"""
Looks at AWS: every call reads, and what is refused is told as unseen.

Knows the services' APIs and how each says that something is not there. What it means that something is so is for the
checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse import settings
from trailhouse.doctor import rights
from trailhouse.doctor.roles import ROLES, prefix
from trailhouse.doctor.values import (
    LAKE,
    LOGS,
    RESULTS,
    Bucket,
    Cloud,
    Key,
    Role,
    Trail,
    Unseen,
    account_of,
    log_files,
    parts,
    region_of,
)
from trailhouse.sources import aws

SERVICES = ("s3", "kms", "sts", "iam", "cloudtrail", "glue", "athena", "scheduler")
JOBS = ("ingest", "maintain", "verify")
_DETAIL = 200


@dataclass
class Looker:
    """Asks, counts, and keeps what was refused."""

    unseen: list[Unseen] = field(default_factory=list)
    calls: int = 0

    def look(self, where: str, right: str, call: Callable[[], Any], absent: Mapping[str, Any] = {}) -> Any:
        """The answer; for an error that says that nothing is there, what `absent` has for it; None if refused."""
        self.calls += 1
        try:
            return call()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in absent:
                return absent[code]
            why = code or " ".join(str(error).split())[:_DETAIL]
        except BotoCoreError as error:
            why = " ".join(str(error).split())[:_DETAIL]
        self.unseen.append(Unseen(where, right, why))
        return None


def read(config: settings.Settings, look: Looker, organization: bool) -> Cloud | None:
    """All of it; None if whoever asks is nobody to AWS."""
    caller = look.look("this process", "sts:GetCallerIdentity", aws.client("sts").get_caller_identity)
    if caller is None:
        return None
    account, region = str(caller["Account"]), str(aws.client("s3").meta.region_name)
    trails = _trails(look, account)
    buckets = tuple(_buckets(look, config, account))
    there = config.lake.catalog == "glue"
    named = prefix(config) if there else ""
    return Cloud(
        account=account,
        region=region,
        caller=str(caller["Arn"]),
        trails=trails,
        buckets=buckets,
        keys=tuple(_key(look, arn, use) for arn, use in _key_names(config, trails, buckets).items()),
        roles=tuple(_role(look, f"{named}-{each}") for each in ROLES) if named else (),
        databases=dict(_databases(look, config.lake)) if there else {},
        work_group=_work_group(look, config.athena) if there else None,
        schedules=dict(_schedules(look, named)) if named else {},
        blocked=look.look(account, "s3:GetAccountPublicAccessBlock", partial(_blocked, account), _NO_BLOCK),
        accounts=_accounts(look, account) if organization else None,
        calls=look.calls,
    )


def endpoints() -> dict[str, str]:
    """Services whose requests go elsewhere than to AWS."""
    found = {name: aws.client(name).meta.endpoint_url for name in SERVICES}
    return {name: url for name, url in found.items() if not aws.is_aws(url)}


# ── trails ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _trails(look: Looker, account: str) -> tuple[Trail, ...] | None:
    """Those of many regions and of the organization show here; of one region alone, only there."""
    client = aws.client("cloudtrail")
    told = look.look("cloudtrail", "cloudtrail:DescribeTrails", client.describe_trails)
    if told is None:
        return None
    unique = {each["TrailARN"]: each for each in told["trailList"]}
    pages = client.get_paginator("list_trails")
    listed = look.look(
        "cloudtrail", "cloudtrail:ListTrails",
        lambda: [str(each["TrailARN"]) for page in pages.paginate() for each in page["Trails"]],
    )  # fmt: skip
    for arn in sorted({*(listed or ())} - unique.keys()):
        there = aws.client("cloudtrail", aws.Access(region=region_of(arn)))
        ask = partial(there.describe_trails, trailNameList=[arn])
        found = look.look(arn, "cloudtrail:DescribeTrails", ask) or {"trailList": ()}
        unique |= {each["TrailARN"]: each for each in found["trailList"]}
    return tuple(_trail(look, each, account) for _, each in sorted(unique.items()))


def _trail(look: Looker, told: Mapping[str, Any], account: str) -> Trail:
    arn = str(told["TrailARN"])
    client = aws.client("cloudtrail", aws.Access(region=region_of(arn)))  # selectors are told at home alone
    status = look.look(arn, "cloudtrail:GetTrailStatus", lambda: client.get_trail_status(Name=arn))
    if account_of(arn) != account:
        # The organization's: its members see that it is there and works, and AWS tells them no more.
        look.unseen.append(Unseen(arn, "cloudtrail:GetEventSelectors", "it is told in the trail's own account alone"))
        return Trail(arn, str(told["S3BucketName"]), told, status, None, None)
    chosen = look.look(arn, "cloudtrail:GetEventSelectors", lambda: client.get_event_selectors(TrailName=arn))
    insights = look.look(
        arn,
        "cloudtrail:GetInsightSelectors",
        lambda: client.get_insight_selectors(TrailName=arn),
        {"InsightNotEnabledException": {}},
    )
    both = chosen and (*(chosen.get("EventSelectors") or ()), *(chosen.get("AdvancedEventSelectors") or ()))
    # A trail that was told nothing logs management events.
    selectors = None if chosen is None else tuple(both) or ({"IncludeManagementEvents": True},)
    rates = None if insights is None else tuple(e["InsightType"] for e in insights.get("InsightSelectors") or ())
    return Trail(arn, str(told["S3BucketName"]), told, status, selectors, rates)


def _accounts(look: Looker, account: str) -> tuple[str, ...] | None:
    client = aws.client("organizations")

    def all_of_them() -> tuple[str, ...]:
        pages = client.get_paginator("list_accounts").paginate()
        found = [each for page in pages for each in page["Accounts"]]
        # `State` took the place of `Status`, which AWS no longer promises.
        its = {str(each["Id"]): each.get("State") or each.get("Status") or "ACTIVE" for each in found}
        return tuple(sorted(each for each, state in its.items() if state == "ACTIVE"))

    alone = {"AWSOrganizationsNotInUseException": (account,)}
    found: tuple[str, ...] | None = look.look("organization", "organizations:ListAccounts", all_of_them, alone)
    return found


# ── buckets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _buckets(look: Looker, config: settings.Settings, account: str) -> Iterator[Bucket]:
    """Each is looked at once, and told once for each of its uses."""
    seen: dict[str, Bucket] = {}
    for named in _named(config, account):
        if named.name not in seen:
            seen[named.name] = _bucket(look, named)
        yield replace(seen[named.name], use=named.use, prefixes=named.prefixes, owner=named.owner, copied=named.copied)


def _named(config: settings.Settings, account: str) -> Iterator[Bucket]:
    """Buckets of the settings, with what they are for and who must own them; those of logs first."""
    logs: dict[str, Bucket] = {}
    for source in config.sources:
        if source.url.startswith("s3://"):
            name, below = log_files(source.url, source.layout)
            new = Bucket(name, LOGS, (), source.expected_owner, bool(source.copy_of))
            known = logs.get(name, new)
            prefixes, copied = (*known.prefixes, below), known.copied and new.copied
            logs[name] = replace(known, prefixes=prefixes, owner=known.owner or new.owner, copied=copied)
    yield from logs.values()
    for url, use in ((config.lake.location, LAKE), (config.athena.output, RESULTS)):
        if url.startswith("s3://"):
            name, prefix = parts(url)
            yield Bucket(name, use, (prefix,), account)


_NO_BLOCK: Mapping[str, Any] = {"NoSuchPublicAccessBlockConfiguration": {}}


def _blocked(account: str) -> Mapping[str, bool]:
    """What holds for all buckets of the account."""
    told = aws.client("s3control").get_public_access_block(AccountId=account)
    block: Mapping[str, bool] = told.get("PublicAccessBlockConfiguration", {})
    return block


def _bucket(look: Looker, named: Bucket) -> Bucket:
    name, use, owner = named.name, named.use, named.owner
    s3, where = aws.client("s3"), f"s3://{name}"
    asked = {"Bucket": name} | ({"ExpectedBucketOwner": owner} if owner else {})

    def ask(right: str, call: Callable[..., Any], **absent: Any) -> Any:
        return look.look(where, f"s3:{right}", lambda: call(**asked), absent)

    gone = {"NoSuchBucket": False}
    location = ask("GetBucketLocation", s3.get_bucket_location, **gone)
    if location is False or location is None:
        return Bucket(name, use, there=location)
    policy = ask("GetBucketPolicy", s3.get_bucket_policy, NoSuchBucketPolicy={"Policy": "{}"})
    block = ask("GetBucketPublicAccessBlock", s3.get_public_access_block, NoSuchPublicAccessBlockConfiguration={})
    versioning = ask("GetBucketVersioning", s3.get_bucket_versioning)
    rules = ask("GetLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, NoSuchLifecycleConfiguration={})
    encryption = ask(
        "GetEncryptionConfiguration", s3.get_bucket_encryption, ServerSideEncryptionConfigurationNotFoundError={}
    )
    lock = notes = None
    if use == LOGS:
        none = {"ObjectLockConfigurationNotFoundError": dict[str, Any]()}
        lock = ask("GetBucketObjectLockConfiguration", s3.get_object_lock_configuration, **none)
        notes = ask("GetBucketNotification", s3.get_bucket_notification_configuration)
    return Bucket(
        name, use,
        region=_OLD_NAMES.get(str(location["LocationConstraint"] or ""), location["LocationConstraint"]),
        policy=None if policy is None else rights.statements(json.loads(policy["Policy"])),
        block=None if block is None else block.get("PublicAccessBlockConfiguration", {}),
        versioning=None if versioning is None else versioning.get("Status", ""),
        lock=None if lock is None else (lock.get("ObjectLockConfiguration") or {}).get("Rule") or {},
        rules=None if rules is None else tuple(rules.get("Rules", ())),
        key=None if encryption is None else _default_key(encryption),
        notifies=None if notes is None else tuple(_notified(notes)),
    )  # fmt: skip


_OLD_NAMES = {"": "us-east-1", "EU": "eu-west-1"}  # of regions, by GetBucketLocation


def _default_key(told: Mapping[str, Any]) -> str:
    for rule in told.get("ServerSideEncryptionConfiguration", {}).get("Rules", ()):
        its = rule.get("ApplyServerSideEncryptionByDefault", {})
        if its.get("SSEAlgorithm", "").startswith("aws:kms"):
            return str(its.get("KMSMasterKeyID") or "alias/aws/s3")
    return ""


def _notified(told: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations"):
        for each in told.get(kind) or ():
            yield next((str(value) for name, value in each.items() if name.endswith("Arn")), kind)
    if "EventBridgeConfiguration" in told:
        yield "EventBridge"


# ── keys and roles ───────────────────────────────────────────────────────────────────────────────────────────────────


def _key_names(
    config: settings.Settings, trails: tuple[Trail, ...] | None, buckets: tuple[Bucket, ...]
) -> dict[str, str]:
    """Keys in use, with what for; AWS's own are none of ours."""
    logs = {each.name for each in buckets if each.use == LOGS}
    named = {str(t.told["KmsKeyId"]): LOGS for t in trails or () if t.bucket in logs and t.told.get("KmsKeyId")}
    named |= {each.key: each.use for each in buckets if each.key and each.use != LOGS}
    named |= {key: use for key, use in ((config.lake.kms_key, LAKE), (config.athena.kms_key, RESULTS)) if key}
    return {key: use for key, use in named.items() if "alias/aws/" not in key}


def _key(look: Looker, name: str, use: str) -> Key:
    kms = aws.client("kms", aws.Access(region=region_of(name)))
    told = look.look(name, "kms:DescribeKey", lambda: kms.describe_key(KeyId=name))
    if told is None:
        return Key(name, use)
    arn, state = str(told["KeyMetadata"]["Arn"]), str(told["KeyMetadata"]["KeyState"])
    policy = look.look(name, "kms:GetKeyPolicy", lambda: kms.get_key_policy(KeyId=arn, PolicyName="default"))
    # AWS rotates what it made itself; of other material there is nothing to ask.
    usable = state == "Enabled" and told["KeyMetadata"].get("Origin", "AWS_KMS") == "AWS_KMS"
    rotation = usable and look.look(
        name, "kms:GetKeyRotationStatus", lambda: kms.get_key_rotation_status(KeyId=arn),
        {"UnsupportedOperationException": {}},
    )  # fmt: skip
    return Key(
        arn=arn,
        use=use,
        state=state,
        policy=None if policy is None else rights.statements(json.loads(policy["Policy"])),
        rotates=bool(rotation["KeyRotationEnabled"]) if rotation else None,
    )


def _role(look: Looker, name: str) -> Role:
    iam = aws.client("iam")
    none = {"NoSuchEntity": False}
    told = look.look(name, "iam:GetRole", lambda: iam.get_role(RoleName=name), none)
    if not told:
        return Role(name, there=told)
    trust = rights.statements(_document(told["Role"]["AssumeRolePolicyDocument"]))
    # IAM cuts a list where it likes, however short it is.
    inline = look.look(name, "iam:ListRolePolicies", partial(_all, "list_role_policies", "PolicyNames", name))
    attached = look.look(
        name, "iam:ListAttachedRolePolicies", partial(_all, "list_attached_role_policies", "AttachedPolicies", name)
    )
    documents = [_inline(look, name, each) for each in inline or ()]
    documents += [_attached(look, name, each["PolicyArn"]) for each in attached or ()]
    if inline is None or attached is None or None in documents:
        return Role(name, True, trust)
    held = [each for document in documents for each in rights.statements(_document(document))]
    return Role(name, True, trust, tuple(held))


def _all(operation: str, what: str, role: str) -> list[Any]:
    pages = aws.client("iam").get_paginator(operation).paginate(RoleName=role)
    return [each for page in pages for each in page[what]]


def _inline(look: Looker, role: str, policy: str) -> Any:
    iam = aws.client("iam")
    return look.look(
        role, "iam:GetRolePolicy",
        lambda: iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"],
    )  # fmt: skip


def _attached(look: Looker, role: str, arn: str) -> Any:
    iam = aws.client("iam")
    version = look.look(role, "iam:GetPolicy", lambda: iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"])
    return version and look.look(
        role, "iam:GetPolicyVersion",
        lambda: iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"],
    )  # fmt: skip


def _document(told: Any) -> Mapping[str, Any]:
    """boto3 has parsed it already; where it did not, it is escaped as for an address."""
    found: Mapping[str, Any] = json.loads(unquote(told)) if isinstance(told, str) else told
    return found


# ── Glue, Athena, the scheduler ──────────────────────────────────────────────────────────────────────────────────────


def _databases(look: Looker, lake: settings.Lake) -> Iterator[tuple[str, str | None]]:
    glue, none = aws.client("glue"), {"EntityNotFoundException": dict[str, Any]()}
    for name in (lake.database, lake.ops_database):
        told = look.look(name, "glue:GetDatabase", partial(glue.get_database, Name=name), none)
        if told is not None:
            yield name, told["Database"].get("LocationUri", "") if told else None


def _work_group(look: Looker, where: settings.Athena) -> Mapping[str, Any] | None:
    athena, name = aws.client("athena"), where.work_group
    none = {"InvalidRequestException": dict[str, Any]()}
    told = look.look(name, "athena:GetWorkGroup", lambda: athena.get_work_group(WorkGroup=name), none)
    if told is None or not (its := told.get("WorkGroup")):
        return told if told is None else {}
    return {**its.get("Configuration", {}), "State": its.get("State", "ENABLED")}


def _schedules(look: Looker, group: str) -> Iterator[tuple[str, str]]:
    """Those of infra/lake.yaml; another scheduler may run the jobs as well."""
    scheduler = aws.client("scheduler")
    for name in JOBS:
        ask = partial(scheduler.get_schedule, GroupName=group, Name=name)
        told = look.look(f"{group}/{name}", "scheduler:GetSchedule", ask, {"ResourceNotFoundException": {}})
        if told:
            yield f"{group}/{name}", str(told["State"])
