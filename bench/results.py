"""
The results file: numbers of each part, when and how they were measured, on which machine, and the ratios of them all.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from bench.process import ROOT

FOLDER = ROOT / "bench" / "results"
SHOWN = ("pyspark", "pyarrow", "duckdb", "msgspec", "isal", "pyiceberg")


def add(folder: Path, day: date, part: str, numbers: Mapping[str, Any], how: Mapping[str, Any]) -> Path:
    """A part's numbers into the day's file, beside those that other parts have already."""
    folder.mkdir(parents=True, exist_ok=True)
    known = read(newest(folder)) if newest(folder) else {}
    known = {
        "machine": machine(),
        "versions": versions(),
        "measured": {**known.get("measured", {}), part: {"on": day.isoformat(), **how}},
        "numbers": {**known.get("numbers", {}), part: dict(numbers)},
    }
    for old in [name for name in known["numbers"] if name != part and not _is_of_today(name, known["numbers"][name])]:
        print(f"bench: {old} was measured by an older bench, and is left out until it runs again", file=sys.stderr)
        del known["numbers"][old], known["measured"][old]
    known["ratios"] = ratios(known["numbers"])
    path = folder / f"{day.isoformat()}.json"
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    return path


def ratios(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Those of all parts, by name."""
    from bench.__main__ import PARTS

    found: dict[str, float] = {}
    for part, of in numbers.items():
        found.update(import_module(PARTS[part]).ratios(of))
    return {name: float(f"{value:.4g}") for name, value in sorted(found.items())}


def _is_of_today(part: str, numbers: Mapping[str, Any]) -> bool:
    """Whether the bench as it is now can read what it measured once."""
    try:
        ratios({part: numbers})
    except KeyError:
        return False
    return True


def newest(folder: Path = FOLDER) -> Path | None:
    """The results that were written last."""
    return max(folder.glob("*-*-*.json"), default=None)


def read(path: Path | None) -> dict[str, Any]:
    """What a results file says."""
    if path is None:
        raise SystemExit("bench: there are no results yet: make bench")
    return json.loads(path.read_text())


def of_pairs(one: Sequence[float], other: Sequence[float]) -> float:
    """How many times the other the one is: the median over pairs of the same round."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def same_rows(rows: Mapping[str, int]) -> None:
    """End the bench where contenders don't agree on how many rows there are: what isn't equal can't be compared."""
    if len(set(rows.values())) > 1:
        told = ", ".join(f"{name} {count:,}" for name, count in rows.items())
        raise SystemExit(f"bench: contenders made different numbers of rows, so their times can't be compared: {told}")


def machine() -> dict[str, Any]:
    """Where it was measured."""
    cpus = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cores": os.cpu_count(),
        "cpu": cpus[1] if cpus else platform.processor(),
        "memory_gb": round(int(memory[1]) / 2**20) if memory else 0,
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """With what it was measured."""
    java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    said = re.search(r'version "([^"]+)"', java)
    found = {name: metadata.version(name) for name in SHOWN}
    return {"python": platform.python_version(), "java": said[1] if said else "", **found}
