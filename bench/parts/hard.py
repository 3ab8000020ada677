"""
Two hard cases: few huge files, and many of hardly anything. One round, with those who are to be compared there.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench import inputs
from bench.ingest import SPARKS, WHOLE, column, faster, interleaved
from bench.results import of_pairs
from bench.values import Bench

COMPARED = (*WHOLE, *SPARKS, "duckdb")


def run(bench: Bench) -> dict[str, Any]:
    """Both, one after the other. A rehearsal takes fewer files."""
    share = min(1.0, bench.events / 1_000_000)
    numbers: dict[str, Any] = {}
    for given in (
        inputs.big(bench, max(2, round(share * inputs.BIG_FILES))),
        inputs.tiny(bench, max(100, round(share * inputs.TINY_FILES))),
    ):
        case = given.name.partition("-")[0]
        told = asdict(given) | {"folder": given.folder.parent.name}
        numbers[case] = {"input": told, "contenders": interleaved(bench, given, COMPARED, 1)}
    return numbers


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Whole processes against whole processes."""
    found = {}
    for case, of in numbers.items():
        seconds = {name: column(rounds, "seconds") for name, rounds in of["contenders"].items()}
        for way, whole in zip(("", "native_"), WHOLE, strict=True):
            for other, names in (("pyspark", SPARKS), ("duckdb", ("duckdb",))):
                theirs = seconds[faster(of["contenders"], names, "seconds")]
                found[f"{way}{case}_whole_to_{other}"] = of_pairs(theirs, seconds[whole])
    return found
