"""
Fault points: the places where a run can be made to die, so that tests can show that dying there does no harm.

The one list of them, and nothing of what the steps do. `TRAILHOUSE_FAULT="name:n:before"` (or `after`) makes the
process that comes to the n-th hit of a point kill itself; a fourth part names a file that is made then, and whose being
there keeps other processes (a task's second attempt) alive. Unset, a point is a context manager that does nothing.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from trailhouse import settings
from trailhouse.errors import SettingsError

# Point -> the step that it stands around, with its number in the fault catalogue. In the order of a run.
POINTS = {
    "table_made": "a table of the lake, and its first snapshot",
    "plan_written": "K1: the plan is written down; nothing is read",
    "downloading": "K2: a piece of an object's bytes comes in (in a worker)",
    "decoded": "K3, K4: rows of decoded objects are handed on (in a worker)",
    "data_written": "K5: data files are written; the task has not returned them (in a worker)",
    "tasks_done": "K6: all tasks of a batch; nothing is staged",
    "manifest_list": "K7: a manifest list is written; no metadata file tells of it",
    "metadata_file": "K8: a table's metadata file is written; the catalog still points to the one before",
    "pointer_swapped": "K9: a commit, whose answer is lost",
    "table_staged": "K10: one table of the batch is staged on its branch",
    "audit": "K10, K12: the audit as a whole",
    "workers": "K11: workers read back what is staged, or write files with twins again",
    "quality_recorded": "K13: what the audit said is written down; main has not moved",
    "claimed": "K13: the batch has claimed the way; main has not moved",
    "main_moved": "K14: main of one table that people query moves to the audited snapshot",
    "ledger_moved": "K15: main of `quarantine` or `ledger` moves",
    "row_appended": "K15: rows of `quality`, `batches` or a held batch's `ledger` are written",
    "branch_dropped": "the last branch of a batch goes",
    "pending_told": "the table `pending` follows the run",
    "held": "a refused batch is held",
    "table_upgraded": "a table becomes what a newer release writes to",
    "listing_stored": "how far a source has been listed is stored",
}

# The same of `trailhouse maintain`.
POINTS_OF_MAINTENANCE = {
    "files_gathered": "files are written that are to take the place of others (in a worker)",
    "files_swapped": "files are in place of others",
    "manifests_regrouped": "few manifests are in place of many",
    "refs_dropped": "branches that a killed run has left are gone",
    "snapshots_forgotten": "snapshots have expired",
    "files_deleted": "a batch of files is deleted",
}


class _Fault:
    """Kills the process at one hit of one point."""

    def __init__(self, name: str, hit: int, before: bool, once: str) -> None:
        self.name, self._hit, self._before, self._once = name, hit, before, once
        self._begun = self._done = 0
        self._lock = threading.Lock()  # downloads hit their point in several threads

    def __enter__(self) -> None:
        with self._lock:
            self._begun += 1
            if self._before and self._begun == self._hit:
                self._die()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._done += kind is None
            if not self._before and kind is None and self._done == self._hit:
                self._die()

    def _die(self) -> None:
        if self._once:
            try:
                os.close(os.open(self._once, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
        os.kill(os.getpid(), signal.SIGKILL)


def at(name: str) -> AbstractContextManager[None]:
    """Stands around the step of that name."""
    return _ARMED.get(name, _NOTHING)


def arm(text: str) -> None:
    """Set the fault that this process dies of; "" for none."""
    _ARMED.clear()
    if text:
        fault = _parsed(text)
        _ARMED[fault.name] = fault


def _parsed(text: str) -> _Fault:
    name, _, rest = text.partition(":")
    hit, _, rest = rest.partition(":")
    when, _, once = rest.partition(":")
    if (
        name not in {**POINTS, **POINTS_OF_MAINTENANCE}
        or not hit.isdecimal()
        or int(hit) < 1
        or when not in ("before", "after")
    ):
        raise SettingsError(
            f'{settings.FAULT_VARIABLE} must be "name:n:before" or "name:n:after", not {text!r}; '
            f"names are: {', '.join({**POINTS, **POINTS_OF_MAINTENANCE})}"
        )
    return _Fault(name, int(hit), when == "before", once)


_NOTHING: AbstractContextManager[None] = nullcontext()
_ARMED: dict[str, _Fault] = {}
arm(settings.fault(settings.environment()))
