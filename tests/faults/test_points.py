"""
The list of fault points is the code's: none that no run comes to, none that the list does not name.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from timeit import timeit

import pytest

from tests.faults.corpus import small
from tests.ingest.contents import ingest
from tests.policy.tree import JOBS, modules
from trailhouse import faults
from trailhouse.errors import SettingsError
from trailhouse.ingest import audit


def in_the_code() -> set[str]:
    """Every name that `faults.at` is called with, or that a file of the lake is given as its point."""
    found = set()
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.at":
                (name,) = node.args
                found.add(ast.unparse(name))
    return found


def test_the_list_names_what_is_in_the_code_and_nothing_else():
    named = {ast.literal_eval(name) for name in in_the_code() - {"self._point"}}
    assert named | {"manifest_list", "metadata_file"} == {*faults.POINTS, *faults.POINTS_OF_MAINTENANCE}


@pytest.fixture
def hits(monkeypatch) -> list[str]:
    seen: list[str] = []

    def at(name: str):
        seen.append(name)
        return nullcontext()

    monkeypatch.setattr(faults, "at", at)
    return seen


def test_an_ordinary_run_comes_to_every_point(lake, tmp_path, hits, s3, bucket, monkeypatch):
    made = small()
    made.upload(s3.client(), bucket)
    assert ingest(lake, f"s3://{bucket}").status == "published"
    missing = set(faults.POINTS) - set(hits) - {"held", "table_upgraded"}  # which no ingest does: test_upgrade.py
    assert not missing, "a point that no run comes to guards nothing"
    refuse_all(monkeypatch)
    assert ingest(replace(lake, database="another", ops_database="another_ops"), f"s3://{bucket}").status == "refused"
    assert "held" in hits


def refuse_all(monkeypatch) -> None:
    """An audit that finds something in every batch."""
    plainly = audit.audit

    def refusing(*given, **more):
        verdict = plainly(*given, **more)
        first, *rest = verdict.checks
        return replace(verdict, checks=(replace(first, severity="critical", success=False), *rest))

    monkeypatch.setattr(audit, "audit", refusing)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("audit:1:before", []),
        ("audit:1:after", ["1"]),
        ("audit:2:before", ["1"]),
        ("audit:2:after", ["1", "2"]),
        ("audit:3:after", ["1", "2"]),
        ("held:1:before", ["1", "2"]),
        ("", ["1", "2"]),
    ],
)
def test_a_process_dies_at_exactly_the_hit_it_was_told(fault, said):
    script = (
        "from trailhouse import faults\nfor n in '12':\n    with faults.at('audit'):\n        print(n, flush=True)\n"
    )
    env = os.environ | {"PYTHONPATH": str(JOBS), "TRAILHOUSE_FAULT": fault}
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == said
    assert ran.returncode == (0 if fault in ("", "audit:3:after", "held:1:before") else -signal.SIGKILL), ran.stderr


def test_a_second_process_lives_where_the_first_left_its_mark(tmp_path):
    script = "from trailhouse import faults\nwith faults.at('audit'):\n    print('in')\n"
    env = os.environ | {"PYTHONPATH": str(JOBS), "TRAILHOUSE_FAULT": f"audit:1:before:{tmp_path / 'mark'}"}
    ended = [
        subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=False).returncode
        for _ in range(2)
    ]
    assert ended == [-signal.SIGKILL, 0]


def test_a_step_that_fails_is_not_after(monkeypatch):
    died: list[int] = []
    monkeypatch.setattr(os, "kill", lambda *_: died.append(1))
    faults.arm("audit:1:after")
    try:
        with pytest.raises(ValueError, match="no"), faults.at("audit"):
            raise ValueError("no")
        assert not died
        with faults.at("audit"):
            pass
        assert died
    finally:
        faults.arm("")


@pytest.mark.parametrize(
    "text", ["audit", "audit:1", "audit:0:before", "audit:x:after", "nowhere:1:before", "audit:1:on"]
)
def test_a_fault_that_is_misspelt_is_refused(text):
    with pytest.raises(SettingsError, match="TRAILHOUSE_FAULT must be"):
        faults.arm(text)
    faults.arm("")


def test_off_a_point_costs_less_than_two_microseconds():
    def step() -> None:
        with faults.at("downloading"):
            pass

    assert min(timeit(step, number=20_000) / 20_000 for _ in range(5)) < 2e-6
