"""One object at a time, which is how the cases are written: `decode` as it is for a single object."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from trailhouse import decode as decoding
from trailhouse.decode import Delivered, Limits, Reject


@dataclass(frozen=True)
class One:
    """What became of one object."""

    rows: pa.Table
    rejects: tuple[Reject, ...]
    records: int
    flags: tuple[str, ...]
    sha256: str
    inflated_bytes: int


def decode(data: bytes, delivered: Delivered, limits: Limits | None = None, *, fast: bool = True) -> One:
    """Decode one object."""
    decoded = decoding.decode([(data, delivered)], limits, fast=fast)
    (account,) = decoded.accounts
    assert account.rows == decoded.rows.num_rows
    names = ("rejects", "records", "flags", "sha256", "inflated_bytes")
    return One(decoded.rows, **{name: getattr(account, name) for name in names})
