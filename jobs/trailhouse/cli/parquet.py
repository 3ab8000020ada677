"""
An answer as a Parquet file: columns have the types that the engine gave them, whatever is in them.

Knows Arrow. An answer without rows has the schema of one with rows; what Arrow has no simple type for is JSON text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from trailhouse import show
from trailhouse.errors import TrailhouseError

if TYPE_CHECKING:
    from trailhouse.ask.answer import Answer

_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "varchar[]": pa.list_(pa.string()),
    **dict.fromkeys(("tinyint", "smallint", "integer", "utinyint", "usmallint"), pa.int32()),
    # The sum of whole numbers is a bigint on Athena and a hugeint here.
    **dict.fromkeys(("bigint", "hugeint", "uinteger", "ubigint", "uhugeint"), pa.int64()),
    **dict.fromkeys(("double", "float", "real"), pa.float64()),
}


def schema(answer: Answer) -> pa.Schema:
    """The columns, each with a name of its own."""
    return pa.schema(list(zip(show.distinct(answer.columns), map(_arrow, answer.types), strict=True)))


def write(answer: Answer, out: Path) -> None:
    """The answer, in a file of that name."""
    wanted = schema(answer)
    try:
        columns = [
            pa.array([_plain(row[at], field.type) for row in answer.rows], field.type)
            for at, field in enumerate(wanted)
        ]
        parquet.write_table(pa.table(columns, schema=wanted), out, compression="zstd")
    except (pa.ArrowException, OverflowError) as error:
        raise TrailhouseError(
            f"the answer fits into no Parquet file: {error}; --format csv or json holds it"
        ) from error


def _arrow(type_: str) -> pa.DataType:
    """An engine's word for a type, in Arrow's; DuckDB and Athena name most of them alike."""
    name = type_.lower()
    if found := re.fullmatch(r"decimal\((\d+), *(\d+)\)", name):
        return pa.decimal128(int(found[1]), int(found[2]))
    if name.startswith("timestamp"):
        return pa.timestamp("us")
    return _TYPES.get(name, pa.string())


def _plain(value: Any, type_: pa.DataType) -> Any:
    if value is None or not pa.types.is_string(type_):
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and value.tzinfo else value
    return value if isinstance(value, str) else show.as_text(value)
