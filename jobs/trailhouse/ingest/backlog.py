"""
The backlog: objects that are new, in the order in which they are taken.

The first load of ten years is many millions of them, so they are kept in a file of this process's own, which nobody
else sees and which goes with it; while they are few, in memory alone. Knows nothing of sources or of the ledger.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from trailhouse.errors import TrailhouseError
from trailhouse.ingest.values import Object
from trailhouse.sources.keys import LogKey

Place = tuple[str, str]  # source and key of an object

MEMORY = 64 * 2**20  # bytes; what is more lies in the file

_CREATE = """
    CREATE TABLE objects (
        day INT, account TEXT, region TEXT, file TEXT, source TEXT, folder TEXT, number INT, etag TEXT, size INT,
        modified INT, prefix TEXT, org TEXT, kind TEXT, again INT
    )
"""
_INSERT = "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# The oldest first; of a day the likely twins of an event come together, whichever trail delivered them.
_TAKE = "SELECT * FROM objects ORDER BY day, account, region, file, source, folder"
_AT = "SELECT o.* FROM objects o JOIN asked a ON a.source = o.source AND a.key = o.folder || o.file"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Backlog:
    """New objects: added in any order, taken the oldest first."""

    def __init__(self) -> None:
        # No name: a file that is deleted while it is open. Closed by whichever thread drops the last reference.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._file.close)
        self._file.execute(f"PRAGMA cache_size = -{MEMORY >> 10}")
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute(_CREATE)
        self._count = self.bytes = 0

    def add(self, objects: Iterable[Object]) -> None:
        """Some more, each place once."""
        rows = [_row(each) for each in objects]
        with _told():
            self._file.execute("BEGIN")
            self._file.executemany(_INSERT, rows)
            self._file.execute("COMMIT")
        self._count += len(rows)
        self.bytes += sum(row[8] for row in rows)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Object]:
        with _told():
            yield from map(_object, self._file.execute(_TAKE))

    def at(self, places: Collection[Place]) -> list[Object]:
        """Those of some places."""
        if not places or not self._count:
            return []
        with _told():
            self._file.execute("CREATE TEMP TABLE asked (source TEXT, key TEXT, PRIMARY KEY (source, key))")
            self._file.executemany("INSERT OR IGNORE INTO asked VALUES (?, ?)", places)
            listed = [_object(row) for row in self._file.execute(_AT)]
            self._file.execute("DROP TABLE asked")
        return listed


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise TrailhouseError(
            f"what is new can't be kept in a temporary file: {error}. What is not published by now stays new: free some"
            " space in the folder that TMPDIR names (without it: /var/tmp), or name a larger one there, and run again"
        ) from error


_Row = tuple[int, str, str, str, str, str, int, str, int, int | None, str, str, str, bool]


def _row(it: Object) -> _Row:
    log = it.log
    modified = (it.modified - _EPOCH) // timedelta(microseconds=1) if it.modified else None
    what = (it.source, it.etag, it.size, modified, log.prefix, log.org, log.kind, it.regenerated)
    folder = it.key.removesuffix(log.file)  # the last part of a key is the file's name, whatever the layout
    return (log.day.toordinal(), log.account_id, log.region, log.file, it.source_id, folder, *what)


def _object(row: _Row) -> Object:
    day, account, region, file, source, folder, number, etag, size, modified, prefix, org, kind, again = row
    when = None if modified is None else _EPOCH + timedelta(microseconds=modified)
    log = LogKey(prefix, org, account, kind, region, date.fromordinal(day), file)
    return Object(number, source, folder + file, etag, size, when, log, bool(again))
