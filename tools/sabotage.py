"""
Tests of the tests: break the product on purpose, one way after another, and see that a named test turns red.

    python tools/sabotage.py [--list] [--only NAME …]

Works on a copy of the checkout. Each sabotage is an exact replacement in one file; a line says which test caught it, or
that it SURVIVED. A replacement that fits the source no more, and a test that doesn't run, are failures too: else the
list would rot in silence. What the sabotages are is told in `sabotages.py`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.sabotages import ALL, Sabotage  # noqa: E402 (the checkout's own)

LONGEST = 300  # seconds that the tests of one sabotage may take
EVERY_COMMIT = {"TRAILHOUSE_KILL_STEP": "1"}  # tests that die at some commits die at each: no bug goes by luck
RED, GREEN = 1, 0  # how pytest ends when tests fail, and when they pass


@dataclass(frozen=True)
class Outcome:
    """What became of one sabotage."""

    name: str
    caught_by: str  # a test, "" when there is none
    trouble: str = ""  # why nothing is known

    @property
    def fine(self) -> bool:
        return bool(self.caught_by) and not self.trouble

    def __str__(self) -> str:
        return f"{self.name:44} {self.trouble or self.caught_by or 'SURVIVED'}"


def main() -> int:
    given = _arguments()
    chosen = [each for each in ALL if not given.only or each.name in given.only]
    if given.list:
        print("\n".join(f"{each.name:44} {each.path}" for each in chosen))
        return 0
    if unknown := set(given.only) - {each.name for each in ALL}:
        print(f"sabotage: there is none called {', '.join(sorted(unknown))}")
        return 2
    with tempfile.TemporaryDirectory(prefix="trailhouse-sabotage-") as folder:
        copy = copied(Path(folder) / "copy")
        if trouble := sound(copy, chosen):
            print(f"sabotage: the tests are not green to begin with: {trouble}")
            return 1
        outcomes = []
        for each in chosen:
            began = time.monotonic()
            outcomes.append(tried(copy, each))
            print(f"{outcomes[-1]}  ({time.monotonic() - began:.0f} s)", flush=True)
    bad = [each for each in outcomes if not each.fine]
    print(f"sabotage: {len(outcomes) - len(bad)} of {len(outcomes)} were caught")
    return int(bool(bad))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Break the product on purpose and see that tests turn red.")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    return parser.parse_args()


def copied(to: Path) -> Path:
    """A copy of what is in the repository, with the environment through a link."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    (to / ".venv").symlink_to(ROOT / ".venv")
    return to


def sound(copy: Path, chosen: Sequence[Sabotage]) -> str:
    """What is wrong with the named tests where nothing is sabotaged."""
    tests = sorted({test for each in chosen for test in each.tests})
    ended, said = run_tests(copy, tests, LONGEST + 60 * len(chosen))
    return "" if ended == GREEN and " skipped" not in said else said[-2000:]


def tried(copy: Path, sabotage: Sabotage) -> Outcome:
    """Apply a sabotage, run its tests, and take it back."""
    path = copy / sabotage.path
    plain = path.read_text()
    try:
        path.write_text(sabotage.applied(plain))
        ended, said = run_tests(copy, sabotage.tests, LONGEST, "-x", env=EVERY_COMMIT)
    except ValueError as unfit:
        return Outcome(sabotage.name, "", f"DOES NOT FIT: {unfit}")
    except subprocess.TimeoutExpired:
        return Outcome(sabotage.name, "", f"NO END in {LONGEST} s")
    finally:
        path.write_text(plain)
    found = re.search(r"^FAILED (\S+(?: \S+)*?)(?: - |$)", said, re.MULTILINE)
    if ended not in (RED, GREEN) or (ended == RED and not found):
        return Outcome(sabotage.name, "", f"THE TESTS DID NOT RUN: {said[-500:]}")
    return Outcome(sabotage.name, found[1] if found else "")


def run_tests(
    copy: Path, tests: Sequence[str], seconds: float, *more: str, env: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str]:
    """Run tests in the copy, of the copy's own sources. Returns how pytest ended, and what it said."""
    command = [str(ROOT / ".venv" / "bin" / "python"), "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider"]
    paths = {"PYTHONPATH": f"{copy / 'jobs'}{os.pathsep}{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [*command, "--hypothesis-seed=1", "--tb=line", *more, *tests],
        cwd=copy,
        env={**os.environ, **paths, **env},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return ran.returncode, ran.stdout + ran.stderr


if __name__ == "__main__":
    sys.exit(main())
