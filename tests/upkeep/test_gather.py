"""
Files become one, piece by piece, and what was read and written is told apart by its fingerprint.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.lake import catalog, write
from trailhouse.lake.rows import table_of
from trailhouse.upkeep import gather
from trailhouse.upkeep.fingerprint import Fingerprint, identity


class Pieces:
    """Rows of a sorted file, so many at a time."""

    def __init__(self, values: list[int | None], at_once: int) -> None:
        self._rows = pa.table({"at": pa.array(sorted(values, key=lambda v: (v is not None, v)), pa.int64())})
        self._at_once = at_once

    def __iter__(self):
        return (self._rows.slice(start, self._at_once) for start in range(0, self._rows.num_rows, self._at_once))


RUN = st.lists(st.none() | st.integers(-5, 40), max_size=30)


@given(st.lists(RUN, min_size=1, max_size=5), st.integers(1, 7))
def test_runs_that_are_sorted_are_merged_sorted_and_whole(runs, at_once):
    merged = [
        row for rows in gather._merge([Pieces(run, at_once) for run in runs], ["at"]) for row in rows["at"].to_pylist()
    ]
    assert merged == sorted((value for run in runs for value in run), key=lambda v: (v is not None, v))


@given(st.lists(st.integers(0, 12), max_size=12))
def test_pieces_become_row_groups_of_a_size(sizes):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gather, "ROWS_AT_ONCE", 10)
        pieces = (pa.table({"at": pa.array(range(size), pa.int64())}) for size in sizes)
        made = list(gather._in_row_groups(pieces))
    assert all(rows.num_rows == 10 for rows in made[:-1]) and all(0 < rows.num_rows <= 10 for rows in made)
    assert [v for rows in made for v in rows["at"].to_pylist()] == [v for size in sizes for v in range(size)]


def test_a_filter_is_as_large_as_its_distinct_values_need(lake):
    table, names = catalog.make_lake(lake).table("events"), ("event_id", "source_ip")
    made = [{"event_id": f"e{n}", "source_ip": f"192.0.2.{n % 5}", "event_date": date(2026, 3, 1)} for n in range(4000)]
    writer = write.PartitionWriter(table.metadata, table.io, 2**30, {"event_id": 4000, "source_ip": 5})
    writer.add(table_of("events", made))
    (file,) = writer.done()
    group = pq.ParquetFile(file.file_path).metadata.row_group(0)
    sizes = {c.path_in_schema: c.bloom_filter_length for c in map(group.column, range(group.num_columns))}
    assert sizes["source_ip"] < 100 and sizes["event_id"] > 2000
    assert {name for name, size in sizes.items() if size} == set(names)


ROWS = [
    {"content_hash": n, "batch_id": f"b{n % 2}", "source_object": f"o{n}", "record_index": n, "text": "x" * n, "raw": b"y" * n,
     "flag": n % 2 == 0, "rate": n / 3, "day": date(2026, 3, 1) + timedelta(n), "at": datetime(2026, 3, 1) + timedelta(hours=n),
     "words": ["w"] * n, "none": None}
    for n in range(1, 9)
]  # fmt: skip
SCHEMA = pa.schema([
    ("content_hash", pa.int64()), ("batch_id", pa.string()), ("source_object", pa.string()), ("record_index", pa.int32()),
    ("text", pa.string()), ("raw", pa.binary()), ("flag", pa.bool_()), ("rate", pa.float64()), ("day", pa.date32()),
    ("at", pa.timestamp("us")), ("words", pa.list_(pa.string())), ("none", pa.string()),
])  # fmt: skip


def printed(rows, *cuts: int) -> Fingerprint:
    made = Fingerprint(identity(SCHEMA.names, ()))
    bounds = [0, *cuts, len(rows)]
    for start, end in pairwise(bounds):
        made.add(pa.Table.from_pylist(rows[start:end], schema=SCHEMA))
    return made


def test_the_same_rows_have_one_fingerprint_in_any_order_and_any_pieces():
    mixed = random.Random(1).sample(ROWS, len(ROWS))
    assert printed(ROWS) == printed(mixed, 3, 3, 7)


@pytest.mark.parametrize("name", [name for name in SCHEMA.names if name != "none"])
def test_any_column_that_is_lost_or_another_shows(name):
    for change in (None, ROWS[1][name]):
        other = [ROWS[0] | {name: change}, *ROWS[1:]]
        assert printed(other) != printed(ROWS)


def test_rows_that_are_lost_doubled_or_exchange_their_hashes_show():
    for other in (ROWS[1:], [*ROWS, ROWS[0]], [*ROWS[:-1], ROWS[0]]):
        assert printed(other) != printed(ROWS)
    first, second, *rest = ROWS
    swapped = [
        first | {"content_hash": second["content_hash"]},
        second | {"content_hash": first["content_hash"]},
        *rest,
    ]
    assert printed(swapped) != printed(ROWS)
    assert printed([first | {"none": "there"}, second, *rest]) != printed(ROWS)
