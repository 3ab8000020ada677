"""
Log files in a folder on this machine: the walk over it.

Knows the file system. Knows nothing of buckets, and remembers nothing: a walk costs no money, so it is always complete.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trailhouse.errors import UsageError
from trailhouse.sources.keys import LogKey, Skipped, parse_key
from trailhouse.sources.values import Found, Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Parse = Callable[[str], LogKey | Skipped]


def walk(root: Path, parse: Parse = parse_key) -> Iterator[Found | Skipped | Problem]:
    """
    Every file below the root, links followed, each real folder once.

    The grammar is matched on the absolute path, so that a folder inside AWSLogs/… may be the root.
    """
    if not root.is_dir():
        raise UsageError(
            f"there is no folder {root}: check the source's url" if not root.exists() else f"{root} is no folder"
        )
    base = root.absolute()
    seen: set[tuple[int, int]] = set()
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        try:
            about = folder.stat()
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _unreadable(base, folder, error)
            continue
        # Pushed in reverse and after the files, so that the walk goes in one stable order.
        waiting += [Path(entry.path) for entry in reversed(ordered) if _is_folder(entry)]
        for entry in ordered:
            if not _is_folder(entry):
                yield _look(base, entry, parse)


def modified_at(about: os.stat_result) -> datetime:
    """The file's time to the microsecond, by whole numbers: a float would not compare equal to itself later."""
    return _EPOCH + timedelta(microseconds=about.st_mtime_ns // 1000)


def _look(base: Path, entry: os.DirEntry[str], parse: Parse) -> Found | Skipped | Problem:
    path = Path(entry.path)
    log = parse(path.as_posix().removeprefix("/"))
    if isinstance(log, Skipped):
        return log
    try:
        about = entry.stat()
    except OSError as error:
        return _unreadable(base, path, error)
    if not stat.S_ISREG(about.st_mode):
        return Skipped("unknown_name")
    return Found(path.relative_to(base).as_posix(), "", about.st_size, modified_at(about), log)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link onto itself
        return False


def _unreadable(base: Path, path: Path, error: OSError) -> Problem:
    reason = "access" if isinstance(error, PermissionError) else "unreadable"
    return Problem(base.as_uri(), str(path), reason, error.strerror or type(error).__name__)
