"""
One run of the command in a process of its own, which something may happen to.

The command is the real one, from its arguments to its exit code; only its tasks run in this process instead of a JVM's
workers, four attempts each as Spark gives them, and it waits for a fiftieth of the time it would wait.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError

from tests.ingest.inline import Inline, _Context, _sent, _Tasks
from trailhouse import cli, faults
from trailhouse.ingest import audit
from trailhouse.ingest import run as loaded  # so that a child forked from here has it all
from trailhouse.lake import session

audit._engine()  # taking seconds, once for all children that are forked from here

__all__ = ["loaded"]

ATTEMPTS = 4
FASTER = 50


@dataclass(frozen=True)
class Job:
    """What the child does."""

    arguments: tuple[str, ...]
    told: Path  # where its output goes
    env: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    trace: Path | None = None  # where the fault points that it comes to are written down
    before: Callable[[], None] | None = None  # called first, in the child


class _Attempts(_Tasks):
    """Tasks that are given several attempts."""

    def collect(self) -> list[Any]:
        return [self._one(task) for task in self._tasks]

    def _one(self, task: Any) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return _sent(self._work(_sent(task)))  # type: ignore[misc]
            except Exception as error:
                traceback.print_exc()
                if attempt + 1 == ATTEMPTS:
                    raise Py4JError(f"a task failed:\n{type(error).__name__}: {error}") from error
        raise AssertionError


class _Patient(_Context):
    def parallelize(self, tasks: Sequence[Any], slices: int) -> _Tasks:
        return _Attempts(tasks)


class Retrying(Inline):
    sparkContext = _Patient()


def run(job: Job, go: Connection | None = None) -> None:
    """In the child. Leaves with the command's exit code."""
    with job.told.open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.update(job.env)
    session.start = lambda *_, **__: Retrying()  # type: ignore[assignment,return-value]
    _hurry()
    if job.trace:
        _write_down(job.trace)
    if go is not None:
        go.recv()
    if job.before:
        job.before()
    faults.arm(job.fault)
    try:
        cli.main(list(job.arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _hurry() -> None:
    plainly = time.sleep
    time.sleep = lambda seconds: plainly(seconds / FASTER)


def _write_down(where: Path) -> None:
    def at(name: str) -> Any:
        with where.open("a") as file:
            file.write(f"{name}\n")
        return nullcontext()

    faults.at = at
