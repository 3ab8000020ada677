"""
What goes into decoding an object, and what comes out. Plain values, so that they travel to workers and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from trailhouse.limits import Limits

__all__ = ["Account", "Decoded", "Delivered", "Limits", "Reject"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is known of an object before its bytes are read: where it lies and what its key says."""

    source: str  # "s3://bucket" or "file:///folder"
    key: str
    kind: str  # the folder: "CloudTrail", "CloudTrail-Insight", …
    account_id: str
    region: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Something in an object that is no record, or an object that can't be read. A row of the table `quarantine`."""

    reason: str  # a fixed word, so that rejects can be counted by it
    position: int | None  # index in `Records`, None for the whole object
    raw: bytes  # the bytes, cut at a bound
    size: int  # of the uncut bytes
    sha256: str  # of the uncut bytes


@dataclass(frozen=True, slots=True)
class Account:
    """
    What became of one object's records: `records == rows + len(record rejects)`.

    When the object as a whole is quarantined, `rows` and `records` are 0, and `rejects` holds one Reject without a
    position.
    """

    rows: int
    rejects: tuple[Reject, ...]
    records: int
    flags: tuple[str, ...]  # of the object: plain, bom, trailing_padding, extra_members
    sha256: str  # of the inflated bytes, "" when they could not be had
    inflated_bytes: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """Objects of one kind, decoded together."""

    rows: pa.Table  # every column of the table that the kind feeds, lineage included, in the order of delivery
    objects: pa.Array  # of each row, the number of the object that delivered it
    accounts: tuple[Account, ...]  # of each object
