"""
What is wrong with where the lake is asked and run: databases, the work group, schedules. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from trailhouse import settings
from trailhouse.doctor.checks import found
from trailhouse.doctor.values import Cloud, Finding


def check(cloud: Cloud, config: settings.Settings) -> Iterator[Finding]:
    """Of Glue, Athena and the scheduler."""
    lake = config.lake.location.rstrip("/")
    for name, location in cloud.databases.items():
        if location is None:
            yield found("database_missing", name)
        elif location and not f"{location.rstrip('/')}/".startswith(f"{lake}/"):
            yield found("database_elsewhere", name, found=location, lake=lake, database=name)
    if cloud.work_group is not None:
        yield from _work_group(cloud, config)
    for name, state in cloud.schedules.items():
        if state == "DISABLED":
            yield found("job_off", name)


def _work_group(cloud: Cloud, config: settings.Settings) -> Iterator[Finding]:
    name, its = config.athena.work_group, cloud.work_group or {}
    if not its:
        yield found("work_group_missing", name)
        return
    if its.get("State") == "DISABLED":
        yield found("work_group_off", name, work_group=name)
    if not its.get("EnforceWorkGroupConfiguration"):
        yield found("work_group_loose", name, work_group=name)
    limit = its.get("BytesScannedCutoffPerQuery")
    if not limit:
        yield found("work_group_no_limit", name)
    elif limit != config.athena.scan_limit:
        yield found("work_group_differs", name, what="limit", found=limit, wanted=config.athena.scan_limit)
    output = (its.get("ResultConfiguration") or {}).get("OutputLocation", "")
    wanted = config.athena.output
    if wanted and output.rstrip("/") != wanted.rstrip("/"):
        yield found("work_group_differs", name, what="place for results", found=output or "none", wanted=wanted)
