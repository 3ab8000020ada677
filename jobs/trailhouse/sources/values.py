"""
What is looked for in a source, found there, or went wrong. Plain values, shared by the folder's and the bucket's side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from trailhouse.sources.keys import LogKey, account_of, under


@dataclass(frozen=True, slots=True)
class Found:
    """A log file as the listing shows it."""

    key: str  # exact, in a bucket; relative to the source's root with forward slashes, in a folder
    etag: str  # without quotes; "" in a folder, where the content's hash comes with the reading
    size: int  # stored bytes
    modified: datetime | None  # UTC; for people and for the local "changed?" check, never for deciding what is new
    log: LogKey


@dataclass(frozen=True, slots=True)
class Range:
    """Which objects: those of some accounts, delivered on some days."""

    accounts: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    def has(self, log: LogKey) -> bool:
        """Whether a log file is among them."""
        of_account = not self.accounts or log.account_id in self.accounts
        return of_account and (self.first or date.min) <= log.day <= (self.last or date.max)

    def reaches(self, folder: str) -> bool:
        """Whether some may lie in a folder above the days."""
        account = account_of(folder)
        return not self.accounts or not account or account in self.accounts

    def within(self, feed: str) -> tuple[str, str]:
        """Between which keys of a feed they lie; "" where there is no bound."""
        after = under(feed, self.first) if self.first else ""
        until = under(feed, self.last + timedelta(days=1)) if self.last and self.last < date.max else ""
        return after, until


@dataclass(frozen=True, slots=True)
class Problem:
    """A place that could not be listed. What lies there is unknown, so the run is partial; other places go on."""

    source: str
    where: str
    reason: str  # access | throttled | missing_bucket | wrong_region | unavailable | unreadable | error
    detail: str  # for the log: the service's own words, cut
