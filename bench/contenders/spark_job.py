"""
A PySpark job as most teams write it: `spark.read.json` with a schema, explode, flatten, partitioned Parquet.

Measured as it is most often written, where each task writes a file of its own to each partition that it has rows of;
and with `--repartition yes`, where rows are brought together by partition first, and small files are taken many at a
time (by default Spark counts each as 4 MB, so that a task gets 32 of them).

Hadoop, without its native library, starts a process for every local file and folder that it makes (5 to 15 ms each). In
a bucket it wouldn't; so that nothing of it is held against Spark, the files are made by another class.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from pyspark.sql import Column as Expression
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import ArrayType, BooleanType, DataType, StringType, StructField, StructType

from bench.contenders.columns import PARTITION, Column, Fields, columns, fields
from bench.contenders.told import CORES, arguments, working
from tools import setup

MEMORY = "6g"


def main() -> None:
    """Read, explode, flatten, write."""
    given = arguments(repartition={"choices": ["yes", "no"], "default": "no"})
    is_tuned = given.repartition == "yes"
    spark = session({"spark.sql.files.openCostInBytes": "131072"} if is_tuned else {})
    records = StructType([StructField("Records", ArrayType(kind(fields())))])
    with working({"version": spark.version}):
        read = (
            spark.read.schema(records)
            .option("multiLine", True)
            .option("recursiveFileLookup", True)
            .option("pathGlobFilter", "*.json.gz")
            .json(str(given.folder))
        )
        rows = flat(read.select(f.explode("Records").alias("r")))
        rows = rows.repartition(*PARTITION) if is_tuned else rows
        rows.write.partitionBy(*PARTITION).option("compression", "zstd").parquet(str(given.out))
    spark.stop()


def session(options: Mapping[str, str]) -> SparkSession:
    """On all cores, with memory enough."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    jars = setup.fetched_jars(setup.BENCH_POM, setup.BENCH_SUMS)
    return (
        SparkSession.builder.master(f"local[{CORES}]")
        .config("spark.driver.memory", MEMORY)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.extraClassPath", ":".join(map(str, jars)))
        .config("spark.hadoop.fs.file.impl", "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem")
        # Names that differ by case alone are of different fields; without it such a record is refused.
        .config("spark.sql.caseSensitive", "true")
        .config(map=dict(options))
        .getOrCreate()
    )


def flat(records):
    """A row for each record."""
    moment = f.to_timestamp(f.col("r.eventTime"))
    account = f.coalesce("r.recipientAccountId", "r.userIdentity.accountId", f.lit("_invalid"))
    region = f.coalesce("r.awsRegion", f.lit("_invalid"))
    partition = [account.alias("account_id"), region.alias("region"), f.to_date(moment).alias("event_date")]
    return records.select(*partition, *(expression(column).alias(column.name) for column in columns()))


def kind(of: Column | Fields) -> DataType:
    """Spark's type of a field; an object that is read as a string is its text."""
    if isinstance(of, dict):
        return StructType([StructField(name, kind(each)) for name, each in of.items()])
    return BooleanType() if of.type == "boolean" and not of.is_text else StringType()


def expression(column: Column) -> Expression:
    """A column of the field that it comes from."""
    field = f.col(".".join(("r", *column.path)))
    if column.type == "timestamp":
        return f.to_timestamp(field)
    return field == "true" if column.is_text else field


if __name__ == "__main__":
    main()
