"""
Proof: `trailhouse verify` beside AWS's own `aws cloudtrail validate-logs`, on one S3 server of this machine.

One account of a small organization's bucket: the CLI does one region of one trail at a time, Trailhouse all of them, so
that they are compared by the objects that each has verified in a second. Once with S3 on this machine, and once with
one that takes its time, as S3 does. How a whole organization's bucket fares is in `make proof`.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.values import Bench
from tools.measure_verify import KEEP, LATENCY, beside, stored
from trailhouse import sample

REGIONS, DAYS = 4, 4
ROUNDS = (1, 1)  # at once, and with latency


def run(bench: Bench) -> dict[str, Any]:
    """A sample of two accounts, one of which is verified in turn."""
    events = max(bench.events // 5, 1000)
    recipe = sample.Recipe(accounts=2, regions=REGIONS, days=DAYS, events=events, clean=True, layout="organization")
    found: dict[str, Any] = {"latency": LATENCY, "regions": REGIONS}
    with tempfile.TemporaryDirectory(dir=bench.scratch) as name, stored(Path(name), recipe, KEEP) as bucket:
        bucket.upload(sorted(bucket.logs.rglob("*.json.gz")))
        for where, pair in beside(bucket, ROUNDS):
            found["at_once" if where == "at once" else "with_latency"] = asdict(pair)
    return found


def ratios(numbers: dict[str, Any]) -> dict[str, float]:
    """Objects a second, ours to theirs: more is better for us."""
    return {
        "verify_to_aws_cli": _ratio(numbers["with_latency"]),
        "verify_to_aws_cli_at_once": _ratio(numbers["at_once"]),
    }


def _ratio(pair: dict[str, Any]) -> float:
    """Of the same round."""
    more = pair["read"] / pair["said"]
    return more * statistics.median(theirs / ours for ours, theirs in zip(pair["ours"], pair["theirs"], strict=True))
