"""
The sweeps: a run is made to die, or its requests to fail, at every point; the same command again must end in the same lake.

    python -m tests.faults.sweep [--full] [--seed N] [points|requests]

A line per case. Points: every fault point of the code's own list, before and after, on a lake in a folder. Requests: each
request that changes anything, in six modes, on an S3 server and a Glue API behind the proxy. How many there are is found by
counting those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.buckets import Bucket
from tests.children import ended, forked_from
from tests.faults import doomed
from tests.faults.corpus import small
from tests.faults.glue_server import GlueServer
from tests.faults.oracle import Read, Watcher, complaints, content, half_shown
from tests.faults.proxy import Fault, Proxy, Request
from tests.s3_server import ROOT_KEY, ROOT_SECRET, S3Server
from tools import setup
from trailhouse import faults, settings

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL
RERUNS = 5
AGREED = (0, 1, 3, 5, 6)  # exit codes that say in words what happened
MODES = {
    "kill before": Fault("kill_before"),
    "kill after": Fault("kill_after"),
    "refuse once": Fault("refuse"),
    "refuse on": Fault("refuse", onwards=True),
    "drop answer": Fault("drop"),
    "apply, say 500": Fault("fail"),
}


@dataclass(frozen=True)
class Case:
    """One thing that happens to one run."""

    name: str
    point: str = ""  # for TRAILHOUSE_FAULT
    request: Fault | None = None
    before: Callable[[], None] | None = None


@dataclass
class Outcome:
    """What came of it."""

    case: Case
    exits: list[int]
    complaints: list[str]
    seconds: float
    fired: bool

    def __str__(self) -> str:
        word = "RED " if self.complaints else "ok  " if self.fired else "miss"
        told = "".join(f"\n       {each}" for each in self.complaints)
        return f"{word} {self.case.name:<62} exits {self.exits} {self.seconds:5.1f} s{told}"


@dataclass
class Bench:
    """Where cases are tried: sources that stay, and a new lake for each."""

    folder: Path
    context: Any  # of processes, forked from one that has imported everything
    bucket: Bucket = field(default_factory=small)
    source: str = ""
    env: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    proxy: Proxy | None = None
    server: S3Server | None = None
    made: int = 0
    options: tuple[str, ...] = ()

    def lake(self) -> settings.Lake:
        """A lake of the next case's own."""
        self.made += 1
        if self.proxy is None:
            folder = self.folder / f"lake{self.made}"
            return settings.Lake(location=str(folder), catalog_uri=str(folder / "catalog.sqlite"))
        name = f"case{self.made}"
        return settings.Lake(location=f"s3://lakes/{name}", catalog="glue", database=name, ops_database=f"{name}_ops")

    def job(self, lake: settings.Lake, **more: Any) -> doomed.Job:
        arguments = ["ingest", self.source, "--lake", lake.location, "--format", "json", *self.options]
        if lake.catalog == "glue":
            arguments += ["--lake-catalog", "glue", "--lake-database", lake.database]
            arguments += ["--lake-ops-database", lake.ops_database]
        return doomed.Job(tuple(arguments), self.folder / f"told{self.made}", self.env, **more)

    def start(self, job: doomed.Job, fault: Fault | None = None) -> Any:
        """The child, on its way."""
        mine, its = self.context.Pipe()
        child = self.context.Process(target=doomed.run, args=(job, its))
        child.start()
        if self.proxy:
            self.proxy.begin(replace(fault, pid=child.pid) if fault else None)
        mine.send("go")
        return child

    def run(self, job: doomed.Job, fault: Fault | None = None, within: float = 120) -> int:
        return ended(self.start(job, fault), within)

    def undisturbed(self) -> tuple[dict[str, Counter[str]], list[str], list[Request]]:
        """What the lake holds then; the fault points that the run came to; its requests."""
        lake, trace = self.lake(), self.folder / f"trace{self.made}"
        ended = self.run(self.job(lake, trace=trace))
        assert ended == 0, (self.folder / f"told{self.made}").read_text()
        requests = self.proxy.seen.requests if self.proxy else []
        read = Read(lake, self.properties)
        want = content(read)
        assert not complaints(read, want, self.bucket), "the undisturbed run"
        return want, trace.read_text().split(), requests

    def trial(self, case: Case, want: dict[str, Counter[str]]) -> Outcome:
        """The run that it happens to, the same command until it ends well, the oracle."""
        began, lake, found = time.monotonic(), self.lake(), []
        said = self.folder / f"told{self.made}"
        read = Read(lake, self.properties)
        with Watcher(read) as watcher:
            exits = [self.run(self.job(lake, fault=case.point, before=case.before), case.request)]
            fired = bool(self.proxy and self.proxy.seen.fired) or exits == [KILLED] or case.before is not None
            told = said.read_text()
            found += half_shown(read.again())
            while exits[-1] != 0 and len(exits) <= RERUNS:
                exits.append(self.run(self.job(lake)))
        found += watcher.complaints
        found += [f"exit {code}: {told[-600:]}" for code in exits if code not in (*AGREED, KILLED)]
        if "should not happen" in told:
            found.append(f"an error without a word for it: {told[-600:]}")
        found += (
            complaints(read.again(), want, self.bucket) if exits[-1] == 0 else [f"no end: {said.read_text()[-600:]}"]
        )
        return Outcome(case, exits, found, time.monotonic() - began, fired)


def points(hits: Sequence[str], rng: random.Random, sample: int | None = None) -> list[Case]:
    """Every point before and after: at its first hit, its last, and one in between; all of them, or some."""
    cases = []
    for name, many in Counter(hits).items():
        chosen = sorted({1, many, rng.randint(1, many)})
        cases += [Case(f"{name} {hit}/{many} {when}", f"{name}:{hit}:{when}") for hit in chosen for when in WHEN]
    return cases if sample is None else sorted(rng.sample(cases, sample), key=lambda c: c.name)


WHEN = ("before", "after")
ONLY_HERE = ("listing_stored",)  # a folder is listed whole each time


def requests(seen: Sequence[Request], rng: random.Random, full: bool, more: int = 0) -> list[Case]:
    """Each request that mutates, in each mode; or of every kind one in every mode, and some more."""
    kinds = [request.kind for request in seen if request.mutates]
    pairs = [(k, mode) for k in range(1, len(kinds) + 1) for mode in MODES]
    if not full:
        once = [
            (rng.choice([n + 1 for n, k in enumerate(kinds) if k == kind]), m)
            for kind in dict.fromkeys(kinds)
            for m in MODES
        ]
        pairs = sorted({*once, *rng.sample(pairs, min(more, len(pairs)))}, key=lambda p: p[0])
    name = "{}/{} {}: {}"
    return [Case(name.format(k, len(kinds), kinds[k - 1], m), request=replace(MODES[m], at=k)) for k, m in pairs]


def tried(bench: Bench, cases: Sequence[Case], want: dict[str, Counter[str]]) -> Iterator[Outcome]:
    """One after another, told as they come."""
    for case in cases:
        outcome = bench.trial(case, want)
        print(outcome, flush=True)
        yield outcome


# ── where they are tried ─────────────────────────────────────────────────────────────────────────────────────────────


def processes() -> AbstractContextManager[Any]:
    """Where the children come from."""
    return forked_from("tests.faults.doomed")


def in_a_folder(folder: Path, context: Any) -> Bench:
    bench = Bench(folder, context)
    bench.source = str(bench.bucket.save(folder / "logs"))
    return bench


@contextmanager
def in_a_cloud(folder: Path, context: Any) -> Iterator[Bench]:
    server = S3Server(setup.s3_server_path(), folder / "s3")
    server.start()
    glue = GlueServer().start()
    proxy = Proxy(server.url, glue.url).start()
    env = {**server.env(), "AWS_ENDPOINT_URL_S3": proxy.s3, "AWS_ENDPOINT_URL_GLUE": proxy.glue}
    properties = {
        "s3.endpoint": server.url, "s3.access-key-id": ROOT_KEY, "s3.secret-access-key": ROOT_SECRET,
        "s3.region": "us-east-1", "glue.endpoint": glue.url, "glue.region": "us-east-1",
        "glue.access-key-id": "x", "glue.secret-access-key": "x",
    }  # fmt: skip
    bench = Bench(folder, context, source="s3://logs", env=env, properties=properties, proxy=proxy, server=server)
    try:
        for name in ("logs", "lakes", "races"):
            server.client().create_bucket(Bucket=name)
        bench.bucket.upload(server.client(), "logs")
        yield bench
    finally:
        proxy.stop()
        glue.stop()
        server.stop()


def sweep_points(folder: Path, rng: random.Random, sample: int | None = None) -> list[Outcome]:
    with processes() as context:
        bench = in_a_folder(folder, context)
        want, hits, _ = bench.undisturbed()
        cases = points(hits, rng, sample)
        print(
            f"points: {len(set(hits))} of {len(faults.POINTS)} in a run, {len(hits)} hits, {len(cases)} cases",
            flush=True,
        )
        return list(tried(bench, cases, want))


def sweep_requests(
    folder: Path, rng: random.Random, full: bool, more: int = 0, only: int | None = None
) -> list[Outcome]:
    with processes() as context, in_a_cloud(folder, context) as bench:
        want, hits, seen = bench.undisturbed()
        cases = requests(seen, rng, full, more)
        cases = points([hit for hit in hits if hit in ONLY_HERE], rng) + cases
        if only is not None:
            cases = rng.sample(cases, only)
        changing = sum(request.mutates for request in seen)
        print(
            f"requests: {len(seen)}, of which {changing} change something, of {len({r.kind for r in seen if r.mutates})} "
            f"kinds; {changing * len(MODES)} pairs with {len(MODES)} modes, {len(cases)} tried", flush=True,
        )  # fmt: skip
        return list(tried(bench, cases, want))


def main() -> int:
    reads = argparse.ArgumentParser(description=__doc__)
    reads.add_argument("what", nargs="*", default=["points", "requests"])
    reads.add_argument("--full", action="store_true")
    reads.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    reads.add_argument("--more", type=int, default=100, help="pairs beyond one of each kind in each mode")
    reads.add_argument("--only", type=int, help="this many of the cases")
    given = reads.parse_args()
    print(f"seed {given.seed}")
    done: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        if "points" in given.what:
            Path(folder, "points").mkdir()
            done += sweep_points(Path(folder, "points"), random.Random(given.seed), given.only)
        if "requests" in given.what:
            Path(folder, "requests").mkdir()
            rng = random.Random(given.seed)
            done += sweep_requests(Path(folder, "requests"), rng, given.full, given.more, given.only)
    red = [outcome for outcome in done if outcome.complaints]
    missed = sum(not outcome.fired for outcome in done)
    seconds = sum(outcome.seconds for outcome in done)
    print(
        f"{len(done)} cases in {seconds:.0f} s, {seconds / max(len(done), 1):.1f} s each: {len(red)} red, {missed} never fired"
    )
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
