"""
Races: runs at once, a run beside a compaction, a run that sleeps through another's.

    python -m tests.faults.races [--rounds N] [--seed N]

Processes of their own, a new lake each round, a line per round. On the catalog in a file and on a Glue API that is honest about
its VersionId.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pyiceberg.exceptions import CommitFailedException, ValidationException

from tests import model
from tests.buckets import Bucket, event, key, redelivered
from tests.children import ended
from tests.faults import sweep
from tests.faults.oracle import Read, Watcher
from tests.ingest.contents import holds_together
from tests.ingest.inline import INLINE
from trailhouse import faults, settings
from trailhouse.errors import TrailhouseError
from trailhouse.ingest.job import Run
from trailhouse.lake import catalog, lease
from trailhouse.upkeep import maintain

RUNS = 2
AGAIN = 6


@dataclass
class Round:
    """How one round went."""

    name: str
    exits: list[list[int]]  # of each run, until it ended well
    complaints: list[str]
    seconds: float

    def __str__(self) -> str:
        told = "".join(f"\n       {each}" for each in self.complaints)
        return f"{'RED ' if self.complaints else 'ok  '} {self.name:<50} exits {self.exits} {self.seconds:5.1f} s{told}"


def stay(seconds: float) -> None:
    """In the child: start a little later."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def overlapping(bench: sweep.Bench, rng: random.Random, number: int, client: Any = None) -> tuple[Bucket, list[str]]:
    """Two sources: the same one, or two that share half of their objects; now and then of nothing that comes to a row."""
    bucket = Bucket() if number % 4 == 3 else redelivered(rng.randrange(10**6))
    for each in range(3):
        bucket.objects[key(f"rotten{each}")] = b"\x1f\x8b no log"
        bucket.put(key(f"bad{each}"), b'{"eventID":"x","eventID":"y"}')
    bucket.put(key("empty"))
    keys = sorted(bucket.objects)
    third = len(keys) // 3
    parts = [keys] if number % 2 else [keys[: 2 * third], keys[third:]]
    urls = []
    for part, chosen in enumerate(parts):
        name = f"race{number}-{part}"
        some = Bucket({k: bucket.objects[k] for k in chosen})
        if client:
            Bucket({f"{name}/{k}": data for k, data in some.objects.items()}).upload(client, "races")
            urls.append(f"s3://races/{name}")
        else:
            urls.append(str(some.save(bench.folder / name)))
    return bucket, urls * (RUNS // len(urls))


def raced(bench: sweep.Bench, name: str, rng: random.Random, bucket: Bucket, urls: Sequence[str]) -> Round:
    """All at once, then each again until it ends well."""
    began, lake = time.monotonic(), bench.lake()
    read = Read(lake, bench.properties)
    jobs = [replace(bench, source=url).job(lake, before=partial(stay, rng.uniform(0, 0.5))) for url in urls]
    jobs = [replace(job, told=Path(f"{job.told}-{n}")) for n, job in enumerate(jobs)]
    with Watcher(read) as watcher:
        children = [bench.start(job) for job in jobs]
        exits = [[ended(child)] for child in children]
        found = [] if any(first == [0] for first in exits) else ["none was done at once"]
        for job, its in zip(jobs, exits, strict=True):
            while its[-1] != 0 and len(its) <= AGAIN:
                its.append(bench.run(replace(job, before=None)))
    found += watcher.complaints
    found += [
        f"never done: {job.told.read_text()[-500:]}" for job, its in zip(jobs, exits, strict=True) if its[-1] != 0
    ]
    found += [f"exit {code}" for its in exits for code in its if code not in sweep.AGREED]
    found += [f"no word for it: {job.told.read_text()[-500:]}" for job in jobs if "should not" in job.told.read_text()]
    return Round(name, exits, found + whole(read.again(), bucket), time.monotonic() - began)


def whole(lake: Read, bucket: Bucket) -> list[str]:
    """Nothing lost and nothing doubled."""
    found = []
    try:
        assert lake.published() == model.lake(bucket.listed()).published, "the rows are not those of one run"
        holds_together(lake)
    except AssertionError as error:
        found.append(str(error)[:400])
    return found + [f"left behind: {ref}" for ref in sorted(lake.branches())]


# ── beside a compaction ──────────────────────────────────────────────────────────────────────────────────────────────


def compact(where: settings.Lake, env: dict[str, str], pause: float, polite: bool, count: Any, go: Connection) -> None:
    """In a child, until it is killed: every row of `events` is written anew, again and again."""
    os.environ.update(env)
    lake = catalog.open_lake(where)
    go.send("ready")
    while True:
        time.sleep(pause)
        if polite and lease.held(lake, datetime.now(UTC)):
            continue
        table = lake.table("events")
        try:
            table.overwrite(table.scan().to_arrow())
        except (CommitFailedException, ValidationException, ValueError):  # all mean: main or a branch has moved
            continue
        count.value += 1


def maintain_again(
    where: settings.Lake, env: dict[str, str], pause: float, _: bool, count: Any, go: Connection
) -> None:
    """In a child, until it is killed: all of maintenance, again and again, as if days had passed but for the orphans."""
    os.environ.update(env)
    none = timedelta(seconds=0)
    bounds = settings.Maintain(quiet_for=none, snapshots_after=none, snapshots_kept=1, metadata_kept=1)
    going = Run(settings.Settings(lake=where, maintain=bounds), lambda *_: None, session=INLINE)
    go.send("ready")
    while True:
        time.sleep(pause)
        try:
            maintain.maintain(going, maintain.Asked())
        except TrailhouseError:
            continue
        count.value += 1


def beside_a_compaction(bench: sweep.Bench, name: str, pause: float, polite: bool, work: Any = compact) -> Round:
    """A lake with rows; while they are compacted without end, an ingest of more."""
    began, lake = time.monotonic(), bench.lake()
    bucket = Bucket()
    for number in range(1, 9):
        bucket.put(key(f"first{number}"), event(number))
    folder = bench.folder / f"logs{bench.made}"
    job = replace(bench, source=str(bucket.save(folder))).job(lake)
    assert bench.run(job) == 0
    count = bench.context.Value("i", 0)
    mine, its = bench.context.Pipe()
    loop = bench.context.Process(target=work, args=(lake, bench.env, pause, polite, count, its))
    loop.start()
    mine.recv()
    while not count.value and loop.is_alive():
        time.sleep(0.02)
    before = count.value
    for number in range(11, 19):
        bucket.put(key(f"second{number}"), event(number))
    bucket.put(key("twin"), event(1), event(12))
    bucket.save(folder)
    exits = [bench.run(job)]
    while exits[-1] != 0 and len(exits) <= AGAIN:
        exits.append(bench.run(job))
    loop.kill()
    loop.join()
    read = Read(lake, bench.properties)
    # A compaction makes snapshots that no batch made, and takes the files of batches: rows are all that can be held to.
    lost = read.published() != model.lake(bucket.listed()).published
    found = ["rows are lost or doubled"] if lost else []
    found += [f"{len(exits)} attempts"] if len(exits) > 2 else []
    found += ["the compaction died"] if loop.exitcode != -signal.SIGKILL else []
    return Round(f"{name}, {count.value - before} compactions", [exits], found, time.monotonic() - began)


# ── a zombie ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def sleep_at(point: str, hit: int) -> None:
    """In the child: stop, as by SIGSTOP, right before that step."""
    plainly, hits = faults.at, []

    def at(name: str) -> Any:
        if name == point:
            hits.append(name)
            if len(hits) == hit:
                os.kill(os.getpid(), signal.SIGSTOP)
        return plainly(name)

    faults.at = at


def zombie(bench: sweep.Bench, point: str, hit: int = 1) -> Round:
    """A run falls asleep, another does all of its work, then it wakes."""
    began, lake = time.monotonic(), bench.lake()
    job = bench.job(lake, before=partial(sleep_at, point, hit))
    other = replace(bench.job(lake), told=Path(f"{job.told}-other"))
    read = Read(lake, bench.properties)
    with Watcher(read) as watcher:
        child = bench.start(job)
        asleep = _sleeps(child.pid)
        exits = [[], []]  # type: list[list[int]]
        while not exits[1] or (exits[1][-1] != 0 and len(exits[1]) <= AGAIN):
            exits[1].append(bench.run(other))
        os.kill(child.pid, signal.SIGCONT)
        exits[0].append(ended(child))
        while exits[0][-1] != 0 and len(exits[0]) <= AGAIN:
            exits[0].append(bench.run(replace(job, before=None)))
    found = watcher.complaints + ([] if asleep else ["it never slept"])
    found += [
        f"exit {code}: {job.told.read_text()[-500:]}" for its in exits for code in its if code not in sweep.AGREED
    ]
    found += [f"never done: {job.told.read_text()[-500:]}"] if any(its[-1] != 0 for its in exits) else []
    return Round(f"asleep at {point} {hit}", exits, found + whole(read.again(), bench.bucket), time.monotonic() - began)


def _sleeps(pid: int, within: float = 60) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return True
        except OSError:
            return False
        time.sleep(0.02)
    return False


ZOMBIES = [
    ("tasks_done", 1), ("table_staged", 1), ("table_staged", 3), ("audit", 1), ("quality_recorded", 1), ("main_moved", 1),
    ("main_moved", 2), ("ledger_moved", 1), ("ledger_moved", 2), ("row_appended", 2), ("branch_dropped", 1),
]  # fmt: skip


def play(folder: Path, rng: random.Random, rounds: int, short: int | None = None) -> list[Round]:
    """All of it; or so many zombies, and beside either catalog one compaction."""
    done: list[Round] = []

    def told(round_: Round) -> None:
        print(round_, flush=True)
        done.append(round_)

    with ExitStack() as stack:
        context = stack.enter_context(sweep.processes())
        (folder / "sqlite").mkdir()
        (folder / "glue").mkdir()
        near = sweep.in_a_folder(folder / "sqlite", context)
        far = stack.enter_context(sweep.in_a_cloud(folder / "glue", context))
        client = far.server.client() if far.server else None
        for word, bench, of, pause in (("SQLite", near, None, 0.3), ("Glue", far, client, 1.0)):
            for number in range(rounds):
                bucket, urls = overlapping(bench, rng, number, of)
                told(raced(bench, f"{word}, round {number + 1}", rng, bucket, urls))
            if short is None or bench is far:
                told(beside_a_compaction(bench, f"{word}, a polite compaction", 0, True))
            if short is None or bench is near:
                told(beside_a_compaction(bench, f"{word}, a rude compaction", pause, False))
                told(beside_a_compaction(bench, f"{word}, maintenance", 0, True, maintain_again))
        for point, hit in ZOMBIES if short is None else rng.sample(ZOMBIES, short):
            told(zombie(far, point, hit))
    return done


def main() -> int:
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("--rounds", type=int, default=20)
    reads.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = reads.parse_args()
    print(f"seed {given.seed}")
    with tempfile.TemporaryDirectory() as folder:
        done = play(Path(folder), random.Random(given.seed), given.rounds)
    red = sum(bool(each.complaints) for each in done)
    print(f"{len(done)} rounds in {sum(each.seconds for each in done):.0f} s: {red} red")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
