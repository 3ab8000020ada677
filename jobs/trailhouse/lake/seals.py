"""
Seals: of each file that is written to the lake its size and SHA-256, so that any change to it can be told later.

Iceberg checks little of what it reads: a byte that turned over in metadata, or a data file that was replaced by another
of the same size, shows nowhere. So what a run writes, and what its audit has read, is written down beside the lake: a
file for each batch, which names the one before it by its SHA-256, and a pointer to the newest. It costs no commit.

Before its first file a run says that it began: what was written since then by a run that was killed is explained by it.
"""

from __future__ import annotations

import gzip
import json
import logging
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyiceberg.io import FileIO

from trailhouse import settings
from trailhouse.lake import catalog, files, listing, pointers
from trailhouse.lake.failures import UNSURE
from trailhouse.lake.files import Seal

log = logging.getLogger("trailhouse.lake")

FOLDER, NEWEST = "seals", "newest.json"
BEGUN, ENDED = ".begun", ".json.gz"

_AT_ONCE = 16  # that are read at the same time


@dataclass(frozen=True, slots=True)
class Link:
    """A file of seals, and what it must be."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong with a file of seals."""

    path: str
    what: str  # missing | extra | changed | unreadable
    expected: str
    found: str


@dataclass
class Chain:
    """All seals of a lake, and whether they can be believed."""

    seals: dict[str, Seal] = field(default_factory=dict)  # path -> what it must be, by who wrote it last
    gone: set[str] = field(default_factory=set)  # that maintenance was about to delete, and nobody wrote since
    doubts: list[Doubt] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # names of sound ones that no later one tells of: two runs at once


@contextmanager
def kept(where: settings.Lake) -> Iterator[None]:
    """Seal what the block writes, however it ends. That this fails is no reason to fail: it is told, and `check` is."""
    name = _new_name()
    record = files.Record(begin=lambda: _put(where, f"{name}{BEGUN}", b""))
    with files.recording(record):
        try:
            yield
        finally:
            try:
                _write_down(where, name, record.seals)
            except UNSURE as error:
                log.warning("what was written could not be sealed (%s): `trailhouse check --deep --seal` does", error)


def tell_gone(where: settings.Lake, paths: Sequence[str]) -> None:
    """Say of files that they are about to be deleted: nobody is to miss them, even if this run dies right after."""
    files.forget(paths)
    _write_down(where, _new_name(), {}, paths)


def _new_name() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}_{secrets.token_hex(4)}"


def _write_down(where: settings.Lake, name: str, seals: Mapping[str, Seal], gone: Sequence[str] = ()) -> None:
    if not seals and not gone:
        return
    io, root = catalog.file_io(where), f"{pointers.warehouse(where)}/"
    told = {path.removeprefix(root): [seal.size, seal.sha256] for path, seal in sorted(seals.items())}
    before = _pointer(_bytes(io, f"{folder(where)}/{NEWEST}") or b"")
    content: dict[str, Any] = {"name": name, "before": [before.name, before.sha256] if before else None, "files": told}
    if gone:
        content["gone"] = [path.removeprefix(root) for path in gone]
    data = gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)
    _put(where, f"{name}{ENDED}", data)
    _put(where, NEWEST, json.dumps({"name": name, "sha256": files.seal_of(data).sha256}).encode())


def folder(where: settings.Lake) -> str:
    """Where they lie."""
    return f"{catalog.own_folder(where)}/{FOLDER}"


def read(where: settings.Lake, io: FileIO) -> Chain:
    """
    Every seal of a lake, and what is wrong with the files that hold them.

    A file must be the one that a later one names; the newest, the one that the pointer names. One that nobody names is
    another run's that ended at the same time, where it is whole.
    """
    chain = Chain()
    pointer = _bytes(io, f"{folder(where)}/{NEWEST}")  # first: what it names lies there when the folder is listed
    paths = {name.rpartition("/")[2].removesuffix(ENDED): name for name in _files(where)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        held = dict(zip(paths, pool.map(lambda path: _bytes(io, path) or b"", paths.values()), strict=True))
    told = {name: _content(data) for name, data in held.items()}
    newest = _newest(where, pointer, bool(paths), chain)
    named = _named([*([newest] if newest else []), *(Link(*c["before"]) for c in told.values() if c and c["before"])])
    for name in _in_order(told, newest):
        doubt = _judged(name, held[name], told[name], named.get(name, set()))
        content = told[name]
        if doubt:
            chain.doubts.append(Doubt(paths[name], *doubt))
        elif content:
            told_of = {_absolute(path, where): Seal(*seal) for path, seal in content["files"].items()}
            # Names in the tables' folders are never written twice: a seal of one that is gone comes late.
            chain.gone -= {path for path in told_of if path.startswith(f"{catalog.own_folder(where)}/")}
            chain.seals |= {path: seal for path, seal in told_of.items() if path not in chain.gone}
            for path in content.get("gone", ()):
                chain.gone.add(_absolute(path, where))
                chain.seals.pop(_absolute(path, where), None)
            chain.beside += [name] if name not in named else []
    for name in sorted(named.keys() - held.keys()):
        path = f"{folder(where)}/{name}{ENDED}"
        chain.doubts.append(Doubt(path, "missing", f"SHA-256 {min(named[name])}", "nothing"))
    return chain


def _files(where: settings.Lake) -> list[str]:
    return sorted(each.path for each in listing.listed(folder(where)) if each.path.endswith(ENDED))


def _in_order(told: Mapping[str, Any], newest: Link | None) -> list[str]:
    """As they were written: a name is given when a run begins, and runs may end in another order."""
    order: list[str] = []
    name = newest.name if newest else ""
    while name in told and name not in order:
        order.append(name)
        content = told[name]
        name = content["before"][0] if content and content["before"] else ""
    return [*sorted(told.keys() - set(order)), *reversed(order)]


def _newest(where: settings.Lake, data: bytes | None, wanted: bool, chain: Chain) -> Link | None:
    """What the pointer names; that there is none, though there are seals, is a doubt."""
    path = f"{folder(where)}/{NEWEST}"
    link = _pointer(data or b"")
    if link is None and data is not None:
        chain.doubts.append(Doubt(path, "unreadable", "the name of the newest seal", "something else"))
    elif link is None and wanted:
        chain.doubts.append(Doubt(path, "missing", "the name of the newest seal", "nothing"))
    return link


def _named(links: Iterable[Link]) -> dict[str, set[str]]:
    """Name of a file of seals -> what others say that its SHA-256 is."""
    named: dict[str, set[str]] = {}
    for link in links:
        named.setdefault(link.name, set()).add(link.sha256)
    return named


def _judged(name: str, data: bytes, content: dict[str, Any] | None, wanted: set[str]) -> tuple[str, str, str] | None:
    """What is wrong with one: the word, what was expected, what is there."""
    is_now = files.seal_of(data).sha256
    if wanted and wanted != {is_now}:
        return "changed", f"SHA-256 {min(wanted)}", f"SHA-256 {is_now}"
    if not wanted and (content is None or content["name"] != name):
        return "extra", "nothing", "a file that is no seal, or a copy of one"
    return None


def _pointer(data: bytes) -> Link | None:
    try:
        said = json.loads(data)
        return Link(str(said["name"]), str(said["sha256"]))
    except (ValueError, LookupError, TypeError):
        return None


def _content(data: bytes) -> dict[str, Any] | None:
    """What a file of seals holds; None where it is none."""
    try:
        said = json.loads(gzip.decompress(data))
        Link(*(said["before"] or ("", "")))
        sound = all(isinstance(size, int) and isinstance(sha256, str) for size, sha256 in said["files"].values())
        sound = sound and all(isinstance(path, str) for path in said.get("gone", ()))
        return said if sound and isinstance(said["name"], str) else None
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, zlib.error):
        return None


def _absolute(path: str, where: settings.Lake) -> str:
    return path if "://" in path or path.startswith("/") else f"{pointers.warehouse(where)}/{path}"


def _put(where: settings.Lake, name: str, data: bytes) -> None:
    with files.unrecorded():
        catalog.write_file(where, f"{FOLDER}/{name}", data)


def _bytes(io: FileIO, path: str) -> bytes | None:
    try:
        with io.new_input(path).open() as file:
            return file.read()
    except FileNotFoundError:
        return None
