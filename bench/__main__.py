"""
Run the bench, or parts of it: `make bench`, `make bench PART="ingest query"`.

Writes numbers and ratios to `bench/results/DATE.json`, and from these alone `docs/bench.md` with its plots. A part that
isn't run keeps the numbers that it had. What runs on fewer events or rounds is a rehearsal: its results are written
where inputs are kept, and no page is made of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench import results
from bench.values import Bench

# In the order in which they run.
PARTS = {
    "ingest": "bench.parts.ingest",
    "profile": "bench.parts.profile",
    "hard": "bench.parts.hard",
    "query": "bench.parts.query",
    "lookup": "bench.parts.lookup",
    "fixed": "bench.parts.fixed",
    "growth": "bench.parts.growth",
    "proof": "bench.parts.proof",
    "size": "bench.parts.size",
}

EVENTS, ROUNDS = 1_000_000, 3
KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trailhouse" / "bench"


def main() -> None:
    """Parts as asked, one after the other, each written down when it is done."""
    asked = _arguments()
    # One for all parts: what is looked up in has been grown, and what reports are asked of has been weighed.
    with tempfile.TemporaryDirectory(prefix="trailhouse-bench-", dir=asked.scratch) as scratch:
        for name in asked.part or PARTS:
            _run(name, Bench(asked.inputs, Path(scratch), asked.events, asked.rounds))


def _run(name: str, bench: Bench) -> None:
    is_whole = (bench.events, bench.rounds) == (EVENTS, ROUNDS)
    folder = results.FOLDER if is_whole else bench.inputs / "rehearsals"
    began = time.monotonic()
    numbers = import_module(PARTS[name]).run(bench)
    how = {"events": bench.events, "rounds": bench.rounds, "seconds": round(time.monotonic() - began)}
    path = results.add(folder, datetime.now(UTC).date(), name, numbers, how)
    print(f"bench: {name}: {how['seconds']} s, in {path}", file=sys.stderr)
    if is_whole:
        from bench import page

        page.write()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Trailhouse beside others.")
    parser.add_argument("--part", nargs="+", choices=PARTS, help="which parts (all)")
    parser.add_argument("--events", type=int, default=EVENTS, help="events of the main input (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of what is compared in rounds (%(default)s)")
    parser.add_argument("--inputs", type=Path, default=KEPT, help="where inputs are kept (%(default)s)")
    parser.add_argument("--scratch", type=Path, help="where what goes afterwards is written (the system's place)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
