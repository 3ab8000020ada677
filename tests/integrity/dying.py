"""One call of `trailhouse verify` in a process of its own, which may be killed on its way."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trailhouse import cli, faults, proof_page
from trailhouse.integrity import evidence as loaded  # so that a child forked from here has it all
from trailhouse.integrity import verify

__all__ = ["loaded", "proof_page", "verify"]


@dataclass(frozen=True)
class Job:
    """What the child does."""

    arguments: tuple[str, ...]
    told: Path  # where its output goes
    fault: str = ""
    trace: Path | None = None  # where the fault points that it comes to are written down


def run(job: Job) -> None:
    """In the child. Leaves with the command's exit code."""
    with job.told.open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    if job.trace:
        _write_down(job.trace)
    faults.arm(job.fault)
    try:
        cli.main(list(job.arguments))
    finally:
        sys.stdout.flush()


def _write_down(where: Path) -> None:
    def at(name: str) -> Any:
        with where.open("a") as file:
            file.write(f"{name}\n")
        return nullcontext()

    faults.at = at
