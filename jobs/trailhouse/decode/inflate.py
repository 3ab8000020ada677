"""
Inflate: the bytes of one delivered object become its JSON bytes.

Knows gzip and its traps: several members, padding, damage, bombs, a suffix that lies. Reads the headers and
trailers itself, because the libraries join or drop what they should report. Knows nothing of JSON (see `frame`).
"""

from __future__ import annotations

from dataclasses import dataclass

from isal import isal_zlib

from trailhouse.decode.values import Limits

MAGIC = b"\x1f\x8b"
LAYERS = 2  # some tools compress a compressed file once more; nobody does it twice

# A gzip header may carry a name, a comment and extra fields without end; the files that AWS writes carry none.
HEADER_BYTES = 4096

FIRST_WINDOW = 1024

FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT, RESERVED = 1, 2, 4, 8, 16, 0xE0


@dataclass(frozen=True, slots=True)
class Inflated:
    """The JSON bytes of an object, and what was odd about their wrapping."""

    data: bytes
    flags: tuple[str, ...]


class Damaged(Exception):
    """The wrapping is broken: the object as a whole can't be read. Never leaves `decode`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _CutShort(Damaged):
    """It ends too early; `before` is what came of it."""

    def __init__(self, before: bytes) -> None:
        super().__init__("gzip_truncated")
        self.before = before


def inflate(stored: bytes, limits: Limits) -> Inflated:
    """Take off up to two layers of gzip. Raises Damaged with a fixed word."""
    if not stored:
        raise Damaged("empty_file")
    if len(stored) > limits.stored_bytes:
        raise Damaged("size_limit")
    data, flags, layers = stored, [], 0
    while data[:2] == MAGIC[: len(data[:2])] and data:
        if layers == LAYERS:
            raise Damaged("nested_gzip")
        data, padded = _members(data, limits.inflated_bytes)
        if padded and "trailing_padding" not in flags:
            flags.append("trailing_padding")
        layers += 1
    if not data:
        raise Damaged("empty_file")
    if len(data) > limits.inflated_bytes:
        raise Damaged("inflated_limit")
    if not layers:
        flags.append("plain")
    return Inflated(data, tuple(flags))


def beginning(stored: bytes, limits: Limits) -> bytes:
    """What can be had of an object that was cut short; the whole of one that was not."""
    data = stored
    for _ in range(LAYERS):
        if data[:2] != MAGIC:
            return data
        try:
            data, _ = _members(data, limits.inflated_bytes)
        except _CutShort as cut:
            data = cut.before
    return data


def _members(data: bytes, limit: int) -> tuple[bytes, bool]:
    """All members of a gzip stream, joined (they are one stream), and whether zeros follow the last."""
    parts: list[bytes] = []
    position = total = 0
    while True:
        try:
            part, position = _deflated(data, _header_end(data, position), limit - total)
        except _CutShort as cut:
            raise _CutShort(b"".join([*parts, cut.before])) from None
        parts.append(part)
        total += len(part)
        rest = data[position : position + 2]
        if not rest:
            return b"".join(parts) if len(parts) > 1 else part, False
        if rest == MAGIC or rest == MAGIC[:1]:
            continue
        if data.count(0, position) == len(data) - position:
            return b"".join(parts) if len(parts) > 1 else part, True
        raise Damaged("trailing_data")


def _header_end(data: bytes, start: int) -> int:
    """Where the compressed data of the member at `start` begins."""
    if len(data) - start < 10:
        raise _CutShort(b"")
    flags = data[start + 3]
    if data[start + 2] != 8 or flags & RESERVED:
        raise Damaged("gzip_header")
    end = start + 10
    if flags & FEXTRA:
        end += 2 + int.from_bytes(data[end : end + 2], "little")
    for flag in (FNAME, FCOMMENT):
        if flags & flag:
            end = data.find(0, end, start + HEADER_BYTES) + 1
            if not end:
                raise Damaged("gzip_header") if len(data) - start > HEADER_BYTES else _CutShort(b"")
    if flags & FHCRC:
        end += 2
        if (
            end <= len(data)
            and int.from_bytes(data[end - 2 : end], "little") != isal_zlib.crc32(data[start : end - 2]) & 0xFFFF
        ):
            raise Damaged("gzip_header")
    if end - start > HEADER_BYTES:
        raise Damaged("gzip_header")
    if end >= len(data):
        raise _CutShort(b"")
    return end


def _deflated(data: bytes, start: int, limit: int) -> tuple[bytes, int]:
    """One member's content and the position behind its trailer; stops as soon as there is more than `limit`."""
    stream = isal_zlib.decompressobj(wbits=-15)
    view, size, position = memoryview(data), 0, start
    parts: list[bytes] = []
    # What lies behind a member's end is copied by the library, once for each member: the first one, which is nearly
    # always the only one, is taken whole, and the others through windows that grow.
    window = len(data) if start <= HEADER_BYTES else FIRST_WINDOW
    while not stream.eof:
        if position >= len(data):
            raise _CutShort(b"".join(parts))
        try:
            part = stream.decompress(view[position : position + window], limit + 1 - size)
        except isal_zlib.error as broken:  # type: ignore[misc]  # its stub takes the class for an instance
            raise Damaged("gzip_data") from broken
        parts.append(part)
        size += len(part)
        if size > limit:
            raise Damaged("inflated_limit")
        position = min(position + window, len(data))
        window *= 8
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    trailer = position - len(stream.unused_data)
    if len(data) - trailer < 8:
        raise _CutShort(content)
    crc = int.from_bytes(data[trailer : trailer + 4], "little")
    length = int.from_bytes(data[trailer + 4 : trailer + 8], "little")
    if crc != isal_zlib.crc32(content) or length != size & 0xFFFFFFFF:
        raise Damaged("gzip_crc")
    return content, trailer + 8
