"""
SQL on this machine: Athena's dialect on DuckDB, over the same Iceberg files, without a JVM.

Knows DuckDB and sqlglot. Every table of the lake is a view under its name; nothing can be written.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import catalog, schema
from trailhouse.lake.catalog import Lake

# In the order that they depend on each other.
EXTENSIONS = ("avro", "httpfs", "iceberg")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returned."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def ask(lake: Lake, sql: str) -> Answer:
    """The answer to one SELECT in Athena's dialect."""
    local = to_local(sql)
    with connected(lake) as connection:
        try:
            found = connection.execute(local)
            return Answer(tuple(column[0] for column in found.description or ()), found.fetchall())
        except duckdb.Error as error:
            raise UsageError(f"the query can't be answered: {_first_line(error)}") from error


def to_local(sql: str) -> str:
    """The same query in DuckDB's dialect. Only one statement, and only one that reads."""
    try:
        statements = [s for s in sqlglot.parse(sql, read="athena") if s is not None]
    except SqlglotError as error:
        raise UsageError(f"this is no SQL that Athena would take: {_first_line(error)}") from error
    if len(statements) != 1:
        raise UsageError(f"give one statement, not {len(statements)}")
    if not isinstance(statements[0], exp.Query) or statements[0].find(exp.Into):
        raise UsageError("only a SELECT can be asked: the lake is written to by `trailhouse ingest` alone")
    return statements[0].sql(dialect="duckdb")


@contextmanager
def connected(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees the lake's tables, as they are published now."""
    connection = duckdb.connect()
    try:
        _load_extensions(connection)
        _reach_storage(connection, lake)
        for name in schema.TABLES:
            database, table = lake.name(name)
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
            there = lake.find(name)
            if there is None:  # a lake older than the table
                connection.register("empty", schema.arrow_schema(name).empty_table())
                connection.execute(f'CREATE TABLE "{database}"."{table}" AS FROM empty')
                connection.unregister("empty")
                continue
            location = _literal(there.metadata_location)
            view = f'CREATE VIEW "{database}"."{table}" AS SELECT * FROM iceberg_scan({location})'  # noqa: S608 (quoted)
            connection.execute(view)
        connection.execute(f"SET search_path = '{lake.where.database},{lake.where.ops_database}'")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "SET temp_directory = ''"
        )  # what spills would be log content, in whatever folder this runs in
        # A question is about the lake: it has no business with other files of this machine.
        connection.execute(f"SET allowed_directories = [{_literal(catalog.warehouse(lake.where) + '/')}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """From their wheels: nothing is downloaded."""
    connection.execute("SET autoinstall_known_extensions = false")
    for name in EXTENSIONS:
        package = importlib.import_module(f"duckdb_extension_{name}")
        found = [f for folder in package.__path__ for f in Path(folder).rglob(f"{name}.duckdb_extension")]
        if not found:
            raise TrailhouseError(f"DuckDB's extension {name} is missing; install the package duckdb-extension-{name}")
        connection.execute(f"LOAD '{found[0]}'")


def _reach_storage(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Hand on what boto3 found out: DuckDB doesn't read AWS's configuration."""
    properties = catalog.file_properties(lake.where)
    if "s3.region" not in properties:
        return
    endpoint = properties.get("s3.endpoint", "")
    options: dict[str, str] = {
        "KEY_ID": properties.get("s3.access-key-id", ""),
        "SECRET": properties.get("s3.secret-access-key", ""),
        "SESSION_TOKEN": properties.get("s3.session-token", ""),
        "REGION": properties["s3.region"],
    }
    if endpoint:
        scheme, _, host = endpoint.partition("://")
        options |= {"ENDPOINT": host, "URL_STYLE": "path", "USE_SSL": "false" if scheme == "http" else "true"}
    given = ", ".join(f"{key} {_literal(value)}" for key, value in options.items() if value)
    connection.execute(f"CREATE SECRET lake (TYPE s3, {given})")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
