"""Put objects into the folder that stands for the bucket, and count them by account and kind."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from trailhouse.sample.layout import Feed, log_key
from trailhouse.sample.truth import Counts, Refused

_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def envelope(texts: Iterable[str]) -> bytes:
    """The content of a log file: one line, one key, no newline at its end."""
    return ('{"Records":[' + ",".join(texts) + "]}").encode()


def packed(content: bytes) -> bytes:
    """
    Gzip without a time in its header, so that the same recipe makes the same bytes.

    Level 3 inflates to the same and takes half the time of level 6, for files an eighth larger.
    """
    return gzip.compress(content, 3, mtime=0)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A log file for the digest that is to list it. Of a broken one, all this tells of the sound content."""

    root: str
    feed: Feed
    label: int
    key: str
    sha256: str
    newest: str
    oldest: str


@dataclass(slots=True)
class Objects:
    """The folder, and what went into it so far."""

    folder: Path
    rng: Random
    listed: bool = True  # whether digests will list what is put
    delivered: list[Delivered] = field(default_factory=list)  # and is not handed out to them yet
    accounts: dict[str, Counts] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    _made: set[Path] = field(default_factory=set)

    def counts(self, account: str) -> Counts:
        return self.accounts.setdefault(account, Counts())

    def put_log(
        self, root: str, feed: Feed, label: int, content: bytes, broken: Callable[[bytes], bytes] | None = None
    ) -> str:
        """Put a log file of that content, broken on the way if so asked, and return its key."""
        key = log_key(root, feed, label, "".join(self.rng.choices(_ALNUM, k=16)))
        data = packed(content)
        self.put_counted(key, feed.account, feed.kind, broken(data) if broken else data)
        if self.listed:
            times = _times(content)
            sha256 = hashlib.sha256(content).hexdigest()
            self.delivered.append(Delivered(root, feed, label, key, sha256, max(times), min(times)))
        return key

    def put_counted(self, key: str, account: str, kind: str, data: bytes) -> None:
        counts = self.counts(account)
        counts.objects[kind] = counts.objects.get(kind, 0) + 1
        counts.bytes += len(data)
        self._write(key, data)

    def put_other(self, key: str, data: bytes) -> None:
        self.others.append(key)
        self._write(key, data)

    def refuse(self, account: str, refused: Refused) -> None:
        self.refused.append(refused)
        counts = self.counts(account)
        if refused.position is None:
            counts.corrupt_objects += 1
        else:
            counts.rejected_records += 1
            counts.records_delivered += 1

    def _write(self, key: str, data: bytes) -> None:
        path = self.folder / key
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        path.write_bytes(data)


def _times(content: bytes) -> list[str]:
    """When its records say they were; an aggregate has a window instead, at times with a space in it."""
    parts = content.split(b'"eventTime":"')[1:] or content.split(b'"windowStart":"')[1:]
    return [f"{part[:10].decode()}T{part[11:19].decode()}Z" for part in parts]
