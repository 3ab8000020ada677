"""
What the fuzzer begins with: sound and odd files of every kind, small enough that many can be tried.

From the project's own sample, the cases on disk, and the public corpus where it lies beside the checkout.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import model
from tests.cases import load
from trailhouse.sample import Recipe, make_bucket

RECIPE = Recipe(accounts=2, regions=2, days=1, events=2500, seed=11)
MOST = 24  # records taken of one file
LARGEST = 60_000  # bytes of its text
PACK = 8  # records of the corpus that make a file
OF_THE_CORPUS = 150  # delivered files taken of it


@dataclass(frozen=True)
class Base:
    """A file to begin with."""

    name: str
    kind: str
    data: bytes  # as stored


def gather(corpus: Path | None) -> list[Base]:
    """Everything, in the same order on every machine."""
    return [*_sample(), *_cases(), *(_corpus(corpus) if corpus and corpus.is_dir() else ())]


def _sample() -> list[Base]:
    with TemporaryDirectory() as folder:
        make_bucket(Path(folder), RECIPE)
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        found = [(model.KEY.fullmatch(p.relative_to(folder).as_posix()), p.read_bytes()) for p in paths]
    return [
        Base(f"sample {number}", match["kind"], _smaller(data))
        for number, (match, data) in enumerate(found)
        if match and match["kind"] in model.TABLES
    ]


def _cases() -> list[Base]:
    found = [c for c in load.catalogue() if not (c.keys or c.elsewhere or c.limits or c.maker)]
    return [Base(case.name, case.folder, case.bytes()) for case in found if len(case.bytes()) < LARGEST]


def _corpus(folder: Path) -> list[Base]:
    found = []
    for path in sorted((folder / "records").glob("*.jsonl.gz")):
        lines = [line for line in gzip.decompress(path.read_bytes()).splitlines() if len(line) < LARGEST // 4]
        for number in range(0, min(len(lines), 40 * PACK), PACK):
            found.append(Base(f"{path.name} {number}", "CloudTrail", _packed(lines[number : number + PACK])))
    files = sorted(path for path in (folder / "bucket").rglob("*") if path.is_file())
    found += [Base(path.name, "CloudTrail", _smaller(path.read_bytes())) for path in files[:OF_THE_CORPUS]]
    return found


def _smaller(data: bytes) -> bytes:
    """The same file with no more records than are needed; what is broken already stays as it is."""
    try:
        slices, _ = model.elements(gzip.decompress(data))
    except (model.Broken, OSError, EOFError, zlib.error):
        return data if len(data) < LARGEST else data[:LARGEST]
    return _packed(slices[:MOST]) if len(slices) > MOST else data


def _packed(records: list[bytes]) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(records) + b"]}", 1, mtime=0)
