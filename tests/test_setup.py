"""What `make setup` promises: after it, a plain spark-submit works, from anywhere, with nothing activated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policy.tree import ROOT
from tools import setup

VENV = Path(sys.prefix)


def bare_environment() -> dict[str, str]:
    """As of a shell that never heard of the environment."""
    java = shutil.which("java")
    path = ["/usr/bin", "/bin", *([str(Path(java).parent)] if java else [])]
    kept = {name: os.environ[name] for name in ("HOME", "JAVA_HOME") if name in os.environ}
    return {**kept, "PATH": os.pathsep.join(path)}


@pytest.mark.spark
def test_a_plain_spark_submit_ingests(tmp_path):
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    subprocess.run([VENV / "bin" / "trailhouse", "sample", logs, "--events", "500", "--days", "1"], check=True)
    ran = subprocess.run(
        [VENV / "bin" / "spark-submit", ROOT / "jobs" / "ingest.py", logs, "--lake", lake, "--format", "json"],
        cwd=tmp_path,
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    # Spark sends what its Python says on both streams to one.
    assert json.loads(ran.stdout.splitlines()[-1])["status"] == "published"
    assert [line for line in ran.stderr.splitlines() if "incubator" not in line] == []


def test_spark_has_the_pinned_jars_and_no_others_of_their_kind():
    jars = setup.spark_home() / "jars"
    assert setup.wrong_sums(jars, setup.read_sums()) == []
    assert {path.name for path in jars.glob("iceberg-*.jar")} <= set(setup.read_sums())


def test_a_jar_that_is_not_as_pinned_is_refused(tmp_path):
    (tmp_path / "a.jar").write_bytes(b"other")
    assert setup.wrong_sums(tmp_path, {"a.jar": "0" * 64, "b.jar": "0" * 64}) == ["a.jar", "b.jar"]


def test_the_command_is_installed():
    ran = subprocess.run([VENV / "bin" / "trailhouse", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("trailhouse")
