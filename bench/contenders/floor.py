"""
The floor: no more than to inflate every log file and parse it, on all cores.

Nothing is made of what was parsed but a count of records. By msgspec, which checks the text and notes where each record
lies, or by simdjson, which makes an index of the whole; the bench takes the faster. Runs on the Python that
`make contenders` sets up.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from pathlib import Path

import msgspec
import simdjson
from isal import igzip

from bench.contenders.told import CORES, arguments, working

AT_ONCE = 64  # files that a process takes at a time


class _File(msgspec.Struct):
    Records: list[msgspec.Raw]


def main() -> None:
    """As many processes as cores."""
    given = arguments(parser={"choices": list(PARSERS), "default": "msgspec"})
    said = {"rows": 0, "parser": given.parser}
    with get_context("fork").Pool(CORES, initializer=gc.disable) as pool, working(said):
        parts = pool.imap_unordered(PARSERS[given.parser], files(given.folder), AT_ONCE)
        said["rows"] = sum(parts)


def files(folder: Path) -> Iterable[Path]:
    """The log files."""
    return list(folder.rglob("*.json.gz"))


def by_msgspec(path: Path) -> int:
    return len(_DECODER.decode(igzip.decompress(path.read_bytes())).Records)


def by_simdjson(path: Path) -> int:
    return len(_PARSER.parse(igzip.decompress(path.read_bytes()))["Records"])


_DECODER = msgspec.json.Decoder(_File)
_PARSER = simdjson.Parser()
PARSERS: dict[str, Callable[[Path], int]] = {"msgspec": by_msgspec, "simdjson": by_simdjson}

if __name__ == "__main__":
    main()
