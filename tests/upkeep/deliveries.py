"""
A lake whose ledger tells of deliveries that a test spells out: which feed delivered in which hours.

Rows are written as ingest writes them, without objects behind them, so that a month of many feeds is there in no time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.buckets import ACCOUNT, OTHER, REGION, Bucket, event
from trailhouse import settings
from trailhouse.lake import catalog, commits, rows, write
from trailhouse.upkeep import coverage

BEGAN = datetime(2026, 3, 2)  # a Monday
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
S3, FOLDER = "s3://logs", "file:///logs"


@dataclass(frozen=True)
class Feed:
    """Where deliveries come from."""

    account: str = ACCOUNT
    region: str = REGION
    kind: str = "CloudTrail"
    source: str = S3

    def key(self, when: datetime, name: str = "x") -> str:
        stamp = f"{when:%Y%m%dT%H%MZ}"
        folder = f"AWSLogs/{self.account}/{self.kind}/{self.region}/{when:%Y/%m/%d}"
        return f"{folder}/{self.account}_{self.kind}_{self.region}_{stamp}_{name}.json.gz"


def without_an_hour() -> Bucket:
    """Three days of two accounts with an object each hour, of which the second lacks one."""
    made = Bucket()
    for feed in (Feed(), Feed(OTHER)):
        for hour in range(72):
            when = BEGAN + hour * HOUR
            made.put(feed.key(when), event(hour, feed.account, eventTime=f"{when:%Y-%m-%dT%H:%M:00Z}"))
    del made.objects[Feed(OTHER).key(BEGAN + 30 * HOUR)]
    return made


class Ledger:
    """An empty lake, and what is told of deliveries to it."""

    def __init__(self, where: settings.Lake) -> None:
        self.where, self.lake, self._count = where, catalog.make_lake(where), 0
        self._told: list[dict[str, Any]] = []

    def add(self, feed: Feed, when: datetime, **told: Any) -> None:
        """An object: delivered a minute after its name says, and settled five minutes after that."""
        self._count += 1
        modified = told.get("modified", when + MINUTE)
        row = {
            "source": feed.source, "key": feed.key(when, f"x{self._count}"), "etag": str(self._count), "size": 100,
            "modified": modified, "kind": feed.kind, "account_id": feed.account, "region": feed.region,
            "key_day": when.date(), "state": "done", "records": 10, "rows": 10, "settled_at": modified + 5 * MINUTE,
        }  # fmt: skip
        self._told.append(row | told)

    def hours(self, feed: Feed, hours: Iterable[int], **told: Any) -> None:
        """One object at five past each of these hours since the beginning."""
        for hour in hours:
            self.add(feed, BEGAN + hour * HOUR + 5 * MINUTE, **told)

    def wait(self, feed: Feed, when: datetime, **told: Any) -> None:
        """An object that is pending."""
        self._write("pending", [{
            "source": feed.source, "key": feed.key(when), "etag": "e", "size": 100, "modified": when, "kind": feed.kind,
            "account_id": feed.account, "region": feed.region, "key_day": when.date(), "reason": "access", "since": when,
            "last_tried": when, "tries": 1,
        } | told])  # fmt: skip

    def report(self, now: datetime, bounds: settings.Coverage | None = None, **asked: Any) -> coverage.Report:
        self._write("ledger", self._told)
        self._told = []
        return coverage.report(
            self.lake, coverage.Asked(now=now.replace(tzinfo=UTC), **asked), bounds or settings.Coverage()
        )

    def _write(self, name: str, told: list[dict[str, Any]]) -> None:
        files = write.write_rows(rows.table_of(name, told), self.lake.table(name).metadata, catalog.file_io(self.where))
        if files:
            commits.append_once(self.lake, name, files, commits.mark(f"told {files[0].file_path}"))


def said(report: coverage.Report) -> list[tuple[str, str, str]]:
    """What each finding is, and of which account and region."""
    return [(f.what, f.account_id, f.region) for f in report.findings]
