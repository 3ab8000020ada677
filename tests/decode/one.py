"""
One object at a time, which is how the cases are written, and each way to read it: all have to say the same.

The native way is there where its kernel is (`test_native` holds that it is in CI).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pytest

from trailhouse import decode as decoding
from trailhouse.decode import Delivered, Limits, Reject, native

# How `decode` is asked; "fast" is the Python path on its own.
WAYS: dict[str, dict[str, bool]] = {"fast": {"native": False}, "strict": {"fast": False}}
if native.is_there():
    WAYS["native"] = {"native": True}
EACH_WAY = pytest.mark.parametrize("way", WAYS)


@dataclass(frozen=True)
class One:
    """What became of one object."""

    rows: pa.Table
    rejects: tuple[Reject, ...]
    records: int
    flags: tuple[str, ...]
    sha256: str
    inflated_bytes: int


def decode(data: bytes, delivered: Delivered, limits: Limits | None = None, *, way: str = "fast") -> One:
    """Decode one object."""
    decoded = decoding.decode([(data, delivered)], limits, **WAYS[way])
    (account,) = decoded.accounts
    assert account.rows == decoded.rows.num_rows
    names = ("rejects", "records", "flags", "sha256", "inflated_bytes")
    return One(decoded.rows, **{name: getattr(account, name) for name in names})
