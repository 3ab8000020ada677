"""Children that die or race: forked from a process that has imported everything and holds no threads."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OVERDUE = 124  # how a child ends that had to be killed


def python_path(*more: str) -> str:
    """PYTHONPATH of a child: the checkout, and what this process was given, such as another Spark than the environment's."""
    before = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(ROOT / "jobs"), *more, *([before] if before else [])])


@contextmanager
def forked_from(module: str) -> Iterator[Any]:
    """Where such processes come from; the module is imported once, before any is forked."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = python_path(str(ROOT))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    try:
        yield context
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def ended(child: Any, within: float = 180) -> int:
    """How a child ended; one that takes longer is killed."""
    child.join(within)
    if child.exitcode is None:
        child.kill()
        child.join()
        return OVERDUE
    return int(child.exitcode)
