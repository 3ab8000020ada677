"""
What every task does in a worker around its own work. Imports nothing of Spark: a worker has what it needs.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import TypeVar
from zipimport import zipimporter

Task = TypeVar("Task")
Done = TypeVar("Done")


def at_work(work: Callable[[Task], Done], task: Task) -> Done:
    """The work on a task."""
    _keep_archives()
    _on_broken_pipe(signal.SIG_IGN)
    try:
        return work(task)
    finally:
        # What follows is Spark's: it hands the outcome to the JVM. Where that has gone, as after an interrupt, the
        # worker ends too, and without the traceback that Spark would have it print under the command's last words.
        _on_broken_pipe(signal.SIG_DFL)


def _on_broken_pipe(do: signal.Handlers) -> None:
    """What a write does that nobody will read. A worker works in its main thread, and no other may say this."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPIPE, do)


class Kept(zipimporter):
    """An archive that is not listed anew before each task, as Spark has it: nobody changes one while a worker lives."""

    def invalidate_caches(self) -> None:
        """What was listed stays."""


def _keep_archives() -> None:
    """Spark's own jar is on a worker's path, with thousands of names: to list it costs more than many a task."""
    for finder in [*sys.path_importer_cache.values()]:
        if type(finder) is zipimporter:
            finder.__class__ = Kept
