"""
Objects that workers die over: found by trying smaller and smaller tasks, and quarantined, so that none waits for them.

An exception in a decoder costs its object (see `task`); a process that dies tells nobody over which of them. A task of
no objects tells the object from the environment: where it dies too, nothing is laid aside (see docs/adr/0007). Here
nothing is decoded: an object is fetched and laid aside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from trailhouse.errors import WorkerLostError
from trailhouse.ingest.task import Done, Work, poisoned, put_off

log = logging.getLogger("trailhouse.ingest")

# Lost jobs that a batch may cost: some seconds each. What is not told apart by then waits for the next run, which
# begins with fewer, since at least some objects were laid aside.
MOST_LOST = 100

# So many may be all that a batch has. Where more are, and not one object was read, they wait: who knows.
MOST_ALONE = 3

Runner = Callable[[Sequence[Work]], list[Done]]


def done(run: Runner, tasks: Sequence[Work]) -> list[Done]:
    """What the tasks return. Raises where workers die over nothing."""
    try:
        return run(tasks)
    except WorkerLostError as lost:
        log.warning("%s; trying task by task", lost)
        search = _Search(run)
        search.control(tasks[0])
        for task in tasks:
            search.look(task)
        return search.ended()


@dataclass
class _Search:
    """What was found so far."""

    run: Runner
    found: list[Done] = field(default_factory=list)
    poison: list[Work] = field(default_factory=list)  # one object each
    unsure: list[Work] = field(default_factory=list)
    lost: int = 0

    def control(self, task: Work) -> None:
        """A task of no objects: a worker that dies over it dies for a reason of its own."""
        self.run([replace(task, objects=())])

    def look(self, task: Work) -> None:
        """A task by itself; where its worker dies still, each half of its objects by itself."""
        if self.lost >= MOST_LOST:
            self.unsure.append(task)
            return
        try:
            self.found += self.run([task])
        except WorkerLostError:
            self.lost += 1
            if len(task.objects) == 1:
                self.control(task)
                self.poison.append(task)
                return
            half = len(task.objects) // 2
            self.look(replace(task, objects=task.objects[:half]))
            self.look(replace(task, objects=task.objects[half:]))

    def ended(self) -> list[Done]:
        """What the tasks returned, and what becomes of the objects that returned nothing."""
        if not self.found and len(self.poison) > MOST_ALONE:
            self.poison, self.unsure = [], self.poison + self.unsure
        if self.poison:
            log.warning("workers die over %s", [o.key for task in self.poison for o in task.objects])
        if self.unsure:
            waiting = sum(len(task.objects) for task in self.unsure)
            log.warning("workers die over some of %d objects, which wait for the next run", waiting)
        return [*self.found, *map(poisoned, self.poison), *map(put_off, self.unsure)]
