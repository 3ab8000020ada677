"""
Workers of a real Spark that die in the middle (K2 to K5; rows F2, F3): a second attempt, the same rows; files of the first
are orphans.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.corpus import small
from tests.faults.oracle import Read
from tests.ingest.contents import holds_together, ingest, same_as_model
from tests.policy.tree import ROOT


def command(lake, logs, **env: str) -> subprocess.CompletedProcess[str]:
    """The whole command, workers and all."""
    arguments = ["ingest", str(logs), "--lake", lake.location, "--format", "json", "--spark-master", "local[2,4]"]
    return subprocess.run(
        [sys.executable, "-c", "from trailhouse.cli import main; main()", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "jobs")} | env, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


@pytest.mark.spark
@pytest.mark.parametrize("point", ["downloading:2:after", "decoded:1:before", "data_written:1:after"])
def test_a_worker_that_dies_once_costs_an_attempt_and_no_row(lake, tmp_path, point):
    made, mark = small(), tmp_path / "died"
    done = command(lake, made.save(tmp_path / "logs"), TRAILHOUSE_FAULT=f"{point}:{mark}")
    assert done.returncode == 0, done.stderr
    assert mark.exists(), "nobody died"
    read = Read(lake)
    same_as_model(read, made.listed())
    holds_together(read)


@pytest.mark.spark
def test_the_driver_that_dies_leaves_it_to_the_next_run(lake, tmp_path):
    made = small()
    logs = made.save(tmp_path / "logs")
    died = command(lake, logs, TRAILHOUSE_FAULT="main_moved:1:after")
    assert died.returncode == -signal.SIGKILL
    assert not _left_running(tmp_path), "the JVM goes with its driver"
    ingest(lake, logs)
    read = Read(lake)
    same_as_model(read, made.listed())
    holds_together(read)


def _left_running(folder: Path) -> list[str]:
    """Processes whose command line names the test's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text and "pytest" not in text.split(str(folder))[0]:
            found.append(text[:200])
    return found
