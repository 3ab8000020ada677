"""
The engine that users have, over the API that they use: Trino behind Athena's API, Glue, an S3 server, and one lake.

The lake holds the records of all cases (`cases.py`) and is loaded once; `local` is the same lake asked by DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.expressions import AlwaysFalse, In

from tests.aws_env import aws_of
from tests.engine import cases
from tests.engine.trino_server import TrinoServer
from tests.faults.glue_server import GlueServer
from tests.ingest.contents import ingest
from tests.s3_server import S3Server
from tools import engine as installed
from trailhouse import settings
from trailhouse.ask import publish
from trailhouse.lake import catalog, rows
from trailhouse.lake.catalog import Lake
from trailhouse.upkeep import accounts

BUCKET = "engine-lake"


@dataclass(frozen=True)
class Cloud:
    """Servers that stand for AWS, and the environment by which they are found."""

    s3: S3Server
    glue: GlueServer
    trino: TrinoServer
    env: dict[str, str]


@pytest.fixture(scope="session")
def cloud(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    if installed.java() is None:
        pytest.skip(installed.NEED_JAVA)
    if not (installed.HOME / "bin" / "launcher").is_file():
        pytest.skip("no Trino: make engine")
    folder = tmp_path_factory.mktemp("trino")
    trino = TrinoServer(folder)
    glue = GlueServer(trino_port=trino.port).start()
    trino.start(glue.url, s3_server.url)
    env = s3_server.env() | {"AWS_ENDPOINT_URL_GLUE": glue.url, "AWS_ENDPOINT_URL_ATHENA": glue.url}
    yield Cloud(s3_server, glue, trino, env)
    trino.stop()
    glue.stop()


@pytest.fixture(scope="session")
def reached(cloud: Cloud) -> Iterator[Cloud]:
    """The same, with this process's AWS configuration pointing there."""
    with pytest.MonkeyPatch.context() as patch, aws_of(patch, cloud.env):
        yield cloud


@pytest.fixture(scope="session")
def lake(reached: Cloud) -> Lake:
    """The lake of all cases, in Glue and S3."""
    client = reached.s3.client()
    client.create_bucket(Bucket=BUCKET)
    sources = []
    for name, made in (("logs", cases.bucket()), ("later", cases.later())):
        client.create_bucket(Bucket=f"{BUCKET}-{name}")
        made.upload(client, f"{BUCKET}-{name}")
        sources.append(f"s3://{BUCKET}-{name}")
    return loaded(settings.Lake(location=f"s3://{BUCKET}/warehouse", catalog="glue"), sources)


def loaded(where: settings.Lake, sources: Sequence[str | Path]) -> Lake:
    """A batch for each source, the names of accounts, and what the cases say of the lake's books."""
    for source in sources:
        result = ingest(where, source)
        assert not result.problems, result.problems
    accounts.keep(where, cases.named(), datetime(2026, 3, 1), dry_run=False)
    lake = catalog.open_lake(where)
    told = cases.told(lake.table("ledger").scan().to_arrow().to_pylist())
    rows.replace(lake, "ledger", In("key", told.instead), rows.table_of("ledger", told.ledger))
    rows.replace(lake, "integrity", AlwaysFalse(), rows.table_of("integrity", told.integrity))
    rows.replace(lake, "digests", AlwaysFalse(), rows.table_of("digests", told.digests))
    return lake


@pytest.fixture(scope="session")
def athena(reached: Cloud, lake: Lake) -> Any:
    """Asks Trino directly, in the lake's database."""
    return lambda sql: reached.trino.ask(lake.where.database, sql)


@pytest.fixture(scope="session")
def folder_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake of all cases in a folder, for what needs no engine but DuckDB."""
    folder: Path = tmp_path_factory.mktemp("cases")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    return loaded(where, [cases.bucket().save(folder / "logs"), cases.later().save(folder / "later")])


@pytest.fixture(scope="session")
def published(lake: Lake) -> settings.Settings:
    """Views, named queries and prepared statements, as `publish` makes them."""
    config = settings.Settings(lake=lake.where)
    publish.publish(config)
    return config
