"""
How a contender is called, and what it says: `python -m bench.contenders.NAME FOLDER OUT`, then one line of JSON.

With the standard library alone, as `columns` is.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CORES = os.cpu_count() or 1


def arguments(**more: Any) -> argparse.Namespace:
    """The folder of log files and the one to write to; and a choice or two of the contender's own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    for name, given in more.items():
        parser.add_argument(f"--{name}", **given)
    return parser.parse_args()


@contextmanager
def working(said: Mapping[str, Any]) -> Iterator[None]:
    """Tell of the work in the block: without imports, without the start of a session, without what is said of it."""
    began = time.monotonic()
    yield
    print(json.dumps({"work_seconds": round(time.monotonic() - began, 3), **said}))
