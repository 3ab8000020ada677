"""
Object keys: what a key says of the file behind it, and back.

    [<prefix>/]AWSLogs/[<o-id>/]<account>/<kind>/<region>/<YYYY>/<MM>/<DD>/<file>

Knows the key grammar of CloudTrail and the standard file names. Knows nothing of S3, of folders on a disk, or of what
is inside a file. The kind always comes from the folder: file names of the newer kinds are documented nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

LOG_KINDS = ("CloudTrail", "CloudTrail-NetworkActivity", "CloudTrail-Insight", "CloudTrail-Aggregated")
DIGEST_KIND = "CloudTrail-Digest"

SkipReason = Literal["folder", "digest", "foreign", "unknown_name"]
SKIP_REASONS: tuple[SkipReason, ...] = ("folder", "digest", "foreign", "unknown_name")


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that names a log file, in its parts."""

    prefix: str  # all before "AWSLogs/", its slash included; "" when nothing is there
    org: str  # "o-…" of an organization trail, else ""
    account_id: str
    kind: str  # the folder: one of LOG_KINDS, or DIGEST_KIND from `parse_digest_key`
    region: str
    day: date  # of the folder: when the file was published, not when its events happened
    file: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A key that names no log file, and the class it is counted under."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class DigestName:
    """What the name of a digest file says."""

    account_id: str
    region: str  # where the activity was
    trail: str
    home: str  # the trail's home region
    end: datetime  # of the digest's window; UTC, without zone
    backfill: bool


_ORG = r"(?:(?P<org>o-[a-z0-9]{10,32})/)?"
_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+"
_KIND = "|".join((*LOG_KINDS, DIGEST_KIND))
# Greedy, so that the last `AWSLogs/` that fits wins: a prefix may itself contain one.
_HEAD = rf"(?P<prefix>(?:.+/)?)AWSLogs/{_ORG}(?P<account>[0-9]{{12}})/"
_KEY = re.compile(
    rf"{_HEAD}(?P<kind>{_KIND})/(?P<region>{_REGION})/(?P<y>[0-9]{{4}})/(?P<m>[0-9]{{2}})/(?P<d>[0-9]{{2}})/(?P<file>(?!\.{{1,2}}$)[^/]+)",
    re.DOTALL,
)
# `CloudTrail-Lake` (query exports) is another service's; any other `CloudTrail…` folder is a kind that is too new for
# us, and must not look harmless.
_FOREIGN = re.compile(rf"{_HEAD}(?!CloudTrail(?!-Lake/))[^/]+/.+", re.DOTALL)
# Flow logs in Hive style: `AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/…`
_FOREIGN_HIVE = re.compile(r"(?:.*/)?AWSLogs/aws-account-id=[0-9]{12}/aws-service=[^/]+/.+", re.DOTALL)
_FEED = re.compile(rf"{_HEAD}(?P<kind>{_KIND})/(?P<region>{_REGION})/", re.DOTALL)
_ACCOUNT_FOLDER = re.compile(_HEAD, re.DOTALL)
_KIND_FOLDER = re.compile(rf"{_HEAD}(?P<kind>[^/]+)/", re.DOTALL)

# Nobody has seen AWS write a control character, and what can't be written as UTF-8 can't be stored in the ledger.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_STAMP = r"(?P<stamp>(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})T[0-9]{4}Z)"
# `.json` alone too: a responder's folder is often inflated already.
_LOG_FILE = re.compile(
    rf"(?P<account>[0-9]{{12}})_(?P<kind>{'|'.join(LOG_KINDS)})_(?P<region>{_REGION})_{_STAMP}_[A-Za-z0-9]+\.json(?:\.gz)?"
)
_DIGEST_FILE = re.compile(
    rf"(?P<account>[0-9]{{12}})_{DIGEST_KIND}_(?P<region>{_REGION})_(?P<trail>[A-Za-z0-9][A-Za-z0-9._-]*)_(?P<home>{_REGION})"
    r"_(?P<end>(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})T[0-9]{6}Z)(?P<backfill>_backfill)?\.json(?:\.gz)?"
)

# The minute of delivery in a log file's name, for Arrow's kernels (RE2); the day in it may be no day.
DELIVERED, DELIVERED_FORM = r"_(?P<stamp>[0-9]{8}T[0-9]{4})Z_[A-Za-z0-9]+\.json(?:\.gz)?$", "%Y%m%dT%H%M"


def parse_key(key: str) -> LogKey | Skipped:
    """What the key says, or under which class it is skipped and counted. Total: any text has an answer."""
    if key.endswith("/"):
        return Skipped("folder")
    if _UNFIT.search(key):
        return Skipped("unknown_name")
    log = _match(key)
    if log is None:
        foreign = _FOREIGN.fullmatch(key) or _FOREIGN_HIVE.fullmatch(key)
        return Skipped("foreign" if foreign else "unknown_name")
    return Skipped("digest") if log.kind == DIGEST_KIND else log


def parse_digest_key(key: str) -> LogKey | None:
    """
    The parts of a digest file's key; None for anything else. For `verify`, which reads nothing but digests by key.
    """
    log = None if _UNFIT.search(key) else _match(key)
    return log if log is not None and log.kind == DIGEST_KIND else None


def digest_name(file: str) -> DigestName | None:
    """What a digest's file name says; None where it is not one."""
    found = _DIGEST_FILE.fullmatch(file)
    try:
        end = datetime.strptime(found["end"], "%Y%m%dT%H%M%SZ") if found else None
    except ValueError:
        return None
    if not found or end is None:
        return None
    return DigestName(found["account"], found["region"], found["trail"], found["home"], end, bool(found["backfill"]))


def parse_any(key: str) -> LogKey | Skipped:
    """Like `parse_key`, and digests are found too."""
    return parse_digest_key(key) or parse_key(key)


def parse_any_flat(key: str) -> LogKey | Skipped:
    """Like `parse_flat`, and digests are found too."""
    folder, _, file = key.rpartition("/")
    name = None if _UNFIT.search(key) else digest_name(file)
    if name is None:
        return parse_flat(key)
    return LogKey(f"{folder}/" if folder else "", "", name.account_id, DIGEST_KIND, name.region, name.end.date(), file)


def delivered_at(log: LogKey) -> datetime | None:
    """The minute in a log file's name, UTC, without zone; None where its name has none."""
    found = _LOG_FILE.fullmatch(log.file)
    try:
        return datetime.strptime(found["stamp"], "%Y%m%dT%H%MZ") if found else None
    except ValueError:
        return None


def parse_flat(key: str) -> LogKey | Skipped:
    """
    Like `parse_key`, for a folder of log files without the AWSLogs tree: everything comes from the file's name.

    `format_key` of the answer is where the file would lie in a bucket, not where it lies.
    """
    folder, _, name = key.rpartition("/")
    if not name:
        return Skipped("folder")
    if _UNFIT.search(key):
        return Skipped("unknown_name")
    if _DIGEST_FILE.fullmatch(name):
        return Skipped("digest")
    found = _LOG_FILE.fullmatch(name)
    day = found and _day(found)
    if not found or not day:
        return Skipped("unknown_name")
    return LogKey(
        prefix=f"{folder}/" if folder or key.startswith("/") else "",
        org="",
        account_id=found["account"],
        kind=found["kind"],
        region=found["region"],
        day=day,
        file=name,
    )


def format_key(log: LogKey) -> str:
    """The key whose parts these are: the inverse of `parse_key`."""
    return f"{day_folder(log)}{log.file}"


def prefix_of(log: LogKey) -> str:
    """The key up to and with the region's folder: the feed this file belongs to."""
    org = f"{log.org}/" if log.org else ""
    return f"{log.prefix}AWSLogs/{org}{log.account_id}/{log.kind}/{log.region}/"


def day_folder(log: LogKey) -> str:
    """The key up to and with the day's folder."""
    return under(prefix_of(log), log.day)


def under(feed: str, day: date) -> str:
    """The day's folder of a feed. Not `strftime`: it doesn't pad years before 1000 everywhere."""
    return f"{feed}{day.year:04d}/{day.month:02d}/{day.day:02d}/"


def account_of(folder: str) -> str:
    """The account that a folder is of, whichever lies below it; "" above the accounts."""
    found = _ACCOUNT_FOLDER.match(folder)
    return found["account"] if found else ""


FolderRole = Literal["walk", "feed", "stop"]


def folder_role(path: str, kinds: tuple[str, ...] = LOG_KINDS) -> FolderRole:
    """
    What the search for feeds does with a folder (its path ends in "/"; "" is the bucket itself).

    `walk`: feeds may lie below. `feed`: a region's folder of a kind that is looked for. `stop`: other services, other
    kinds (digests, usually), and what lies below a feed. Folders outside `AWSLogs/` are walked, since a trail's prefix
    may have any depth.
    """
    feed = _FEED.match(path)
    if feed:
        return "feed" if feed.end() == len(path) and feed["kind"] in kinds else "stop"
    kind = _KIND_FOLDER.match(path)
    if kind:
        return "walk" if kind.end() == len(path) and kind["kind"] in kinds else "stop"
    return "stop" if "AWSLogs/aws-account-id=" in path else "walk"


def _match(key: str) -> LogKey | None:
    found = _KEY.fullmatch(key)
    day = found and _day(found)
    if not found or not day:
        return None
    return LogKey(
        prefix=found["prefix"],
        org=found["org"] or "",
        account_id=found["account"],
        kind=found["kind"],
        region=found["region"],
        day=day,
        file=found["file"],
    )


def _day(found: re.Match[str]) -> date | None:
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        return None
