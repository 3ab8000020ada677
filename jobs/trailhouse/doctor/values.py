"""
What the doctor looks at, as values: the cloud and the lake as they were found.

A field that is None could not be looked at, and there is an `Unseen` for it; what is not there is a value of its own
(an empty one, or `there` = False). Checks keep the two apart, so that nothing unseen passes for well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trailhouse.doctor.rights import Statement

LOGS, LAKE, RESULTS = "logs", "lake", "results"  # what a bucket or a key is for


def account_of(arn: str) -> str:
    """Whose it is; "" if it doesn't say."""
    fields = arn.split(":", 5)
    return fields[4] if fields[0] == "arn" and len(fields) == 6 else ""


def region_of(arn: str) -> str:
    """Where it is; "" if it doesn't say."""
    return arn.split(":")[3] if arn.startswith("arn:") else ""


def parts(url: str) -> tuple[str, str]:
    """Of s3://bucket/prefix the bucket, and the prefix with a slash at its end."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    return bucket, f"{prefix}/" if prefix else ""


def log_files(url: str, layout: str) -> tuple[str, str]:
    """The bucket of a source, and how the keys of its log files begin."""
    bucket, prefix = parts(url)
    return bucket, f"{prefix}AWSLogs/" if layout == "aws" else prefix


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be looked at."""

    where: str
    right: str  # that is missing, or was not enough: "s3:GetBucketPolicy"
    why: str


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail, as DescribeTrails and three more calls tell of it."""

    arn: str
    bucket: str
    told: Mapping[str, Any]
    status: Mapping[str, Any] | None
    selectors: tuple[Mapping[str, Any], ...] | None  # basic or advanced ones
    insights: tuple[str, ...] | None

    @property
    def home(self) -> str:
        return region_of(self.arn)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and what it is for: one of its own for each use."""

    name: str
    use: str
    prefixes: tuple[str, ...] = ("",)  # what of it is that
    owner: str = ""  # who should be; "" for nobody in particular
    copied: bool = False  # what lies in it was first delivered to another
    there: bool | None = True
    region: str | None = None
    policy: tuple[Statement, ...] | None = None
    block: Mapping[str, bool] | None = None
    versioning: str | None = None  # "Enabled", "Suspended" or ""
    lock: Mapping[str, Any] | None = None
    rules: tuple[Mapping[str, Any], ...] | None = None
    key: str | None = None  # of KMS that it encrypts with; "" for none
    notifies: tuple[str, ...] | None = None  # whom


@dataclass(frozen=True, slots=True)
class Key:
    """A key of KMS."""

    arn: str
    use: str
    state: str | None = None
    policy: tuple[Statement, ...] | None = None
    rotates: bool | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the lake's, with all that its policies say."""

    name: str
    there: bool | None
    trust: tuple[Statement, ...] = ()
    held: tuple[Statement, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cloud:
    """All of AWS that matters here."""

    account: str
    region: str
    caller: str
    trails: tuple[Trail, ...] | None = None
    buckets: tuple[Bucket, ...] = ()
    keys: tuple[Key, ...] = ()
    roles: tuple[Role, ...] = ()
    databases: Mapping[str, str | None] = field(default_factory=dict)  # name -> location; None: there is none
    work_group: Mapping[str, Any] | None = None  # {} for none
    schedules: Mapping[str, str] = field(default_factory=dict)  # those that are there, with their state
    blocked: Mapping[str, bool] | None = None  # of public access, for all buckets of the account
    accounts: tuple[str, ...] | None = None  # of the organization, where it was asked for
    calls: int = 0

    @property
    def partition(self) -> str:
        """AWS's own, China's or the government's: how ARNs begin."""
        return self.caller.split(":")[1]

    @property
    def suffix(self) -> str:
        """How the names of services end."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


@dataclass(frozen=True, slots=True)
class Table:
    """How many snapshots a table keeps, and since when."""

    name: str
    snapshots: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class LakeSeen:
    """The lake's own books."""

    there: bool
    published: datetime | None = None  # the newest batch that is
    held: tuple[str, ...] = ()
    pending: tuple[tuple[str, datetime], ...] = ()  # reason, since when
    tables: tuple[Table, ...] = ()
    accounts: frozenset[str] = frozenset()  # that anything came from


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything, and what of it could not be seen."""

    cloud: Cloud | None  # None: nothing of this lake is in AWS
    lake: LakeSeen | None
    unseen: tuple[Unseen, ...]
    endpoints: Mapping[str, str]  # service -> where its requests go, when that is not AWS


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    check: str  # a word of `checks.CHECKS`
    severity: str
    where: str
    what: str
    mend: str


COLUMNS = ("check", "severity", "where", "what", "mend")
