"""
Ingest: the main input, with all contenders, in rounds.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench import inputs
from bench.ingest import CONTENDERS, DECODE_WRITE, FLOORS, SPARKS, WHOLE, Rounds, column, faster, interleaved
from bench.results import of_pairs
from bench.values import Bench


def run(bench: Bench) -> dict[str, Any]:
    """Every contender, in turn."""
    given = inputs.main(bench)
    rounds = interleaved(bench, given, list(CONTENDERS), bench.rounds)
    return {
        "input": asdict(given) | {"folder": given.folder.parent.name, "has_corpus": inputs.has_corpus()},
        "contenders": rounds,
    }


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Whole processes against whole processes, the work alone against the work alone."""
    of: Rounds = numbers["contenders"]
    work = "work_seconds"
    found = {}
    for way, whole, alone in zip(("", "native_"), WHOLE, DECODE_WRITE, strict=True):
        pairs = {
            "ingest_whole_to_pyspark": (faster(of, SPARKS, "seconds"), whole, "seconds"),
            "ingest_whole_to_pyspark_without_repartition": ("pyspark", whole, "seconds"),
            "ingest_whole_to_duckdb": ("duckdb", whole, "seconds"),
            "ingest_whole_to_clickhouse": ("clickhouse", whole, "seconds"),
            "decode_write_to_pyspark": (faster(of, SPARKS, work), alone, work),
            "decode_write_to_duckdb": ("duckdb", alone, work),
            "decode_write_to_clickhouse": ("clickhouse", alone, work),
            "decode_write_to_floor": (faster(of, FLOORS, work), alone, work),
            "decode_write_in_spark_to_pyspark": (faster(of, SPARKS, work), whole, work),
        }
        for name, (theirs, ours, by) in pairs.items():
            found[way + name] = of_pairs(column(of[theirs], by), column(of[ours], by))
    return found
