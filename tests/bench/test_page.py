"""The page says what the results file says, and its plots can be read by everybody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import page, plots, results
from bench.__main__ import PARTS
from bench.process import ROOT
from bench.sections import SECTIONS

# A rehearsal's results, as the program wrote them; and numbers as the other parts make them, each once.
REHEARSED = json.loads((Path(__file__).parent / "rehearsal.json").read_text())
_ANSWERS = {
    "root_use": {"rows": 1, "seconds": 0.2, "bytes": 10_000},
    "sign_ins": {"rows": 2, "seconds": 0.1, "bytes": 20_000},
}
_RUN = {"seconds": 9.0, "memory": {"worker": 300, "jvm": 200, "driver": 100}}
_SIZE = {
    "events": 10,
    "gz_bytes": 100,
    "ingested_bytes": 80,
    "lake_bytes": 50,
    "weighed_gz_bytes": 10,
    "weighed_xz_bytes": 4,
}
_PAIR = {"ours": [2.0], "theirs": [4.0], "read": 40, "said": 10}
MADE = {
    "query": {
        "events": 10,
        "day": "2026-03-15",
        "raw_bytes": {"raw": 9_000_000, "raw_day": 600_000},
        "answers": dict.fromkeys(("lake", "raw", "raw_day", "duckdb", "pyspark", "pyspark_repartition"), _ANSWERS),
    },
    "lookup": {
        "events": 10,
        "files": 2,
        "whole": {"event_id": [0.8, 0.9, 0.7]},
        "warm": {"event_id": _ANSWERS["root_use"]},
    },
    "fixed": {
        "known": 100,
        "new": 50,
        "rounds": {
            "trailhouse": [_RUN | {"phases": {"plan": 0.5, "write": 2.0}}],
            "bare_session": [_RUN],
            "nothing_new": [_RUN],
        },
    },
    "growth": {
        "sizes": [_RUN | {"events": n, "rate": 2.0 * n, "write_rate": 3.0 * n} for n in (100, 300)],
        "one_file": _RUN | {"stored": 8_000_000, "inflated": 50_000_000},
    },
    "proof": {"latency": 0.02, "regions": 4, "at_once": _PAIR, "with_latency": _PAIR},
    "size": {"sample": _SIZE, "corpus": _SIZE},
}
_HOW = {"on": "2026-01-01", "events": 10, "rounds": 1, "seconds": 60}
KNOWN = REHEARSED | {
    "numbers": REHEARSED["numbers"] | MADE,
    "measured": REHEARSED["measured"] | dict.fromkeys(MADE, _HOW),
}
SVG = "{http://www.w3.org/2000/svg}"


def test_every_part_has_a_section():
    assert set(SECTIONS) == set(PARTS)


def test_the_page_is_what_the_newest_results_say():
    newest = results.newest()
    made = page.files(results.read(newest)) if newest else {}
    there = [path for path in (page.PAGE, *page.PLOTS.glob("*.svg")) if path.is_file()]
    assert {path: path.read_text("utf-8") for path in there} == made, "python -m bench.page"


def test_the_readme_tells_the_ratios_as_the_page_does():
    newest = results.newest()
    quoted = re.findall(r"^\| .* \(`\w+`\) \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    told = page.files(results.read(newest))[page.PAGE] if newest else ""
    assert [line for line in quoted if line not in told] == []
    assert quoted or not newest


def test_every_part_that_was_measured_is_told_under_a_heading_of_its_own():
    told = page.files(KNOWN)[page.PAGE]
    assert told.count("\n## ") == len(PARTS)
    assert page.files(REHEARSED)[page.PAGE].count("\n## ") == 3


def test_numbers_stand_in_the_tables():
    told = page.files(KNOWN)[page.PAGE]
    assert "| `root_use` | 0.01, 0.20 | 9.00, 0.20 | 0.60, 0.20 |" in told
    assert "| event id | 0.80 | 0.20 | 0.0 | 1 |" in told
    assert "| S3 that takes 20 ms an answer | 40 | 2.0 | 20 | 10 | 4.0 | 2 |" in told
    assert "| 300 | 9.0 | 600 | 900 | 300 | 200 | 100 |" in told


def test_every_ratio_that_something_was_wanted_of_stands_beside_it():
    told = page.files(KNOWN)[page.PAGE]
    for each in page.WANTED:
        assert (f"`{each.name}`" in told) == (each.name in KNOWN["ratios"])


def test_what_was_not_reached_is_said():
    name = "ingest_whole_to_pyspark"
    for value, said in ((1.49, "**not met**"), (1.5, "met")):
        told = page.files(KNOWN | {"ratios": {name: value}})[page.PAGE]
        assert f"| {value:.3g} | times as fast as the plain PySpark job, whole (`{name}`) | >= 1.5 | {said} |" in told


def test_a_rehearsal_is_called_one():
    assert "**A rehearsal of" in page.files(KNOWN)[page.PAGE]
    whole = {name: how | {"events": 1_000_000} for name, how in KNOWN["measured"].items()}
    assert "rehearsal" not in page.files(KNOWN | {"measured": whole})[page.PAGE]


def test_every_plot_is_shown_and_every_plot_that_is_shown_is_there():
    made = page.files(KNOWN)
    shown = {page.PAGE.parent / line.partition("](")[2].rstrip(")") for line in made[page.PAGE].splitlines() if line.startswith("![")}  # fmt: skip
    assert shown == made.keys() - {page.PAGE}
    assert shown


@pytest.mark.parametrize("name", sorted(path.name for path in page.files(KNOWN) if path.suffix == ".svg"))
def test_a_plot_is_whole_told_in_words_and_follows_dark_and_light(name):
    svg = page.files(KNOWN)[page.PLOTS / name]
    root = ElementTree.fromstring(svg)
    assert "prefers-color-scheme: dark" in svg
    assert root.get("role") == "img"
    assert root.get("aria-label")
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("x", 0)) + float(rect.get("width")) <= plots.WIDTH


def test_bars_are_as_long_as_their_values_and_labels_are_text():
    root = ElementTree.fromstring(plots.bars("a < b", "s", [plots.Bar("x & y", 10), plots.Bar("z", 5, "ours")]))
    first, second = [float(each.get("width")) for each in root.iter(f"{SVG}rect") if each.get("class") != "ground"]
    assert first == 2 * second
    assert [each.text for each in root.iter(f"{SVG}text")] == ["a < b", "s", "x & y", "10", "z", "5"]
