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
from tools import native, setup

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


def test_a_crate_that_is_not_as_pinned_is_told(tmp_path):
    pinned = {("a", "1.0.0"): "0" * 64, ("b", "2.0.0"): "1" * 64, ("c", "3.0.0"): "2" * 64}
    found = {("a", "1.0.0"): "0" * 64, ("b", "2.1.0"): "3" * 64, ("c", "3.0.0"): "4" * 64}
    (tmp_path / "crates.txt").write_text(native.written(pinned))
    assert native.read_crates(tmp_path / "crates.txt") == pinned
    assert native.difference(pinned, pinned) == ""
    assert native.difference(pinned, found) == "c 3.0.0 not what it was; b 2.0.0 missing; b 2.1.0 not named there"


def test_cargo_s_lock_is_read_without_the_kernel_itself(tmp_path):
    lock = tmp_path / "Cargo.lock"
    lock.write_text(
        'version = 4\n[[package]]\nname = "a"\nversion = "1.0.0"\nchecksum = "00"\n'
        '[[package]]\nname = "trailhouse-native"\nversion = "0.1.0"\n'
    )
    assert native.read_lock(lock) == {("a", "1.0.0"): "00"}


def test_without_cargo_the_message_says_what_to_do_and_that_nothing_else_needs_it(tmp_path):
    ran = subprocess.run([sys.executable, ROOT / "tools" / "native.py", "build"], env={"PATH": str(tmp_path)},
                         capture_output=True, text=True, check=False)  # fmt: skip
    assert ran.returncode == 1
    assert "Rust" in ran.stderr and "Everything works without the kernel" in ran.stderr


def test_the_command_is_installed():
    ran = subprocess.run([VENV / "bin" / "trailhouse", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("trailhouse")
