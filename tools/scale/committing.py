"""
The commit path on data files that nobody has written: `python -m tools.scale.committing COMMITS PARTITIONS`.

A lake in a bucket of a real S3 server, its tables in a Glue API, and a proxy before both that counts. So many commits,
one after the other, each staged on a branch and published as a batch's are, each of so many files in as many
partitions; then a query of one account and day is planned. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from pyiceberg.expressions import And, EqualTo

from tests.faults.glue_server import GlueServer
from tests.faults.proxy import Proxy
from tests.s3_server import S3Server
from tools import setup
from tools.scale.files import Files
from tools.scale.memory import most_held
from trailhouse import settings
from trailhouse.lake import catalog, commits
from trailhouse.lake.catalog import Lake

FIRST = date(2026, 3, 1)
BUCKET = "lake-of-nothing"


def main() -> None:
    """Commit, plan, and say what it took."""
    many, partitions = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="trailhouse-scale-") as folder:
        server, glue = S3Server(setup.s3_server_path(), Path(folder)), GlueServer().start()
        server.start()
        server.client().create_bucket(Bucket=BUCKET)
        proxy = Proxy(server.url, glue.url).start()
        try:
            os.environ |= server.env() | {"AWS_ENDPOINT_URL_S3": proxy.s3, "AWS_ENDPOINT_URL_GLUE": proxy.glue}
            lake = catalog.make_lake(settings.Lake(location=f"s3://{BUCKET}/wh", catalog="glue"))
            told = _committed(lake, proxy, many, partitions) | _planned(lake, proxy)
        finally:
            proxy.stop()
            glue.stop()
            server.stop()
    print(json.dumps({"commits": many, "partitions": partitions} | told))


def _committed(lake: Lake, proxy: Proxy, many: int, partitions: int) -> dict[str, object]:
    files, seconds, before = Files(lake), list[float](), most_held()
    for number in range(many):
        batch, made = f"batch{number:06d}", files.of(partitions, FIRST + timedelta(days=number // 96))
        began, seen = time.monotonic(), proxy.begin()
        ready = commits.stage(lake, "events", made, commits.mark(batch))
        staged = time.monotonic()
        commits.publish(lake, ready)
        seconds.append(time.monotonic() - began)
    table = lake.table("events")
    snapshot = table.current_snapshot()
    manifests = snapshot.manifests(table.io) if snapshot else []
    tenth = max(1, many // 10)
    return {
        "seconds_first": round(statistics.median(seconds[:tenth]), 3),
        "seconds_last": round(statistics.median(seconds[-tenth:]), 3),
        "stage_last": round(staged - began, 3),
        "requests_last": dict(Counter(each.kind for each in seen.requests)),
        "memory": most_held(),
        "memory_before": before,
        "metadata_bytes": _size(table, table.metadata_location),
        "list_bytes": _size(table, snapshot.manifest_list) if snapshot else 0,
        "manifests": len(manifests),
        "manifest_bytes": sum(each.manifest_length for each in manifests),
    }


def _size(table: object, place: str) -> int:
    return len(table.io.new_input(place))  # type: ignore[attr-defined]


def _planned(lake: Lake, proxy: Proxy) -> dict[str, object]:
    """What a query of one account and day reads before it reads data."""
    table = lake.table("events")
    seen, began = proxy.begin(), time.monotonic()
    which = And(EqualTo("account_id", "100000000007"), EqualTo("event_date", FIRST.isoformat()))
    found = sum(1 for _ in table.scan(which).plan_files())
    return {
        "plan_seconds": round(time.monotonic() - began, 3),
        "plan_files": found,
        "plan_requests": dict(Counter(each.kind for each in seen.requests)),
    }


if __name__ == "__main__":
    main()
