"""
What is wrong with buckets and keys: who can get in, what is kept, what is paid for. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trailhouse import settings
from trailhouse.doctor import rights
from trailhouse.doctor.checks import found
from trailhouse.doctor.values import LAKE, LOGS, RESULTS, Bucket, Cloud, Finding, Key

CLOUDTRAIL = "cloudtrail.amazonaws.com"
TEMPLATES = {LOGS: "log-bucket", LAKE: "lake", RESULTS: "lake"}
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
NOT_AT_ONCE = ("GLACIER", "DEEP_ARCHIVE")  # what lies there must be restored first
_WHOSE = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid")


def check(cloud: Cloud, config: settings.Settings) -> Iterator[Finding]:
    """Of every bucket and key that the lake stands on."""
    for bucket in cloud.buckets:
        if bucket.there is False:
            yield found("bucket_missing", _url(bucket), template=TEMPLATES[bucket.use])
            continue
        yield from _shut(bucket)
        yield from _rules(bucket)
        if bucket.use == LOGS:
            yield from _logs(bucket, config)
        elif bucket.use == LAKE:
            yield from _lake(bucket, config, cloud)
    for key in cloud.keys:
        yield from _key(key)


def _url(bucket: Bucket) -> str:
    return f"s3://{bucket.name}"


def _shut(bucket: Bucket) -> Iterator[Finding]:
    """Whether strangers stay out."""
    named = {"bucket": bucket.name, "template": TEMPLATES[bucket.use]}
    if bucket.block is not None:
        left = [name for name in BLOCKS if not bucket.block.get(name)]
        if left:
            yield found("bucket_public", _url(bucket), open=", ".join(left), **named)
    for statement in bucket.policy or ():
        if statement["Effect"] == "Allow" and rights.everybody(statement) and not statement.get("Condition"):
            yield found("bucket_open", _url(bucket), statement=_name(statement), **named)
    if bucket.policy is not None and not _denies(bucket, "s3:GetObject", {"aws:securetransport": "false"}):
        yield found("bucket_no_tls", _url(bucket), **named)


def _denies(bucket: Bucket, action: str, context: Mapping[str, str]) -> bool:
    """Whether the policy denies it to everybody, without a look at what else it may say."""
    named = [part for each in bucket.policy or () for part in rights.listed(each.get("Resource"))]
    partition = next((part.split(":")[1] for part in named if part.startswith("arn:")), "aws")
    call = rights.Call(action, f"arn:{partition}:s3:::{bucket.name}/AWSLogs/x", context)
    denials = [each for each in bucket.policy or () if each["Effect"] == "Deny" and rights.everybody(each)]
    return any(rights.applies(each, call) for each in denials)


def _name(statement: rights.Statement) -> str:
    return str(statement.get("Sid") or rights.listed(statement.get("Action", "a statement"))[0])


def _rules(bucket: Bucket) -> Iterator[Finding]:
    """What is paid for, though nobody needs it."""
    if bucket.rules is None:
        return
    if not any(_on(each) and "AbortIncompleteMultipartUpload" in each for each in bucket.rules):
        yield found("bucket_no_abort", _url(bucket), template=TEMPLATES[bucket.use])
    if bucket.use == RESULTS and not any(_on(each) and _days(each) is not None for each in bucket.rules):
        yield found("results_stay", _url(bucket))


def _on(rule: Mapping[str, Any]) -> bool:
    return rule.get("Status") == "Enabled"


def _days(rule: Mapping[str, Any]) -> int | None:
    """When it deletes what is current; at once, where a date says so."""
    expiration = rule.get("Expiration") or {}
    return 0 if expiration.get("Date") else expiration.get("Days") or None


def _prefix(rule: Mapping[str, Any]) -> str:
    told = rule.get("Filter") or {}
    return str(told.get("Prefix") or (told.get("And") or {}).get("Prefix") or rule.get("Prefix") or "")


def _touches(rule: Mapping[str, Any], prefix: str) -> bool:
    its = _prefix(rule)
    told = rule.get("Filter") or {}
    if "Tag" in told or "Tags" in (told.get("And") or {}):
        return False  # nothing that CloudTrail or Trailhouse writes has tags
    return _on(rule) and (its.startswith(prefix) or prefix.startswith(its))


def _classes(rule: Mapping[str, Any]) -> list[str]:
    return [each["StorageClass"] for each in rule.get("Transitions") or ()]


# ── log buckets ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _logs(bucket: Bucket, config: settings.Settings) -> Iterator[Finding]:
    url, named = _url(bucket), {"bucket": bucket.name}
    if bucket.versioning is not None and bucket.versioning != "Enabled":
        yield found("bucket_not_versioned", url, **named)
    if bucket.lock is not None and not bucket.lock:
        yield found("bucket_no_lock", url)
    if bucket.notifies:
        yield found("bucket_notifies", url, whom=", ".join(bucket.notifies), **named)
    if bucket.policy is not None:
        yield from _log_policy(bucket)
    bound = config.listing.lookback_days + config.listing.reconcile_every.days
    for rule in bucket.rules or ():
        days = _days(rule)
        if _touches(rule, "") and days is not None and days < bound:
            yield found("bucket_expires_early", url, rule=rule.get("ID", ""), days=days, bound=bound)
        for to in set(_classes(rule)) & set(NOT_AT_ONCE) if _on(rule) else ():
            yield found("bucket_archives", url, rule=rule.get("ID", ""), to=to)


def _log_policy(bucket: Bucket) -> Iterator[Finding]:
    for statement in bucket.policy or ():
        of_cloudtrail = statement["Effect"] == "Allow" and rights.service(statement, CLOUDTRAIL)
        if of_cloudtrail and not any(key in rights.conditions(statement) for key in _WHOSE):
            yield found("bucket_any_trail", _url(bucket), statement=_name(statement))
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        if not _denies(bucket, action, {}):
            yield found("bucket_deletes", _url(bucket), action=action)
            break
    if not _denies(bucket, "s3:PutObject", {}):
        yield found("bucket_takes_plants", _url(bucket))


# ── the lake's bucket ────────────────────────────────────────────────────────────────────────────────────────────────


def _lake(bucket: Bucket, config: settings.Settings, cloud: Cloud) -> Iterator[Finding]:
    url = _url(bucket)
    prefix = config.lake.location.removeprefix(f"{url}").strip("/")
    below = f"{prefix}/" if prefix else ""
    if bucket.region and bucket.region != cloud.region:
        yield found("lake_elsewhere", url, region=bucket.region, here=cloud.region)
    if bucket.key in ("", "alias/aws/s3") and not config.lake.kms_key:
        yield found("lake_no_key", url)
    for rule in bucket.rules or ():
        named = {"rule": rule.get("ID", ""), "prefix": below or "the bucket"}
        if _touches(rule, below) and _days(rule) is not None:
            yield found("lake_expires", url, **named)
        if _touches(rule, below) and _classes(rule):
            yield found("lake_moves", url, to=", ".join(_classes(rule)), **named)
    if bucket.versioning is None:
        return
    if bucket.versioning != "Enabled":
        yield found("lake_no_undo", url)
    elif bucket.rules is not None and not any(_touches(r, below) and _forgets(r) for r in bucket.rules):
        yield found("lake_versions_stay", url)


def _forgets(rule: Mapping[str, Any]) -> bool:
    return bool((rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays"))


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _key(key: Key) -> Iterator[Finding]:
    if key.state == "PendingDeletion":
        yield found("key_going", key.arn, use=key.use)
    elif key.state == "Disabled":
        yield found("key_disabled", key.arn, use=key.use)
    if key.rotates is False and key.state == "Enabled":
        yield found("key_no_rotation", key.arn, use=key.use)
    if key.use != LOGS or key.policy is None:
        return
    encrypts = [each for each in key.policy if each["Effect"] == "Allow" and rights.service(each, CLOUDTRAIL)]
    encrypts = [each for each in encrypts if any(_encrypts(action) for action in rights.listed(each.get("Action")))]
    if not encrypts:
        yield found("key_not_cloudtrails", key.arn)
    for statement in encrypts:
        asked = rights.conditions(statement)
        context = "kms:encryptioncontext:aws:cloudtrail:arn"
        if not any(each in asked for each in (*_WHOSE, context)):
            yield found("key_any_trail", key.arn, statement=_name(statement))


def _encrypts(pattern: str) -> bool:
    return rights.matches(pattern.lower(), "kms:generatedatakey")
