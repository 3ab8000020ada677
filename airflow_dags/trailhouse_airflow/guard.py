"""
Runs a job that lives no longer than whoever started it.

    python guard.py SECONDS COMMAND…

Airflow's task holds the other end of this process's standard input. When that ends, because the task stops the job, or
was killed itself, the job is interrupted, so that it leaves everything whole; then terminated; then killed, all of its
process group. Otherwise its exit code is handed on. What a job leaves behind in its group ends with it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

WRONG_SETTINGS = 2  # as the jobs say it
LOOK_EVERY = 0.2
PATIENCE = 10.0  # after a signal that is not the first


def main(arguments: Sequence[str]) -> int:
    stop_after, command = float(arguments[0]), list(arguments[1:])
    stopping = [False]

    def stop(number: int, frame: FrameType | None) -> None:
        stopping[0] = True

    # Handlers of our own are the default again in the job; what is ignored would stay so, as under nohup.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        job = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 (a list)
    except OSError as error:
        sys.stderr.write(f"{command[0]} can't be started ({error.strerror}): check [airflow] in the settings\n")
        return WRONG_SETTINGS
    while job.poll() is None and not stopping[0]:
        stopping[0] = _is_left_alone(LOOK_EVERY)
    _end(job, stop_after)
    code = job.wait()
    return code if code >= 0 else 128 - code


def _is_left_alone(seconds: float) -> bool:
    """Whether nobody holds the other end any more; waits so long for it."""
    ready, _, _ = select.select([0], [], [], seconds)
    return bool(ready) and not os.read(0, 1024)


def _end(job: subprocess.Popen[bytes], stop_after: float) -> None:
    """Nothing of the group is there afterwards."""
    for number, patience in ((signal.SIGINT, stop_after), (signal.SIGTERM, PATIENCE), (signal.SIGKILL, PATIENCE)):
        if _is_gone(job):
            return
        with suppress(ProcessLookupError):
            os.killpg(job.pid, number)
        until = time.monotonic() + patience
        while not _is_gone(job) and time.monotonic() < until:
            time.sleep(LOOK_EVERY / 2)


def _is_gone(job: subprocess.Popen[bytes]) -> bool:
    job.poll()
    try:
        os.killpg(job.pid, 0)
    except ProcessLookupError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
