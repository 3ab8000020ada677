"""
What is wrong with roles: what each needs and may not, what none but its own may, and who may take it on. Pure.

Judged by the role's own policies, as IAM would. What an organization, a boundary or a session takes away is not looked
at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trailhouse import settings
from trailhouse.doctor import rights
from trailhouse.doctor.checks import found
from trailhouse.doctor.rights import Call
from trailhouse.doctor.values import LAKE, LOGS, RESULTS, Cloud, Finding, Role, account_of, log_files, parts, region_of

INGEST, MAINTAIN, VERIFY, PUBLISH, ANALYST = "ingest", "maintain", "verify", "publish", "analyst"
ROLES = (INGEST, MAINTAIN, VERIFY, PUBLISH, ANALYST)
DATA = (INGEST, VERIFY)  # who read log files


@dataclass(frozen=True, slots=True)
class Places:
    """The ARNs that rights are about."""

    cloud: Cloud
    config: settings.Settings

    @property
    def s3(self) -> str:
        return f"arn:{self.cloud.partition}:s3:::"

    def lake(self, path: str) -> str:
        return f"{self.s3}{self.config.lake.location.removeprefix('s3://').rstrip('/')}/{path}"

    def lake_bucket(self) -> tuple[str, str]:
        """And how keys of the lake begin in it."""
        bucket, prefix = parts(self.config.lake.location)
        return f"{self.s3}{bucket}", prefix

    def table(self, database: str, table: str) -> str:
        return self._of("glue", f"table/{database}/{table}")

    def work_group(self) -> str:
        return self._of("athena", f"workgroup/{self.config.athena.work_group}")

    def _of(self, service: str, what: str) -> str:
        return f"arn:{self.cloud.partition}:{service}:{self.cloud.region}:{self.cloud.account}:{what}"

    def key(self, use: str, *actions: str) -> list[Call]:
        """Of S3's on somebody's behalf; log files have a context of their own."""
        its = {"kms:encryptioncontext:aws:cloudtrail:arn": self._of("cloudtrail", "trail/x")} if use == LOGS else {}
        keys = [each.arn for each in self.cloud.keys if each.use == use]
        return [Call(f"kms:{action}", key, its | self._by_s3(key)) for key in keys for action in actions]

    def _by_s3(self, key: str) -> dict[str, str]:
        """S3 asks for it in the key's own region, which is the bucket's."""
        region = region_of(key) or self.cloud.region
        return {"kms:viaservice": f"s3.{region}.{self.cloud.suffix}"}


def prefix(config: settings.Settings) -> str:
    """How infra/lake.yaml was told to name roles and schedules; empty where it was not asked."""
    return "" if config.doctor.roles == "none" else config.doctor.roles or config.lake.database


def check(cloud: Cloud, config: settings.Settings) -> Iterator[Finding]:
    """Of the roles of infra/lake.yaml."""
    places = Places(cloud, config)
    needed, closed = needs(places), forbidden(places)
    if cloud.roles and not config.doctor.roles and all(role.there is False for role in cloud.roles):
        yield found("roles_unknown", prefix(config))  # nobody said that they are of infra/
        return
    for role in cloud.roles:
        kind = role.name.rpartition("-")[2]
        if role.there is False:
            yield found("role_missing", role.name, name=prefix(config))
        if any(
            each["Effect"] == "Allow" and rights.everybody(each) and not rights.bounded(each) for each in role.trust
        ):
            yield found("role_open", role.name)
        if role.held is None:
            continue
        yield from _judged(role, needed[kind], closed[kind])


def _judged(role: Role, needed: Sequence[Call], closed: Sequence[Call]) -> Iterator[Finding]:
    """One finding of a sort: the first call tells enough."""
    held = role.held or ()
    lacks = [call for call in needed if rights.allowed(held, call) is False]
    if lacks:
        yield found("role_short", role.name, call=_told(lacks))
    deletes = [call for call in closed if "Delete" in call.action and rights.allowed(held, call) is not False]
    if deletes:
        yield found("role_deletes", role.name, call=_told(deletes))
    wide = [call for call in closed if "Delete" not in call.action and rights.allowed(held, call) is not False]
    if wide:
        yield found("role_too_wide", role.name, call=_told(wide))


def _told(calls: Sequence[Call]) -> str:
    return str(calls[0]) + (f", and {len(calls) - 1} more" if len(calls) > 1 else "")


def needs(places: Places) -> dict[str, list[Call]]:
    """What each role can't do without."""
    lake = places.config.lake
    bucket, prefix = places.lake_bucket()
    events, seals = places.table(lake.database, "events"), "_trailhouse/seals/newest.json"
    reads = [
        Call("s3:ListBucket", bucket, {"s3:prefix": f"{prefix}{lake.database}/events/"}),
        Call("s3:GetObject", places.lake(f"{lake.database}/events/x")),
        Call("s3:GetObject", places.lake(f"{lake.ops_database}/ledger/x")),
        Call("glue:GetTable", events),
        *places.key(LAKE, "Decrypt"),
    ]
    writes = [Call("s3:PutObject", places.lake(seals)), *places.key(LAKE, "GenerateDataKey")]
    events_too = [Call("s3:PutObject", places.lake(f"{lake.database}/events/x")), Call("glue:UpdateTable", events)]
    findings = [
        Call("s3:PutObject", places.lake(f"{lake.database}/integrity/x")),
        Call("glue:UpdateTable", places.table(lake.database, "integrity")),
    ]
    view = places.table(lake.database, "actions")
    asks = [Call("athena:StartQueryExecution", places.work_group()), Call("glue:GetTable", events)]
    return {
        INGEST: [*reads, *writes, *events_too, *_logs(places), Call("glue:CreateTable", events)],
        MAINTAIN: [*reads, *writes, *events_too, Call("s3:DeleteObject", places.lake(f"{lake.database}/events/x"))],
        VERIFY: [*reads, *writes, *findings, *_logs(places), Call("cloudtrail:ListPublicKeys", "*")],
        PUBLISH: [
            Call("glue:CreateTable", view), Call("glue:UpdateTable", view),
            Call("athena:CreateNamedQuery", places.work_group()),
        ],
        ANALYST: [
            *asks, Call("s3:GetObject", places.lake(f"{lake.database}/events/x")), *_results(places),
            *places.key(LAKE, "Decrypt"), *places.key(RESULTS, "Decrypt", "GenerateDataKey"),
        ],
    }  # fmt: skip


def _logs(places: Places) -> Iterator[Call]:
    """Reading log files, or taking on the role that may."""
    for source in places.config.sources:
        if source.role_arn:
            yield Call("sts:AssumeRole", source.role_arn)
        elif source.url.startswith("s3://"):
            bucket, below = log_files(source.url, source.layout)
            yield Call("s3:ListBucket", f"{places.s3}{bucket}", {"s3:prefix": below})
            yield Call("s3:GetObject", f"{places.s3}{bucket}/{below}x")
    if not any(source.role_arn for source in places.config.sources):
        yield from places.key(LOGS, "Decrypt")


def _results(places: Places) -> list[Call]:
    output = places.config.athena.output.removeprefix("s3://").rstrip("/")
    return [Call(f"s3:{action}Object", f"{places.s3}{output}/x") for action in ("Get", "Put")] if output else []


def forbidden(places: Places) -> dict[str, list[Call]]:
    """What no role may, or only another one."""
    lake = places.config.lake
    events = places.lake(f"{lake.database}/events/*")
    tables = [places.lake(f"{database}/*") for database in (lake.database, lake.ops_database)]
    logs = list(_log_files(places))
    written = [
        Call(f"s3:{verb}", each) for each in logs for verb in ("DeleteObject", "DeleteObjectVersion", "PutObject")
    ]
    everyone = [
        *written,
        *(Call("s3:DeleteObjectVersion", each) for each in tables),
        Call("glue:DeleteTable", places.table(lake.database, "events")),
        Call("cloudtrail:StopLogging", "*"), Call("cloudtrail:UpdateTrail", "*"),
        Call("iam:PutRolePolicy", "*"), Call("kms:ScheduleKeyDeletion", "*"),
    ]  # fmt: skip
    others = [*everyone, *(Call("s3:DeleteObject", each) for each in tables)]
    read_logs = [Call("s3:GetObject", each) for each in logs]
    write_events = [Call("s3:PutObject", events), Call("glue:UpdateTable", places.table(lake.database, "events"))]
    write = [*(Call("s3:PutObject", each) for each in tables), *write_events]
    quarantine = [
        Call("s3:GetObject", places.lake(f"{lake.ops_database}/quarantine/*")),
        Call("glue:GetTable", places.table(lake.ops_database, "quarantine")),
    ]
    return {
        INGEST: others,
        MAINTAIN: [*everyone, *read_logs],
        VERIFY: [*others, *write_events],
        PUBLISH: [*others, *read_logs, *write, *quarantine],
        ANALYST: [*others, *read_logs, *write, *quarantine],
    }


def _log_files(places: Places) -> Iterator[str]:
    """Any of them. Where log files and the lake lie in one place, none can be told from the other."""
    lake = places.lake("")
    for bucket in places.cloud.buckets:
        for prefix in bucket.prefixes if bucket.use == LOGS else ():
            if not lake.startswith(f"{places.s3}{bucket.name}/{prefix}"):
                yield f"{places.s3}{bucket.name}/{prefix}*"


def of_sources(config: settings.Settings, account: str) -> Iterator[Finding]:
    """How the settings say that log files are reached."""
    for source in config.sources:
        if not source.url.startswith("s3://"):
            continue
        if not source.expected_owner:
            yield found("source_no_owner", source.url)
        if source.role_arn and not source.external_id and account_of(source.role_arn) != account:
            yield found("source_no_external_id", source.url, role=source.role_arn)


def of_endpoints(endpoints: Mapping[str, str]) -> Iterator[Finding]:
    """Where requests go that should go to AWS."""
    for service, endpoint in sorted(endpoints.items()):
        variable = service.upper().replace("-", "_")
        yield found("endpoint_elsewhere", service, service=service, endpoint=endpoint, variable=variable)
