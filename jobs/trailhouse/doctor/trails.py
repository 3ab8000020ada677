"""
What is wrong with trails: what they leave out, whether they deliver, and what is paid for twice. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trailhouse.doctor import rights
from trailhouse.doctor.checks import found
from trailhouse.doctor.values import LAKE, LOGS, Bucket, Cloud, Finding, LakeSeen, Trail, account_of

_ALL = re.compile(r"arn:[a-z-]+:s3(:::)?")  # objects, as a basic selector says it
_RATES = {"ApiCallRateInsight": "calls", "ApiErrorRateInsight": "errors"}


def check(cloud: Cloud, lake: LakeSeen | None) -> Iterator[Finding]:
    """Of the trails that deliver to our log buckets; and whether all accounts are covered."""
    if cloud.trails is None:
        return
    logs = [each for each in cloud.buckets if each.use == LOGS]
    ours = {each.name: [t for t in cloud.trails if t.bucket == each.name] for each in logs}
    for bucket in logs:
        trails = ours[bucket.name]
        if not trails and not bucket.copied:
            yield _missing(bucket, cloud)
        for trail in trails:
            yield from _delivers(trail)
            yield from _events(trail, cloud)
    yield from _twice([each for each in cloud.trails if _logs_management(each)])
    yield from _accounts(cloud, lake, [each for trails in ours.values() for each in trails])


def _missing(bucket: Bucket, cloud: Cloud) -> Finding:
    """That no trail is seen here says little of a bucket that belongs to others, or that others deliver to."""
    statements = [each for each in bucket.policy or () if rights.service(each, "cloudtrail.amazonaws.com")]
    values = [
        value
        for each in statements
        for key, told in rights.conditions(each).items()
        if key in _TRAILS
        for value in told
    ]
    accounts = {account_of(value) or value for value in map(str, values)}
    others = {bucket.owner, *accounts} - {"", cloud.account}
    if others:
        return found("trail_unseen", f"s3://{bucket.name}", accounts=", ".join(sorted(others)))
    return found("trail_missing", f"s3://{bucket.name}", bucket=bucket.name)


_TRAILS = ("aws:sourcearn", "aws:sourceaccount")


def _delivers(trail: Trail) -> Iterator[Finding]:
    home = trail.home
    if not trail.told.get("IsMultiRegionTrail"):
        yield found("trail_one_region", trail.arn, region=home)
    if not trail.told.get("IncludeGlobalServiceEvents"):
        yield found("trail_no_global", trail.arn, region=home)
    if not trail.told.get("LogFileValidationEnabled"):
        yield found("trail_no_validation", trail.arn, region=home)
    if not trail.told.get("KmsKeyId"):
        yield found("trail_no_key", trail.arn, region=home)
    if trail.status is None:
        return
    if not trail.status.get("IsLogging"):
        yield found("trail_off", trail.arn, region=home)
    if error := trail.status.get("LatestDeliveryError"):
        yield found("trail_delivery_fails", trail.arn, error=error)
    if error := trail.status.get("LatestDigestDeliveryError"):
        yield found("trail_digests_fail", trail.arn, error=error)


def _events(trail: Trail, cloud: Cloud) -> Iterator[Finding]:
    if trail.insights is not None:
        missing = [rate for kind, rate in _RATES.items() if kind not in trail.insights]
        if missing:
            yield found("trail_no_insights", trail.arn, missing=" and ".join(missing))
    if trail.selectors is None:
        return
    chosen = [_chosen(each) for each in trail.selectors]
    management = [each for each in chosen if each.management]
    if not management:
        yield found("trail_no_management", trail.arn)
    elif all(each.left_out for each in management):
        yield found("trail_leaves_out", trail.arn, left_out=management[0].left_out)
    if any("" in each.objects and not each.spared for each in chosen):
        yield found("data_events_all", trail.arn)
        return
    for bucket in cloud.buckets:
        arn = f"arn:{cloud.partition}:s3:::{bucket.name}/"
        if bucket.use in (LOGS, LAKE) and any(each.takes(arn) for each in chosen):
            yield found("data_events_loop", trail.arn, bucket=bucket.name)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What one selector takes in."""

    management: bool
    left_out: str  # of management events; "" for nothing
    objects: Sequence[str] = ()  # beginnings of the ARNs of S3 objects; "" for all
    spared: Sequence[str] = ()  # beginnings of those that are left out of these

    def takes(self, arn: str) -> bool:
        """Whether it takes in some of what begins so."""
        if any(arn.startswith(part) for part in self.spared):
            return False
        return any(part.startswith(arn) or arn.startswith(part) for part in self.objects)


def _chosen(selector: Mapping[str, Any]) -> _Chosen:
    return _advanced(selector) if "FieldSelectors" in selector else _basic(selector)


def _basic(selector: Mapping[str, Any]) -> _Chosen:
    kind = selector.get("ReadWriteType", "All")
    left_out = {"WriteOnly": "those that read", "ReadOnly": "those that write"}.get(kind, "")
    sources = ", ".join(selector.get("ExcludeManagementEventSources") or ())
    resources = selector.get("DataResources") or ()
    values = [value for each in resources if each["Type"] == "AWS::S3::Object" for value in each.get("Values", ())]
    objects = ["" if _ALL.fullmatch(value) else value for value in values]
    return _Chosen(selector.get("IncludeManagementEvents", True), left_out or sources, objects)


def _advanced(selector: Mapping[str, Any]) -> _Chosen:
    fields = {each["Field"]: each for each in selector["FieldSelectors"]}
    category = fields.pop("eventCategory", {}).get("Equals", [])
    if "Management" in category:
        told = [f"{name} {' '.join(_said(each))}" for name, each in sorted(fields.items())]
        return _Chosen(True, f"only those of {', '.join(told)}" if told else "")
    kinds = fields.pop("resources.type", {}).get("Equals", [])
    if "Data" not in category or "AWS::S3::Object" not in kinds:
        return _Chosen(False, "")
    arn = fields.get("resources.ARN", {})
    return _Chosen(
        False, "", [*arn.get("StartsWith", []), *arn.get("Equals", [])] or [""], arn.get("NotStartsWith", [])
    )


def _said(field: Mapping[str, Any]) -> Iterator[str]:
    for operator, values in field.items():
        if operator != "Field":
            yield f"{operator} {'|'.join(values)}"


def _logs_management(trail: Trail) -> bool:
    is_on = trail.status is not None and bool(trail.status.get("IsLogging"))
    return is_on and trail.selectors is not None and any(_chosen(each).management for each in trail.selectors)


def _twice(trails: Sequence[Trail]) -> Iterator[Finding]:
    """Each but the first, by ARN, of those that log the same region's."""
    ordered = sorted(trails, key=lambda each: each.arn)
    for number, trail in enumerate(ordered):
        others = [each for each in ordered[:number] if _same_region(each, trail)]
        if others:
            yield found("trails_twice", trail.arn, other=others[0].arn)


def _same_region(one: Trail, other: Trail) -> bool:
    return any(each.told.get("IsMultiRegionTrail") for each in (one, other)) or one.home == other.home


def _accounts(cloud: Cloud, lake: LakeSeen | None, trails: Sequence[Trail]) -> Iterator[Finding]:
    """Asked for by name, since only the organization's management account can answer."""
    if cloud.accounts is None:
        return
    if len(cloud.accounts) > 1 and not any(each.told.get("IsOrganizationTrail") for each in trails):
        yield found("accounts_uncovered", "organization", accounts=len(cloud.accounts))
    elif lake is not None and lake.there:
        for account in sorted(set(cloud.accounts) - lake.accounts):
            yield found("account_unseen", account)
