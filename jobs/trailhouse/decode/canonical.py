"""
When are two records the same? When their canonical forms are: keys sorted, white space gone, numbers as written.
"""

from __future__ import annotations

import json
from typing import Any


def same(one: bytes, other: bytes) -> bool:
    """Whether two records' texts say the same. Texts too deep to compare are the same only to the byte."""
    try:
        return one == other or canonical(one) == canonical(other)
    except (ValueError, RecursionError):
        return False


def canonical(text: bytes) -> Any:
    """A form that is equal for equal records. Raises ValueError for what is no JSON."""
    return json.loads(
        text.decode("utf-8", "surrogateescape"),
        object_pairs_hook=lambda pairs: ("{", sorted(pairs, key=lambda pair: pair[0])),
        parse_int=_Number,
        parse_float=_Number,
        parse_constant=_Number,
        strict=False,
    )


class _Number(str):
    """A number as it was written: `0.0` is not `0`, and no text."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and str.__eq__(self, other)

    __hash__ = str.__hash__
