"""
When are two records the same? When their canonical forms are: keys sorted, white space gone, numbers as written.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def form(text: bytes) -> bytes:
    """A hash that is equal for equal records. A text that is no JSON, or too deep for it, is equal only to the byte."""
    try:
        return hashlib.sha256(repr(canonical(text)).encode("utf-8", "surrogatepass")).digest()
    except (ValueError, RecursionError):
        return hashlib.sha256(text).digest()


def canonical(text: bytes) -> Any:
    """A value that is equal for equal records. Raises ValueError for what is no JSON."""
    return json.loads(
        text.decode(),
        object_pairs_hook=lambda pairs: ("{", sorted(pairs, key=lambda pair: pair[0])),
        parse_int=_Number,
        parse_float=_Number,
        parse_constant=_Number,
        strict=False,
    )


class _Number(str):
    """A number as it was written: `0.0` is not `0`, and no text."""

    def __repr__(self) -> str:
        return f"#{self}"
