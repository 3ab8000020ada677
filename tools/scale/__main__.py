"""
Measure what hangs on size, and write docs/scale.md and docs/cost.md: `make scale`, half an hour.

The real planner against ledgers of millions of keys, the real commit path with files that nobody has written, and two
ingests; then `model` says what organizations of other sizes take. `--pages` writes the pages from the last numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools import measure
from tools.scale import pages
from tools.scale.model import Measured

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ROOT / "docs" / "scale.json"

# Accounts, days, files of a feed and day; four regions.
PLANS = ((100, 50, 50), (250, 50, 50), (500, 50, 50))
QUIET = (2_000, 2, 1)  # feeds in which a run finds next to nothing


def main() -> None:
    """Measure, unless only the pages are wanted, and write them."""
    parser = argparse.ArgumentParser(prog="python -m tools.scale", description=__doc__)
    parser.add_argument("--pages", action="store_true", help="from the last numbers")
    if not parser.parse_args().pages:
        NUMBERS.write_text(json.dumps(_numbers(), indent=1) + "\n")
    numbers = json.loads(NUMBERS.read_text())
    for name, text in pages.written(numbers).items():
        (ROOT / "docs" / name).write_text(text)
        print(f"wrote docs/{name}")


def _numbers() -> dict[str, Any]:
    found: dict[str, Any] = {
        "day": str(datetime.now(UTC).date()),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "plans": [_ran("planning", *each) for each in PLANS],
        "some_new": _ran("planning", *PLANS[0], 45),
        "all_new": _ran("planning", *PLANS[-1], 0),
        "quiet": _ran("planning", *QUIET, QUIET[1], "again"),
        "wide": _ran("committing", 1, 20_000),
        "narrow": _ran("committing", 200, 40),
        "ingests": _ingests(),
    }
    return found | {"measured": asdict(constants(found))}


def _ran(module: str, *arguments: object) -> dict[str, Any]:
    print(f"$ python -m tools.scale.{module}", *arguments, file=sys.stderr)
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"tools.scale.{module}", *map(str, arguments)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    if said.returncode:
        sys.exit(said.stderr[-2000:])
    print(said.stdout, end="", file=sys.stderr)
    return dict(json.loads(said.stdout.splitlines()[-1]))


def _ingests() -> list[dict[str, Any]]:
    """Many events in few objects, and few in many."""
    found = []
    with tempfile.TemporaryDirectory(prefix="trailhouse-scale-") as folder:
        for events, accounts, days in ((100_000, 20, 5), (1_000_000, 5, 3)):
            logs = Path(folder, f"logs-{events}")
            size = ("--events", str(events), "--accounts", str(accounts), "--days", str(days))
            measure.measure("sample", str(logs), *size, "--clean", "--no-digests")
            done = measure.measure("ingest", str(logs), "--lake", str(Path(folder, f"lake-{events}"))).result
            told = {name: done[name] for name in ("objects", "records", "bytes_in", "bytes_out")}
            found.append(told | {"phases": done["phases"]})
    return found


def constants(found: dict[str, Any]) -> Measured:
    """What one of each takes, out of all that was measured."""
    small, large = found["plans"][0], found["plans"][-1]
    keys = large["keys"] - small["keys"]
    few, many = (_work(each) for each in found["ingests"])
    object_seconds, event = _both(few, many)
    wide, narrow = found["wide"], found["narrow"]
    commit_file = wide["seconds_last"] / wide["partitions"]
    return Measured(
        list_key=(large["seconds"] - small["seconds"]) / keys,
        list_feed=found["quiet"]["seconds"] / found["quiet"]["requests"],
        known_object=max(0, large["memory"] - small["memory"]) * 2**20 / keys,
        event=event,
        object=object_seconds,
        commit=narrow["seconds_first"] - narrow["partitions"] * commit_file,
        commit_file=commit_file,
        plan_file=wide["plan_seconds"] / wide["partitions"],
        stored_event=found["ingests"][1]["bytes_in"] / found["ingests"][1]["records"],
        lake_event=found["ingests"][1]["bytes_out"] / found["ingests"][1]["records"],
        ledger_object=large["ledger_bytes"] / large["keys"],
        manifest_file=wide["manifest_bytes"] / wide["partitions"],
        metadata_snapshot=narrow["metadata_bytes"] / narrow["commits"],
        start=found["ingests"][0]["phases"]["start"],
    )


def _work(done: dict[str, Any]) -> tuple[float, float, float]:
    """Objects, events, and the seconds of cores that they took."""
    seconds = (done["phases"]["write"] + done["phases"]["look"]) * (os.cpu_count() or 1)
    return done["objects"], done["records"], seconds


def _both(few: tuple[float, float, float], many: tuple[float, float, float]) -> tuple[float, float]:
    """What an object and an event take, by two equations; neither is less than nothing."""
    (o1, e1, s1), (o2, e2, s2) = few, many
    event = (s2 * o1 - s1 * o2) / (e2 * o1 - e1 * o2)
    return max(0.0, (s1 - e1 * event) / o1), event


if __name__ == "__main__":
    main()
