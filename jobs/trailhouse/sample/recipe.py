"""
What a sample bucket is made from: how much, of whom, from which seed. Values only.

Account ids are documentation-like and made by a rule, so that none belongs to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from trailhouse.errors import UsageError

ORGANIZATION = "o-exampleorg1"
STRANGER = "999988887777"  # an account that is not part of the organization
REGIONS = (
    "us-east-1",
    "eu-west-1",
    "eu-central-1",
    "us-west-2",
    "ap-southeast-2",
    "us-east-2",
    "eu-north-1",
    "ap-northeast-1",
    "ca-central-1",
    "sa-east-1",
    "ap-south-1",
    "eu-west-3",
)
LAYOUTS = ("mixed", "organization", "single", "control-tower")
_ACCOUNTS = ("111122223333", "444455556666", "777788889999", "123456789012", "000011112222", "555566667777")
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Recipe:
    """The whole of what a bucket depends on: the same recipe makes the same bytes."""

    accounts: int = 5
    regions: int = 4
    days: int = 3
    events: int = 100_000
    seed: int = 1
    clean: bool = False
    start: date = date(2026, 3, 1)
    layout: str = "mixed"
    digests: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.regions <= len(REGIONS):
            raise UsageError(f"regions must be 1 to {len(REGIONS)}, not {self.regions}")
        if not 1 <= self.accounts <= 2000 or self.days < 1 or self.events < 0:
            raise UsageError("a sample needs 1 to 2000 accounts, at least one day, and no negative number of events")
        if self.layout not in LAYOUTS:
            raise UsageError(f"unknown layout {self.layout!r}: one of {', '.join(LAYOUTS)}")

    @property
    def account_ids(self) -> tuple[str, ...]:
        made = tuple(f"{index:04d}" * 3 for index in range(1001, 1001 + self.accounts))
        return (_ACCOUNTS + made)[: self.accounts]

    @property
    def region_names(self) -> tuple[str, ...]:
        return REGIONS[: self.regions]

    @property
    def midnight(self) -> int:
        """The first second of the sample, UTC, as seconds since 1970."""
        return int(datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC).timestamp())

    @property
    def half(self) -> int:
        return self.midnight + self.days * DAY // 2

    @property
    def end(self) -> int:
        return self.midnight + self.days * DAY
