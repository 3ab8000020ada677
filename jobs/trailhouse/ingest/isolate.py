"""
Objects that workers die over: found by trying smaller and smaller tasks, and quarantined, so that none waits for them.

An exception in a decoder costs its object (see `task`); a process that dies tells nobody over which of them. Here
nothing is decoded: an object is fetched and laid aside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from trailhouse.errors import WorkerLostError
from trailhouse.ingest.task import Done, Work, poisoned

log = logging.getLogger("trailhouse.ingest")

# More than so many in a batch, or all of several, and it is not the objects: workers die for a reason of their own.
MOST = 3

Runner = Callable[[Sequence[Work]], list[Done]]


def done(run: Runner, tasks: Sequence[Work]) -> list[Done]:
    """What the tasks return. Raises where workers die over more than a few objects."""
    try:
        return run(tasks)
    except WorkerLostError as lost:
        log.warning("%s; trying task by task", lost)
        found: list[Done] = []
        poison: list[Work] = []
        for task in tasks:
            _alone(run, task, found, poison)
            if len(poison) > MOST:
                raise
        if not found and len(poison) > 1:
            raise
        log.warning("workers die over %s", [o.key for task in poison for o in task.objects])
        return found + [poisoned(task) for task in poison]


def _alone(run: Runner, task: Work, found: list[Done], poison: list[Work]) -> None:
    """A task by itself; where its worker dies still, each of its objects by itself."""
    try:
        found += run([task])
    except WorkerLostError:
        if len(task.objects) == 1:
            poison.append(task)
            return
        for each in task.objects:
            _alone(run, replace(task, objects=(each,)), found, poison)
            if len(poison) > MOST:
                return
