"""
Make a hostile file: take one, bend its structure, its text or its gzip, one to three times.

A file follows from the seed and its number alone, so that any can be made again.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from tests import model
from tests.cases.make import member
from tests.fuzz.bend import BENDS, RAW, SPACES, value
from tests.fuzz.material import Base
from tests.fuzz.tree import read, records, written

LONGEST = 400_000  # bytes of text, so that one file does not take the time of hundreds
MARKS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\n", b" ", b"\xff", b"\xed\xa0\x80", b"null", b"1", b"-", b"\\ud800",
         b"\\u0000", b'"eventID":"x",', b"{},", b"NaN", b'","', b'":"', b"},{", b"\\\\", b"\xef\xbb\xbf", b"]}", b'{"Records":[']  # fmt: skip


@dataclass(frozen=True)
class File:
    """One file to try, and how it came about."""

    number: int
    kind: str
    data: bytes
    recipe: tuple[str, ...] = field(compare=False)

    def __str__(self) -> str:
        return f"file {self.number} ({self.kind}; {', '.join(self.recipe)})"


def make(bases: Sequence[Base], seed: int, number: int) -> File:
    """The file of this number."""
    dice = Random(f"{seed}:{number}")
    base = _chosen(dice, bases)
    kind = base.kind if dice.random() < 0.97 else dice.choice(sorted(model.TABLES))
    recipe = [base.name]
    times = dice.randint(1, 3)
    data, text = base.data, _inflated(base.data)
    if text is not None and dice.random() < 0.9:
        for _ in range(times):
            text = _structure(dice, text, bases, recipe) if dice.random() < 0.7 else _bytes(dice, text, recipe)
        data = _wrapped(dice, text[:LONGEST], recipe)
        times = int(dice.random() < 0.08)
    for _ in range(times):
        data = _stream(dice, data, recipe) if dice.random() < 0.7 else _bytes(dice, data, recipe)
    return File(number, kind, data, tuple(recipe))


def _chosen(dice: Random, bases: Sequence[Base]) -> Base:
    if dice.random() < 0.6:
        return dice.choice(bases)
    kind = dice.choice(sorted(model.TABLES))
    return dice.choice([base for base in bases if base.kind == kind])


def _inflated(data: bytes) -> bytes | None:
    try:
        text, _ = model.inflate(data, LONGEST)
    except model.Broken:
        return None
    return text


# --- text ------------------------------------------------------------------------------------------------------------


def _structure(dice: Random, text: bytes, bases: Sequence[Base], recipe: list[str]) -> bytes:
    tree = read(text)
    if tree is None:
        return _bytes(dice, text, recipe)
    if dice.random() < 0.1 and (found := records(tree)) is not None:
        other = read(_inflated(_chosen(dice, bases).data) or b"")
        found[dice.randrange(len(found) + 1) : 0] = (records(other) if other is not None else None) or []
        recipe.append("records of another file")
    else:
        bend = dice.choice(BENDS)
        recipe.append(bend.__name__)
        tree = bend(dice, tree)
    return written(tree)


def _flip(dice: Random, data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]


def _cut(dice: Random, data: bytes, at: int) -> bytes:
    return dice.choice([data[:at], data[:at] + data[at + dice.randint(1, 40) :], data[at:]])


def _insert(dice: Random, data: bytes, at: int) -> bytes:
    return (
        data[:at]
        + dice.choice([dice.choice(MARKS), dice.choice(RAW), value(dice), bytes([dice.randrange(256)])])
        + data[at:]
    )


def _splice(dice: Random, data: bytes, at: int) -> bytes:
    other = dice.randrange(len(data))
    return data[:at] + data[other : other + dice.choice([1, 8, 60, 500])] + data[at:]


def _repeat(dice: Random, data: bytes, at: int) -> bytes:
    end = at + dice.choice([1, 2, 5, 40])
    return data[:end] + data[at:end] * dice.choice([1, 3, 100, 5000]) + data[end:]


def _overwrite(dice: Random, data: bytes, at: int) -> bytes:
    part = dice.choice(MARKS)
    return data[:at] + part + data[at + len(part) :]


def _encoded(dice: Random, data: bytes, _: int) -> bytes:
    how = dice.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1", "utf-8-sig"])
    return data.decode("utf-8", "replace").encode(how, "replace")


def _edges(dice: Random, data: bytes, _: int) -> bytes:
    edge = dice.choice([*SPACES, *MARKS])
    return dice.choice([edge + data, data + edge, edge + data + edge])


BYTES: tuple[Callable[[Random, bytes, int], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _insert,
    _insert,
    _splice,
    _repeat,
    _overwrite,
    _encoded,
    _edges,
)


def _bytes(dice: Random, data: bytes, recipe: list[str]) -> bytes:
    if not data:
        return data
    change = dice.choice(BYTES)
    recipe.append(change.__name__.strip("_"))
    return change(dice, data, dice.randrange(len(data)))[: 2 * LONGEST]


# --- gzip ------------------------------------------------------------------------------------------------------------


def _wrapped(dice: Random, text: bytes, recipe: list[str]) -> bytes:
    if dice.random() < 0.6:
        return gzip.compress(text, 1, mtime=0)
    how = dice.choice(["plain", "twice", "members", "stored", "three times", "a name"])
    recipe.append(how)
    at = dice.randrange(len(text) + 1)
    match how:
        case "plain":
            return text
        case "twice":
            return gzip.compress(gzip.compress(text, 1, mtime=0), 1, mtime=0)
        case "three times":
            return member(member(member(text)))
        case "members":
            return gzip.compress(text[:at], 6, mtime=0) + gzip.compress(text[at:], 1, mtime=0)
        case "a name":
            return member(text, flags=8, fields=b"log.json\0")
    return member(text)


def _trailer(dice: Random, data: bytes, at: int) -> bytes:
    crc, size = struct.unpack("<II", data[-8:]) if len(data) >= 8 else (0, 0)
    return data[:-8] + struct.pack("<II", crc ^ dice.choice([0, 1, 0xFF]), size ^ dice.choice([0, 1, 1 << 31]))


def _header(dice: Random, data: bytes, at: int) -> bytes:
    """Any flags, with fields that may or may not be there."""
    flags = dice.randrange(256) if dice.random() < 0.5 else 1 << dice.randrange(8)
    fields = b""
    if flags & 4 and dice.random() < 0.8:
        size = dice.choice([0, 3, 4000, 5000])
        fields += struct.pack("<H", size) + b"e" * size
    if flags & 8 and dice.random() < 0.8:
        fields += b"n" * dice.choice([0, 5, 4070, 4090, 5000]) + b"\0"
    if flags & 16 and dice.random() < 0.8:
        fields += b"c" * dice.choice([0, 5, 4080, 5000]) + b"\0"
    if flags & 2:
        fields += (zlib.crc32(data[:3] + bytes([flags]) + data[4:10] + fields) & 0xFFFF).to_bytes(2, "little")
    return data[:3] + bytes([flags]) + data[4:10] + fields + data[10:]


def _behind(dice: Random, data: bytes, at: int) -> bytes:
    return data + dice.choice(
        [b"\0", bytes(300), b"\0x", b"\x1f", b"\x1f\x8b", b"junk", data, member(b""), data[:15], b"PK\x03\x04", b" \n"]
    )


def _shortened(dice: Random, data: bytes, at: int) -> bytes:
    return data[: dice.choice([at, len(data) - dice.randint(1, 9), dice.randrange(20)])]


STREAM = (_trailer, _header, _behind, _shortened, _flip, _overwrite)


def _stream(dice: Random, data: bytes, recipe: list[str]) -> bytes:
    if not data:
        return data
    change = dice.choice(STREAM)
    recipe.append(f"gzip {change.__name__.strip('_')}")
    return change(dice, data, dice.randrange(len(data)))
