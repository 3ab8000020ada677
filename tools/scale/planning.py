"""
The planner on keys that nobody has stored: `python -m tools.scale.planning ACCOUNTS DAYS FILES [SETTLED [again]]`.

One process, so that its memory is its own. A lake whose ledger has settled the bucket's first so many days, listed over
HTTP and compared; what is new is put into batches, as a run does before it reads anything. With `again` it is the
second plan that is told, for which no more than the newest day of each feed is due. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tools.scale import ledger
from tools.scale.bucket import serving
from tools.scale.keys import Space
from tools.scale.memory import most_held
from trailhouse import settings
from trailhouse.ingest import plan
from trailhouse.lake import catalog

NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody's",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def main() -> None:
    """Plan once, and say what it took."""
    again = sys.argv[-1] == "again"
    accounts, days, files, *more = (int(each) for each in sys.argv[1:] if each != "again")
    space, settled = Space(accounts, days, files), more[0] if more else days
    with tempfile.TemporaryDirectory(prefix="trailhouse-scale-") as folder, serving(space) as url:
        os.environ |= NOBODY | {"AWS_ENDPOINT_URL_S3": url}
        config = settings.load(None, {"source": [ledger.SOURCE], "lake.location": folder}, {})
        if pid := os.fork():  # what makes the ledger is no part of what is measured
            if os.waitpid(pid, 0)[1]:
                sys.exit("the ledger was not made")
        else:
            ledger.settle(catalog.make_lake(config.lake), replace(space, days=settled))
            os._exit(0)
        now = datetime.combine(space.last, datetime.max.time(), UTC)
        if again:
            plan.remember(plan.survey(config, catalog.open_lake(config.lake), now), (), config)
        print(json.dumps(_planned(config, Path(folder), now) | {"keys": len(space)}))


def _planned(config: settings.Settings, folder: Path, now: datetime) -> dict[str, float]:
    lake = catalog.open_lake(config.lake)
    began, before = time.monotonic(), most_held()
    found = plan.survey(config, lake, now)
    listed = time.monotonic()
    batches = sum(1 for _ in plan.batches(found.new, config.batch, now))
    return {
        "new": len(found.new),
        "known": found.known,
        "requests": found.list_calls,
        "batches": batches,
        "seconds": round(listed - began, 1),
        "batch_seconds": round(time.monotonic() - listed, 1),
        "memory": most_held(),
        "memory_before": before,
        "ledger_bytes": sum(file.stat().st_size for file in folder.glob("**/ledger/data/**/*.parquet")),
    }


if __name__ == "__main__":
    main()
