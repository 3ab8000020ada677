"""
What is found in a source and what went wrong there. Plain values, shared by the folder's and the bucket's side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trailhouse.sources.keys import LogKey


@dataclass(frozen=True, slots=True)
class Found:
    """A log file as the listing shows it."""

    key: str  # exact, in a bucket; relative to the source's root with forward slashes, in a folder
    etag: str  # without quotes; "" in a folder, where the content's hash comes with the reading
    size: int  # stored bytes
    modified: datetime | None  # UTC; for people and for the local "changed?" check, never for deciding what is new
    log: LogKey


@dataclass(frozen=True, slots=True)
class Problem:
    """A place that could not be listed. What lies there is unknown, so the run is partial; other places go on."""

    source: str
    where: str
    reason: str  # access | throttled | missing_bucket | wrong_region | unavailable | unreadable | error
    detail: str  # for the log: the service's own words, cut
