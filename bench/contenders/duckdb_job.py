"""
DuckDB: log files to partitioned Parquet, all in one query.

Types are given, so that nothing is guessed from a first look at every file; rows need no order; and the writer may hold
all partitions open, since closing some on the way makes more files of less.
"""

from __future__ import annotations

import struct
from pathlib import Path

import duckdb

from bench.contenders.columns import Column, Fields, columns, fields
from bench.contenders.told import CORES, arguments, working

MEMORY = "8GB"
SMALLEST_OBJECT = 16 * 2**20  # DuckDB's own default for the largest JSON text


def main() -> None:
    """Everything in one query."""
    given = arguments()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {CORES}; SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")
    connection.execute("SET partitioned_write_max_open_files = 5000")
    connection.execute(f"SET temp_directory = '{given.out.parent / 'duckdb-spill'}'")
    with working({"version": duckdb.__version__}):
        connection.execute(copy(str(given.folder), str(given.out), largest(given.folder)))


def copy(folder: str, out: str, largest_object: int) -> str:
    """The whole of it."""
    chosen = ",\n  ".join(f"{expression(column)} AS {column.name}" for column in columns())
    return f"""
COPY (
  SELECT coalesce(r.recipientAccountId, r.userIdentity.accountId, '_invalid') AS account_id,
  coalesce(r.awsRegion, '_invalid') AS region,
  CAST(r.eventTime AS TIMESTAMP)::DATE AS event_date,
  {chosen}
  FROM (
    SELECT unnest(Records) AS r
    FROM read_json('{folder}/**/*.json.gz', format = 'unstructured', columns = {{Records: '{kind(fields())}[]'}},
      maximum_object_size = {largest_object})
  )
) TO '{out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (account_id, region, event_date))"""


def kind(of: Column | Fields) -> str:
    """DuckDB's type of a field."""
    if isinstance(of, dict):
        return "STRUCT(" + ", ".join(f'"{name}" {kind(each)}' for name, each in of.items()) + ")"
    if of.is_json:
        return "JSON"
    return "BOOLEAN" if of.type == "boolean" and not of.is_text else "VARCHAR"


def expression(column: Column) -> str:
    """A column of the field that it comes from."""
    field = "r." + ".".join(f'"{name}"' for name in column.path)
    if column.type == "timestamp":
        return f"try_cast({field} AS TIMESTAMP)"
    return f"{field} = 'true'" if column.is_text else field


def largest(folder: Path) -> int:
    """Bytes of the largest file, inflated, as its gzip trailer says: what a JSON text may have must be told."""
    sizes = (struct.unpack("<I", path.read_bytes()[-4:])[0] for path in folder.rglob("*.json.gz"))
    return max(SMALLEST_OBJECT, max(sizes, default=0) + 1024)


if __name__ == "__main__":
    main()
