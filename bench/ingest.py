"""
One contender over one input: how it is called, and what is measured of it.

Whole processes are timed from outside; the work alone, without imports and without the start of a session, is what the
contender says of it. Rows are counted in the footers of what was written, whatever anybody says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from shutil import rmtree
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from bench import results
from bench.process import Ran, run, trailhouse
from bench.values import Bench, Input
from tools import setup

Round = dict[str, Any]  # rows, seconds, work_seconds, bytes_out, files_out, memory, and what the contender says beside
Rounds = Mapping[str, Sequence[Round]]
Contender = Callable[[Path, Path], Ran]


def whole(folder: Path, out: Path, native: bool = False) -> Ran:
    """Trailhouse, the whole way: rows that are hashed, compared with all others, audited and published."""
    return trailhouse("ingest", str(folder), "--lake", str(out), native=native)


def program(name: str, *more: str, apart: bool = False, native: bool = False) -> Contender:
    """A program of `contenders`."""

    def call(folder: Path, out: Path) -> Ran:
        python = setup.contenders_path() if apart else Path(sys.executable)
        return run(
            [str(python), "-W", "ignore", "-m", f"bench.contenders.{name}", str(folder), str(out), *more], native
        )

    return call


CONTENDERS: dict[str, Contender] = {
    "trailhouse": whole,
    "trailhouse_native": partial(whole, native=True),
    "trailhouse_decode_write": program("decode_write"),
    "trailhouse_native_decode_write": program("decode_write", native=True),
    "pyspark": program("spark_job"),
    "pyspark_repartition": program("spark_job", "--repartition", "yes"),
    "duckdb": program("duckdb_job"),
    "clickhouse": program("clickhouse_job", apart=True),
    "floor_msgspec": program("floor", apart=True),
    "floor_simdjson": program("floor", "--parser", "simdjson", apart=True),
}
WHOLE = ("trailhouse", "trailhouse_native")
DECODE_WRITE = ("trailhouse_decode_write", "trailhouse_native_decode_write")
SPARKS = ("pyspark", "pyspark_repartition")
FLOORS = ("floor_msgspec", "floor_simdjson")


def interleaved(bench: Bench, given: Input, names: Sequence[str], rounds: int) -> dict[str, list[Round]]:
    """All of them in turn, round after round, each round beginning with another."""
    measured: dict[str, list[Round]] = {name: [] for name in names}
    for number in range(rounds):
        shift = number % len(names)
        for name in (*names[shift:], *names[:shift]):
            measured[name].append(measure(name, given, bench.scratch / f"{given.name}-{name}-{number}"))
    results.same_rows({"input": given.events, **{name: each["rows"] for name, of in measured.items() for each in of}})
    return measured


def measure(name: str, given: Input, out: Path) -> Round:
    """One of them; what it wrote is looked at and goes."""
    ran = CONTENDERS[name](given.folder, out)
    written = data_files(out)
    found = {
        "rows": sum(pq.read_metadata(path).num_rows for path in written) if written else ran.said["rows"],
        "seconds": round(ran.seconds, 3),
        "work_seconds": ran.said.get("work_seconds"),
        "bytes_out": sum(path.stat().st_size for path in written),
        "files_out": len(written),
        "memory": ran.memory,
    }
    if name in WHOLE:
        found |= {"phases": ran.said["phases"], "work_seconds": ran.said["phases"]["write"]}
    rmtree(out, ignore_errors=True)
    return found


def data_files(out: Path) -> list[Path]:
    """The Parquet files of what was written; of a lake those of its table of events, not what it keeps its books in."""
    return [path for path in sorted(out.rglob("*.parquet")) if _is_of_events(path.relative_to(out).parts)]


def _is_of_events(parts: Sequence[str]) -> bool:
    return "data" not in parts or "events" in parts


def column(rounds: Sequence[Round], what: str) -> list[float]:
    """One measure of all rounds."""
    return [each[what] for each in rounds]


def faster(of: Rounds, names: Sequence[str], what: str) -> str:
    """Of contenders that do the same, the one that is faster as a rule."""
    return min((name for name in names if name in of), key=lambda name: median(column(of[name], what)))
