"""One Airflow for all tests of the DAGs; each test has its own buckets, lake and settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.airflow_server import ROOT, AirflowServer
from tests.airflow.emr_server import EmrServer
from tests.buckets import Bucket
from tests.ingest.contents import Contents
from tests.integrity.cloudtrail_api import CloudTrailApi
from tests.s3_server import S3Server
from tools import setup
from trailhouse import settings


@dataclass
class Scene:
    """Buckets, a lake, and the settings that the DAGs and the jobs have of them."""

    airflow: AirflowServer
    s3: S3Server
    emr: EmrServer
    cloudtrail: CloudTrailApi
    name: str
    folder: Path

    def __post_init__(self) -> None:
        self.client = self.s3.client()
        self.logs, self.home = self.name, f"{self.name}-lake"
        for each in (self.logs, self.home):
            self.client.create_bucket(Bucket=each)
        self.where = settings.Lake(location=f"s3://{self.home}/wh", catalog_uri=str(self.folder / "catalog.sqlite"))

    def set(self, *more: str, **airflow: Any) -> None:
        """Write the settings; `more` are other tables, as text."""
        given = {
            "jobs": str(ROOT / "jobs"),
            "python": sys.executable,
            **dict.fromkeys(("ingest_schedule", "verify_schedule", "maintain_schedule"), ""),
            "retry_after": "1s",
            "retry_at_most": "2s",
            "stop_after": "5s",
            "reports": str(self.folder / "reports"),
            "evidence": str(self.folder / "evidence"),
            **airflow,
        }
        tables = [
            f'[lake]\nlocation = "{self.where.location}"\ncatalog_uri = "{self.where.catalog_uri}"',
            '[spark]\nmaster = "local[2]"',
            f'[[source]]\nname = "org"\nurl = "s3://{self.logs}"',
            "\n".join(["[airflow]", *(f"{key} = {json.dumps(value)}" for key, value in given.items())]),
            *more,
        ]
        fresh = self.airflow.settings.with_suffix(".new")
        fresh.write_text("\n\n".join(tables) + "\n")
        fresh.replace(self.airflow.settings)

    def feed(self, bucket: Bucket) -> Bucket:
        bucket.upload(self.client, self.logs)
        return bucket

    def contents(self) -> Contents:
        env = self.s3.env()
        keys = {"s3.access-key-id": env["AWS_ACCESS_KEY_ID"], "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"]}
        return Contents(self.where, {"s3.endpoint": self.s3.url, "s3.region": "us-east-1", **keys})

    def objects(self, prefix: str) -> list[str]:
        """What lies in the lake's bucket."""
        return [o["Key"] for o in self.client.list_objects_v2(Bucket=self.home, Prefix=prefix).get("Contents", [])]


@pytest.fixture(scope="session")
def airflow(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    if not setup.airflow_path().is_file():
        pytest.skip(setup.NEED_AIRFLOW)
    cloudtrail, emr = CloudTrailApi().start(), EmrServer(s3_server.env(), tmp_path_factory.mktemp("emr")).start()
    more = {**s3_server.env(), **cloudtrail.env(), **emr.env()}
    server = AirflowServer(setup.airflow_path(), tmp_path_factory.mktemp("airflow"), more)
    server.cloudtrail, server.emr = cloudtrail, emr  # type: ignore[attr-defined]
    server.settings.write_text(f'[airflow]\njobs = "{ROOT / "jobs"}"\nreports = "/not/there"\ningest_schedule = ""\n'
                               'verify_schedule = ""\nmaintain_schedule = ""\n')  # fmt: skip
    try:
        server.start()
        yield server
    finally:
        server.stop()
        cloudtrail.stop()
        emr.stop()


@pytest.fixture
def scene(airflow: AirflowServer, s3_server: S3Server, request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    name = f"a{abs(hash(request.node.nodeid)) % 10**12}"
    made = Scene(airflow, s3_server, airflow.emr, airflow.cloudtrail, name, tmp_path)  # type: ignore[attr-defined]
    made.cloudtrail.reset()
    made.set()
    airflow.pause("trailhouse_reports")  # which would answer 49 reports in every test that publishes something
    return made
