"""
Keys of a log bucket that nobody has: an organization's, in S3's order, each made from its number.

Pure. Accounts, regions, days and files of a day are regular, so that the key after any other is found by arithmetic.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta

ORGANIZATION = "o-scale12345"
REGIONS = ("ap-southeast-2", "eu-central-1", "us-east-1", "us-west-2")
ROOT = f"AWSLogs/{ORGANIZATION}/"
MINUTES = 24 * 60


@dataclass(frozen=True)
class Space:
    """So many log files of so many accounts, in four regions, over so many days."""

    accounts: int
    days: int
    files: int  # of a feed and a day
    first: date = date(2026, 3, 1)

    @property
    def feeds(self) -> int:
        return self.accounts * len(REGIONS)

    def __len__(self) -> int:
        return self.feeds * self.days * self.files

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.days - 1)

    def account(self, number: int) -> str:
        return f"{100_000_000_000 + number * 7:012d}"

    def feed(self, number: int) -> str:
        """The folder of a region."""
        account, region = divmod(number, len(REGIONS))
        return f"{ROOT}{self.account(account)}/CloudTrail/{REGIONS[region]}/"

    def day(self, number: int) -> date:
        return self.first + timedelta(days=number)

    def key(self, number: int) -> str:
        """The key at a place in S3's order."""
        day_of, slot = divmod(number, self.files)
        feed, day = divmod(day_of, self.days)
        account, region = divmod(feed, len(REGIONS))
        when, name = self.day(day), self.account(account)
        minute, odd = slot * MINUTES // self.files, self._own(number) * 2654435761 % 2**40
        return (
            f"{self.feed(feed)}{when:%Y/%m/%d}/{name}_CloudTrail_{REGIONS[region]}_{when:%Y%m%d}"
            f"T{minute // 60:02d}{minute % 60:02d}Z_{slot:06d}{odd:010x}.json.gz"
        )

    def after(self, key: str) -> int:
        """The first place whose key comes after another."""
        return bisect_right(_Keys(self), key)

    def below(self, prefix: str) -> tuple[int, int]:
        """From where to where the keys begin so."""
        keys = _Keys(self)
        return bisect_right(keys, prefix), bisect_right(keys, prefix + "\U0010ffff")

    def folders(self, prefix: str) -> list[str]:
        """What lies right below a folder."""
        place, end = self.below(prefix)
        found = []
        while place < end:
            below = self.key(place)[len(prefix) :].partition("/")[0]
            found.append(f"{prefix}{below}/")
            place = self.below(found[-1])[1]
        return found

    def etag(self, number: int) -> str:
        return hashlib.md5(b"%d" % self._own(number), usedforsecurity=False).hexdigest()

    def size(self, number: int) -> int:
        return 4_000 + self._own(number) * 40_503 % 20_000

    def _own(self, number: int) -> int:
        """A number that an object keeps when days are added."""
        day_of, slot = divmod(number, self.files)
        feed, day = divmod(day_of, self.days)
        return (feed * 10_000 + day) * self.files + slot


class _Keys:
    """All keys, to be searched."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def __len__(self) -> int:
        return len(self._space)

    def __getitem__(self, number: int) -> str:
        return self._space.key(number)
