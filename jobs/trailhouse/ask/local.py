"""
SQL on this machine: Athena's dialect on DuckDB, over the same Iceberg files, without a JVM.

Knows DuckDB. The tables and views that a query names are there under their names; nothing can be written.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from trailhouse import settings
from trailhouse.ask import dialect, views
from trailhouse.ask.answer import Answer
from trailhouse.ask.parameters import literal
from trailhouse.ask.queries import View
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import pointers, schema

# In the order that they depend on each other.
EXTENSIONS = ("avro", "httpfs", "iceberg")


def ask(where: settings.Lake, sql: str) -> Answer:
    """The answer to one SELECT in Athena's dialect."""
    named = dialect.tables(dialect.parse(views.named(sql, where)))
    with asking(where, named) as asked:
        return asked(sql)


@contextmanager
def asking(where: settings.Lake, names: Iterable[str]) -> Iterator[Callable[[str], Answer]]:
    """Answers questions about these tables and views, as they are published at the first of them."""
    with _connected(where, set(names)) as connection:

        def asked(sql: str) -> Answer:
            local = dialect.to_duckdb(dialect.parse(views.named(sql, where)))
            try:
                found = connection.execute(local)
                return Answer(tuple(column[0] for column in found.description or ()), found.fetchall())
            except duckdb.Error as error:
                raise UsageError(f"the query can't be answered: {dialect.first_line(error)}") from error

        yield asked


@contextmanager
def _connected(where: settings.Lake, names: set[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees these tables and views of the lake."""
    at = pointers.pointers(where)
    if (where.ops_database, "batches") not in at:
        raise pointers.none(where)
    connection = duckdb.connect()
    try:
        _load_extensions(connection)
        _reach_storage(connection, where)
        _make_schemas(connection, where)
        wanted = views.needed(names)
        names |= {under for view in wanted for under in views.leans_on(view)}
        for name in schema.TABLES:
            if name in names:
                _make_table(connection, where, at, name)
        for macro in dialect.MACROS:
            connection.execute(macro)
        for view in wanted:
            _make_view(connection, where, view)
        _lock(connection, where)
        yield connection
    finally:
        connection.close()


def _make_schemas(connection: duckdb.DuckDBPyConnection, where: settings.Lake) -> None:
    for database in (where.database, where.ops_database):
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
    connection.execute(f"SET search_path = '{where.database},{where.ops_database}'")
    connection.execute("SET TimeZone = 'UTC'")


def _make_table(
    connection: duckdb.DuckDBPyConnection, where: settings.Lake, at: Mapping[tuple[str, str], str], name: str
) -> None:
    database = where.ops_database if schema.table(name).database == "ops" else where.database
    location = at.get((database, name))
    if location is None:  # a lake older than the table
        connection.register("empty", schema.arrow_schema(name).empty_table())
        connection.execute(f'CREATE TABLE "{database}"."{name}" AS FROM empty')
        connection.unregister("empty")
        return
    view = f'CREATE VIEW "{database}"."{name}" AS SELECT * FROM iceberg_scan({literal(location)})'  # noqa: S608 (quoted)
    connection.execute(view)


def _make_view(connection: duckdb.DuckDBPyConnection, where: settings.Lake, view: View) -> None:
    local = dialect.to_duckdb(dialect.parse(views.named(view.sql, where)))
    connection.execute(f'CREATE VIEW "{where.database}"."{view.name}" AS {local}')


def _lock(connection: duckdb.DuckDBPyConnection, where: settings.Lake) -> None:
    """A question is about the lake: it has no business with other files of this machine."""
    connection.execute("SET temp_directory = ''")  # what spills would be log content, in whatever folder this runs in
    connection.execute(f"SET allowed_directories = [{literal(pointers.warehouse(where) + '/')}]")
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


def _reach_storage(connection: duckdb.DuckDBPyConnection, where: settings.Lake) -> None:
    """Hand on what boto3 found out: DuckDB doesn't read AWS's configuration."""
    if not where.location.startswith("s3://"):
        return
    properties = pointers.s3_properties()
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
