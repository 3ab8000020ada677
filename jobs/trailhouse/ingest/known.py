"""
What the ledger has settled of a source, so that what is listed can be told from it: by hashes, in bounded memory.

A hash of 128 bits stands for a fact, such as "this key with this etag". Its secret is drawn for each run, so that
nobody can plant an object that is taken for another. Days are read when the first object of theirs is listed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from trailhouse import settings
from trailhouse.ingest.values import too_large
from trailhouse.lake import rows
from trailhouse.lake.catalog import Lake
from trailhouse.sources.listing import source_id
from trailhouse.sources.objects import Fetched, ReadLimits, ToRead, reader_for
from trailhouse.sources.values import Found

_COLUMNS = ("key", "etag", "size", "modified")


class Known:
    """The settled objects of a source, as far as days of theirs were listed."""

    def __init__(self, lake: Lake, source: settings.Source) -> None:
        self._lake, self._source = lake, source
        self._secret = secrets.token_bytes(16)
        self._days: set[date] = set()
        self._facts = np.empty(0, _FACT)

    def of(self, listed: Sequence[Found]) -> Iterator[tuple[bool, bool]]:
        """Of each whether exactly this generation is settled, and whether any of its place is."""
        self._read({each.log.day for each in listed} - self._days)
        looks = self._has(map(self._look, listed))
        places = self._has(self._fact(each.key) for each in listed)
        for each, look, place in zip(listed, looks, places, strict=True):
            yield look or (place and not each.etag and self._is_same(each)), place

    def _look(self, found: Found) -> bytes:
        """What tells it without a look inside: a local file has no etag, nor has every object of every S3 server."""
        if found.etag:
            return self._fact(found.key, found.etag)
        return self._fact(found.key, found.size, _moment(found.modified))

    def _is_same(self, found: Found) -> bool:
        """One without an etag whose size may fit and whose time doesn't: the content tells."""
        if not self._has([self._fact(found.key, found.size)])[0]:
            return False
        if self._has([self._fact(found.key, too_large(found.size))])[0]:
            return True  # nobody has read it, and it has not become smaller
        read = reader_for(self._source).read(ToRead(found.key, "", found.size, found.modified), ReadLimits())
        return isinstance(read, Fetched) and bool(self._has([self._fact(found.key, read.etag)])[0])

    def _read(self, days: set[date]) -> None:
        if not days:
            return
        self._days |= days
        found = bytearray(self._facts.tobytes())
        self._facts = np.empty(0, _FACT)
        for batch in rows.known_batches(self._lake, source_id(self._source), days, _COLUMNS):
            found += b"".join(self._told(batch))
        self._facts = np.frombuffer(found, _FACT)
        self._facts.sort()  # in its place: a copy of all that is known is what memory must not hold

    def _told(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """The facts of some rows of the ledger."""
        for key, etag, size, modified in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
            yield self._fact(key)
            yield self._fact(key, etag)
            if _OWN_ETAG.fullmatch(etag or ""):
                yield self._fact(key, size)
                yield self._fact(key, size, _moment(modified))

    def _has(self, facts: Iterable[bytes]) -> list[bool]:
        asked = np.fromiter(facts, _FACT)
        if not len(self._facts):
            return [False] * len(asked)
        place = np.minimum(np.searchsorted(self._facts, asked), len(self._facts) - 1)
        return list((self._facts[place] == asked).tolist())

    def _fact(self, *what: object) -> bytes:
        text = "\0".join([str(len(what)), *map(str, what)])
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._secret).digest()


_FACT = np.dtype("S16")
# As the ledger names what came without an etag: by its bytes or, where nobody has read it, by its size.
_OWN_ETAG = re.compile("[0-9a-f]{64}|size:[0-9]+")


def _moment(when: datetime | None) -> datetime | None:
    """As the ledger has it: UTC, without a zone."""
    return when.astimezone(UTC).replace(tzinfo=None) if when and when.tzinfo else when
