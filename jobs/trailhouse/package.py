"""
The package as it is installed: its modules, and what lies beside them as data.

A checkout keeps the schemas, the queries and the lock outside the package; a wheel has them inside. Whoever ships the
package, to a worker or to a cluster, finds the one form of it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

# Name in the package -> name in a checkout.
DATA = {"schemas": "schemas", "sql": "sql", "run.txt": "requirements/run.txt"}


def modules() -> Iterator[tuple[str, bytes]]:
    """Path and text of each module, in order."""
    with as_file(files("trailhouse")) as package:
        for path in sorted(package.rglob("*.py")):
            yield f"trailhouse/{path.relative_to(package).as_posix()}", path.read_bytes()


def data(name: str) -> Iterator[tuple[str, bytes]]:
    """Path in the package, and content, of a file or of all files of a folder, in order."""
    packaged = files("trailhouse") / name
    with as_file(packaged) as inside:
        root = inside if inside.exists() else Path(__file__).resolve().parents[2] / DATA[name]
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file():
                below = path.relative_to(root).as_posix()
                yield f"trailhouse/{name}" if path == root else f"trailhouse/{name}/{below}", path.read_bytes()


def lock() -> str:
    """The packages that Trailhouse needs beside Spark, each with its version and its hashes."""
    return next(text for _, text in data("run.txt")).decode()


def whole() -> Iterator[tuple[str, bytes]]:
    """All of it."""
    yield from modules()
    for name in DATA:
        yield from data(name)
