"""
Growth: how an ingest's rate and memory change from 100,000 to 3,000,000 events; and a single file of 50 MB.

Each size is a whole `trailhouse ingest` of a bucket of its own. Memory is the most that one process of its kind held.
"""

from __future__ import annotations

import shutil
from typing import Any

from bench import inputs, lakes
from bench.process import Ran, trailhouse
from bench.values import Bench

STEPS = (0.1, 0.3, 1, 3)  # of the bench's events
DAYS = 90  # the largest is what is looked up in as well


def run(bench: Bench) -> dict[str, Any]:
    """The sizes, one after the other, and the large file."""
    return {"sizes": [_size(bench, round(bench.events * step)) for step in STEPS], "one_file": _one_file(bench)}


def _size(bench: Bench, events: int) -> dict[str, Any]:
    taken = inputs.sample(bench, events, days=DAYS)
    _, ran = lakes.ingested(bench, taken)
    return {"events": events, "files": taken.files, "inflated": taken.inflated} | _told(ran)


def _one_file(bench: Bench) -> dict[str, Any]:
    """One of the files of 50 MB, alone in a bucket."""
    big = inputs.big(bench)
    source = min(big.folder.rglob("*.json.gz"))
    logs, lake = bench.scratch / "one-file", bench.scratch / "lakes" / "one-file"
    placed = logs / source.relative_to(big.folder)
    placed.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, placed)
    ran = trailhouse("ingest", str(logs), "--lake", str(lake))
    return {"stored": source.stat().st_size, "inflated": big.inflated // big.files} | _told(ran)


def _told(ran: Ran) -> dict[str, Any]:
    return {
        "rows": ran.said["rows"],
        "seconds": ran.seconds,
        "rate": ran.said["rows"] / ran.seconds,
        "write_rate": ran.said["rows"] / ran.said["phases"]["write"],
        "bytes_out": ran.said["bytes_out"],
        "memory": ran.memory,
        "phases": ran.said["phases"],
    }


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """
    The largest size beside the smallest: memory of a worker, and of the driver's Python; and the rate.

    A worker holds what a task has, and a small input's are smaller than they may be, so that no core is idle: so it is
    told beside the second size too.
    """
    first, second, *_, last = numbers["sizes"]
    return {
        "growth_worker_memory": last["memory"]["worker"] / first["memory"]["worker"],
        "growth_worker_memory_from_second": last["memory"]["worker"] / second["memory"]["worker"],
        "growth_driver_memory": last["memory"]["driver"] / first["memory"]["driver"],
        "growth_rate": last["rate"] / first["rate"],
        "one_file_worker_mb": float(numbers["one_file"]["memory"]["worker"]),
    }
