"""
Where the metadata of each table lies, and how the lake's files are reached: all that an engine needs to read them.

Without PyIceberg, which takes longer to import than most questions to answer; a REST catalog alone needs it. boto3 is
imported where it is needed, for the same reason.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError

Name = tuple[str, str]  # database, table


def pointers(where: settings.Lake) -> dict[Name, str]:
    """The current metadata file of each table of the lake's two databases."""
    if where.catalog == "sqlite":
        return _of_sqlite(where)
    return _of_glue(where) if where.catalog == "glue" else _of_rest(where)


def none(where: settings.Lake) -> UsageError:
    """What to say where there is no lake."""
    return UsageError(f"there is no lake at {where.location}: make one with `trailhouse ingest SOURCE --lake …`")


def warehouse(where: settings.Lake) -> str:
    """The lake's location: a plain path, since PyIceberg takes a `file:` address by the letter, escapes and all."""
    if "://" in where.location:
        return where.location.rstrip("/")
    return str(Path(where.location).absolute())


def sqlite_path(where: settings.Lake) -> Path:
    """The file of the embedded catalog."""
    check_named(where)
    if where.catalog_uri:
        return Path(where.catalog_uri.removeprefix("sqlite:///"))
    if "://" in where.location:
        raise UsageError("a lake on S3 with the embedded catalog needs a place for it: give --lake-catalog-uri FILE")
    return Path(where.location).absolute() / "catalog.sqlite"


def check_named(where: settings.Lake) -> None:
    """Refuse to go on without a place."""
    if not where.location and where.catalog != "rest":
        raise UsageError("no lake is named: give --lake FOLDER (or s3://bucket/prefix), or set lake.location")


def s3_properties() -> dict[str, str]:
    """As whom and where. PyIceberg and DuckDB don't read AWS's configuration: boto3's findings are handed on."""
    from trailhouse.sources import aws

    client = aws.client("s3")
    credentials = client._request_signer._credentials  # no public way; resolved, refreshed, whatever the source
    frozen = credentials.get_frozen_credentials() if credentials else None
    properties = {"s3.region": client.meta.region_name}
    if frozen:
        properties |= {"s3.access-key-id": frozen.access_key, "s3.secret-access-key": frozen.secret_key}
        if frozen.token:
            properties["s3.session-token"] = frozen.token
    if not aws.is_aws(client.meta.endpoint_url):
        properties["s3.endpoint"] = client.meta.endpoint_url
    return properties


def _of_sqlite(where: settings.Lake) -> dict[Name, str]:
    path = sqlite_path(where)
    if not path.is_file():
        raise none(where)
    asked = (
        "SELECT table_namespace, table_name, metadata_location FROM iceberg_tables "
        "WHERE catalog_name = ? AND table_namespace IN (?, ?)"
    )
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute(asked, (where.catalog_name, where.database, where.ops_database)).fetchall()
    except sqlite3.Error as error:
        raise TrailhouseError(f"the lake's catalog {path} can't be read: {error}") from error
    return {(database, table): location for database, table, location in found}


def _of_glue(where: settings.Lake) -> dict[Name, str]:
    from trailhouse.sources import aws

    glue = aws.client("glue")
    found: dict[Name, str] = {}
    with aws.told("reading the catalog"):
        for database in (where.database, where.ops_database):
            try:
                for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
                    tables = {table["Name"]: table.get("Parameters", {}) for table in page["TableList"]}
                    found |= {
                        (database, name): its["metadata_location"]
                        for name, its in tables.items()
                        if "metadata_location" in its
                    }
            except glue.exceptions.EntityNotFoundException:
                continue  # the database is made with its first table
    return found


def _of_rest(where: settings.Lake) -> dict[Name, str]:
    from trailhouse.lake import catalog, schema

    lake = catalog.connect(where)
    tables = {lake.name(name): lake.find(name) for name in schema.TABLES}
    return {name: table.metadata_location for name, table in tables.items() if table}
