"""
Duplicates: of the rows of one key, which stay.

The key is (account_id, region, event_id) within a day, which is what a partition holds; without an event id, the hash
of the record. Rows that say the same are one
row: the first stays. A row that says something else under the same key stays too, flagged, and is a finding: whoever
can plant a record first could otherwise make the real one vanish.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

CONFLICT = "id_conflict"
KEY = ("account_id", "region", "event_date", "key")


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows without duplicates, and what was done, by the number of the object that delivered the row."""

    rows: pa.Table
    duplicates: Counter[int]
    conflicts: Counter[int]


def settle(rows: pa.Table, form: Callable[[pa.Table, int], bytes]) -> Settled:
    """Drop and flag among rows in the order of their delivery; column `object` numbers the objects."""
    numbered = keys(rows).append_column("row", pa.array(np.arange(rows.num_rows)))
    kept = first_of_each(numbered)
    drops: list[int] = []
    conflicts: list[int] = []
    for group in groups(numbered.take(pa.array(kept))):
        drop, conflict = judge(group, lambda row: form(rows, row))
        drops += drop
        conflicts += conflict
    kept = np.setdiff1d(kept, drops)
    if len(kept) == rows.num_rows and not conflicts:
        return Settled(rows, Counter(), Counter())
    objects = rows["object"].to_numpy()
    gone = np.ones(rows.num_rows, np.bool_)
    gone[kept] = False
    flagged = with_flag(rows, conflicts, CONFLICT).take(pa.array(kept))
    return Settled(flagged, Counter(objects[gone].tolist()), Counter(objects[conflicts].tolist()))


def keys(rows: pa.Table) -> pa.Table:
    """The key of each row, with its hash."""
    ids = rows["event_id"]
    by_hash = pc.binary_join_element_wise("#", rows["content_hash"].cast(pa.string()), "")
    key = pc.if_else(pc.fill_null(pc.not_equal(ids, ""), False), ids, by_hash)
    columns = [rows["account_id"], rows["region"], rows["event_date"], key, rows["content_hash"]]
    return pa.table(columns, names=[*KEY, "content_hash"])


def first_of_each(numbered: pa.Table) -> npt.NDArray[np.int64]:
    """The first row of each key and hash: the others are duplicates to the byte."""
    first = numbered.group_by([*KEY, "content_hash"], use_threads=False).aggregate([("row", "min")])
    return np.sort(first["row_min"].to_numpy())


def groups(numbered: pa.Table) -> Iterator[list[int]]:
    """The rows of each key that more than one row has, in order."""
    gathered = numbered.group_by(list(KEY), use_threads=False).aggregate([("row", "list"), ("row", "count")])
    for rows in gathered.filter(pc.greater(gathered["row_count"], 1))["row_list"].to_pylist():
        yield sorted(rows)


def judge(group: Sequence[int], form: Callable[[int], bytes], settled: int = 1) -> tuple[list[int], list[int]]:
    """Of the rows of one key in order, the first `settled` of which stay: the duplicates, and the conflicts."""
    forms = {form(row) for row in group[:settled]}
    duplicates: list[int] = []
    conflicts: list[int] = []
    for row in group[settled:]:
        its = form(row)
        (duplicates if its in forms else conflicts).append(row)
        forms.add(its)
    return duplicates, conflicts


def with_flag(rows: pa.Table, places: Iterable[int], word: str) -> pa.Table:
    """The rows with a word added to the flags of some."""
    marked = set(places)
    if not marked:
        return rows
    number = rows.column_names.index("parse_flags")
    flags = rows["parse_flags"].to_pylist()
    for place in marked:
        flags[place] = sorted({*(flags[place] or ()), word})
    return rows.set_column(number, rows.field(number), pa.array(flags, rows.field(number).type))
