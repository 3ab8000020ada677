"""
Fixed cost: 50 new files in a lake of 100,000 known ones, beside a Spark session that does nothing.

The lake has ingested them all, one record each, of the days up to today. Then, in turn: 50 files come and
`trailhouse ingest` takes them in, as a whole process, gate and all; a session is started with the same settings, runs
one job of two tasks that do nothing, and its process ends, as ours does; and an ingest finds nothing new.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.lakes import same_rows
from bench.process import Ran, trailhouse
from bench.process import run as run_program
from bench.values import Bench
from tests import buckets
from tools.scale.keys import Space

KNOWN = 0.1  # of the bench's events: 100,000
ACCOUNTS, DAYS = 10, 10
NEW, RECORDS = 50, 20  # files, and records of each: what a quarter of an hour brings

# What any job on Spark pays: the same settings, and a job that does nothing. To stop the session first would take it
# another second, which an ingest does not spend either.
BARE = """
import json
from trailhouse import settings
from trailhouse.lake import session

spark = session.start(settings.Spark())
done = session.run(spark, int, ["1", "2"], "nothing")
print(json.dumps({"tasks": len(done)}))
"""


def run(bench: Bench) -> dict[str, Any]:
    """Fill the lake once, then take the three in turn."""
    logs, lake = bench.scratch / "known", bench.scratch / "lakes" / "known"
    known = _fill(logs, round(bench.events * KNOWN))
    filled = _ingest(logs, lake, known)
    rounds: dict[str, list[dict[str, Any]]] = {"trailhouse": [], "bare_session": [], "nothing_new": []}
    for number in range(bench.rounds):
        _add(logs, number)
        came = _ingest(logs, lake, NEW * RECORDS)
        bare = run_program([sys.executable, "-c", BARE])
        rounds["trailhouse"].append(_told(came) | {"rows": came.said["rows"]})
        rounds["bare_session"].append({"seconds": bare.seconds, "memory": bare.memory})
        rounds["nothing_new"].append(_told(_ingest(logs, lake, 0)))
    return {"known": known, "new": NEW, "filled": _told(filled), "rounds": rounds}


def _ingest(logs: Path, lake: Path, rows: int) -> Ran:
    ran = trailhouse("ingest", str(logs), "--lake", str(lake))
    same_rows(rows, {"the lake": int(ran.said["rows"])})
    return ran


def _told(ran: Ran) -> dict[str, Any]:
    kept = ("phases", "spark_jobs", "list_calls")
    return {"seconds": ran.seconds, "memory": ran.memory} | {name: ran.said[name] for name in kept}


def _fill(logs: Path, files: int) -> int:
    """So many files of one record each, at the end of the days that end today; how many were made."""
    today = datetime.now(UTC).date()
    feeds = Space(ACCOUNTS, DAYS, 1).feeds
    space = Space(ACCOUNTS, DAYS, max(files // (feeds * DAYS), 1), first=today - timedelta(days=DAYS - 1))
    for number in range(len(space)):
        key = space.key(number)
        account, region, day = _place(key)
        _put(logs / key, [buckets.event(number, account, region, day)])
    return len(space)


def _add(logs: Path, number: int) -> None:
    """The files of a round, of today."""
    place = _place(Space(1, 1, 1, first=datetime.now(UTC).date()).key(0))
    for file in range(NEW):
        ids = (2**31 + (number * NEW + file) * RECORDS + each for each in range(RECORDS))
        _put(logs / buckets.key(f"new{number:04d}{file:08d}", *place), [buckets.event(one, *place) for one in ids])


def _place(key: str) -> tuple[str, str, str]:
    """Account, region and day of a key."""
    *_, account, _, region, year, month, day, _ = key.split("/")
    return account, region, f"{year}/{month}/{day}"


def _put(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buckets.log(*records))


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Ours to theirs, of the same round: less is better."""
    rounds = numbers["rounds"]
    return {
        "incremental_to_bare_session": statistics.median(_pairs(rounds, "trailhouse")),
        "nothing_new_to_bare_session": statistics.median(_pairs(rounds, "nothing_new")),
    }


def _pairs(rounds: dict[str, list[dict[str, Any]]], name: str) -> Iterator[float]:
    for ours, bare in zip(rounds[name], rounds["bare_session"], strict=True):
        yield ours["seconds"] / bare["seconds"]
