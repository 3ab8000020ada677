"""
Data files without data: what a commit tells of files of `events` that nobody has written, one partition each or more.

Bounds, counts and sizes are those of a real file, so that metadata is as large as a real lake's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record

from tools.scale.keys import REGIONS, Space
from trailhouse.lake import rows, schema
from trailhouse.lake.catalog import Lake

STATISTICS = (
    "record_count", "file_size_in_bytes", "column_sizes", "value_counts", "null_value_counts", "nan_value_counts",
    "lower_bounds", "upper_bounds", "split_offsets",
)  # fmt: skip


class Files:
    """Such files of a lake's `events`."""

    def __init__(self, lake: Lake) -> None:
        self._folder = f"{lake.table('events').location()}/data"
        self._spec = lake.table("events").spec().spec_id
        (like,) = rows.files_of(lake, "events", _some_rows())
        self._like = {name: getattr(like, name) for name in STATISTICS}
        self._made = 0

    def of(self, partitions: int, day: date) -> list[DataFile]:
        """One file in each of so many partitions: accounts and regions of a day, then of the day before, and so on."""
        return [self._file(*place) for place, _ in zip(_places(day), range(partitions), strict=False)]

    def _file(self, account: str, region: str, day: date) -> DataFile:
        self._made += 1
        place = f"account_id={account}/region={region}/event_date={day}"
        made = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=f"{self._folder}/{place}/00000-{self._made:036d}.parquet",
            file_format=FileFormat.PARQUET,
            partition=Record(account, region, (day - date(1970, 1, 1)).days),
            sort_order_id=None,
            equality_ids=None,
            key_metadata=None,
            **self._like,
        )
        made.spec_id = self._spec
        return made


def _places(day: date) -> Iterator[tuple[str, str, date]]:
    space = Space(5_000, 1, 1)
    while True:
        for account in range(space.accounts):
            for region in REGIONS:
                yield space.account(account), region, day
        day -= timedelta(days=1)


def _some_rows() -> pa.Table:
    """Fifty, of as many events; what tells nothing is NULL."""
    form = schema.arrow_schema("events")
    told = {"event_date": date(2026, 3, 1), "account_id": "111122223333", "region": "us-east-1"}
    long = {pa.string(): "a text as long as many are in such a column", pa.binary(): b"0123456789abcdef"}
    each = {field.name: told.get(field.name, long.get(field.type)) for field in form}
    return pa.Table.from_pylist([each] * 50, schema=form)
