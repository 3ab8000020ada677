"""A Glue API, and a proxy before it and the S3 server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.glue_server import GlueServer
from tests.faults.proxy import Proxy
from tests.s3_server import S3Server
from trailhouse import settings


@pytest.fixture(scope="session")
def glue_server() -> Iterator[GlueServer]:
    server = GlueServer().start()
    yield server
    server.stop()


@pytest.fixture
def proxy(s3: S3Server, glue_server: GlueServer, aws_env: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Before both servers; this process finds them through it."""
    made = Proxy(s3.url, glue_server.url).start()
    aws_env.setenv("AWS_ENDPOINT_URL_S3", made.s3)
    aws_env.setenv("AWS_ENDPOINT_URL_GLUE", made.glue)
    yield made
    made.stop()


@pytest.fixture
def cloud_lake(proxy: Proxy, bucket: str) -> settings.Lake:
    """A lake in the test's own bucket and in databases of its own."""
    return settings.Lake(
        location=f"s3://{bucket}/warehouse", catalog="glue", database=bucket, ops_database=f"{bucket}_ops"
    )
