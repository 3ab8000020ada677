"""
Measure a verification, and write docs/integrity-measured.md: an organization's bucket on S3, beside the AWS CLI.

`make proof`, or `python -m tools.measure_verify`. One bucket on a real S3 server of this machine: 20 accounts, 4
regions, 7 days. Verified without its last hour, then with it; whole again; and one account of it by both, in turn.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.process import Ran, trailhouse
from tests.faults.proxy import Fault, Proxy
from tests.integrity.aws_cli import AwsCli
from tests.integrity.chains import Chain, Hour, Trail
from tests.integrity.cloudtrail_api import ANYWHERE, CloudTrailApi, sample_keys
from tests.s3_server import S3Server
from tools import setup
from trailhouse import sample

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "integrity-measured.md"
BUCKET = "trailhouse-sample-logs"  # which the sample's digests name
RECIPE = sample.Recipe(accounts=20, regions=4, days=7, events=4_000_000, clean=True, layout="organization")
KEEP = "--keep-alive"  # connections, as S3 does; uploads in parts by Arrow then fail here, so that no test has it
BESIDE = ".metadata.json"
ROUNDS, SLOW_ROUNDS = 3, 1  # of each verifier, in turn; where S3 takes its time
LATENCY = 0.02  # seconds, that S3 takes for its first byte at best


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=RECIPE.events, help="fewer, to try it out")
    recipe = sample.Recipe(
        RECIPE.accounts, RECIPE.regions, RECIPE.days, parser.parse_args().events, clean=True, layout=RECIPE.layout
    )
    with tempfile.TemporaryDirectory(prefix="trailhouse-proof-") as name, stored(Path(name), recipe, KEEP) as bucket:
        page = "\n".join(_measured(bucket))
    PAGE.write_text(f"{page}\n")
    print(f"wrote {PAGE.relative_to(ROOT)}")


@dataclass(frozen=True)
class Stored:
    """A bucket in the making: what stands for AWS, and the files that are to be in it."""

    folder: Path
    recipe: sample.Recipe
    server: S3Server
    api: CloudTrailApi
    truth: sample.Truth

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def upload(self, files: Iterable[Path]) -> None:
        """Some of the files, at once."""
        client = self.server.client()

        def put(path: Path) -> None:
            beside = path.with_name(path.name + BESIDE)
            metadata = json.loads(beside.read_text()) if beside.is_file() else {}
            key = path.relative_to(self.logs).as_posix()
            client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes(), Metadata=metadata)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, files))

    def halves(self) -> tuple[list[Path], list[Path]]:
        """All files but those of the last hour, and these."""
        files, last = sorted(self.logs.rglob("*.json.gz")), _last_hour(self.logs)
        late = [path for path in files if path.relative_to(self.logs).as_posix() in last]
        return [path for path in files if path not in set(late)], late


@contextmanager
def stored(folder: Path, recipe: sample.Recipe, *options: str) -> Iterator[Stored]:
    """The sample of a recipe, and an empty bucket for it. This process and its children find it by the environment."""
    server, api = S3Server(setup.s3_server_path(), folder / "s3", *options), CloudTrailApi().start()
    before = dict(os.environ)
    server.start()
    try:
        made = Stored(folder, recipe, server, api, sample.make_bucket(folder / "logs", recipe))
        api.keys = {ANYWHERE: sample_keys((made.logs / "public-keys.json").read_text())}
        os.environ |= server.env() | api.env()
        server.client().create_bucket(Bucket=BUCKET)
        yield made
    finally:
        os.environ.clear()
        os.environ.update(before)
        server.stop()
        api.stop()


def _measured(bucket: Stored) -> Iterator[str]:
    objects = dict(bucket.truth.total.objects)
    digests = objects.pop("CloudTrail-Digest")
    size = f"{digests:,} digests, {sum(objects.values()):,} log files, {bucket.truth.total.bytes >> 20} MB"
    _told(size)
    early, late = bucket.halves()
    bucket.upload(early)
    yield _head()
    yield f"The bucket: {size}, on S3"
    yield "(versitygw on the same machine). Peak memory is of one process of its kind.\n"
    yield "| run | seconds | digests read | log files read | objects/s | driver | worker | JVM |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    lake = bucket.folder / "lake"
    yield _row("all but the last hour", _verify(lake))
    bucket.upload(late)
    yield _row("one hour later", _verify(lake))
    yield _row("nothing new", _verify(lake))
    yield _row("all again (`--full`)", _verify(lake, "--full"))
    yield from _beside(bucket)


def _last_hour(logs: Path) -> set[str]:
    """The newest digest of each chain, and the log files that it alone lists."""
    newest: dict[str, Path] = {}
    for path in logs.rglob("*_CloudTrail-Digest_*Z.json.gz"):
        chain = path.name.rpartition("_")[0]
        if chain not in newest or path.name > newest[chain].name:
            newest[chain] = path
    found = set()
    for path in newest.values():
        listed = json.loads(gzip.decompress(path.read_bytes()))["logFiles"]
        found |= {path.relative_to(logs).as_posix(), *(each["s3Object"] for each in listed)}
    return found


def _verify(lake: Path, *options: str) -> Ran:
    done = trailhouse("verify", f"s3://{BUCKET}", "--lake", str(lake), *options)
    if done.said["status"] != "valid":
        raise SystemExit(f"verify: {done.said['status']}: {done.said['not_valid'][:3]} {done.said['problems'][:3]}")
    _told(f"{done.seconds:.1f} s, read {done.said['read']}")
    return done


def _row(name: str, done: Ran) -> str:
    digests, logs = (done.said["read"].get(each, 0) for each in ("digests", "logs"))
    rate = f"{(digests + logs) / done.seconds:,.0f}" if digests + logs else ""
    memory = (f"{done.memory[kind]} MB" if kind in done.memory else "" for kind in ("driver", "worker", "jvm"))
    return f"| {name} | {done.seconds:.1f} | {digests:,} | {logs:,} | {rate} | {' | '.join(memory)} |"


@dataclass
class Pair:
    """One account's files, verified by both, in turn."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    read: int = 0  # objects, by us
    said: int = 0  # by the CLI

    def rows(self, regions: int, where: str) -> Iterator[str]:
        for name, of, count, seconds in (
            ("AWS CLI", "one account, one region", self.said, statistics.median(self.theirs)),
            ("Trailhouse", f"one account, its {regions} regions", self.read, statistics.median(self.ours)),
        ):
            yield f"| {name} | {where} | {of} | {count:,} | {seconds:.1f} | {count / seconds:,.0f} |"


def _beside(bucket: Stored) -> Iterator[str]:
    times = bucket.recipe.accounts * bucket.recipe.regions
    yield "\nBeside `aws cloudtrail validate-logs`, which verifies one account and region of one trail at a time, and"
    yield f"would be started {times} times. Medians of {ROUNDS} runs in turn; with latency, of {SLOW_ROUNDS}. S3"
    yield f"takes {LATENCY * 1000:.0f} ms and more to answer; a server on the same machine none, unless made to.\n"
    yield "| verifier | S3 | of | objects | seconds | objects/s |"
    yield "| --- | --- | --- | ---: | ---: | ---: |"
    for where, made in beside(bucket, (ROUNDS, SLOW_ROUNDS)):
        yield from made.rows(bucket.recipe.regions, where)
    yield "\nBoth share the two cores with the S3 server. Trailhouse makes a new lake in each run."


def beside(bucket: Stored, rounds: tuple[int, int]) -> Iterator[tuple[str, Pair]]:
    """One account, by us into a new lake and one region of it by the CLI, in turn; and so again with latency."""
    recipe, api, server = bucket.recipe, bucket.api, bucket.server
    account, region = recipe.account_ids[0], recipe.region_names[0]
    trail = Trail("org-trail", account, region, "us-east-1", organization="o-exampleorg1", owner="999900009999")
    api.organization = trail.organization
    api.add_trail(trail, BUCKET)
    hour = Hour("ok", datetime.fromtimestamp(recipe.midnight, UTC), datetime.fromtimestamp(recipe.end + 3600, UTC), "")
    keys = bucket.folder / "keys.json"
    keys.write_text(json.dumps({"PublicKeyList": [each.listed() for each in api.keys[ANYWHERE]]}))
    proxy = Proxy(server.url).start()
    proxy.begin(Fault("delay", among=lambda _: True, onwards=True, seconds=LATENCY))
    try:
        for url, where, often in (
            (server.url, "at once", rounds[0]),
            (proxy.s3, f"after {LATENCY * 1000:.0f} ms", rounds[1]),
        ):
            os.environ["AWS_ENDPOINT_URL_S3"] = url
            cli = AwsCli(setup.awscli_path(), _At(server, url), api)
            yield where, _pair(bucket.folder / where.replace(" ", "-"), cli, Chain(trail, (hour,)), keys, often)
    finally:
        proxy.stop()


def _pair(folder: Path, cli: AwsCli, chain: Chain, keys: Path, rounds: int) -> Pair:
    made = Pair()
    source = f"s3://{BUCKET}/AWSLogs/{chain.trail.organization}/{chain.trail.account}"
    for number in range(rounds):
        began = time.monotonic()
        said = cli.validate(chain, patience=1200)
        made.theirs.append(time.monotonic() - began)
        if said.exit or said.complains:
            raise SystemExit(f"the AWS CLI: {said.stderr[:2000]}")
        done = trailhouse("verify", source, "--lake", str(folder / str(number)), "--public-keys", str(keys))
        made.ours.append(done.seconds)
        made.read, made.said = done.said["read"]["digests"] + done.said["read"]["logs"], len(said.verdicts)
        _told(f"the CLI {made.said} objects in {made.theirs[-1]:.1f} s, we {made.read} in {made.ours[-1]:.1f} s")
    return made


@dataclass(frozen=True)
class _At:
    """The server, reached by another address."""

    server: S3Server
    url: str

    def env(self) -> dict[str, str]:
        return self.server.env() | {"AWS_ENDPOINT_URL_S3": self.url}


def _told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _head() -> str:
    day, python = datetime.now(UTC).date(), platform.python_version()
    return f"""# Integrity, measured

By `make proof` on {day}: {os.cpu_count()} cores, Python {python}, {_cli()}. Absolute times say little about yours; what
is compared was run one after the other, on one machine, in one run.
"""


def _cli() -> str:
    told = subprocess.run([setup.awscli_path(), "--version"], capture_output=True, text=True)
    return told.stdout.split(" ")[0].replace("aws-cli/", "AWS CLI ")


if __name__ == "__main__":
    main()
