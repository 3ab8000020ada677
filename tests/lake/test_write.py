"""Rows become a file for each partition, sorted by time, in whatever order they come and however they are held."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import buckets
from trailhouse import settings
from trailhouse.decode import Delivered, decode
from trailhouse.lake import catalog, write

DAYS, EACH = 12, 30
ORDERS = {
    "a partition after the other": range(DAYS * EACH),
    "backwards": range(DAYS * EACH)[::-1],
    "in turn": sorted(range(DAYS * EACH), key=lambda n: n % EACH),
    "in no order": random.Random(5).sample(range(DAYS * EACH), DAYS * EACH),
}


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    delivered = Delivered("s3://logs", "k", "CloudTrail", buckets.ACCOUNT, buckets.REGION)
    days = [f"2026/03/{day:02d}" for day in range(1, DAYS + 1)]
    return decode(
        [
            (buckets.log(*(buckets.event(EACH * number + n, day=day) for n in range(EACH))), delivered)
            for number, day in enumerate(days)
        ]
    ).rows


def files(rows: pa.Table, folder: Path) -> dict[str, list[dict]]:
    """The rows of each file, by the day that it is of."""
    where = settings.Lake(location=str(folder))
    made = write.write_rows(rows, catalog.make_lake(where).table("events").metadata, catalog.file_io(where))
    read = [(Path(file.file_path), pq.ParquetFile(file.file_path.removeprefix("file://")).read()) for file in made]
    found = {path.parent.name: table.to_pylist() for path, table in read}
    assert len(found) == len(made)
    return found


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("order", ORDERS)
def test_each_partition_is_a_file_with_its_rows_by_time(rows, order, pieces, tmp_path):
    given = rows.take(pa.array(ORDERS[order]))
    size = -(-given.num_rows // pieces)
    held = pa.concat_tables(given.slice(start, size) for start in range(0, given.num_rows, size))
    found = files(held, tmp_path / "lake")
    assert len(found) == DAYS
    for day, of in found.items():
        assert {f"event_date={row['event_date']}" for row in of} == {day}
        assert [row["event_time"] for row in of] == sorted(row["event_time"] for row in of)
    ids = sorted((row["event_id"], row["content_hash"], row["event_time"]) for of in found.values() for row in of)
    assert ids == sorted(
        zip(*(rows[name].to_pylist() for name in ("event_id", "content_hash", "event_time")), strict=True)
    )


def test_rows_that_lie_among_each_other_are_put_in_order_once(rows, monkeypatch, tmp_path):
    """To take each partition of them from all over would cost as much as all rows, for each."""
    spans = []

    def taken(of, places):
        spans.append(write._span(places))
        return real(of, places)

    real = write._taken
    monkeypatch.setattr(write, "_taken", taken)
    for number, order in enumerate(ORDERS.values()):
        spans.clear()
        files(rows.take(pa.array(order)), tmp_path / f"lake{number}")
        assert sum(spans) <= 2 * rows.num_rows
