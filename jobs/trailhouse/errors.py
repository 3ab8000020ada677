"""
Everything that Trailhouse raises on purpose, with the exit code that a scheduler sees.

    TrailhouseError              1   failed
    ├── UsageError               2   wrong usage
    │   └── SettingsError        2   wrong settings
    ├── WorkerLostError          1   a worker died over a task, at every attempt
    ├── GateError                3   refused by the gate: nothing was published
    └── UnknownOutcomeError      6   a commit may or may not have happened: run again

Bad data is a value (`decode.values.Reject`), never an exception. Each message says what happened, where, and what to
do.
"""

from __future__ import annotations


class TrailhouseError(Exception):
    """Something failed. The message is meant for the person who ran the command."""

    exit_code = 1


class UsageError(TrailhouseError):
    """The command line asks for something that makes no sense."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown, of the wrong type, or contradicts another."""


class WorkerLostError(TrailhouseError):
    """A worker process died over a task, however often it was tried: by a fault in a library, or for want of memory."""


class GateError(TrailhouseError):
    """The audit found a broken invariant; the batch is held and nothing of it is visible."""

    exit_code = 3

    def __init__(self, said: str, expectations: tuple[str, ...] = (), data_docs: str = "") -> None:
        super().__init__(said)
        self.expectations = expectations  # what failed, as `trailhouse batch rows --expectation` takes it
        self.data_docs = data_docs  # where the audit can be read


class UnknownOutcomeError(TrailhouseError):
    """A commit was sent and its answer lost. Nothing was cleaned up; the next run finds out."""

    exit_code = 6
