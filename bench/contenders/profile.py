"""
Where the time of Trailhouse's decode-and-write goes: all its tasks in one process, by Python's own profiler.

Tells the microseconds a record of each step, of the main thread. The profiler's own cost falls on steps of many small
calls, which Python's path has more of; so the total says less than the shares.
"""

from __future__ import annotations

import cProfile
import json
import pstats
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.contenders.decode_write import groups, task_of
from bench.contenders.told import arguments
from trailhouse.ingest import task

# Step -> functions whose time it is, each with all that it calls; and, with a minus, what other steps have of it.
STEPS: Mapping[str, tuple[str, ...]] = {
    "read": ("sources/objects.py:fetch",),
    "inflate": ("decode/inflate.py:inflate",),
    "parse and hash": ("decode/parse.py:parse", "-decode/inflate.py:inflate", "decode/columns.py:build"),
    "what follows": ("decode/derive.py:derive",),
    "duplicates": ("ingest/duplicates.py:settle",),
    "sort": ("lake/write.py:_parts",),
    "choose a form": ("lake/pages.py:look",),
    "open a file": ("lake/write.py:__init__",),
    "encode, compress": ("lake/write.py:add",),
    "close, figures": ("lake/write.py:close", "lake/write.py:done"),
}
REST = "all else"

Spent = Mapping[str, float]  # function -> seconds, with what it calls


def main() -> None:
    """Every task, one after the other."""
    given = arguments()
    work = task_of(given.folder, given.out)
    task.work(work)  # a rehearsal, as every worker has one
    profiler, rows = cProfile.Profile(), 0
    for group in groups(work):
        profiler.enable()
        done = task.work(replace(work, objects=group))
        profiler.disable()
        rows += sum(outcome.rows for outcome in done.outcomes)
    told = {step: round(seconds / rows * 1e6, 3) for step, seconds in steps(spent(profiler)).items()}
    print(json.dumps({"rows": rows, "microseconds": told}))


def spent(profiler: cProfile.Profile) -> dict[str, float]:
    """Of the product's own functions, by folder, file and name."""
    found: dict[str, float] = {}
    for (path, _, name), (*_, cumulative, _callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        place = "/".join(Path(path).parts[-2:]) + f":{name}"
        found[place] = found.get(place, 0.0) + cumulative
    return found


def steps(of: Spent) -> dict[str, float]:
    """Seconds of each step; a function that is called otherwise by now is missed, and not taken for none."""
    found = {}
    for step, names in STEPS.items():
        found[step] = sum(-of[name[1:]] if name.startswith("-") else of[name] for name in names)
    return found | {REST: of["ingest/task.py:work"] - sum(found.values())}


if __name__ == "__main__":
    main()
