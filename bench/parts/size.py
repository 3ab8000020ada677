"""
Size: bytes of the lake's `events` after `maintain`, to the bytes of the `.json.gz` that they came from.

Of the sample, and of the real corpus re-stamped, where it is there. And a yardstick, for some days of each: the text of
all log files of a day and feed in one, by xz at its most.
"""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path
from typing import Any

from bench import inputs, lakes
from bench.values import Bench, Input

SHARE = 0.3  # of the bench's events, in each of the two
DAYS = 30
WEIGHED = 12  # folders of a day


def run(bench: Bench) -> dict[str, Any]:
    """Each bucket's bytes, and its lake's."""
    events = round(bench.events * SHARE)
    taken = {"sample": inputs.sample(bench, events, days=DAYS)}
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
        **_weighed(taken),
    }


def _weighed(taken: Input) -> dict[str, int]:
    """Some of the days by xz, and the same by gzip as they came."""
    days = sorted({path.parent for path in taken.folder.rglob("*.json.gz")})
    chosen = days[:: max(1, len(days) // WEIGHED)][:WEIGHED]
    stored = [[path.read_bytes() for path in sorted(Path(day).glob("*.json.gz"))] for day in chosen]
    texts = (b"".join(map(gzip.decompress, of)) for of in stored)
    return {
        "weighed_gz_bytes": sum(len(each) for of in stored for each in of),
        "weighed_xz_bytes": sum(len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) for text in texts),
    }


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Ours to theirs: less is better. Without a corpus, of the sample alone."""
    found = {f"lake_bytes_to_gz_{name}": each["lake_bytes"] / each["gz_bytes"] for name, each in numbers.items()}
    bounds = {f"xz_bytes_to_gz_{n}": each["weighed_xz_bytes"] / each["weighed_gz_bytes"] for n, each in numbers.items()}
    return found | bounds | {"lake_bytes_to_gz": max(found.values())}
