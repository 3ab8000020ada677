"""
The lake belongs to whoever reads it: PyIceberg, DuckDB and Spark see the same rows with no part of this project.
"""

from __future__ import annotations

import importlib
import re
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests import model
from tests.buckets import Bucket, event, key, redelivered
from tests.ingest.contents import DATA, OPS, Contents, files, holds_together, ingest
from trailhouse import settings


def bucket() -> Bucket:
    made = redelivered(9)
    made.put(key("undated"), event(900, eventTime="never"), event(901, awsRegion="../x"), b"[]")
    made.put(key("insight", kind="CloudTrail-Insight"), event(902))
    return made


@pytest.fixture(scope="module", params=["account", "bucket"])
def made(request, tmp_path_factory) -> tuple[settings.Lake, Bucket]:
    """A lake of two batches, in each of the two layouts."""
    folder = tmp_path_factory.mktemp("readers")
    where = settings.Lake(
        location=str(folder / "lake"),
        catalog_uri=str(folder / "lake/catalog.sqlite"),
        partition=request.param,
        buckets=8,
    )
    objects = bucket()
    ingest(where, objects.save(folder / "logs"), objects=15)
    return where, objects


def identities(rows) -> Counter:
    return Counter((a, r, i, str(t)) for a, r, i, t in rows)


WANTED = ("account_id", "region", "event_id", "event_time")


def with_pyiceberg(where, name="events") -> list[tuple]:
    return [tuple(row[c] for c in WANTED) for row in Contents(where).rows(name)]


def test_pyiceberg_reads_what_the_model_says(made):
    where, objects = made
    contents = Contents(where)
    assert contents.published() == model.lake(objects.listed()).published
    holds_together(contents)


def metadata_of(where, database: str, name: str) -> str:
    """As the catalog's file says it, with nothing but sqlite3."""
    with sqlite3.connect(where.catalog_uri) as catalog:
        return catalog.execute(
            "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?",
            (where.catalog_name, database, name),
        ).fetchone()[0]


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name in ("avro", "iceberg"):
        folder = Path(importlib.import_module(f"duckdb_extension_{name}").__path__[0])
        connection.execute(f"LOAD '{next(folder.rglob(f'{name}.duckdb_extension'))}'")
    yield connection
    connection.close()


def test_duckdb_reads_the_same_rows(made, duck):
    where, _ = made
    place = metadata_of(where, where.database, "events")
    rows = duck.execute(f"SELECT {', '.join(WANTED)} FROM iceberg_scan('{place}')").fetchall()
    assert identities(rows) == identities(with_pyiceberg(where))
    one = [
        str(row[0])
        for row in duck.execute(
            f"SELECT DISTINCT event_date FROM iceberg_scan('{place}') ORDER BY 1 NULLS FIRST"
        ).fetchall()
    ]
    assert one[0] == "None" and "2026-03-01" in one
    found = duck.execute(
        f"SELECT count(*) FROM iceberg_scan('{place}') WHERE event_date = DATE '2026-03-01' AND account_id = '111122223333'"
    ).fetchone()
    assert found[0] == sum(
        r["account_id"] == "111122223333" and str(r["event_date"]) == "2026-03-01"
        for r in Contents(where).rows("events")
    )


@pytest.mark.parametrize("name", [*DATA, *OPS])
def test_duckdb_reads_every_table(made, duck, name):
    where, _ = made
    place = metadata_of(where, where.ops_database if name in OPS else where.database, name)
    assert duck.execute(f"SELECT count(*) FROM iceberg_scan('{place}')").fetchone()[0] == len(
        Contents(where).rows(name)
    )


def test_no_column_of_any_table_has_a_time_zone(made):
    """Athena refuses zoned timestamps in views."""
    for name in (*DATA, *OPS):
        assert "timestamptz" not in str(Contents(made[0]).table(name).schema())


def test_spark_reads_the_same_rows_through_a_jdbc_catalog(made, spark, tmp_path):
    where, _ = made
    jars = Path(importlib.import_module("pyspark").__path__[0]) / "jars"
    named = spark.sparkContext.getConf().get("spark.jars", "")
    if not list(jars.glob("iceberg-spark-runtime*.jar")) and "iceberg-spark-runtime" not in named:
        pytest.skip("no Iceberg among Spark's jars: make setup")
    before = files(Path(where.location))
    copy = tmp_path / "catalog.sqlite"  # what a reader may write stays here
    shutil.copy(where.catalog_uri, copy)
    name = f"{where.catalog_name}_{where.partition}"
    with sqlite3.connect(copy) as catalog:
        # A second catalog in one session wants a name of its own; JDBC catalogs keep it in the file.
        catalog.execute("UPDATE iceberg_tables SET catalog_name = ?", (name,))
        catalog.execute("UPDATE iceberg_namespace_properties SET catalog_name = ?", (name,))
    for option, value in {
        "": "org.apache.iceberg.spark.SparkCatalog",
        ".type": "jdbc",
        ".uri": f"jdbc:sqlite:{copy}",
        ".warehouse": f"file://{where.location}",
        ".jdbc.schema-version": "V1",
        ".cache-enabled": "false",
    }.items():
        spark.conf.set(f"spark.sql.catalog.{name}{option}", value)
    rows = [tuple(r) for r in spark.sql(f"SELECT {', '.join(WANTED)} FROM {name}.{where.database}.events").collect()]
    assert identities(rows) == identities(with_pyiceberg(where))
    for table in (*DATA, *OPS):
        database = where.ops_database if table in OPS else where.database
        assert spark.table(f"{name}.{database}.{table}").count() == len(Contents(where).rows(table))
    assert files(Path(where.location)) == before


def test_the_catalog_has_the_name_of_the_setting(made):
    """Spark and others must use the same one: the file holds it."""
    where, _ = made
    with sqlite3.connect(where.catalog_uri) as catalog:
        assert catalog.execute("SELECT DISTINCT catalog_name FROM iceberg_tables").fetchall() == [(where.catalog_name,)]


def test_data_files_lie_where_the_layout_says(made):
    where, _ = made
    lying = {f.split("/data/")[1].rpartition("/")[0] for f in files(Path(where.location)) if "/events/data/" in f}
    form = {
        "account": r"account_id=[0-9]{12}/region=([a-z0-9-]+|_invalid)/event_date=([0-9-]{10}|null)",
        "bucket": r"account_id_bucket=[0-7]/event_date=([0-9-]{10}|null)",
    }[where.partition]
    assert lying and all(re.fullmatch(form, f) for f in lying), lying


def test_every_row_lies_in_the_partition_of_its_own_values(made):
    where, _ = made
    table = Contents(where).table("events")
    for task in table.scan().plan_files():
        rows = duckdb.execute(
            f"SELECT DISTINCT account_id, region, event_date FROM read_parquet('{task.file.file_path.removeprefix('file://')}', hive_partitioning=false)"
        ).fetchall()
        if where.partition == "account":
            folder = task.file.file_path.split("/data/")[1].rpartition("/")[0]
            assert [f"account_id={a}/region={r}/event_date={d or 'null'}" for a, r, d in rows] == [folder]
        else:
            assert len({d for *_, d in rows}) == 1


def test_both_layouts_hold_the_same_rows(tmp_path):
    seen = []
    for layout in ("account", "bucket"):
        where = settings.Lake(
            location=str(tmp_path / layout),
            catalog_uri=str(tmp_path / layout / "c.sqlite"),
            partition=layout,
            buckets=4,
        )
        ingest(where, bucket().save(tmp_path / "logs"))
        seen.append(Contents(where).without_lineage())
    assert seen[0] == seen[1]


def test_files_are_parquet_with_zstd_and_sorted_by_time(made):
    import pyarrow.parquet as pq

    where, _ = made
    for task in Contents(where).table("events").scan().plan_files():
        file = pq.ParquetFile(task.file.file_path.removeprefix("file://"))
        group = file.metadata.row_group(0)
        packed = {group.column(n).path_in_schema: group.column(n).compression for n in range(group.num_columns)}
        assert set(packed.values()) <= {"ZSTD", "UNCOMPRESSED"}
        assert packed["event_id"] == "ZSTD" or group.num_rows < 20
        times = [t for t in file.read(["event_time"])["event_time"].to_pylist() if t]
        assert times == sorted(times)


def test_bounds_of_personal_columns_are_not_in_the_manifests(made):
    where, _ = made
    table = Contents(where).table("events")
    names = {f.field_id: f.name for f in table.schema().fields}
    for task in table.scan().plan_files():
        bounded = {names.get(i) for i in (*(task.file.lower_bounds or {}), *(task.file.upper_bounds or {}))}
        assert not bounded & {
            "user_agent",
            "source_ip",
            "identity_user_name",
            "identity_arn",
            "actor",
            "request_parameters",
            "raw",
        }
        assert "event_id" in bounded, "what is no personal data is pruned by"
