"""Rules of the suite itself: nothing skips unseen in CI, a warning is an error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.policy.tree import ROOT
from tools.sabotages import ALL, Sabotage


def run(folder, source: str, ci: str = "") -> str:
    """A test file of this source, run by this suite's rules; the last line that pytest says."""
    (folder / "test_it.py").write_text(f"import warnings\nimport pytest\n{source}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder / "test_it.py")],
        cwd=ROOT,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.splitlines()[-1]


SKIPS = "def test_it():\n    pytest.skip('no server')"
SKIPS_WHOLE = "pytest.skip('no server', allow_module_level=True)"
MARKED = "@pytest.mark.skipif(True, reason='no server')\ndef test_it(): ..."
NO_CORPUS = "@pytest.mark.skipif(True, reason='no corpus at /x')\ndef test_it(): ..."
EXPECTED = "@pytest.mark.xfail(strict=True)\ndef test_it():\n    raise AssertionError"
WARNS = "def test_it():\n    warnings.warn('old')"


@pytest.mark.parametrize(
    ("source", "ci", "outcome"),
    [
        (SKIPS, "", "1 skipped"),
        (SKIPS, "true", "1 failed"),
        (MARKED, "true", "1 error"),
        (SKIPS_WHOLE, "", "1 skipped"),
        (SKIPS_WHOLE, "true", "1 error"),
        (NO_CORPUS, "true", "1 skipped"),
        (EXPECTED, "true", "1 xfailed"),
        (WARNS, "", "1 failed"),
    ],
)
def test_nothing_skips_in_ci_and_warnings_are_errors(tmp_path, source, ci, outcome):
    assert outcome in run(tmp_path, source, ci)


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_every_sabotage_fits_the_source(each: Sabotage) -> None:
    """`make sabotage` takes an hour, and is not run with each change: one that fits no more would hold nothing."""
    assert each.applied((ROOT / each.path).read_text("utf-8"))
    for test in each.tests:
        file, _, name = test.partition("::")
        assert not name or f"def {name.partition('[')[0]}(" in (ROOT / file).read_text("utf-8"), f"there is no {test}"
