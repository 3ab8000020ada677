"""
The log buckets that the bench reads. Each is made once and kept; when its recipe or a maker changes, it is made anew.

`main` is half the sample and half real records as other events (see `restamp`); where there are no real records, all of
it is the sample, and `Input.name` says which. Real records are never copied into the repository: they lie with what is
kept. `big` and `tiny` are the two hard cases: few huge files, and many of hardly anything.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from random import Random

from bench import restamp
from bench.process import ROOT, trailhouse
from bench.restamp import Stamp, Template
from bench.values import Bench, Input
from trailhouse.lake import schema
from trailhouse.sources.keys import LogKey, parse_key

CORPUS = Path(os.environ.get("TRAILHOUSE_CORPUS") or ROOT.parent / "shared" / "corpus").resolve()

# Of the public records, those that AWS delivered (at most with identifiers replaced); the others are tests' and docs'.
DELIVERED = ("sans504-day31", "invictus", "opensearch-raw", "stratus-docs", "flaws1-umccr", "rubysoho07-watcher")

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
ACCOUNTS = ("222222222222", "333333333333", "555555555555", "666666666666")
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")
HELD = "input.json"  # what is known of an input, beside its bucket

BIG_FILES, BIG_BYTES = 20, 50_000_000
TINY_FILES, TINY_RECORDS = 20_000, (1, 5)
FILE_RECORDS = (200, 700)
RUN_RECORDS = (4, 16)  # of neighbours in a file; AWS delivered the real ones in files of ten as a rule
LATE = 0.1  # of the records of a file lie directly behind one that happened later, about as in the real ones


@dataclass(frozen=True)
class Feed:
    """What one file is of."""

    account: str
    region: str
    moment: int  # seconds since 1970: when its first event was


# ── the inputs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def main(bench: Bench) -> Input:
    """What all contenders are given."""
    if not has_corpus():
        return sample(bench, bench.events)
    half = bench.events // 2
    parts = (sample(bench, bench.events - half), corpus(bench, half))

    def make(folder: Path) -> int:
        for part in parts:
            shutil.copytree(part.folder, folder, copy_function=os.link, dirs_exist_ok=True)
        return sum(part.events for part in parts)

    return kept(bench, f"main-{bench.events}", [asdict(part) for part in parts], make)


def sample(bench: Bench, events: int, days: int = DAYS) -> Input:
    """A bucket of `trailhouse sample` with its events alone: what goes into other tables is no contender's to read."""
    size = ["--events", str(events), "--days", str(days), "--accounts", "3", "--regions", "2"]
    how = ["--layout", "organization", "--clean", "--no-digests"]

    def make(folder: Path) -> int:
        said = trailhouse("sample", str(folder), *size, *how).said
        for path in [each for each in folder.rglob("*") if each.is_file() and not _is_events(folder, each)]:
            path.unlink()
        return int(said["events"])

    return kept(bench, f"sample-{events}-{days}", [*size, *how], make)


def corpus(bench: Bench, events: int) -> Input:
    """
    Real records as other events, of 30 days, a few accounts and regions, in files such as CloudTrail writes.

    What was delivered together stays together; a file has many such runs, as an account has where much goes on at once.
    """
    days, per_file = DAYS, sum(FILE_RECORDS) / 2

    def make(folder: Path) -> int:
        rng = Random("corpus")
        feeds = [(account, region) for account in ACCOUNTS for region in REGIONS]
        step = timedelta(days=days).total_seconds() / max(1, events / per_file)
        records, left, number = _runs(real_records(), rng), events, 0
        while left:
            count = min(left, rng.randint(*FILE_RECORDS))
            account, region = feeds[number % len(feeds)]
            moment = min(int(FIRST_DAY.timestamp() + number * step), _last_moment())
            _write(folder, Feed(account, region, moment), list(islice(records, count)), rng)
            left, number = left - count, number + 1
        return events

    return kept(bench, f"corpus-{events}", [days, FILE_RECORDS, RUN_RECORDS, LATE, _corpus_sum()], make)


def big(bench: Bench, files: int = BIG_FILES, size: int = BIG_BYTES) -> Input:
    """A few files of 50 MB, inflated: half of them of the sample's records, half of real ones."""

    def make(folder: Path) -> int:
        rng, events = Random("big"), 0
        sources = [cycle(records) for records in _both(bench)]
        for number in range(files):
            chosen, so_far = [], 0
            while so_far < size:
                chosen.append(next(sources[number % len(sources)]))
                so_far += chosen[-1].size
            moment = int(FIRST_DAY.timestamp()) + number * 86_400
            _write(folder, Feed(ACCOUNTS[number % 4], REGIONS[0], moment), chosen, rng)
            events += len(chosen)
        return events

    return kept(bench, f"big-{files}", [files, size, has_corpus() and _corpus_sum()], make)


def tiny(bench: Bench, files: int = TINY_FILES) -> Input:
    """Many files of hardly anything, as a quiet organization has them."""

    def make(folder: Path) -> int:
        rng, events = Random("tiny"), 0
        sources = [cycle(records) for records in _both(bench)]
        step = timedelta(days=DAYS).total_seconds() / files
        for number in range(files):
            chosen = list(islice(sources[number % len(sources)], rng.randint(*TINY_RECORDS)))
            feed = Feed(rng.choice(ACCOUNTS), rng.choice(REGIONS), int(FIRST_DAY.timestamp() + number * step))
            _write(folder, feed, chosen, rng)
            events += len(chosen)
        return events

    return kept(bench, f"tiny-{files}", [files, TINY_RECORDS, has_corpus() and _corpus_sum()], make)


# ── made once, and kept ──────────────────────────────────────────────────────────────────────────────────────────────


def kept(bench: Bench, name: str, recipe: object, make: Callable[[Path], int]) -> Input:
    """The input of that name as it was made before, else made now by `make`, which says how many events it holds."""
    home = bench.inputs / f"{name}-{_fingerprint(recipe)}"
    if not (home / HELD).is_file():
        fresh = home.with_name(home.name + f".{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "bucket").mkdir(parents=True)
        events = make(fresh / "bucket")
        (fresh / HELD).write_text(json.dumps({"name": name, "events": events, **_sizes(fresh / "bucket")}))
        shutil.rmtree(home, ignore_errors=True)
        fresh.rename(home)
    known = json.loads((home / HELD).read_text())
    return Input(folder=home / "bucket", **known)


def _is_events(folder: Path, path: Path) -> bool:
    log = parse_key(path.relative_to(folder).as_posix())
    return isinstance(log, LogKey) and schema.KINDS[log.kind] == "events"


def _fingerprint(recipe: object) -> str:
    """Of the recipe, and of the code that makes by it."""
    makers = [Path(__file__), Path(restamp.__file__), *sorted((ROOT / "jobs" / "trailhouse" / "sample").glob("*.py"))]
    text = json.dumps(recipe, default=str).encode() + b"".join(path.read_bytes() for path in makers)
    return hashlib.sha256(text).hexdigest()[:12]


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(folder.rglob("*.json.gz"))
    return {
        "files": len(files),
        "stored": sum(path.stat().st_size for path in files),
        "inflated": sum(map(_inflated, files)),
    }


def _inflated(path: Path) -> int:
    """Its size, inflated; of what is broken on purpose, nothing."""
    try:
        return len(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error):
        return 0


# ── records and files ────────────────────────────────────────────────────────────────────────────────────────────────


def has_corpus() -> bool:
    """Whether there are real records."""
    return (CORPUS / "records").is_dir()


def real_records() -> list[Template]:
    """The real records in the order in which they were delivered, so that neighbours stay neighbours."""
    lines = (line for path in _corpus_files() for line in gzip.decompress(path.read_bytes()).splitlines())
    return restamp.templates(lines)


def sample_records(bench: Bench) -> list[Template]:
    """Enough of the sample's records for files of them."""
    folder = sample(bench, 20_000, days=1).folder
    files = (restamp.records_of(gzip.decompress(path.read_bytes())) for path in sorted(folder.rglob("*.json.gz")))
    return restamp.templates(bytes(record) for records in files for record in records)


def _both(bench: Bench) -> Sequence[list[Template]]:
    return (sample_records(bench), real_records()) if has_corpus() else (sample_records(bench),)


def _corpus_files() -> Iterator[Path]:
    return (CORPUS / "records" / f"{name}.jsonl.gz" for name in DELIVERED)


def _corpus_sum() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _corpus_files())).hexdigest()


def _last_moment() -> int:
    """The last at which a file of five minutes may begin."""
    return int((FIRST_DAY + timedelta(days=DAYS, minutes=-6)).timestamp())


def _runs(records: Sequence[Template], rng: Random) -> Iterator[Template]:
    """Neighbours, a few at a time, from all over; without an end."""
    while True:
        begin = rng.randrange(len(records))
        yield from records[begin : begin + rng.randint(*RUN_RECORDS)]


def _write(folder: Path, feed: Feed, records: Sequence[Template], rng: Random) -> None:
    """A log file of these records: events of some five minutes, one after the other but for some that come late."""
    ids = restamp.uuids(rng)
    moments = sorted(feed.moment + rng.randrange(300) for _ in records)
    for place in rng.sample(range(len(moments)), round(LATE * len(moments))):
        moments[place] = feed.moment + rng.randrange(300)
    written = [
        restamp.stamped(each, Stamp(next(ids), moment, feed.account, feed.region))
        for each, moment in zip(records, moments, strict=True)
    ]
    at = datetime.fromtimestamp(feed.moment + 300, UTC)
    name = f"{feed.account}_CloudTrail_{feed.region}_{at:%Y%m%dT%H%MZ}_{rng.getrandbits(64):016x}.json.gz"
    place = folder / "AWSLogs" / feed.account / "CloudTrail" / feed.region / f"{at:%Y/%m/%d}"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(gzip.compress(restamp.log_file(written), 6, mtime=0))
