"""
A session without a JVM: tasks run in this process, one after another, and travel as Spark would send them.

For tests that ask what ingest does and not what Spark does; those that do take the fixture `spark`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyspark import cloudpickle


class _Number:
    """An accumulator: workers add, the driver reads."""

    def __init__(self, value: int) -> None:
        self.value = value
        _NUMBERS[id(self)] = self

    def add(self, term: int) -> None:
        self.value += term

    def __reduce__(self) -> tuple[Any, ...]:
        return _number, (id(self),)


_NUMBERS: dict[int, _Number] = {}


def _number(name: int) -> _Number:
    return _NUMBERS[name]


class _Tasks:
    def __init__(self, tasks: Sequence[Any]) -> None:
        self._tasks, self._work = tasks, None

    def map(self, work: Callable[[Any], Any]) -> _Tasks:
        self._work = work
        return self

    def collect(self) -> list[Any]:
        # There and back as bytes: what can't travel, or what leans on being the same object, shows here.
        return [_sent(self._work(_sent(task))) for task in self._tasks]


def _sent(value: Any) -> Any:
    return cloudpickle.loads(cloudpickle.dumps(value))


class _Context:
    defaultParallelism = 2

    def accumulator(self, value: int) -> _Number:
        return _Number(value)

    def setJobDescription(self, what: str) -> None:
        pass

    def cancelAllJobs(self) -> None:
        pass

    def parallelize(self, tasks: Sequence[Any], slices: int) -> _Tasks:
        assert slices == len(tasks), "one task is one Spark task"
        return _Tasks(tasks)


class Inline:
    """What ingest needs of a SparkSession."""

    sparkContext = _Context()


INLINE = Inline()
