"""
Scan JSON text without parsing it: where the elements of an array and the members of an object lie.

Never recurses and never backtracks, so depth and length cost only linear time. Sees strings and brackets, nothing
else: whether a slice is good JSON is asked of the parser, slice by slice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from trailhouse.decode.clean import clean

WHITESPACE = b" \t\r\n"

# The closing quote is optional: with a mandatory one, an unterminated string is tried again from each of its quotes,
# which takes quadratic time. Possessive quantifiers never give back what they took.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+'
_STRUCTURE = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_MEMBERS = re.compile(rb"(" + _STRING + rb")([ \t\r\n]*+:)?+|[{}\[\]]", re.DOTALL)

OPEN = b"{["
MATCHING = {ord("}"): ord("{"), ord("]"): ord("[")}


class Broken(Exception):
    """The structure does not close. Never leaves `decode`."""


class CutShort(Broken):
    """The text ends within an array: what lies whole before its end."""

    def __init__(self, whole: list[bytes]) -> None:
        super().__init__()
        self.whole = whole


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its key, decoded, and the exact slice of its value."""

    key: str
    value: bytes
    at: int  # where the value begins


@dataclass(frozen=True, slots=True)
class Shape:
    """An object's members in order, and what the scan saw on the way."""

    members: tuple[Member, ...]
    depth: int  # levels, the object itself being the first
    deepest: frozenset[str]  # keys of the members that reach below the limit
    flags: tuple[str, ...]  # dup_key, nul_key: inside the values


def elements(data: bytes, start: int, most: int) -> tuple[list[bytes], int]:
    """
    The elements of the array whose bracket opens just before `start`, and the position behind its end.

    At most `most` + 1 of them are returned: one more than allowed is enough to know.
    """
    found: list[bytes] = []
    depth = 0
    begin = gap = start  # of the current element; of the text since the last token at the array's own level
    for token in _STRUCTURE.finditer(data, start):
        first = data[token.start()]
        if depth == 0:
            begin = _cut_at_commas(data, (begin, gap, token.start()), found, most)
            if len(found) > most:
                return found, token.end()
            if first == 0x5D:  # ]
                return _closed(data, begin, token.start(), found), token.end()
        if first in OPEN:
            depth += 1
        elif first != 0x22:
            depth -= 1
            if depth < 0:
                raise Broken
        elif len(token[0]) < 2 or token[0][-1] != 0x22:
            raise CutShort(found)  # a string without an end takes in all that follows
        if depth == 0:
            gap = token.end()
            if len(found) > most:
                return found, token.end()
    last = data[begin:gap].strip(WHITESPACE)
    raise CutShort([*found, last] if depth == 0 and last else found)


def _cut_at_commas(data: bytes, span: tuple[int, int, int], found: list[bytes], most: int) -> int:
    """Close the elements that end in the text between two tokens, where each comma is a real one."""
    begin, gap, end = span
    comma = data.find(b",", gap, end)
    while comma >= 0 and len(found) <= most:
        element = data[begin:comma].strip(WHITESPACE)
        if not element:
            raise Broken
        found.append(element)
        begin = comma + 1
        comma = data.find(b",", begin, end)
    return begin


def _closed(data: bytes, begin: int, end: int, found: list[bytes]) -> list[bytes]:
    last = data[begin:end].strip(WHITESPACE)
    if last:
        found.append(last)
    elif found:
        raise Broken  # a comma before the bracket
    return found


def object_end(data: bytes, start: int, limit: int) -> int:
    """The position behind the object or array that opens at `start`. Raises Broken below `limit` levels."""
    depth = 0
    for token in _STRUCTURE.finditer(data, start):
        first = data[token.start()]
        if first in OPEN:
            depth += 1
            if depth > limit:
                raise Broken
        elif first != 0x22:
            depth -= 1
            if depth == 0:
                return token.end()
        elif len(token[0]) < 2 or token[0][-1] != 0x22:
            raise Broken
    raise Broken


def members(text: bytes, limit: int) -> Shape:
    """The members of the object that `text` is. Raises Broken when brackets do not match."""
    found: list[Member] = []
    stack: list[int] = []
    seen: list[set[bytes]] = []
    flags: set[str] = set()
    deepest: set[str] = set()
    depth = 0
    key, begin = "", -1
    for token in _MEMBERS.finditer(text):
        first = text[token.start()]
        if first == 0x22:
            if token[2] is None:
                continue
            if len(stack) == 1:
                if begin >= 0:
                    found.append(_member(key, text, (begin, token.start()), b","))
                key, begin = decoded_key(token[1]), token.end()
            elif stack:
                _look_at_key(token[1], seen[-1], flags)
        elif first in OPEN:
            stack.append(first)
            seen.append(set())
            depth = max(depth, len(stack))
            if len(stack) == limit + 1:
                deepest.add(key)
        else:
            if not stack or stack.pop() != MATCHING[first]:
                raise Broken
            seen.pop()
            if not stack:
                if begin >= 0:
                    found.append(_member(key, text, (begin, token.start()), b""))
                if text[token.end() :].strip(WHITESPACE):
                    raise Broken
                return Shape(tuple(found), depth, frozenset(deepest), tuple(sorted(flags)))
    raise Broken


def _member(key: str, text: bytes, span: tuple[int, int], comma: bytes) -> Member:
    value = text[span[0] : span[1]].rstrip(WHITESPACE)
    if comma:
        if not value.endswith(comma):
            raise Broken
        value = value[:-1].rstrip(WHITESPACE)
    at = span[0] + len(value)
    value = value.lstrip(WHITESPACE)
    if not value:
        raise Broken
    return Member(key, value, at - len(value))


def _look_at_key(token: bytes, seen: set[bytes], flags: set[str]) -> None:
    """Oddities of a key below the top level: the text is kept as it is, they only earn a flag."""
    if b"\\" in token:
        token = decoded_key(token).encode("utf-8", "surrogatepass")
        if b"\0" in token:
            flags.add("nul_key")
    else:
        token = token[1:-1]
    if token in seen:
        flags.add("dup_key")
    seen.add(token)


def decoded_key(token: bytes) -> str:
    """A key's text; raises Broken when it is no JSON string."""
    try:
        return str(msgspec.json.decode(clean(token)[0], type=str))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Broken from error
