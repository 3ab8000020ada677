"""
SQL on this machine: Athena's dialect on DuckDB, over the same Iceberg files, without a JVM.

Knows DuckDB. The tables and views that a query names are there under their names; nothing can be written.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from trailhouse.ask import dialect, views
from trailhouse.ask.answer import Answer
from trailhouse.ask.parameters import literal
from trailhouse.ask.queries import View
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import catalog, schema
from trailhouse.lake.catalog import Lake

# In the order that they depend on each other.
EXTENSIONS = ("avro", "httpfs", "iceberg")


def ask(lake: Lake, sql: str) -> Answer:
    """The answer to one SELECT in Athena's dialect."""
    statement = dialect.parse(views.named(sql, lake.where))
    with connected(lake, dialect.tables(statement)) as connection:
        try:
            found = connection.execute(dialect.to_duckdb(statement))
            return Answer(tuple(column[0] for column in found.description or ()), found.fetchall())
        except duckdb.Error as error:
            raise UsageError(f"the query can't be answered: {dialect.first_line(error)}") from error


@contextmanager
def connected(lake: Lake, names: Iterable[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees these tables and views of the lake, as they are published now."""
    connection = duckdb.connect()
    try:
        _load_extensions(connection)
        _reach_storage(connection, lake)
        _make_schemas(connection, lake)
        wanted = views.needed(names)
        under = {name for view in wanted for name in views.leans_on(view)}
        for name in schema.TABLES:
            if name in {*names, *under}:
                _make_table(connection, lake, name)
        for macro in dialect.MACROS:
            connection.execute(macro)
        for view in wanted:
            _make_view(connection, lake, view)
        _lock(connection, lake)
        yield connection
    finally:
        connection.close()


def _make_schemas(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    for database in (lake.where.database, lake.where.ops_database):
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
    connection.execute(f"SET search_path = '{lake.where.database},{lake.where.ops_database}'")
    connection.execute("SET TimeZone = 'UTC'")


def _make_table(connection: duckdb.DuckDBPyConnection, lake: Lake, name: str) -> None:
    database, table = lake.name(name)
    there = lake.find(name)
    if there is None:  # a lake older than the table
        connection.register("empty", schema.arrow_schema(name).empty_table())
        connection.execute(f'CREATE TABLE "{database}"."{table}" AS FROM empty')
        connection.unregister("empty")
        return
    location = literal(there.metadata_location)
    view = f'CREATE VIEW "{database}"."{table}" AS SELECT * FROM iceberg_scan({location})'  # noqa: S608 (quoted)
    connection.execute(view)


def _make_view(connection: duckdb.DuckDBPyConnection, lake: Lake, view: View) -> None:
    local = dialect.to_duckdb(dialect.parse(views.named(view.sql, lake.where)))
    connection.execute(f'CREATE VIEW "{lake.where.database}"."{view.name}" AS {local}')


def _lock(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """A question is about the lake: it has no business with other files of this machine."""
    connection.execute("SET temp_directory = ''")  # what spills would be log content, in whatever folder this runs in
    connection.execute(f"SET allowed_directories = [{literal(catalog.warehouse(lake.where) + '/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


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
    given = ", ".join(f"{key} {literal(value)}" for key, value in options.items() if value)
    connection.execute(f"CREATE SECRET lake (TYPE s3, {given})")
