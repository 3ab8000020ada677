"""
What is wrong with buckets and keys: who can get in, what is kept, what is paid for. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trailhouse import settings
from trailhouse.doctor import rights
from trailhouse.doctor.checks import found
from trailhouse.doctor.values import LAKE, LOGS, RESULTS, Bucket, Cloud, Finding, Key, region_of

CLOUDTRAIL = "cloudtrail.amazonaws.com"
TEMPLATES = {LOGS: "log-bucket", LAKE: "lake", RESULTS: "lake"}
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
NOT_AT_ONCE = ("GLACIER", "DEEP_ARCHIVE")  # what lies there must be restored first
_WHOSE = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid")


def check(cloud: Cloud, config: settings.Settings) -> Iterator[Finding]:
    """Of every bucket and key that the lake stands on."""
    told: set[str] = set()
    for bucket in cloud.buckets:
        if bucket.name not in told:  # one that has several uses is told of once
            yield from _whole(bucket, cloud)
        told.add(bucket.name)
        if bucket.use == LOGS:
            yield from _logs(bucket, config, cloud)
        elif bucket.use == LAKE:
            yield from _lake(bucket, config, cloud)
        else:
            yield from _results(bucket)
    for key in cloud.keys:
        yield from _key(key)


def _url(bucket: Bucket) -> str:
    return f"s3://{bucket.name}"


def _whole(bucket: Bucket, cloud: Cloud) -> Iterator[Finding]:
    """What holds of it, whatever it is for."""
    template = TEMPLATES[bucket.use]
    if bucket.there is False:
        yield found("bucket_missing", _url(bucket), template=template)
        return
    yield from _shut(bucket, cloud)
    if bucket.rules is None:
        return
    if not any(_on(each) and "AbortIncompleteMultipartUpload" in each for each in bucket.rules):
        yield found("bucket_no_abort", _url(bucket), template=template)


def _shut(bucket: Bucket, cloud: Cloud) -> Iterator[Finding]:
    """Whether strangers stay out: by its own block of public access, or by its account's."""
    named = {"bucket": bucket.name, "template": TEMPLATES[bucket.use]}
    above = (cloud.blocked or {}) if bucket.owner in ("", cloud.account) else {}
    if bucket.block is not None:
        left = [name for name in BLOCKS if not bucket.block.get(name) and not above.get(name)]
        if left:
            yield found("bucket_public", _url(bucket), open=", ".join(left), **named)
    for statement in bucket.policy or ():
        if statement["Effect"] == "Allow" and rights.everybody(statement) and not rights.bounded(statement):
            yield found("bucket_open", _url(bucket), statement=_name(statement), **named)
    if bucket.policy is not None and not _denies(bucket, cloud, "s3:GetObject", {"aws:securetransport": "false"}):
        yield found("bucket_no_tls", _url(bucket), **named)


def _denies(bucket: Bucket, cloud: Cloud, action: str, context: Mapping[str, str]) -> bool:
    """Whether the policy denies it to everybody, in all of what is ours, without a look at what else it may say."""
    denials = [each for each in bucket.policy or () if each["Effect"] == "Deny" and rights.everybody(each)]
    denials = [each for each in denials if all(_of_callers(key, context) for key in rights.conditions(each))]
    places = [f"arn:{cloud.partition}:s3:::{bucket.name}/{prefix}*" for prefix in bucket.prefixes]
    calls = [rights.Call(action, place, context) for place in places]
    return all(any(rights.applies(each, call) for each in denials) for call in calls)


def _of_callers(key: str, context: Mapping[str, str]) -> bool:
    """A denial that hangs on how something is asked for (a header, a date) stops nobody, who may ask otherwise."""
    return key in context or key in rights.CALLERS or key.startswith("aws:principal")


def _name(statement: rights.Statement) -> str:
    return str(statement.get("Sid") or rights.listed(statement.get("Action", "a statement"))[0])


def _results(bucket: Bucket) -> Iterator[Finding]:
    if bucket.rules is None:
        return
    if not all(
        any(_covers(each, prefix) and _days(each) is not None for each in bucket.rules) for prefix in bucket.prefixes
    ):
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
    if _FOREIGN.match(its.removeprefix(prefix) if its.startswith(prefix) else ""):
        return False
    return _on(rule) and (its.startswith(prefix) or prefix.startswith(its))


# Of another service, which delivers beside CloudTrail: below AWSLogs/.
_FOREIGN = re.compile(r"(?:o-[a-z0-9]+/)?[0-9]{12}/(?!CloudTrail)[^/]+")


def _covers(rule: Mapping[str, Any], prefix: str) -> bool:
    """All of what begins so, whatever its size."""
    told = rule.get("Filter") or {}
    narrow = {"ObjectSizeGreaterThan", "ObjectSizeLessThan"} & {*told, *(told.get("And") or {})}
    return _touches(rule, prefix) and prefix.startswith(_prefix(rule)) and not narrow


def _classes(rule: Mapping[str, Any]) -> list[str]:
    return [each["StorageClass"] for each in rule.get("Transitions") or ()]


# ── log buckets ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _logs(bucket: Bucket, config: settings.Settings, cloud: Cloud) -> Iterator[Finding]:
    url, named = _url(bucket), {"bucket": bucket.name}
    if bucket.versioning is not None and bucket.versioning != "Enabled":
        yield found("bucket_not_versioned", url, **named)
    if bucket.lock is not None and not bucket.lock:
        yield found("bucket_no_lock", url)
    if bucket.notifies:
        yield found("bucket_notifies", url, whom=", ".join(bucket.notifies), **named)
    if bucket.policy is not None:
        yield from _log_policy(bucket, cloud)
    bound = config.listing.lookback_days + config.listing.reconcile_every.days
    for rule in bucket.rules or ():
        if not any(_touches(rule, prefix) for prefix in bucket.prefixes):
            continue
        days = _days(rule)
        if days is not None and days < bound:
            yield found("bucket_expires_early", url, rule=rule.get("ID", ""), days=days, bound=bound)
        for to in sorted(set(_classes(rule)) & set(NOT_AT_ONCE)):
            yield found("bucket_archives", url, rule=rule.get("ID", ""), to=to)


def _log_policy(bucket: Bucket, cloud: Cloud) -> Iterator[Finding]:
    for statement in bucket.policy or ():
        of_cloudtrail = statement["Effect"] == "Allow" and rights.service(statement, CLOUDTRAIL)
        if of_cloudtrail and not rights.bounded(statement, _WHOSE):
            yield found("bucket_any_trail", _url(bucket), statement=_name(statement))
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        if not _denies(bucket, cloud, action, {}):
            yield found("bucket_deletes", _url(bucket), action=action)
            break
    if not _denies(bucket, cloud, "s3:PutObject", {}):
        yield found("bucket_takes_plants", _url(bucket))


# ── the lake's bucket ────────────────────────────────────────────────────────────────────────────────────────────────


def _lake(bucket: Bucket, config: settings.Settings, cloud: Cloud) -> Iterator[Finding]:
    url = _url(bucket)
    (below,) = bucket.prefixes
    if bucket.region and bucket.region != cloud.region:
        yield found("lake_elsewhere", url, region=bucket.region, here=cloud.region)
    if bucket.key in ("", "alias/aws/s3") and not config.lake.kms_key:
        yield found("lake_no_key", url)
    for rule in bucket.rules or ():
        named = {"rule": rule.get("ID", ""), "prefix": below or "the bucket"}
        if _touches(rule, below) and _days(rule) is not None:
            yield found("lake_expires", url, **named)
        moved = [
            each for each in _classes(rule) if each != "INTELLIGENT_TIERING"
        ]  # which is read as before, for no more
        if _touches(rule, below) and moved:
            yield found("lake_moves", url, to=", ".join(moved), **named)
    if bucket.versioning is None:
        return
    if bucket.versioning != "Enabled":
        yield found("lake_no_undo", url)
    elif bucket.rules is not None and not any(_covers(r, below) and _forgets(r) for r in bucket.rules):
        yield found("lake_versions_stay", url)


def _forgets(rule: Mapping[str, Any]) -> bool:
    return bool((rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays"))


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _key(key: Key) -> Iterator[Finding]:
    named = {"use": key.use, "region": region_of(key.arn)}
    if key.state in ("PendingDeletion", "PendingReplicaDeletion"):
        yield found("key_going", key.arn, **named)
    elif key.state == "Disabled":
        yield found("key_disabled", key.arn, **named)
    elif key.state not in (None, "Enabled", "Creating", "Updating"):
        yield found("key_unusable", key.arn, state=key.state, **named)
    if key.rotates is False and key.state == "Enabled":
        yield found("key_no_rotation", key.arn, **named)
    if key.use != LOGS or key.policy is None:
        return
    encrypts = [each for each in key.policy if each["Effect"] == "Allow" and rights.service(each, CLOUDTRAIL)]
    encrypts = [each for each in encrypts if any(_encrypts(action) for action in rights.listed(each.get("Action")))]
    if not encrypts:
        yield found("key_not_cloudtrails", key.arn)
    for statement in encrypts:
        if not rights.bounded(statement, (*_WHOSE, "kms:encryptioncontext:aws:cloudtrail:arn")):
            yield found("key_any_trail", key.arn, statement=_name(statement))


def _encrypts(pattern: str) -> bool:
    return rights.matches(pattern.lower(), "kms:generatedatakey")
