"""
Counts that must not grow: `make bench-check`, or `python -m bench.check`. Two minutes, on any machine, busy or not.

A second on a shared machine says nothing; how often a command asks S3, how many jobs it gives Spark, what a record
costs in bytes and in instructions of Python is the same each time. `bench/counts.toml` has how much each may be, and
why. A count above that fails, and so does one far below: what was gained is to be kept.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import requests
from bench.process import ROOT

COUNTS = Path(__file__).with_name("counts.toml")
KEPT = 0.1  # of a bound that is no whole number: so far below it nobody needs to lower it


@dataclass(frozen=True)
class Bound:
    """How much one count may be."""

    name: str
    most: float
    why: str
    grown: str  # what to do when it is more

    @property
    def least(self) -> float:
        """Below this the bound is to be lowered. What is counted in ones is held to the one."""
        return self.most if isinstance(self.most, int) else self.most * (1 - KEPT)


@dataclass(frozen=True)
class Bounds:
    """What the file says."""

    python: str  # whose instructions are counted
    bounds: tuple[Bound, ...]


def main() -> None:
    """Count everything, say what is wrong, and leave with 1 where something is."""
    asked = bounds(COUNTS.read_text("utf-8"))
    found = requests.counts() | interpreted()
    for line in table(asked, found):
        print(line)
    wrong = list(judged(asked, found, platform.python_version()))
    print("\n".join(wrong) or f"{len(found)} counts are as {COUNTS.name} says")
    sys.exit(1 if wrong else 0)


def interpreted() -> dict[str, float]:
    """What decode and write take of Python, each in a process that has done nothing else."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.interpreted"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(json.loads(ran.stdout))


def bounds(text: str) -> Bounds:
    """The file: a table for each kind of count, with what to do when one of it grows."""
    raw: dict[str, Any] = tomllib.loads(text)
    found = []
    for group in raw["group"]:
        for name, (most, why) in group["counts"].items():
            found.append(Bound(f"{group['name']}: {name}", most, why, group["grown"]))
    return Bounds(raw["python"], tuple(found))


def judged(asked: Bounds, found: Mapping[str, float], python: str) -> Iterator[str]:
    """What is wrong, in a sentence each: what it is, by how much, and what to do."""
    known = {each.name for each in asked.bounds}
    for name in found.keys() - known:
        yield f"{name}: {found[name]:,.10g}, and {COUNTS.name} has no bound for it: give it one, and say why"
    for each in asked.bounds:
        count = found.get(each.name, 0)
        if _is_of_python(each.name) and not python.startswith(f"{asked.python}."):
            continue  # another interpreter has other instructions: they are shown, not judged
        if count > each.most:
            share = f" ({count / each.most - 1:+.1%})" if each.most else ""
            by = f"{count - each.most:,.10g} more than {each.most:,}{share}"
            yield f"{each.name}: {count:,.10g}, {by}. It is {each.why}. {each.grown}"
        elif count < each.least:
            yield f"{each.name}: {count:,.10g}, where {each.most:,} is allowed: lower it in {COUNTS.name}, to keep that"


def _is_of_python(name: str) -> bool:
    return name.endswith(("instructions of Python", "calls", "bytes of Python at most"))


def table(asked: Bounds, found: Mapping[str, float]) -> Iterator[str]:
    """All counts beside their bounds."""
    width = max(map(len, found))
    for each in asked.bounds:
        yield f"{each.name:<{width}}  {found.get(each.name, 0):>12,.10g}  of {each.most:,}"


if __name__ == "__main__":
    main()
