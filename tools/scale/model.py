"""
What an organization takes: arithmetic on what was measured, and on what is assumed. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

DAY, MONTH, YEAR = 86_400, 30.4, 365  # seconds; days
MB, GB, TB = 10**6, 10**9, 10**12

# ── what is assumed ──────────────────────────────────────────────────────────────────────────────────────────────────

REGIONS = 4  # of an account, with events
RUNS = 96  # a day, one a quarter of an hour
DELIVERIES = 288  # a day and feed: CloudTrail delivers about every five minutes, where there is something
EVENT_JSON = 1_400  # bytes of an event, inflated
FILE_JSON = 50 * MB  # of a log file; then CloudTrail begins another
BUCKETED_FROM = 1_000  # accounts from which on the lake is bucketed
BUCKETS = 64
TASK = 8 * 2**20  # stored bytes that a task reads (`batch.task_bytes`)
TABLES = 4  # that a run commits to: events, ledger, quality, batches
TRIPS = 25  # requests that follow on each other in a commit
TRIP = 0.03  # seconds that S3 or Glue takes for one
LARGE = 256 * 2**20  # a data file after maintain (`maintain.target_bytes`)
LIST_AT_ONCE = 16


@dataclass(frozen=True)
class Measured:
    """What one of each takes on a core of the machine that measured it."""

    list_key: float  # seconds to list a key and compare it with the ledger
    list_feed: float  # seconds to ask for a feed in which little is new
    known_object: float  # bytes of memory for an object of the ledger, while a plan is made
    event: float  # core seconds to decode, write and look over
    object: float  # the same of an object, besides its events
    commit: float  # seconds, of one table, from a server that answers at once
    commit_file: float  # and for each data file
    plan_file: float  # seconds of a query for each data file that a manifest tells of
    stored_event: float  # bytes in the log bucket
    lake_event: float  # bytes in the lake
    ledger_object: float  # bytes in the ledger
    manifest_file: float  # bytes in a manifest, of a data file
    metadata_snapshot: float  # bytes in a table's metadata, of a snapshot
    start: float  # seconds until the first task runs


@dataclass(frozen=True)
class Size:
    """An organization."""

    events: int  # a day
    accounts: int

    @property
    def feeds(self) -> int:
        return self.accounts * REGIONS


@dataclass(frozen=True)
class Needs:
    """What it takes, in a day unless said otherwise."""

    size: Size
    objects: float
    lists: float  # LIST requests
    plan_seconds: float  # of a run
    core_seconds: float  # of workers
    files_run: float  # data files of `events` that a run writes
    commit_seconds: float  # of a run
    run_seconds: float  # with as many cores as `cores`
    cores: int  # that keep up, half of the time
    files: float  # data files of `events` before maintain
    files_after: float  # and after it
    manifests: float  # before maintain, of a table
    metadata: float  # bytes of a table's metadata file before maintain
    lake_bytes: float  # of events
    ledger_year: float  # bytes after a year
    known_year: float  # bytes of memory for a plan over a whole year
    reconcile_seconds: float  # to list a whole year
    query_files: float  # that hold a day of an account, after maintain
    query_bytes: float
    query_plan: float  # seconds


def needs(size: Size, one: Measured) -> Needs:
    """What an organization takes."""
    per_feed = size.events / size.feeds
    objects = size.feeds * max(min(per_feed, DELIVERIES), per_feed * EVENT_JSON / FILE_JSON)
    files_run = _files_of_a_run(size, one, objects)
    run_lists, lists = _lists(size, objects)
    plan = max(run_lists * one.list_feed, run_lists * TRIP / LIST_AT_ONCE) + objects / 2 * one.list_key
    work = size.events * one.event + objects * one.object
    commit = TABLES * (one.commit + TRIPS * TRIP) + files_run * one.commit_file
    cores = max(2, ceil(2 * work / DAY))
    lake = size.events * one.lake_event
    after = max(min(size.feeds, size.events), lake / LARGE) if not _is_bucketed(size) else max(BUCKETS, lake / LARGE)
    account = lake / size.accounts if not _is_bucketed(size) else lake / BUCKETS
    year = YEAR * objects
    return Needs(
        size=size,
        objects=objects,
        lists=lists,
        plan_seconds=plan,
        core_seconds=work,
        files_run=files_run,
        commit_seconds=commit,
        run_seconds=one.start + plan + work / RUNS / cores + commit,
        cores=cores,
        files=RUNS * files_run,
        files_after=after,
        manifests=RUNS,
        metadata=RUNS * one.metadata_snapshot,
        lake_bytes=lake,
        ledger_year=year * one.ledger_object,
        known_year=year * one.known_object,
        reconcile_seconds=year * one.list_key,
        query_files=max(1 if _is_bucketed(size) else REGIONS, account / LARGE),
        query_bytes=account,
        query_plan=after * one.plan_file,
    )


def _is_bucketed(size: Size) -> bool:
    return size.accounts >= BUCKETED_FROM


def _files_of_a_run(size: Size, one: Measured, objects: float) -> float:
    """A file for each partition that a task touches; tasks are cut by bytes, and hold accounts in order."""
    tasks = max(1.0, size.events / RUNS * one.stored_event / TASK)
    feeds = min(size.feeds, objects / RUNS)  # with something new
    if not _is_bucketed(size):
        return max(feeds, tasks)
    return tasks * min(BUCKETS, max(1.0, feeds / REGIONS / tasks))


def _lists(size: Size, objects: float) -> tuple[float, float]:
    """LIST requests of a run in which nothing but today is due, and of a day."""
    day = objects / size.feeds / 1000  # pages of a feed's day
    run = size.feeds * max(1.0, day / 2)
    discover = 3 + 2 * size.accounts  # folders that are looked into
    more = 24 * (size.feeds * day + discover) + 4 * 6 * size.feeds * day + 52 * size.feeds * day
    return run, RUNS * run + more


# ── dollars ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Rate:
    """A price in dollars, in us-east-1."""

    what: str
    per: str
    dollars: float
    source: str
    seen: str  # when


@dataclass(frozen=True)
class Asked:
    """How much is asked in a month: as many of each, of one day."""

    accounts: int = 1_000  # questions about one account
    all: int = 30  # questions about everybody


def trailhouse(need: Needs, one: Measured, rates: dict[str, Rate], asked: Asked = Asked()) -> dict[str, float]:
    """Dollars a month, kept for a year."""
    of = {name: rate.dollars for name, rate in rates.items()}
    driver = 2 * (need.run_seconds * RUNS)  # two cores
    hours = (need.core_seconds + driver) / 3600 * MONTH
    puts = need.files * 3 + RUNS * TABLES * 12  # an upload is three requests; a commit writes four files
    scanned = asked.accounts * max(need.query_bytes, 10 * MB) + asked.all * max(need.lake_bytes, 10 * MB)
    raw = need.size.events * YEAR * one.stored_event
    requests = RUNS * TABLES * TRIPS * MONTH
    return {
        "LIST": need.lists * MONTH * of["s3_put"] / 1000,
        "GET": (need.objects + need.files * 3) * MONTH * of["s3_get"] / 1000,
        "PUT": puts * MONTH * of["s3_put"] / 1000,
        "compute": hours * (of["emr_vcpu"] + 4 * of["emr_gb"]),
        "lake": (need.lake_bytes * YEAR + need.ledger_year) / GB * of["s3_gb"],
        "log bucket": raw / GB * of["s3_gb"],
        "keys, Glue": 3 * of["kms_key"]
        + need.objects * MONTH * of["kms"] / 10_000  # a key for each log file, one for the lake
        + max(0.0, requests - 10**6) / 10**6 * of["glue"],
        "Athena": scanned / TB * of["athena_tb"],
    }


def cloudtrail_lake(size: Size, one: Measured, rates: dict[str, Rate], asked: Asked = Asked()) -> dict[str, float]:
    """Dollars a month; a question reads a day of everybody, since nothing is partitioned by account."""
    month = size.events * EVENT_JSON * MONTH / GB
    tiers = (("lake_7", 5_000.0), ("lake_7_over_5", 20_000.0), ("lake_7_over_25", inf))
    left, seven = month, 0.0
    for name, most in tiers:
        seven += min(left, most) * rates[name].dollars
        left -= min(left, most)
    scanned = (asked.accounts + asked.all) * size.events * one.stored_event / GB
    return {
        "ingestion": min(month * rates["lake_gb"].dollars, seven),
        "queries": scanned * rates["lake_scan"].dollars,
    }


def security_lake(
    size: Size, one: Measured, rates: dict[str, Rate], asked: Asked = Asked(), compressed: bool = True
) -> dict[str, float]:
    """Dollars a month for management events; of which bytes the bill is, compressed or not, AWS does not say."""
    stored = size.events * one.stored_event
    billed = (stored if compressed else size.events * EVENT_JSON) * MONTH / GB
    return {
        "ingestion": billed * (rates["security_gb"].dollars + rates["security_normal"].dollars),
        "storage": stored * YEAR / GB * rates["s3_gb"].dollars,
        "Athena": _athena(stored, size, rates, asked),
    }


def raw_files(need: Needs, one: Measured, rates: dict[str, Rate], asked: Asked = Asked()) -> dict[str, float]:
    """Dollars a month of Athena on the files as they are, with partitions by account, region and day."""
    size = need.size
    stored = size.events * one.stored_event
    gets = asked.accounts * need.objects / size.accounts + asked.all * need.objects
    return {
        "log bucket": stored * YEAR / GB * rates["s3_gb"].dollars,
        "GET": gets / 1000 * rates["s3_get"].dollars,
        "key": rates["kms_key"].dollars + gets / 10_000 * rates["kms"].dollars,
        "Athena": _athena(stored, size, rates, asked),
    }


def _athena(day: float, size: Size, rates: dict[str, Rate], asked: Asked) -> float:
    """Of a day's bytes, partitioned by account."""
    least = 10 * MB
    scanned = asked.accounts * max(day / size.accounts, least) + asked.all * max(day, least)
    return scanned / TB * rates["athena_tb"].dollars
