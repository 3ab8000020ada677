"""
ClickHouse (chdb, in this process): log files to one Parquet file a partition, all in one query.

`JSONAsString` takes a file as one text and `JSONExtract` its records as typed tuples: of the ways that were tried
(JSONEachRow of one array a file; JSONExtractArrayRaw and each record alone) the fastest that makes the right rows.
Fields are taken by `tupleElement`: written `r.a.b` they are thirty times slower, since each then looks through the
whole type, once a file. Runs on the Python that `make contenders` sets up.
"""

from __future__ import annotations

import chdb

from bench.contenders.columns import Column, Fields, columns, fields
from bench.contenders.told import CORES, arguments, working

SETTINGS = {
    "max_threads": CORES,
    "input_format_json_read_objects_as_strings": 1,
    "output_format_parquet_compression_method": "'zstd'",
    "engine_file_truncate_on_insert": 1,
}


def main() -> None:
    """Everything in one query."""
    given = arguments()
    given.out.mkdir(parents=True)
    query = insert(str(given.folder), str(given.out))
    with working({"version": chdb.query("SELECT version()").bytes().decode().strip('"\n')}):
        chdb.query(query)


def insert(folder: str, out: str) -> str:
    """The whole of it."""
    partition = "concat('account_id=', account_id, '/region=', region, '/event_date=', toString(event_date))"
    account = f"ifNull({_element('recipientAccountId')}, {_element('userIdentity', 'accountId')})"
    chosen = ",\n  ".join(f"{expression(column)} AS {column.name}" for column in columns())
    told = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    return f"""
INSERT INTO FUNCTION file('{out}/{{_partition_id}}/part.parquet', 'Parquet') PARTITION BY {partition}
SELECT
  ifNull({account}, '_invalid') AS account_id,
  ifNull({_element("awsRegion")}, '_invalid') AS region,
  toDate(event_time) AS event_date,
  {chosen}
FROM (
  SELECT arrayJoin(JSONExtract(text, 'Records', 'Array({kind(fields())})')) AS r
  FROM file('{folder}/**/*.json.gz', 'JSONAsString', 'text String')
)
SETTINGS {told}"""


def kind(of: Column | Fields) -> str:
    """ClickHouse's type of a field."""
    if isinstance(of, dict):
        return "Tuple(" + ", ".join(f"`{name}` {kind(each)}" for name, each in of.items()) + ")"
    return f"Nullable({'Bool' if of.type == 'boolean' and not of.is_text else 'String'})"


def expression(column: Column) -> str:
    """A column of the field that it comes from."""
    field = _element(*column.path)
    if column.type == "timestamp":
        return f"parseDateTimeBestEffortOrNull({field}, 'UTC')"
    return f"CAST({field} = 'true', 'Nullable(Bool)')" if column.is_text else field


def _element(*path: str) -> str:
    field = "r"
    for name in path:
        field = f"tupleElement({field}, '{name}')"
    return field


if __name__ == "__main__":
    main()
