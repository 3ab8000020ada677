"""
What a run tells a scheduler: one JSON object in a file of its own (`--result PLACE`), however the run ended.

Exit codes don't reach everybody who starts jobs, and standard output is mixed with what others print. The object is the
same wherever a job runs: command, exit code, what went wrong, and the command's own result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import click

from trailhouse import __version__, show
from trailhouse.errors import TrailhouseError

OPTION = "--result"
WORDS = {0: "done", 1: "failed", 2: "wrong_usage", 3: "refused", 4: "found", 5: "partial", 6: "unknown"}
INTERRUPTED = 130

Command = TypeVar("Command", bound=Callable[..., Any])

# Taken from the arguments by `place_of`, so that what click refuses is told as well.
result_option = click.option(
    OPTION,
    metavar="PLACE",
    expose_value=False,
    help="For schedulers: write how the run ended there, as one JSON object. A file, or s3://bucket/key.",
)


@dataclass
class Outcome:
    """How a run ended. Commands note their result in it; the way out writes it."""

    command: str
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    def fails(self, said: str) -> None:
        """Say it on the terminal, and keep it."""
        self.error = said
        click.echo(f"error: {said}", err=True)

    def write(self, place: str, code: int) -> int:
        """Write it where somebody wants it; the exit code, which is a failure where that can't be done."""
        if not place:
            return code
        from trailhouse.lake import place as places

        status = "interrupted" if code == INTERRUPTED else WORDS.get(code, "failed")
        told = {"command": self.command, "version": __version__, "exit_code": code, "status": status}
        text = json.dumps({**told, "error": self.error, "result": self.result}, default=str)
        try:
            places.write(place, f"{text}\n".encode())
        except TrailhouseError as error:
            click.echo(f"error: the outcome: {show.escape_terminal(str(error))}", err=True)
            return code or 1
        return code


def note(result: Mapping[str, Any]) -> None:
    """Keep a command's result for whoever wants to know how the run ended."""
    context = click.get_current_context(silent=True)
    told = context.find_root().obj if context else None
    if isinstance(told, Outcome):
        told.result = result


@contextmanager
def noted(job: Any) -> Iterator[None]:
    """Keep what an ingest published and what the gate held, also of one that fails half-way."""
    try:
        yield
    finally:
        note(asdict(job.result))


def place_of(arguments: Sequence[str]) -> str:
    """Where the outcome is to be written; "" where nobody asked."""
    found, words = "", iter(arguments)
    for word in words:
        if word == "--":
            break
        if word == OPTION:
            found = next(words, "")
        elif word.startswith(f"{OPTION}="):
            found = word.removeprefix(f"{OPTION}=")
    return found


def command_of(group: click.Command, arguments: Sequence[str]) -> str:
    """The command that the arguments name, such as `report run`."""
    names: list[str] = []
    for word in arguments:
        if not isinstance(group, click.Group) or word not in group.commands:
            break
        names.append(word)
        group = group.commands[word]
    return " ".join(names)
