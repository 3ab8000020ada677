"""
Run a program as a process: what it said, how long it took, and the most memory that each kind of its processes held.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trailhouse.decode import native as kernel

ROOT = Path(__file__).resolve().parents[1]
TRAILHOUSE = ROOT / ".venv" / "bin" / "trailhouse"
WITHOUT = ROOT / "bench" / "without"  # what stands before the native kernel


@dataclass(frozen=True)
class Ran:
    """One program that ran: what it said on its last line, how long it took, and the most memory by kind of process."""

    said: dict[str, Any]
    seconds: float
    memory: dict[str, int]  # kind (driver, worker, jvm, all) -> MB resident; all: of its processes together


def trailhouse(*arguments: str, code: str = "", native: bool = False) -> Ran:
    """A command of Trailhouse's, as it is or by other code."""
    command = [sys.executable, "-c", code] if code else [str(TRAILHOUSE)]
    return run([*command, *arguments, "--format", "json"], native)


def run(command: Sequence[str], native: bool = False) -> Ran:
    """
    A program to its end. One that fails ends the bench: a number of what failed would be a lie.

    Without the native kernel, as after `make setup`, but where it is asked for.
    """
    if native and not kernel.is_there():
        raise SystemExit("bench: what is measured with the native kernel needs it: make native")
    path = os.pathsep.join(each for each in ("" if native else str(WITHOUT), os.environ.get("PYTHONPATH", "")) if each)
    print("$", *(Path(part).name if part == command[0] else part for part in command), file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONPATH": path}
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    memory: dict[str, int] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, memory, over))
    watcher.start()
    out, told = process.communicate()
    seconds = time.monotonic() - began
    over.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} left with {process.returncode}:\n{told[-2000:]}")
    return Ran(json.loads(out.splitlines()[-1]) if out.strip() else {}, seconds, memory)


def _watch(pid: int, memory: dict[str, int], over: threading.Event) -> None:
    while not over.wait(0.1):
        together = 0
        for each in _tree(pid):
            try:
                command = Path(f"/proc/{each}/cmdline").read_text()
                resident = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{each}/status").read_text())
            except OSError:
                continue
            kind = "worker" if "pyspark.daemon" in command else "jvm" if "java" in command.split("\0")[0] else "driver"
            held = int(resident[1]) // 1024 if resident else 0
            memory[kind] = max(memory.get(kind, 0), held)
            together += held
        memory["all"] = max(memory.get("all", 0), together)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        children = [c for t in tasks for c in Path(f"/proc/{pid}/task/{t}/children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))
