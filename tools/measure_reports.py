"""
Measure what saved reports read and how long they take, and write docs/reports-measured.md.

`make reports`, or `python -m tools.measure_reports`. Two parts: one day of a lake of 30 days and 10 accounts, asked of
Trino over S3, where a proxy counts the data files that are read; and `trailhouse report run` on 1,000,000 events in a
folder, each report a process of its own, on a machine that shows it no Java. Public queries are measured like the
reports where `TRAILHOUSE_PUBLIC_QUERIES` names a folder of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
from trino.exceptions import TrinoQueryError

from tests.ask import public
from tests.engine.trino_server import TrinoServer
from tests.faults.glue_server import GlueServer
from tests.faults.proxy import Proxy
from tests.ingest.inline import INLINE
from tests.s3_server import S3Server
from tools import setup
from trailhouse import sample, settings
from trailhouse.ask import lake_queries, parameters, publish, queries
from trailhouse.ingest import run
from trailhouse.ingest.job import Run
from trailhouse.lake import catalog

ROOT = Path(__file__).resolve().parents[1]
RECIPE = sample.Recipe(accounts=10, days=30, events=300_000, digests=False)
DAY = date(2026, 3, 15)
BUCKET = "reports-lake"
ROUNDS = 3  # of each report on this machine; the best counts


@dataclass(frozen=True)
class Read:
    """What one query read on Trino, and why that is more than one day where it is."""

    name: str
    rows: int
    files: int
    bytes: int
    seconds: float
    why: str = ""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Measure what reports read and how long they take.")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the second part")
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="trailhouse-reports-") as folder:
        page = "\n".join([*_head(), *_one_day(Path(folder)), *_here(Path(folder), events)])
    (ROOT / "docs" / "reports-measured.md").write_text(page + "\n")
    print(page)


def _head() -> Iterator[str]:
    now, cores = datetime.now(UTC).date(), os.cpu_count()
    yield "# What reports read, and how long they take\n"
    yield f"By `make reports` on {now}: {cores} cores, Python {platform.python_version()}.\n"


# ── one day, on Athena's engine ──────────────────────────────────────────────────────────────────────────────────────


def _one_day(folder: Path) -> Iterator[str]:
    with _cloud(folder) as (trino, proxy):
        where = settings.Lake(location=f"s3://{BUCKET}/warehouse", catalog="glue")
        _fill(where, folder / "logs")
        whole = _whole(where)
        publish.publish(settings.Settings(lake=where))
        given = {"since": str(DAY), "until": str(DAY)}
        asked = {one.name: parameters.bound(one, given, DAY) for one in queries.reports().values()}
        yield f"## One day of {RECIPE.days}\n"
        yield f"A sample of {RECIPE.days} days, {RECIPE.accounts} accounts and {RECIPE.events:,} events, as ingested."
        yield f"`events` has {whole.files:,} data files of {whole.bytes / 1e6:.1f} MB. Each report is asked for {DAY}"
        yield "on Trino: bytes as Trino counts them (Athena bills such), files as a proxy before S3 sees them.\n"
        found = [_read(trino, proxy, name, sql, _baseline(name)) for name, sql in asked.items()]
        yield from _table(found, whole)
        if public.FOLDER.is_dir():
            yield from _public(trino, proxy, whole)


def _baseline(name: str) -> str:
    days = next((param.default for param in queries.report(name).params if param.name == "baseline"), "")
    return days and f"and {days} days before, to compare with"


def _public(trino: TrinoServer, proxy: Proxy, whole: Read) -> Iterator[str]:
    """What others wrote, unchanged or converted, but for the days that it names."""
    for kind, view in (("athena", "cloudtrail_logs"), ("lake", "cloudtrail_lake")):
        asked = {one.name: one for one in public.load(kind) if one.runs}
        yield f"\n### Public queries on {view}\n"
        yield "As their authors wrote them," if kind == "athena" else "Converted by `trailhouse lake-queries convert`,"
        yield f"but for the days that they name: from {DAY} to the day after.\n"
        found = []
        for name, one in asked.items():
            dated = _dated(one.filled())
            why = one.reads if dated != one.filled() else "names no day of the past"
            found.append(_read(trino, proxy, name, dated if kind == "athena" else _converted(name, dated), why))
        yield from _table(found, whole)


def _converted(name: str, sql: str) -> str:
    (made,) = lake_queries.convert(name, sql)
    return str(made.sql)


@contextmanager
def _cloud(folder: Path) -> Iterator[tuple[TrinoServer, Proxy]]:
    s3 = S3Server(setup.s3_server_path(), folder / "s3")
    s3.start()
    trino = TrinoServer(folder / "trino", forgetful=True)
    glue = GlueServer(trino_port=trino.port).start()
    os.environ.update(s3.env() | {"AWS_ENDPOINT_URL_GLUE": glue.url, "AWS_ENDPOINT_URL_ATHENA": glue.url})
    s3.client().create_bucket(Bucket=BUCKET)
    proxy = Proxy(s3.url, glue.url).start()
    try:
        yield trino.start(glue.url, proxy.s3), proxy
    finally:
        trino.stop()
        proxy.stop()
        glue.stop()
        s3.stop()


def _fill(where: settings.Lake, logs: Path) -> None:
    print("making the lake of 30 days", file=sys.stderr)
    sample.make_bucket(logs, RECIPE)
    config = settings.Settings(lake=where, sources=(settings.Source(url=str(logs)),))
    run.ingest(Run(config, lambda *_: None, session=INLINE))


def _whole(where: settings.Lake) -> Read:
    files = [each.file for each in catalog.open_lake(where).table("events").scan().plan_files()]
    return Read("events", 0, len(files), sum(file.file_size_in_bytes for file in files), 0)


def _read(trino: TrinoServer, proxy: Proxy, name: str, sql: str, why: str) -> Read:
    print(f"  {name}", file=sys.stderr)
    seen = proxy.begin()
    cursor = trino.connect("trailhouse").cursor()
    began = time.monotonic()
    try:
        rows = len(cursor.execute(sql).fetchall())
    except TrinoQueryError as error:
        raise SystemExit(f"{name}: {error}") from error
    files = {each.path for each in seen.requests if each.method == "GET" and "/events/data/" in each.path}
    return Read(name, rows, len(files), int(cursor.stats["physicalInputBytes"]), time.monotonic() - began, why)


def _dated(sql: str) -> str:
    """The same question of the day that is measured: up to the next one where a text ends a period."""
    first = min((found["day"].replace("/", "-") for found in _DATE.finditer(sql)), default="")

    def moved(found: re.Match[str]) -> str:
        ends = found["ends"] or found["day"].replace("/", "-") != first
        day = DAY + timedelta(1) if ends else DAY
        return (found["ends"] or "") + day.isoformat().replace("-", found["mark"])

    parts = {"year": f"{DAY:%Y}", "month": f"{DAY:%m}", "day": f"{DAY:%d}"}
    return _PART.sub(lambda found: f"{found[1]}'{parts[found['part'].lower()]}'", _DATE.sub(moved, sql))


_DATE = re.compile(r"(?P<ends><=?\s*')?\b(?P<day>20[0-9]{2}(?P<mark>[-/])[0-9]{2}(?P=mark)[0-9]{2})")
_PART = re.compile(r"(\b(?P<part>year|month|day)\s*=\s*)'[0-9]+'", re.IGNORECASE)


def _table(found: Sequence[Read], whole: Read) -> Iterator[str]:
    """What reads more than a tenth of all files says why; that one does without a reason is a defect."""
    yield "| | rows | files of `events` | of all | MB read | of all | seconds | reads more than the day |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for each in found:
        more = each.files > whole.files / 10
        if more and not each.why:
            raise SystemExit(f"{each.name} reads {each.files} of {whole.files} files for one day, and nothing says why")
        yield (
            f"| {each.name} | {each.rows:,} | {each.files:,} | {each.files / whole.files:.1%} | {each.bytes / 1e6:.2f} "
            f"| {each.bytes / whole.bytes:.1%} | {each.seconds:.2f} | {each.why if more else ''} |"
        )


# ── a million events, on this machine ────────────────────────────────────────────────────────────────────────────────


def _here(folder: Path, events: int) -> Iterator[str]:
    logs, lake, out = folder / "many", folder / "lake", folder / "out.csv"
    print(f"making the lake of {events:,} events", file=sys.stderr)
    _trailhouse("sample", logs, "--events", events, "--accounts", 10, "--days", 30)
    _trailhouse("ingest", logs, "--lake", lake)
    yield f"\n## {events:,} events on this machine\n"
    yield f"`trailhouse report run NAME -p since=… -p until=… --format csv --out FILE --lake {lake.name}`, each a"
    yield f"process of its own without Java on its path, for a week and for {RECIPE.days} days; the best of {ROUNDS}.\n"
    yield "| | a week, seconds | rows | 30 days, seconds | rows |"
    yield "| --- | --- | --- | --- | --- |"
    week, month = [], []
    for name in queries.reports():
        print(f"  {name}", file=sys.stderr)
        cells = []
        for since, times in (("2026-03-15", week), ("2026-03-01", month)):
            until = "2026-03-21" if times is week else "2026-03-31"
            seconds = min(_timed(name, since, until, lake, out) for _ in range(ROUNDS))
            times.append(seconds)
            cells += [f"{seconds:.2f}", f"{_lines(out) - 1:,}"]
        yield f"| {name} | {' | '.join(cells)} |"
    yield f"\nMedian: {statistics.median(week):.2f} s for a week, {statistics.median(month):.2f} s for all days."
    began = time.monotonic()
    every = ("report", "run", "--all", "--out", folder / "all", "--format", "csv", "--lake", lake)
    _trailhouse(*every, "-p", "since=2026-03-15", "-p", "until=2026-03-21")
    yield f"`report run --all` for the week: {time.monotonic() - began:.1f} s."


def _timed(name: str, since: str, until: str, lake: Path, out: Path) -> float:
    began = time.monotonic()
    given = ("-p", f"since={since}", "-p", f"until={until}", "--format", "csv", "--out", out, "--lake", lake)
    _trailhouse("report", "run", name, *given, java=False)
    return time.monotonic() - began


def _trailhouse(*arguments: object, java: bool = True) -> None:
    env = dict(os.environ)
    if not java:
        env |= {"JAVA_HOME": "/nowhere", "PATH": "/nowhere"}
    command = [str(ROOT / ".venv" / "bin" / "trailhouse"), *map(str, arguments)]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _lines(out: Path) -> int:
    with out.open("rb") as file:
        return sum(1 for _ in file)


if __name__ == "__main__":
    boto3.DEFAULT_SESSION = None
    main()
