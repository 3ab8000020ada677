"""Killed anywhere and run again: the same verdicts, and the same evidence to the byte."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.children import ended, forked_from
from tests.integrity import dying
from tests.integrity.chains import Trail, Vault
from tests.integrity.verifying import keys_of

KILLS = 6  # besides the first and the last hit of each point


@dataclass
class Bench:
    """A folder with what is valid and what is not, and lakes over it."""

    folder: Path
    root: Path
    keys: Path
    context: Any
    made: int = 0

    def lake(self) -> Path:
        self.made += 1
        return self.folder / f"lake{self.made}"

    def run(self, lake: Path, fault: str = "", trace: Path | None = None, full: bool = False) -> int:
        config = self.folder / "trailhouse.toml"
        config.write_text("[batch]\nobjects = 4\nfetch_threads = 1\n")
        arguments = (
            "verify",
            str(self.root),
            "--lake",
            str(lake),
            "--config",
            str(config),
            "--public-keys",
            str(self.keys),
        )
        more = ("--evidence", str(lake) + "-evidence", *(["--full"] if full else []))
        told = self.folder / "told"
        child = self.context.Process(target=dying.run, args=(dying.Job((*arguments, *more), told, fault, trace),))
        child.start()
        return ended(child)

    def evidence(self, lake: Path) -> tuple[bytes, ...]:
        return tuple((Path(f"{lake}-evidence") / f"evidence.{form}").read_bytes() for form in ("json", "html"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("kills")
    vault = Vault()
    made = vault.chain("ok", "restart", "backfill", "ok", "missing", "ok")
    vault.chain("ok", "unexplained", "unlisted", "empty", "ok", "ok", trail=Trail("second", prefix="second"))
    vault.objects[made.hours[0].logs[0]] = vault.objects[made.hours[0].logs[1]]
    root = folder / "logs"
    root.mkdir()
    with forked_from(dying.__name__) as context:
        yield Bench(folder, vault.save(root), keys_of(vault, folder), context)


def hits_of(bench: Bench) -> tuple[Counter[str], tuple[bytes, ...]]:
    """How often an undisturbed run comes to each fault point; and its evidence."""
    lake, trace = bench.lake(), bench.folder / "trace"
    trace.unlink(missing_ok=True)
    assert bench.run(lake, trace=trace) == 4, (bench.folder / "told").read_text()
    return Counter(trace.read_text().split()), bench.evidence(lake)


def test_killed_anywhere_and_run_again_the_evidence_is_the_same_to_the_byte(bench, record_property):
    seed = int(os.environ.get("TRAILHOUSE_SEED") or random.randrange(2**32))
    print("seed", seed)
    rng = random.Random(seed)
    hits, want = hits_of(bench)
    assert {"downloading", "metadata_file", "pointer_swapped"} <= hits.keys()
    every = [
        (name, hit, when) for name, most in hits.items() for hit in range(1, most + 1) for when in ("before", "after")
    ]
    ends = [("pointer_swapped", hits["pointer_swapped"], "before"), ("downloading", hits["downloading"], "after")]
    kills = [*ends, *rng.sample(every, KILLS)]
    for name, hit, when in kills:
        lake = bench.lake()
        fault = f"{name}:{hit}:{when}"
        assert bench.run(lake, fault) == -signal.SIGKILL, fault
        assert not Path(f"{lake}-evidence").exists()
        assert bench.run(lake) == 4, fault
        assert bench.evidence(lake) == want, fault
    record_property("told", f"kills of verify: TRAILHOUSE_SEED={seed}, {len(kills)} of {len(every)} places")


def test_a_full_run_that_is_killed_leaves_what_was_known(bench):
    hits, want = hits_of(bench)
    lake = bench.lake()
    assert bench.run(lake) == 4
    assert bench.run(lake, f"downloading:{hits['downloading'] - 1}:after", full=True) == -signal.SIGKILL
    assert bench.run(lake) == 4
    assert bench.evidence(lake) == want
