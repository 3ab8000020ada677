"""
SQL on this machine: Athena's dialect on DuckDB, over the same Iceberg files, without a JVM.

Knows DuckDB. What a query names is put in its place: a view's text, a table's files. So nothing is looked at but what
is asked for, and that once; nothing can be written.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
from sqlglot import exp

from trailhouse import settings
from trailhouse.ask import dialect, queries, translate, views
from trailhouse.ask.answer import Answer
from trailhouse.ask.macros import MACROS
from trailhouse.ask.parameters import literal
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.lake import pointers, schema
from trailhouse.lake.pointers import Name

# In the order that they depend on each other; the last is for S3 alone.
EXTENSIONS = ("avro", "iceberg", "httpfs")


def ask(where: settings.Lake, sql: str) -> Answer:
    """The answer to one SELECT in Athena's dialect."""
    dialect.parse(sql)  # what is no question is refused before anything is looked for
    with asking(where) as asked:
        return asked(sql)


@contextmanager
def asking(where: settings.Lake) -> Iterator[Callable[[str], Answer]]:
    """Answers questions about the lake as it is published now."""
    at = pointers.pointers(where)
    if (where.ops_database, "batches") not in at:
        raise pointers.none(where)
    with _connected(where, at) as connection:

        def asked(sql: str) -> Answer:
            tree = over_the_lake(dialect.parse(views.named(sql, where)), where, at)
            try:
                return _answered(connection, translate.to_duckdb(tree))
            except duckdb.Error as error:
                raise UsageError(f"the query can't be answered: {_said(error)}") from error

        yield asked


def _answered(connection: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    """In a thread of its own: while DuckDB works in the main one, nobody hears an interrupt."""

    def run() -> Answer:
        found = connection.execute(sql)
        columns, types = zip(*((column[0], str(column[1])) for column in found.description or ()), strict=True)
        return Answer(columns, found.fetchall(), types)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            return running.result()
        except BaseException:
            connection.interrupt()
            raise


def _said(error: duckdb.Error) -> str:
    said = dialect.first_line(error)
    missing = re.search(r'Referenced column "(\w+)" not found', said)
    known = {column.name for name in schema.TABLES for column in schema.table(name).columns}
    if missing and missing[1] in known:
        said += ". If the lake is older than this column, `trailhouse upgrade` adds it"
    return said


def over_the_lake(statement: exp.Query, where: settings.Lake, at: Mapping[Name, str]) -> exp.Query:
    """The query with each view's text and each table's files in the place of its name."""

    def source(name: str) -> exp.Expr | None:
        if view := queries.views().get(name):
            return over_the_lake(dialect.parse(views.named(view.sql, where)), where, at)
        location = at.get(_identifier(where, name)) if name in schema.TABLES else None
        return exp.Anonymous(this="iceberg_scan", expressions=[exp.Literal.string(location)]) if location else None

    return dialect.over(statement, source)


def _identifier(where: settings.Lake, name: str) -> Name:
    return (where.ops_database if schema.table(name).database == "ops" else where.database), name


@contextmanager
def _connected(where: settings.Lake, at: Mapping[Name, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reaches the lake's files and nothing else of this machine."""
    connection = duckdb.connect()
    try:
        _load_extensions(connection, where)
        _reach_storage(connection, where)
        for database in (where.database, where.ops_database):
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        connection.execute(f"SET search_path = '{where.database},{where.ops_database}'")
        connection.execute("SET TimeZone = 'UTC'")
        for macro in MACROS:
            connection.execute(macro)
        for name in schema.TABLES:
            if _identifier(where, name) not in at:
                _make_empty(connection, where, name)
        _lock(connection, where)
        yield connection
    finally:
        connection.close()


def _make_empty(connection: duckdb.DuckDBPyConnection, where: settings.Lake, name: str) -> None:
    """What a lake older than the table lacks."""
    connection.register("empty", schema.arrow_schema(name).empty_table())
    connection.execute('CREATE TABLE "{}"."{}" AS FROM empty'.format(*_identifier(where, name)))
    connection.unregister("empty")


def _lock(connection: duckdb.DuckDBPyConnection, where: settings.Lake) -> None:
    """A question is about the lake: it has no business with other files of this machine."""
    connection.execute("SET temp_directory = ''")  # what spills would be log content, in whatever folder this runs in
    connection.execute(f"SET allowed_directories = [{literal(pointers.warehouse(where) + '/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _load_extensions(connection: duckdb.DuckDBPyConnection, where: settings.Lake) -> None:
    """From their wheels: nothing is downloaded."""
    connection.execute("SET autoinstall_known_extensions = false")
    for name in EXTENSIONS if where.location.startswith("s3://") else EXTENSIONS[:-1]:
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
