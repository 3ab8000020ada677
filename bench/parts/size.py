"""
Size: bytes of the lake's `events` after `maintain`, to the bytes of the `.json.gz` that they came from.

Of the sample, and of the real corpus re-stamped, where it is there.
"""

from __future__ import annotations

from typing import Any

from bench import inputs, lakes
from bench.values import Bench, Input

SHARE = 0.3  # of the bench's events, in each of the two
DAYS = 30


def run(bench: Bench) -> dict[str, Any]:
    """Each bucket's bytes, and its lake's."""
    events = round(bench.events * SHARE)
    taken = {"sample": inputs.sample(bench, events, days=DAYS, clean=True)}
    if inputs.has_corpus():
        taken["corpus"] = inputs.corpus(bench, events)
    return {name: _sizes(bench, each) for name, each in taken.items()}


def _sizes(bench: Bench, taken: Input) -> dict[str, Any]:
    ingested = lakes.data_files(lakes.ingested(bench, taken)[0])
    files = lakes.data_files(lakes.maintained(bench, taken))
    return {
        "events": taken.events,
        "gz_files": taken.files,
        "gz_bytes": taken.stored,
        "ingested_files": len(ingested),
        "ingested_bytes": sum(ingested),
        "lake_files": len(files),
        "lake_bytes": sum(files),
    }


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Ours to theirs: less is better. Without a corpus, of the sample alone."""
    found = {f"lake_bytes_to_gz_{name}": each["lake_bytes"] / each["gz_bytes"] for name, each in numbers.items()}
    return found | {"lake_bytes_to_gz": max(found.values())}
