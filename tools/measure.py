"""
Measure an ingest on this machine, and write docs/measured.md: rates, memory, and the two partition layouts.

`make measure`. Makes its own sample buckets, in a folder that goes afterwards.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.process import Ran, trailhouse

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure everything and write the page."""
    with tempfile.TemporaryDirectory(prefix="trailhouse-measure-") as folder:
        pages = [_head(), *rates(Path(folder)), *gate(Path(folder)), *layouts(Path(folder))]
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
        trailhouse("sample", str(logs), "--events", str(events))
        done = trailhouse("ingest", str(logs), "--lake", str(lake))
        per_second.append(float(str(done.said["records"])) / done.seconds)
        yield _row(events, done, per_second[-1])
        again = trailhouse("ingest", str(logs), "--lake", str(lake)).seconds
    yield f"\nThe second rate is {per_second[1] / per_second[0]:.2f} of the first (whole runs, start-up included)."
    yield f"A second run over the 1,000,000 events, with nothing to do: {again:.1f} s, no JVM."


# Nothing is looked at and nothing judged: only good for telling what that costs.
UNGATED = """
import contextlib
from trailhouse import cli
from trailhouse.ingest import audit, measure
from trailhouse.ingest.values import Check, Measured, Verdict, Wanted
audit.ready = contextlib.nullcontext
measure.measure = lambda lake, staged, *_: Measured(staged, (), (), {})
wanted, check = Wanted("events", "off", "critical", 0, ""), Check("events", None, "off", "critical", True, "", 0)
audit.audit = lambda measured, *_: Verdict(measured, (wanted,), (check,))
cli.main()
"""


def gate(folder: Path) -> Iterator[str]:
    """What the gate costs: the same buckets with it and without, one after the other, and the parts of a run."""
    yield "\n## The gate\n"
    yield "`trailhouse sample DIR --events N --clean`, then ingested with the gate and without it, twice each, in turn;"
    yield "the better of two. *write* is to decode and write, *look* the workers' job over what was staged, *judge*"
    yield "Great Expectations with its Data Docs.\n"
    yield "| events | with | without | write | look | judge | (look + judge) / write | Spark jobs |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for events in (100_000, 1_000_000):
        logs = folder / f"clean-{events}"
        trailhouse("sample", str(logs), "--events", str(events), "--clean")
        runs: dict[str, list[Ran]] = {"with": [], "without": []}
        for number in range(2):
            for how, done in runs.items():
                code = UNGATED if how == "without" else ""
                done.append(
                    trailhouse("ingest", str(logs), "--lake", str(folder / f"{how}-{events}-{number}"), code=code)
                )
        best = {how: min(done, key=lambda each: each.seconds) for how, done in runs.items()}
        parts, jobs = best["with"].said["phases"], best["with"].said["spark_jobs"]
        share = (parts["look"] + parts["judge"]) / parts["write"]
        seconds = [f"{best[how].seconds:,.1f} s" for how in ("with", "without")]
        seconds += [f"{parts[name]:,.1f} s" for name in ("write", "look", "judge")]
        told = ", ".join(f"{count} {name}" for name, count in jobs.items())
        yield f"| {events:,} | {' | '.join(seconds)} | {share:.0%} | {told} |"


def layouts(folder: Path) -> Iterator[str]:
    """1,000 accounts for a day, in both partition layouts."""
    yield "\n## A thousand accounts\n"
    size = ("--accounts", "1000", "--regions", "4", "--days", "1", "--events", "200000", "--no-digests")
    yield f"`trailhouse sample DIR {' '.join(size)}`, ingested in both layouts.\n"
    yield "| `--lake-partition` | data files | MB | seconds |"
    yield "| --- | --- | --- | --- |"
    logs = folder / "logs-accounts"
    trailhouse("sample", str(logs), *size)
    for layout in ("account", "bucket"):
        lake = folder / f"lake-{layout}"
        done = trailhouse("ingest", str(logs), "--lake", str(lake), "--lake-partition", layout)
        files = list((lake / "trailhouse" / "events" / "data").rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files) / 2**20
        yield f"| `{layout}` | {len(files):,} | {size:,.0f} | {done.seconds:,.0f} |"


def _row(events: int, done: Ran, rate: float) -> str:
    memory = [f"{done.memory.get(kind, 0):,} MB" for kind in ("worker", "jvm", "driver")]
    stored, lake = (f"{int(str(done.said[name])) / 2**20:,.0f} MB" for name in ("bytes_in", "bytes_out"))
    cells = [
        f"{events:,}",
        f"{done.said['objects']:,}",
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
