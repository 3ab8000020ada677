"""
What commands ask of S3 and Glue, counted by a proxy, and what they leave there: of a small bucket, always the same.

A lake that has ingested and verified all but the last hour gets that hour: an ingest of it, on Spark; an ingest that
finds nothing new; and a verification of the hour. Two tasks at a time, whatever the machine has: more would be other
requests.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.process import trailhouse
from tests.faults.glue_server import GlueServer
from tests.faults.proxy import Proxy, Request
from tools.measure_verify import BUCKET, Stored, stored
from trailhouse import sample, settings
from trailhouse.lake import catalog, schema

LAKE = settings.Lake(location="s3://counted-lake/warehouse", catalog="glue")
RECIPE = sample.Recipe(accounts=2, regions=2, days=1, events=4_000, clean=True, layout="organization")
TWO = ("--spark-master", "local[2,4]")

VERBS = {"LIST": "List", "HEAD": "Head", "GET": "Get", "DELETE": ("Delete", "Abort")}
WHAT = {
    "manifest list": "metadata", "manifest": "metadata", "plan": "own file", "listing state": "own file",
}  # fmt: skip

Counts = dict[str, float]


def counts() -> Counts:
    """All of them by name, such as "ingest: GET log"."""
    with tempfile.TemporaryDirectory(prefix="trailhouse-counts-") as name, _cloud(Path(name)) as (bucket, proxy):
        early, late = bucket.halves()
        bucket.upload(early)
        said, _ = _asked(proxy, "ingest")
        found = _left(said["rows"])
        _asked(proxy, "verify", *_keys(bucket))
        bucket.upload(late)
        said, asked = _asked(proxy, "ingest")
        found |= {"ingest: Spark jobs": float(sum(said["spark_jobs"].values()))} | _named("ingest", asked)
        found |= _named("nothing new", _asked(proxy, "ingest")[1])
        return found | _named("verify", _asked(proxy, "verify", *_keys(bucket))[1])


def _keys(bucket: Stored) -> tuple[str, ...]:
    return ("--public-keys", str(bucket.logs / "public-keys.json"))


def _named(command: str, asked: Counter[str]) -> Counts:
    return {f"{command}: {kind}": float(many) for kind, many in asked.items()}


@contextmanager
def _cloud(folder: Path) -> Iterator[tuple[Stored, Proxy]]:
    """The log bucket, a Glue, an empty bucket for the lake, and the proxy that commands find in place of both."""
    with stored(folder, RECIPE) as bucket:
        glue = GlueServer().start()
        proxy = Proxy(bucket.server.url, glue.url).start()
        try:
            bucket.server.client().create_bucket(Bucket=LAKE.location.split("/")[2])
            os.environ |= {"AWS_ENDPOINT_URL_S3": proxy.s3, "AWS_ENDPOINT_URL_GLUE": proxy.glue}
            yield bucket, proxy
        finally:
            proxy.stop()
            glue.stop()


def _asked(proxy: Proxy, command: str, *options: str) -> tuple[dict[str, Any], Counter[str]]:
    """What a command said, and how many requests of each kind it made."""
    seen = proxy.begin()
    where = ("--lake", LAKE.location, "--lake-catalog", LAKE.catalog, *TWO)
    said = trailhouse(command, f"s3://{BUCKET}", *where, *options).said
    return said, Counter(map(kind, seen.requests))


def kind(request: Request) -> str:
    """As AWS bills it, and of what: "GET metadata", "PUT data", "LIST", "Glue write", ..."""
    if request.service == "glue":
        return "Glue write" if request.mutates else "Glue read"
    operation, _, what = request.kind.partition(" ")
    verb = next(
        (verb for verb, start in VERBS.items() if operation.startswith(start)), "PUT"
    )  # uploads in parts as well
    return verb if verb in ("LIST", "HEAD", "DELETE") else f"{verb} {WHAT.get(what, what)}".rstrip()


def _left(rows: int) -> Counts:
    """What an ingest has left in the lake."""
    lake = catalog.open_lake(LAKE)
    tables = {name: lake.table(name) for name in schema.TABLES}
    files = [each.file for each in tables["events"].scan().plan_files()]
    return {
        "lake: data files of events": len(files),
        "lake: bytes of events per record": sum(file.file_size_in_bytes for file in files) / rows,
        "lake: snapshots of all tables": sum(len(table.metadata.snapshots) for table in tables.values()),
    }
