"""
The page of the bench and its plots, of the newest results file alone.

Made again without a run by `python -m bench.page`. What each part shows is in `sections`; here stand the head, the ratios
beside what was wanted of them, and the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import results, sections
from bench.process import ROOT

PAGE, PLOTS = ROOT / "docs" / "bench.md", ROOT / "docs" / "bench"


@dataclass(frozen=True)
class Wanted:
    """A ratio by its name, what it is in words, and the bound that it was to keep: ">= 2", "<= 3", or "" for none."""

    name: str
    said: str
    bound: str = ""

    def is_met(self, value: float) -> bool:
        way, _, limit = self.bound.partition(" ")
        return value >= float(limit) if way == ">=" else value <= float(limit)


WANTED = (
    Wanted("ingest_whole_to_pyspark", "times as fast as the plain PySpark job, whole", ">= 1.5"),
    Wanted("native_ingest_whole_to_pyspark", "the same with the kernel", ">= 1.5"),
    Wanted("ingest_whole_to_pyspark_without_repartition", "times as fast as that job without its repartition, whole"),
    Wanted("ingest_whole_to_duckdb", "times as fast as DuckDB, whole", ">= 2"),
    Wanted("native_ingest_whole_to_duckdb", "the same with the kernel", ">= 2"),
    Wanted("ingest_whole_to_clickhouse", "times as fast as ClickHouse, whole"),
    Wanted(
        "decode_write_to_pyspark",
        "times as fast as the plain PySpark job, decode and write in plain processes",
        ">= 2.5",
    ),
    Wanted("native_decode_write_to_pyspark", "the same with the kernel", ">= 2.5"),
    Wanted("decode_write_in_spark_to_pyspark", "times as fast as its work, decode and write in Spark's tasks"),
    Wanted("native_decode_write_in_spark_to_pyspark", "the same with the kernel"),
    Wanted("decode_write_to_clickhouse", "times as fast as ClickHouse, decode and write alone"),
    Wanted("native_decode_write_to_clickhouse", "the same with the kernel", ">= 1"),
    Wanted("decode_write_to_floor", "of the floor's rate, decode and write alone", ">= 0.15"),
    Wanted("native_decode_write_to_floor", "the same with the kernel", ">= 0.4"),
    Wanted("big_whole_to_pyspark", "times as fast as the plain PySpark job on files of 50 MB, whole"),
    Wanted("big_whole_to_duckdb", "times as fast as DuckDB on files of 50 MB, whole"),
    Wanted("tiny_whole_to_pyspark", "times as fast as the plain PySpark job on tiny files, whole"),
    Wanted("tiny_whole_to_duckdb", "times as fast as DuckDB on tiny files, whole"),
    Wanted("growth_worker_memory", "times a worker's memory, at thirty times the events", "<= 1.25"),
    Wanted("growth_worker_memory_from_second", "times a worker's memory, at ten times the events of the second size"),
    Wanted("one_file_worker_mb", "MB held at most by the worker that decodes a file of 50 MB", "<= 1024"),
    Wanted("incremental_to_bare_session", "times a bare Spark session, for 50 new files", "<= 3"),
    Wanted("report_bytes_raw_to_lake", "times fewer bytes for a day's report than over all raw files", ">= 20"),
    Wanted("report_bytes_raw_day_to_lake", "times fewer than over raw files of the two days alone that can have it"),
    Wanted("lookup_seconds", "seconds for the slowest look-up", "<= 1"),
    Wanted("lake_bytes_to_gz", "of the bytes of the log files, after maintain", "<= 0.6"),
    Wanted("verify_to_aws_cli", "times as many objects verified a second as by the AWS CLI, of an S3 20 ms away"),
    Wanted("verify_to_aws_cli_at_once", "the same, of an S3 on this machine"),
)


def files(known: Mapping[str, Any]) -> dict[Path, str]:
    """The page, and the plots that it shows."""
    told, plots = list(_head(known)), {}
    for part, section in sections.SECTIONS.items():
        if part in known["numbers"]:
            made = section(known["numbers"][part])
            told += [f"\n## {made.title}\n", _measured(known["measured"][part]), *made.lines]
            for name, plot in made.plots.items():
                told.append(f"\n![{plot.title}](bench/{name}.svg)")
                plots[PLOTS / f"{name}.svg"] = plot.svg
    return {PAGE: "\n".join(told) + "\n", **plots}


def write() -> None:
    """Write them, in place of all that was there."""
    known = results.read(results.newest())
    PLOTS.mkdir(exist_ok=True)
    made = files(known)
    for old in set(PLOTS.glob("*.svg")) - made.keys():
        old.unlink()
    for path, text in made.items():
        path.write_text(text, "utf-8")


def _head(known: Mapping[str, Any]) -> Iterator[str]:
    at, versions = known["machine"], known["versions"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f"""# Speed, side by side

By `make bench` on {at["cores"]} cores ({at["cpu"]}, {at["memory_gb"]} GB), {at["system"]}; {told}. What is compared ran in
one run, in turn, on the same cores; so the ratios say something, and the times say little about yours. Numbers are
medians over rounds, ratios medians over pairs of the same round. All of them are in `bench/results/`.

What was wanted, and what came of it:

| ratio | | wanted | |
| --- | --- | --- | --- |"""
    for each in WANTED:
        if each.name in known["ratios"]:
            value = known["ratios"][each.name]
            met = ("met" if each.is_met(value) else "**not met**") if each.bound else ""
            yield f"| {_told(value)} | {each.said} (`{each.name}`) | {each.bound} | {met} |"


def _told(value: float) -> str:
    """Three figures, or all of a large number's."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _measured(how: Mapping[str, Any]) -> str:
    minutes = max(1, round(how["seconds"] / 60))
    part = f"On {how['on']}, in {minutes} minute{'s'[: minutes > 1]}."
    return part if how["events"] == 1_000_000 else f"{part} **A rehearsal of {how['events']:,} events.**"


if __name__ == "__main__":
    write()
