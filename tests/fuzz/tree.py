"""
JSON as a tree that can be bent: keys may stand twice, and any value may be any bytes.

An object is `Members` (pairs of a key's token and a value), an array `Items`, everything else the bytes of its token, so
that numbers keep their spelling and a value can be made of what is no JSON at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator


class Members(list):
    """An object: [key's token, value] each."""


class Items(list):
    """An array."""


Tree = Members | Items | bytes


def read(text: bytes) -> Tree | None:
    """The tree of a text, None where it is no JSON that can be bent."""
    try:
        return _grown(json.loads(text.decode(), object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number))
    except (ValueError, RecursionError):
        return None


class _Pairs(list):
    pass


class _Number(str):
    pass


def _grown(value: object) -> Tree:
    if isinstance(value, _Pairs):
        return Members([token(key), _grown(inner)] for key, inner in value)
    if isinstance(value, list):
        return Items(_grown(inner) for inner in value)
    return token(value)


def token(value: object) -> bytes:
    """A scalar as it is written."""
    if isinstance(value, _Number):
        return value.encode()
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair: only an escape can say it
        return json.dumps(value).encode()


def written(tree: Tree, space: bytes = b"") -> bytes:
    """The text of a tree, with `space` between its tokens."""
    if isinstance(tree, Members):
        inner = (key + space + b":" + space + written(value, space) for key, value in tree)
        return b"{" + space + (space + b"," + space).join(inner) + space + b"}"
    if isinstance(tree, Items):
        return b"[" + space + (space + b"," + space).join(written(v, space) for v in tree) + space + b"]"
    return tree


def objects(tree: Tree) -> Iterator[Members]:
    """Every object in a tree, the outer ones first."""
    if isinstance(tree, Members):
        yield tree
        for _, value in tree:
            yield from objects(value)
    elif isinstance(tree, Items):
        for value in tree:
            yield from objects(value)


def get(members: Members, key: bytes) -> Tree | None:
    """The value of a key, given as its token."""
    return next((value for name, value in members if name == key), None)


def put(members: Members, key: bytes, value: Tree) -> None:
    """Set a key, given as its token, where it stands or at the end."""
    for member in members:
        if member[0] == key:
            member[1] = value
            return
    members.append([key, value])


def records(tree: Tree) -> Items | None:
    """The array of records of a document."""
    found = get(tree, b'"Records"') if isinstance(tree, Members) else tree
    return found if isinstance(found, Items) else None
