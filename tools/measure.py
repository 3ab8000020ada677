"""
Measure an ingest on this machine, and write docs/measured.md: rates, memory, and the two partition layouts.

`make measure`. Makes its own sample buckets, in a folder that goes afterwards. Standard library only.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAILHOUSE = ROOT / ".venv" / "bin" / "trailhouse"


@dataclass(frozen=True)
class Measured:
    """One command: what it said, how long it took, and the most memory of each kind of process."""

    result: dict[str, object]
    seconds: float
    memory: dict[str, int]  # MB


def main() -> None:
    """Measure everything and write the page."""
    with tempfile.TemporaryDirectory(prefix="trailhouse-measure-") as folder:
        pages = [_head(), *rates(Path(folder)), *layouts(Path(folder))]
    page = ROOT / "docs" / "measured.md"
    page.write_text("\n".join(pages) + "\n")
    print(f"wrote {page.relative_to(ROOT)}")


def rates(folder: Path) -> Iterator[str]:
    """100,000 and 1,000,000 events, ingested one after the other; and a second run with nothing to do."""
    yield "\n## Rate and memory\n"
    yield "`trailhouse sample DIR --events N`, then `trailhouse ingest DIR --lake LAKE`, each a process.\n"
    yield "| events | objects | stored | seconds | records/s | worker | JVM | driver's Python | lake |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    per_second: list[float] = []
    again = 0.0
    for events in (100_000, 1_000_000):
        logs, lake = folder / f"logs-{events}", folder / f"lake-{events}"
        measure("sample", str(logs), "--events", str(events))
        done = measure("ingest", str(logs), "--lake", str(lake))
        per_second.append(float(str(done.result["records"])) / done.seconds)
        yield _row(events, done, per_second[-1])
        again = measure("ingest", str(logs), "--lake", str(lake)).seconds
    yield f"\nThe second rate is {per_second[1] / per_second[0]:.2f} of the first (whole runs, start-up included)."
    yield f"A second run over the 1,000,000 events, with nothing to do: {again:.1f} s, no JVM."


def layouts(folder: Path) -> Iterator[str]:
    """1,000 accounts for a day, in both partition layouts."""
    yield "\n## A thousand accounts\n"
    yield "`trailhouse sample DIR --accounts 1000 --regions 4 --days 1 --events 200000`, ingested in both layouts.\n"
    yield "| `--lake-partition` | data files | MB | seconds |"
    yield "| --- | --- | --- | --- |"
    logs = folder / "logs-accounts"
    measure("sample", str(logs), "--accounts", "1000", "--regions", "4", "--days", "1", "--events", "200000")
    for layout in ("account", "bucket"):
        lake = folder / f"lake-{layout}"
        done = measure("ingest", str(logs), "--lake", str(lake), "--lake-partition", layout)
        files = list((lake / "trailhouse" / "events" / "data").rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files) / 2**20
        yield f"| `{layout}` | {len(files):,} | {size:,.0f} | {done.seconds:,.0f} |"


def measure(*arguments: str) -> Measured:
    """Run a command of Trailhouse's and watch its processes."""
    print("$ trailhouse", *arguments, file=sys.stderr)
    began = time.monotonic()
    process = subprocess.Popen(
        [str(TRAILHOUSE), *arguments, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    memory: dict[str, int] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, memory, over))
    watcher.start()
    out, _ = process.communicate()
    over.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"measure: trailhouse {' '.join(arguments)} left with {process.returncode}")
    return Measured(json.loads(out.splitlines()[-1]), time.monotonic() - began, memory)


def _watch(pid: int, memory: dict[str, int], over: threading.Event) -> None:
    while not over.wait(0.2):
        for each in _tree(pid):
            try:
                command = Path(f"/proc/{each}/cmdline").read_text()
                resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{each}/status").read_text())
            except OSError:
                continue
            kind = "worker" if "pyspark.daemon" in command else "jvm" if "java" in command.split("\0")[0] else "driver"
            memory[kind] = max(memory.get(kind, 0), int(resident[1]) // 1024 if resident else 0)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        children = [c for t in tasks for c in Path(f"/proc/{pid}/task/{t}/children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _row(events: int, done: Measured, rate: float) -> str:
    memory = [f"{done.memory.get(kind, 0):,} MB" for kind in ("worker", "jvm", "driver")]
    stored, lake = (f"{int(str(done.result[name])) / 2**20:,.0f} MB" for name in ("bytes_in", "bytes_out"))
    cells = [
        f"{events:,}",
        f"{done.result['objects']:,}",
        stored,
        f"{done.seconds:,.1f}",
        f"{rate:,.0f}",
        *memory,
        lake,
    ]
    return f"| {' | '.join(cells)} |"


def _head() -> str:
    day, python = datetime.now(UTC).date(), platform.python_version()
    return f"""# Measured

By `make measure` on {day}: {os.cpu_count()} cores, Python {python}. Absolute times say little about yours; what is
compared was run one after the other. Memory is the most that one process of the kind held (resident); the JVM's heap is
bounded by `spark.driver_memory`, 1 GB by default."""


if __name__ == "__main__":
    main()
