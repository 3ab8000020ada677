"""A cluster of separate machines, on both lanes of Spark: the same tables as on one machine, and readable by Spark SQL."""

from __future__ import annotations

import json

import pyarrow.compute as pc
import pytest

from tests.cluster.machines import HOME, Cluster
from tests.faults.oracle import content
from tests.ingest.contents import DATA, OPS, holds_together
from tools.lanes import LANES


def test_the_tables_are_those_of_one_machine(ingested, cloud, undisturbed):
    assert ingested.ran.result["status"] == "published", ingested.ran.told
    assert {attempt.executor for attempt in ingested.ran.attempts} == {"0", "1"}, "both workers did some of it"
    assert {attempt.ended for attempt in ingested.ran.attempts} == {"Success"}
    read = cloud.read(ingested.lake)
    assert content(read) == undisturbed
    holds_together(read)


def test_a_worker_has_nothing_but_what_was_shipped(ingested):
    """No checkout, no environment of this machine, no folder of the driver's; and no Iceberg among Spark's jars."""
    told = json.loads(ingested.ran.told.splitlines()[0])
    assert told["version"].startswith(ingested.lane)
    assert len({look["folder"] for look in told["looks"]}) == 2, "both workers looked"
    for look in told["looks"]:
        assert look["folder"].startswith(f"{HOME}/work/app-")
        assert all(file.startswith(look["folder"] + "/") for file in look["files"]), look
        assert look["seen"] == [] and look["home"] == HOME
    jars = {path.name for path in (LANES[ingested.lane].home / "jars").glob("*.jar")}
    assert jars and not any("iceberg" in name or "sqlite" in name for name in jars)


# What Spark SQL says of every column of every table: how many values, and how long they are in all.
ASK = """
import json, sys
from pyspark.sql import SparkSession, functions as f

spark = SparkSession.builder.getOrCreate()
told = {}
for name in sys.argv[1:]:
    rows = spark.table(f"trailhouse.{name}")
    asked = [f.count("*").alias("*")]
    for column, kind in rows.dtypes:
        asked.append(f.count(f.col(column)).alias(column))
        if kind in ("string", "bigint"):
            measure = f.length(f.col(column)) if kind == "string" else f.col(column) % 1000
            asked.append(f.coalesce(f.sum(measure), f.lit(0)).alias(column + " sum"))
    told[name] = rows.agg(*asked).first().asDict()
print(json.dumps(told))
"""


def test_spark_sql_reads_the_same_with_its_iceberg(ingested, cloud, packed, tmp_path):
    """Iceberg's jars are for whoever reads a lake by Spark SQL: 1.11 on Spark 4.1, 1.10 on 3.5."""
    lane, lake, read = LANES[ingested.lane], ingested.lake, cloud.read(ingested.lake)
    tables = {name: read.table(name) for name in (*DATA, *OPS)}
    ran = Cluster(lane, tmp_path, packed, cloud.env()).submit(
        ASK, *(".".join(table.name()) for table in tables.values()), conf=by_iceberg(lane, lake, cloud), master="local[2]"
    ).ended()  # fmt: skip
    assert ran.code == 0, ran.said[-3000:]
    told = json.loads(ran.told.splitlines()[-1])
    for name, table in tables.items():
        assert told[".".join(table.name())] == measured(table.scan().to_arrow()), name
    assert told[f"{lake.database}.events"]["*"] == ingested.ran.result["rows"] - sum(
        told[f"{lake.database}.{name}"]["*"] for name in DATA if name != "events"
    )


def by_iceberg(lane, lake, cloud):
    catalog = "spark.sql.catalog.trailhouse"
    return {
        "spark.jars": ",".join(str(path) for path in sorted(lane.jars.glob("iceberg-*.jar"))),
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "glue",
        f"{catalog}.warehouse": lake.location,
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.s3.endpoint": cloud.s3.url,
        f"{catalog}.s3.path-style-access": "true",
        f"{catalog}.glue.endpoint": cloud.glue.url,
        f"{catalog}.client.region": "us-east-1",
        "spark.sql.session.timeZone": "UTC",
    }


def measured(rows):
    """The same by PyIceberg and Arrow."""
    found = {"*": rows.num_rows}
    for column in rows.column_names:
        values, kind = rows[column], str(rows.schema.field(column).type)
        found[column] = rows.num_rows - values.null_count
        if kind in ("string", "large_string"):
            found[f"{column} sum"] = pc.sum(pc.utf8_length(values)).as_py() or 0
        elif kind == "int64":
            found[f"{column} sum"] = sum(_remainder(n) for n in values.to_pylist() if n is not None)
    return found


def _remainder(number: int) -> int:
    """As Spark has it: with the sign of the number."""
    return number % 1000 if number >= 0 else -(-number % 1000)


@pytest.mark.parametrize("lane", LANES.values(), ids=LANES)
def test_a_lane_is_the_release_that_its_lock_names(lane):
    assert f"pyspark=={lane.name}." in lane.lock.read_text()
