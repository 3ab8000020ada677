"""
Query: ten reports on one day of a lake of thirty, beside the same SQL over raw log files and over others' Parquet.

Raw files are asked as Athena asks its documented table of trails: a question opens each of them, whatever day it is
about. With folders by day as partitions (partition projection) it opens that day's and the next one's alone, where its
last events are delivered: counted as well. All of it on DuckDB, so that what differs is what there is to read.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench import inputs, lakes
from bench.process import run as run_program
from bench.values import Bench
from trailhouse.ask import parameters, queries

SHARE, DAYS = 0.3, 30  # of the bench's events
DAY = date(2026, 3, 15)
REPORTS = (
    "access_key_use", "cost_drivers", "denied_calls", "iam_changes", "key_activity", "read_write_split", "root_use",
    "sign_ins", "throttling", "who_deleted_it",
)  # fmt: skip
OTHERS = {
    "duckdb": ["duckdb_job"],
    "pyspark": ["spark_job"],
    "pyspark_repartition": ["spark_job", "--repartition", "yes"],
}

Answers = dict[str, dict[str, Any]]  # report -> rows, seconds, bytes


def run(bench: Bench) -> dict[str, Any]:
    """Each report, asked of each."""
    taken = inputs.sample(bench, round(bench.events * SHARE), days=DAYS, clean=True)
    for name, (module, *how) in OTHERS.items():
        program = [sys.executable, "-m", f"bench.contenders.{module}"]
        run_program([*program, str(taken.folder), str(bench.scratch / name), *how])
    raw = f"{taken.folder}/**/*.json.gz"
    places = {
        "lake": ("lake", str(lakes.maintained(bench, taken))),
        "raw": ("raw", raw),
        "raw_day": ("raw", ",".join(f"{taken.folder}/**/{day:%Y/%m/%d}/*.json.gz" for day in _folders())),
        **{name: ("parquet", f"{bench.scratch / name}/**/*.parquet") for name in OTHERS},
    }
    answers = {name: _asked(bench, kind, place) for name, (kind, place) in places.items()}
    for report in REPORTS:
        lakes.same_rows(answers["lake"][report]["rows"], {n: a[report]["rows"] for n, a in answers.items()})
    opened = {
        "raw": _stored(taken.folder, ["**"]),
        "raw_day": _stored(taken.folder, [f"**/{d:%Y/%m/%d}" for d in _folders()]),
    }
    return {"events": taken.events, "day": DAY.isoformat(), "raw_bytes": opened, "answers": answers}


def _folders() -> tuple[date, date]:
    return DAY, DAY + timedelta(days=1)


def _stored(folder: Path, patterns: list[str]) -> int:
    """The whole size of the log files in some folders: what is opened of a `.json.gz` is read from end to end."""
    return sum(path.stat().st_size for pattern in patterns for path in folder.glob(f"{pattern}/*.json.gz"))


def _asked(bench: Bench, kind: str, place: str) -> Answers:
    """The reports, asked of one in a process of its own."""
    given = {"since": DAY.isoformat(), "until": DAY.isoformat()}
    sqls = {name: parameters.bound(queries.report(name), given, DAY) for name in REPORTS}
    told = bench.scratch / "asked.json"
    told.write_text(json.dumps({"kind": kind, "place": place, "asked": sqls}))
    return run_program([sys.executable, "-m", "bench.asking", str(told)]).said


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Theirs to ours: the median over reports, and of the bytes of all raw files the least as well."""
    answers: Mapping[str, Answers] = numbers["answers"]
    found: dict[str, float] = {}
    for name in answers.keys() - {"lake"}:
        found[f"report_seconds_{name}_to_lake"] = statistics.median(_each(answers, name, "seconds"))
        read = numbers["raw_bytes"].get(name)
        shares = list(_each(answers, name, "bytes", read))
        found[f"report_bytes_{name}_to_lake"] = statistics.median(shares)
        if name == "raw":
            found["report_bytes_raw_to_lake_at_least"] = min(shares)
    return found


def _each(answers: Mapping[str, Answers], name: str, what: str, instead: float | None = None) -> Iterator[float]:
    for report, ours in answers["lake"].items():
        yield (answers[name][report][what] if instead is None else instead) / ours[what]
