"""The contenders make the same rows of the same files, so that their times say something."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bench import ingest, inputs, process
from bench.contenders.columns import PARTITION, columns
from bench.values import Bench, Input
from tools import setup

pytestmark = pytest.mark.spark  # a session in a process of its own

WRITERS = [name for name in ingest.CONTENDERS if name not in ingest.FLOORS]
OTHERS = [name for name in WRITERS if not name.startswith("trailhouse")]
PLAIN = [column.name for column in columns() if not column.is_json]


@pytest.fixture(scope="module")
def bench(tmp_path_factory, native) -> Bench:
    if not setup.contenders_path().is_file():
        pytest.skip(setup.NEED_CONTENDERS)
    folder = tmp_path_factory.mktemp("bench")
    return Bench(folder / "inputs", folder, 1_000, 1)


@pytest.fixture(scope="module")
def given(bench) -> Input:
    return inputs.main(bench)


@pytest.fixture(scope="module")
def written(bench, given) -> dict[str, Path]:
    """What each of them wrote."""
    folders = {name: bench.scratch / name for name in WRITERS}
    for name, folder in folders.items():
        ingest.CONTENDERS[name](given.folder, folder)
    return folders


def rows(folder: Path, names: list[str]) -> list[tuple]:
    """By event, whatever their order; times without a zone and to the second."""
    read = [pq.ParquetFile(path).read([*names, "event_id"]).to_pylist() for path in ingest.data_files(folder)]
    found = sorted((row for each in read for row in each), key=lambda row: row["event_id"])
    return [tuple(to_the_second(row[name]) for name in names) for row in found]


def to_the_second(value):
    return value.replace(tzinfo=None, microsecond=0) if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", WRITERS)
def test_every_event_is_a_row(written, given, name):
    found = [event for (event,) in rows(written[name], ["event_id"])]
    assert len(found) == len(set(found)) == given.events


@pytest.mark.parametrize("name", OTHERS)
def test_columns_hold_what_the_lakes_columns_hold(written, name):
    ours, theirs = (zip(*rows(written[each], PLAIN), strict=True) for each in ("trailhouse_decode_write", name))
    assert [column for column, one, other in zip(PLAIN, ours, theirs, strict=True) if one != other] == []


@pytest.mark.parametrize("name", OTHERS)
def test_nested_fields_are_kept_as_text_wherever_the_lake_keeps_them(written, name):
    nested = [column.name for column in columns() if column.is_json]
    ours, theirs = (rows(written[each], nested) for each in ("trailhouse_decode_write", name))
    assert [[value is None for value in row] for row in theirs] == [[value is None for value in row] for row in ours]


@pytest.mark.parametrize("name", OTHERS)
def test_rows_lie_in_a_folder_of_their_account_region_and_day(written, name):
    folders = {path.parent.relative_to(written[name]).parts for path in ingest.data_files(written[name])}
    assert all(tuple(part.partition("=")[0] for part in parts) == PARTITION for parts in folders)
    lake = {path.parent.parts[-3:] for path in ingest.data_files(written["trailhouse_decode_write"])}
    assert folders == lake


@pytest.mark.parametrize("name", ingest.FLOORS)
def test_the_floor_counts_every_record(bench, given, name):
    assert ingest.measure(name, given, bench.scratch / name)["rows"] == given.events


def test_a_round_measures_what_was_written_and_leaves_nothing(bench, given):
    found = ingest.measure("duckdb", given, bench.scratch / "round")
    assert found["rows"] == given.events
    assert 0 < found["work_seconds"] < found["seconds"]
    assert found["bytes_out"] > 0
    assert not (bench.scratch / "round").exists()


@pytest.mark.parametrize("wanted", [False, True])
def test_the_kernel_is_there_for_who_is_to_have_it_alone(bench, wanted):
    code = 'import json; from trailhouse.decode import native; print(json.dumps({"native": native.is_there()}))'
    assert process.run([sys.executable, "-c", code], wanted).said == {"native": wanted}
