"""What a cluster is given: the packed environment, a bucket of logs, a catalog, and what an undisturbed run makes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date

import pytest

from tests.cluster.machines import HIDDEN, PYTHON, Cluster, Ended, Packed, cluster, namespace
from tests.faults.glue_server import GlueServer
from tests.faults.oracle import Read, content
from tests.s3_server import S3Server
from tools.lanes import LANES
from trailhouse import pack, settings
from trailhouse import sample as maker

LOGS = "org-trail-logs"


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """As a user makes it, for the Python that runs here."""
    alone = [*namespace(), "true"]
    if shutil.which("unshare") is None or subprocess.run(alone, capture_output=True, check=False).returncode:
        pytest.skip("no namespaces: a cluster of processes that share nothing wants Linux's unshare")
    missing = [lane.name for lane in LANES.values() if not (lane.home / "bin" / "spark-class").is_file()]
    if missing:
        pytest.skip(f"no Spark {', '.join(missing)}: make cluster")
    folder = tmp_path_factory.mktemp("packed")
    target = pack.Target(PYTHON.removeprefix("python"))
    archive = pack.pack(target, folder / "dist", lambda said: None)[0].path
    unpacked = folder / "environment"
    unpacked.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", unpacked], check=True)
    return Packed(archive, unpacked)


@pytest.fixture(scope="session")
def glue_server() -> Iterator[GlueServer]:
    server = GlueServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def logs(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample, in a bucket."""
    folder = tmp_path_factory.mktemp("sample")
    maker.make_bucket(
        folder, maker.Recipe(events=3000, days=1, accounts=3, regions=2, digests=False, start=date(2026, 3, 1))
    )
    client = s3_server.client()
    client.create_bucket(Bucket=LOGS)
    for path in sorted(folder.rglob("*.gz")):
        client.put_object(Bucket=LOGS, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
    client.create_bucket(Bucket="lakes")
    return f"s3://{LOGS}"


@dataclass
class Cloud:
    """Where lakes of the tests are, as this process and a cluster's machines reach it."""

    s3: S3Server
    glue: GlueServer
    logs: str

    def env(self, s3: str = "") -> dict[str, str]:
        found = {**self.s3.env(), "AWS_ENDPOINT_URL_GLUE": self.glue.url}
        return {**found, "AWS_ENDPOINT_URL_S3": s3} if s3 else found

    def lake(self, name: str) -> settings.Lake:
        return settings.Lake(location=f"s3://lakes/{name}", catalog="glue", database=name, ops_database=f"{name}_ops")

    def arguments(self, lake: settings.Lake) -> list[str]:
        return [
            *(self.logs, "--lake", lake.location, "--lake-catalog", "glue", "--lake-database", lake.database),
            *("--lake-ops-database", lake.ops_database, "--format", "json"),
        ]

    def read(self, lake: settings.Lake) -> Read:
        env = self.s3.env()
        return Read(lake, {
            "s3.endpoint": self.s3.url, "s3.region": "us-east-1", "s3.access-key-id": env["AWS_ACCESS_KEY_ID"],
            "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"], "glue.endpoint": self.glue.url,
            "glue.region": "us-east-1", "glue.access-key-id": "x", "glue.secret-access-key": "x",
        })  # fmt: skip


@pytest.fixture(scope="session")
def cloud_(s3_server: S3Server, glue_server: GlueServer, logs: str) -> Cloud:
    return Cloud(s3_server, glue_server, logs)


@pytest.fixture
def cloud(cloud_: Cloud, s3: S3Server, aws_env: pytest.MonkeyPatch) -> Cloud:
    """With this process's own configuration pointing there as well."""
    aws_env.setenv("AWS_ENDPOINT_URL_GLUE", cloud_.glue.url)
    return cloud_


Running = Callable[..., AbstractContextManager[Cluster]]


@pytest.fixture(scope="session")
def running(packed: Packed, cloud_: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Starts a cluster of a lane; what its machines leave behind goes with it, since each has unpacked an environment."""

    @contextmanager
    def start(lane: str = "4.1", s3: str = "") -> Iterator[Cluster]:
        folder = tmp_path_factory.mktemp("cluster")
        with cluster(LANES[lane], folder, packed, cloud_.env(s3)) as made:
            yield made
        for number in (1, 2):
            shutil.rmtree(folder / f"worker{number}", ignore_errors=True)

    return start


@pytest.fixture(scope="session")
def undisturbed(packed: Packed, cloud_: Cloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    """What the same command makes of the sample with `local[2]`, on one machine."""
    lake = cloud_.lake("undisturbed")
    made = Cluster(LANES["4.1"], tmp_path_factory.mktemp("local"), packed, cloud_.env())
    ran = made.submit("ingest", *cloud_.arguments(lake), master="local[2]").ended()
    assert ran.result["status"] == "published"
    return content(cloud_.read(lake))


@dataclass
class Ingested:
    """The sample, ingested by a cluster of a lane, and what its workers said of themselves before."""

    lane: str
    lake: settings.Lake
    ran: Ended


# Where workers' modules come from, and what of the machine that has the checkout they can see; then the job itself.
LOOK = """
import json, runpy, sys
from trailhouse import settings
from trailhouse.lake import session

hidden = json.loads(sys.argv.pop(1))

def look(number):
    import os, time
    import msgspec, pyarrow, trailhouse.ingest.task
    time.sleep(1)  # long enough that one worker does not do it all
    files = [os.path.abspath(m.__file__) for m in (trailhouse.ingest.task, msgspec, pyarrow)]
    seen = [path for path in hidden if os.path.isdir(path) and os.listdir(path)]
    return {"files": files, "folder": os.getcwd(), "seen": seen, "home": os.environ["HOME"]}

started = session.start(settings.Spark())
print(json.dumps({"version": started.version, "looks": session.run(started, look, list(range(6)), "look")}))
runpy.run_path("/mnt/dist/jobs/ingest.py", run_name="__main__")
"""


@pytest.fixture(scope="session", params=["4.1", "3.5"])
def ingested(request: pytest.FixtureRequest, running: Running, cloud_: Cloud) -> Ingested:
    lane = request.param
    lake = cloud_.lake(f"lane{lane.replace('.', '')}")
    with running(lane) as made:
        more = ("--batch-task-bytes", "40000")
        ran = made.submit(LOOK, json.dumps(HIDDEN), *cloud_.arguments(lake), *more).ended()
    return Ingested(lane, lake, ran)
