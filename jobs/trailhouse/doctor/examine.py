"""
The doctor's round: look at everything once, hold it against every check, tell what was found. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trailhouse import settings
from trailhouse.doctor import asking, books, checks, reading, roles, stores, trails
from trailhouse.doctor.checks import ADVICE, SEVERITIES, UNCHECKED, found
from trailhouse.doctor.values import Cloud, Finding, LakeSeen, Seen, Unseen, account_of
from trailhouse.errors import TrailhouseError


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, the worst first; and as whom AWS was asked how often: the trail's own events show that."""

    findings: tuple[Finding, ...]
    caller: str
    calls: int

    @property
    def status(self) -> str:
        told = {each.severity for each in self.findings}
        return next((each for each in SEVERITIES if each in told and each != ADVICE), "well")


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at besides."""

    organization: bool = False
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def examine(config: settings.Settings, asked: Asked) -> Report:
    """One round."""
    seen = look(config, asked)
    order = list(SEVERITIES)
    told = sorted(
        dict.fromkeys(check(config, seen, asked.clock())),  # a key that has two names is one
        key=lambda each: (order.index(each.severity), each.check, each.where),
    )
    cloud = seen.cloud
    return Report(tuple(told), cloud.caller if cloud else "", cloud.calls if cloud else 0)


def look(config: settings.Settings, asked: Asked) -> Seen:
    """Everything that there is to see."""
    looker = reading.Looker()
    in_aws = config.lake.catalog == "glue" or any(
        url.startswith("s3://") for url in (config.lake.location, *(each.url for each in config.sources))
    )
    cloud = reading.read(config, looker, asked.organization) if in_aws else None
    lake = _lake(config.lake, looker)
    return Seen(cloud, lake, tuple(looker.unseen), reading.endpoints() if in_aws else {})


def _lake(where: settings.Lake, looker: reading.Looker) -> LakeSeen | None:
    try:
        return books.read(where)
    except TrailhouseError as error:
        looker.unseen.append(Unseen(where.location, "reading the lake", str(error)))
        return None


def check(config: settings.Settings, seen: Seen, now: datetime) -> Iterator[Finding]:
    """Every check, over what was seen."""
    cloud, lake = seen.cloud, seen.lake
    if cloud is not None:
        yield from trails.check(cloud, lake)
        yield from stores.check(cloud, config)
        yield from roles.check(cloud, config)
        yield from asking.check(cloud, config)
        yield from roles.of_sources(config, cloud.account)
    if lake is not None:
        yield from books.check(lake, config, now.astimezone(UTC).replace(tzinfo=None))
    yield from roles.of_endpoints(seen.endpoints)
    for each in seen.unseen:
        yield found(UNCHECKED, each.where, right=each.right, why=each.why, cure=_cure(each, cloud))


def _cure(unseen: Unseen, cloud: Cloud | None) -> str:
    """A right, where that is what is missing."""
    if cloud is not None:
        owners = {f"s3://{each.name}": each.owner for each in cloud.buckets}
        whose = owners.get(unseen.where) or account_of(unseen.where)
        if whose and whose != cloud.account:
            return checks.ELSEWHERE.format(account=whose)
    refused = unseen.why.startswith(("AccessDenied", "UnauthorizedOperation", "AuthorizationError", "Forbidden", "403"))
    return checks.NO_RIGHT if refused else checks.NO_ANSWER
