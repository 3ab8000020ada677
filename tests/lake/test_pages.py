"""Columns of data files are laid out by what they hold; what is read back is what was written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import buckets
from trailhouse import settings
from trailhouse.decode import Delivered, decode
from trailhouse.lake import catalog, pages, write

DELIVERED = Delivered("s3://logs", "k", "CloudTrail", buckets.ACCOUNT, buckets.REGION)


def columns(path: str) -> dict[str, Any]:
    group = pq.ParquetFile(path).metadata.row_group(0)
    return {each.path_in_schema: each for each in (group.column(n) for n in range(group.num_columns))}


def events(count: int) -> pa.Table:
    draw = random.Random(8)
    records = [
        buckets.event(
            n, requestParameters={"padding": f"{draw.getrandbits(900):x}"}, readOnly=n % 2 == 0, errorCode=None
        )
        for n in range(count)
    ]
    return decode([(buckets.log(*records), DELIVERED)]).rows


def written(rows: pa.Table, folder: Path) -> str:
    where = settings.Lake(location=str(folder))
    metadata = catalog.make_lake(where).table("events").metadata
    (file,) = write.write_rows(rows, metadata, catalog.file_io(where))
    return file.file_path.removeprefix("file://")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return columns(written(events(200), tmp_path_factory.mktemp("small") / "lake"))


def test_what_repeats_has_a_dictionary(small: dict[str, Any]) -> None:
    assert "RLE_DICTIONARY" in small["event_name"].encodings
    assert "RLE_DICTIONARY" in small["account_id"].encodings


@pytest.mark.parametrize("column", ["event_id", "content_hash", "request_parameters"])
def test_what_never_repeats_has_none(small: dict[str, Any], column: str) -> None:
    assert "RLE_DICTIONARY" not in small[column].encodings


@pytest.mark.parametrize("column", ["account_id", "region", "error_code", "addendum", "raw"])
def test_nothing_is_compressed_in_a_small_file_where_there_is_nothing_to_compress(
    small: dict[str, Any], column: str
) -> None:
    assert small[column].compression == "UNCOMPRESSED"


@pytest.mark.parametrize("column", ["event_id", "request_parameters", "event_time"])
def test_all_else_is_compressed(small: dict[str, Any], column: str) -> None:
    assert small[column].compression == "ZSTD"


def test_in_a_large_file_every_column_is_compressed(tmp_path: Path) -> None:
    made = columns(written(events(pages.SMALL), tmp_path / "lake"))
    assert {each.compression for each in made.values()} == {"ZSTD"}


def test_the_least_and_the_most_of_long_texts_are_not_told(small: dict[str, Any]) -> None:
    assert not small["request_parameters"].is_stats_set
    assert small["event_id"].statistics.has_min_max


def test_a_column_of_whose_values_none_is_in_the_sample_is_laid_out_with_care() -> None:
    values = [None] * 5000
    values[1] = "x" * 900
    seen = pages.look(pa.table({"rare": pa.array(values, pa.string())}))
    assert seen.form(10, ())["compression"] == {"rare": "zstd"}


def test_a_bounded_column_tells_its_least_and_most_however_long() -> None:
    seen = pages.look(pa.table({"long": ["x" * 900, "y" * 900]}))
    assert seen.form(2, ())["write_statistics"] == []
    assert seen.form(2, {"long"})["write_statistics"] == ["long"]


def test_no_rows_can_be_looked_at() -> None:
    assert pages.look(pa.table({"a": pa.array([], pa.string())})).paths == ("a",)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    rows = events(300)
    read = pq.ParquetFile(written(rows, tmp_path / "lake")).read()
    assert read.sort_by("record_index").to_pylist() == rows.sort_by("record_index").to_pylist()
