"""
Salvage: of an object that was cut short, the records that lie whole before the cut.

Only on demand: what is left of an object is not the object. Any other damage is left alone, since nobody can say where
it begins.
"""

from __future__ import annotations

from trailhouse.decode import frame, inflate, scan
from trailhouse.decode.values import Limits

FLAG = "salvaged"  # of the object, and of each of its rows


def whole_records(stored: bytes, limits: Limits) -> tuple[list[bytes], int]:
    """The slices before the cut, and how many bytes the object inflated to; no slices where it was not cut short."""
    try:
        data = inflate.beginning(stored, limits)
        start = frame.records_at(data, limits)
    except (inflate.Damaged, scan.Broken):
        return [], 0
    try:
        slices, _ = scan.elements(data, start, limits.records)
    except scan.CutShort as cut:
        slices = cut.whole
    except scan.Broken:
        return [], 0
    return (slices if len(slices) <= limits.records else []), len(data)
