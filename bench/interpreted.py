"""
What decode and write take of Python, counted in a process of its own: `python -m bench.interpreted` prints it as JSON.

Instructions of the interpreter and calls are counted one by one, by Python's own hooks: the same code and the same
records give the same numbers, on a busy machine too, which a processor's own count of instructions does not where a
machine has none to give. They tell of the work that Python does for each record, not of the libraries'; of these, the
bytes that they hold are counted. The Python path is asked for: without the native kernel, whether or not there is one.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

sys.modules["trailhouse_native"] = None  # type: ignore[assignment]  # before whatever would import it

from trailhouse import sample, settings  # noqa: E402
from trailhouse.decode import Delivered, decode  # noqa: E402
from trailhouse.lake import catalog, write  # noqa: E402
from trailhouse.sources import keys  # noqa: E402

RECIPE = sample.Recipe(accounts=2, regions=2, days=1, events=4_000, clean=True, digests=False)
KIND = "CloudTrail"

Objects = Sequence[tuple[bytes, Delivered]]


def main() -> None:
    """Count and print."""
    with tempfile.TemporaryDirectory(prefix="trailhouse-counts-") as name:
        print(json.dumps(counts(Path(name))))


def counts(folder: Path) -> dict[str, float]:
    """Each count, of a record."""
    sample.make_bucket(folder / "logs", RECIPE)
    objects = _objects(folder / "logs")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "catalog.sqlite"))
    metadata = catalog.make_lake(where).table("events").metadata
    rows, io = decode(objects).rows, catalog.file_io(where)
    write.write_rows(rows, metadata, io)  # what is made once, and kept, is made now
    ways: dict[str, Callable[[], Any]] = {
        "decode": lambda: decode(objects),
        "write": lambda: write.write_rows(rows, metadata, io),
    }
    found = {"decode: bytes of a row in Arrow": rows.nbytes / rows.num_rows}
    for name, way in ways.items():
        found[f"{name}: instructions of Python"] = instructions(way) / rows.num_rows
        found[f"{name}: calls"] = calls(way) / rows.num_rows
        found[f"{name}: bytes of Python at most"] = most_allocated(way) / rows.num_rows
    return found


def _objects(logs: Path) -> Objects:
    found = []
    for path in sorted(logs.rglob("*.json.gz")):
        key = keys.parse_key(path.relative_to(logs).as_posix())
        if isinstance(key, keys.LogKey) and key.kind == KIND:
            delivered = Delivered("file:///logs", str(path.name), KIND, key.account_id, key.region)
            found.append((path.read_bytes(), delivered))
    return found


def instructions(way: Callable[[], Any]) -> int:
    """How many instructions of Python's interpreter a call takes."""
    many = 0

    def traced(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal many
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        many += event == "opcode"
        return traced

    return _hooked(sys.settrace, traced, way, lambda: many)


def calls(way: Callable[[], Any]) -> int:
    """How many functions a call calls, Python's own and those of libraries."""
    many = 0

    def told(_: FrameType, event: str, __: Any) -> None:
        nonlocal many
        many += event in ("call", "c_call")

    return _hooked(sys.setprofile, told, way, lambda: many)


def _hooked(hook: Callable[[Any], None], told: Any, way: Callable[[], Any], read: Callable[[], int]) -> int:
    """A warm call with a hook of the interpreter's; what is collected meanwhile is no part of it."""
    gc.collect()
    gc.disable()
    hook(told)
    try:
        way()
    finally:
        hook(None)
        gc.enable()
    return read()


def most_allocated(way: Callable[[], Any]) -> int:
    """The most bytes that Python's allocator held at once for a call."""
    gc.collect()
    tracemalloc.start()
    way()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


if __name__ == "__main__":
    main()
