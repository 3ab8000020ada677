"""
Where the time of decode-and-write goes, step by step: with the native kernel and without it, beside the floor.
"""

from __future__ import annotations

from typing import Any

from bench import inputs, results
from bench.contenders.told import CORES
from bench.ingest import FLOORS, measure, program
from bench.values import Bench

WAYS = {"python": program("profile"), "native": program("profile", native=True)}


def run(bench: Bench) -> dict[str, Any]:
    """Each way once, on the main input; and how fast the floor is meanwhile, by the processor time of one core."""
    given = inputs.main(bench)
    told = {way: call(given.folder, bench.scratch / f"profile-{way}").said for way, call in WAYS.items()}
    floor = {name: measure(name, given, bench.scratch / f"profile-{name}") for name in FLOORS}
    results.same_rows({"input": given.events, **{name: each["rows"] for name, each in (told | floor).items()}})
    return {
        "microseconds": {way: each["microseconds"] for way, each in told.items()},
        "floor": min(each["work_seconds"] for each in floor.values()) * CORES / given.events * 1e6,
    }


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """The part of the whole that is parsing and hashing."""
    found = {}
    for way, steps in numbers["microseconds"].items():
        found[f"{way}_parsing_of_decode_write"] = steps["parse and hash"] / sum(steps.values())
    return found
