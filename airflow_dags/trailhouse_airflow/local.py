"""
A job on Airflow's own worker: spark-submit, or Python where it needs no Spark, as a list of arguments.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from trailhouse_airflow import commands, guard, outcome, tries
from trailhouse_airflow.commands import Command
from trailhouse_airflow.settings import Settings

# Airflow's own secrets, and what would make another Python take Airflow's packages, are none of the job's business.
NOT_HANDED_ON = ("AIRFLOW", "_AIRFLOW", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class LocalJob(BaseOperator):
    """Runs a job under a guard, which ends it with everything that it started when this task is stopped or killed."""

    def __init__(self, *, settings: Settings, command_of: Callable[[Context], Command], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings, self.command_of = settings, command_of
        self.running: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        command = tries.given(self.command_of, context)
        tries.begin(context)
        with tempfile.TemporaryDirectory(prefix="trailhouse-") as folder:
            result = Path(folder, "outcome.json")
            code = self._run(commands.local(self.settings, command, str(result)))
            told = outcome.read(result.read_bytes()) if result.is_file() else None
        return tries.end(context, told, code)

    def on_kill(self) -> None:
        """Let the guard end the job; what the job says until then is still logged by `execute`."""
        if self.running and self.running.stdin:
            self.running.stdin.close()

    def _run(self, command: list[str]) -> int:
        self.log.info("running %s", command)
        guarded = [sys.executable, guard.__file__, str(self.settings.stop_after.total_seconds()), *command]
        with subprocess.Popen(  # noqa: S603 (a list of arguments)
            guarded,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # signals for this task's group are not for the guard
            env=environment(os.environ),
            encoding="utf-8",
            errors="replace",
        ) as running:
            self.running = running
            try:
                self._log(running.stdout or ())
            finally:  # a timeout comes as an exception
                self.on_kill()
                self._log(running.stdout or ())
        return running.returncode

    def _log(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.log.info("%s", line.rstrip())


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a job may see of the worker's environment."""
    return {name: value for name, value in ours.items() if not name.startswith(NOT_HANDED_ON)}
