"""
Workers of a real Spark that die in the middle (K2 to K5; rows F2, F3): a second attempt, the same rows; files of the first
are orphans.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.buckets import event, key
from tests.children import python_path
from tests.faults.corpus import small
from tests.faults.oracle import Read
from tests.ingest.contents import holds_together, ingest, same_as_model


def started(lake, logs, *more: str, master: str = "local[2,4]", **env: str) -> subprocess.Popen[str]:
    """The whole command, workers and all."""
    arguments = ["ingest", str(logs), "--lake", lake.location, "--format", "json", "--spark-master", master, *more]
    return subprocess.Popen(
        [sys.executable, "-c", "from trailhouse.cli import main; main()", *arguments],
        env=os.environ | {"PYTHONPATH": python_path()} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it said."""
    try:
        _, said = run.communicate(timeout=180)
    finally:
        run.kill()
    return run.returncode, said


def holds_all(lake, made) -> None:
    read = Read(lake)
    same_as_model(read, made.listed())
    holds_together(read)


@pytest.mark.spark
@pytest.mark.parametrize("point", ["downloading:2:after", "decoded:1:before", "data_written:1:after"])
def test_a_worker_that_dies_once_costs_an_attempt_and_no_row(lake, tmp_path, point):
    made, mark = small(), tmp_path / "died"
    code, said = ended(started(lake, made.save(tmp_path / "logs"), TRAILHOUSE_FAULT=f"{point}:{mark}"))
    assert code == 0, said
    assert mark.exists(), "nobody died"
    holds_all(lake, made)


@pytest.mark.spark
def test_an_executor_that_dies_costs_its_tasks_and_no_row(lake, tmp_path):
    """A JVM of its own with its workers (F2), killed when the first rows are written."""
    made = small()
    alone = ("--batch-task-bytes", "1", "--batch-fetch-threads", "1")
    run = started(lake, made.save(tmp_path / "logs"), *alone, master="local-cluster[2,1,1024]")
    data, until = Path(lake.location, "trailhouse"), time.monotonic() + 120
    while not any(data.rglob("data/**/*.parquet")):
        assert run.poll() is None and time.monotonic() < until, ended(run)
        time.sleep(0.05)
    executors = [pid for pid in _descendants(run.pid) if b"CoarseGrainedExecutorBackend" in _command_line(pid)]
    os.kill(executors[0], signal.SIGKILL)
    code, said = ended(run)
    assert code == 0, said
    holds_all(lake, made)


@pytest.mark.spark
def test_a_spark_that_does_not_start_says_what_to_do(lake, tmp_path):
    made = small()
    code, said = ended(started(lake, made.save(tmp_path / "logs"), "--spark-driver-memory", "64m"))
    assert code == 1 and "Spark did not start" in said and "spark.driver_memory" in said, said
    assert "should not happen" not in said


@pytest.mark.spark
def test_workers_without_our_packages_say_what_to_give_them(lake, tmp_path):
    """As on a cluster whose executors were given no environment, or another one than is said."""
    logs = small().save(tmp_path / "logs")
    bare = tmp_path / "python"  # it is there, and knows Spark alone
    bare.write_text(f'#!/bin/sh\nPYTHONHOME= exec {sys.base_prefix}/bin/python3 -S "$@"\n')
    bare.chmod(0o755)
    for python, why in (("/no/python", "Cannot run program"), (str(bare), "No module named")):
        code, said = ended(started(lake, logs, PYSPARK_PYTHON=python))
        assert code == 1 and why in said and "the environment of `trailhouse pack`" in said, said


@pytest.mark.spark
def test_what_a_task_fails_with_is_told_in_a_line(lake, tmp_path):
    """No traces of Java's and Python's, with whatever values stand in them; but with --verbose."""
    made = small()
    logs = made.save(tmp_path / "logs")
    ingest(lake, logs)
    for path in Path(lake.location).rglob("events/data/**/*.parquet"):
        path.write_bytes(path.read_bytes()[:-20])  # what is published can't be read: no batch can be compared with it
    made.put(key("later"), event(900))
    made.save(logs)
    code, said = ended(started(lake, logs))
    assert code == 1 and "Spark gave up on a task (audit): trailhouse.errors.TrailhouseError: the published" in said
    assert "is gone or damaged" in said, said
    assert not any(trace in said for trace in ("Traceback", "\tat ", " ERROR ")), said
    code, said = ended(started(lake, logs, "--verbose"))
    assert code == 1 and "Traceback" in said


@pytest.mark.spark
def test_the_driver_that_dies_leaves_it_to_the_next_run(lake, tmp_path):
    made = small()
    logs = made.save(tmp_path / "logs")
    code, _ = ended(started(lake, logs, TRAILHOUSE_FAULT="main_moved:1:after"))
    assert code == -signal.SIGKILL
    assert not _left_running(tmp_path), "the JVM goes with its driver"
    ingest(lake, logs)
    holds_all(lake, made)


def _left_running(folder: Path) -> list[str]:
    """Processes whose command line names the test's folder."""
    found = []
    for pid in _processes():
        text = _command_line(pid).replace(b"\0", b" ").decode(errors="replace")
        if str(folder) in text and "pytest" not in text.split(str(folder))[0]:
            found.append(text[:200])
    return found


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _command_line(pid: int) -> bytes:
    with suppress(OSError):  # it is gone
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _descendants(ancestor: int) -> set[int]:
    parents = {}
    for pid in _processes():
        with suppress(OSError):
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found
