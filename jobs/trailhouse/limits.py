"""
Bounds on what one object may cost. Apart from `decode`, which keeps to them, so that settings load without Arrow.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one object, so that no input costs more than its share (each several times what AWS documents)."""

    stored_bytes: int = 64 * 2**20  # of the object as it lies in the bucket
    inflated_bytes: int = 200 * 2**20  # AWS closes a file at 50 MB of JSON
    records: int = 500_000  # in one object
    record_bytes: int = 4 * 2**20  # one record's JSON; AWS caps events at 256 KB, in places 1 MB
    partitions: int = 1_000  # that one object's rows lie in; a real one has a handful
    depth: int = 64  # levels of one record; the deepest real one seen has 12
