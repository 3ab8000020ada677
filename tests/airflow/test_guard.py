"""B42: a job lives no longer than the task that runs it, and has time to leave things whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trailhouse_airflow import guard

GUARD = guard.__file__
SAYS = """
import pathlib, signal, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
def said(number, frame):
    (folder / signal.Signals(number).name).write_text("")
    if signal.Signals(number).name == sys.argv[2]:
        sys.exit(130)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, said)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
(folder / "pids").write_text(f"{child.pid}")
(folder / "up").write_text("")
while True:
    time.sleep(0.05)
"""


def started(folder: Path, leaves_at: str, stop_after: float = 0.5, by: list[str] | None = None) -> subprocess.Popen:
    command = [sys.executable, "-c", SAYS, str(folder), leaves_at]
    running = subprocess.Popen(
        [*(by or []), sys.executable, GUARD, str(stop_after), *command], stdin=subprocess.PIPE, start_new_session=True
    )
    waited_for(lambda: (folder / "up").exists())
    return running


def guarded(*command: str) -> subprocess.CompletedProcess[str]:
    """A job from beginning to end; this process holds on to it all the while."""
    kept, held = os.pipe()
    try:
        whole = [sys.executable, GUARD, "1", *command]
        return subprocess.run(whole, stdin=kept, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(kept)
        os.close(held)


def waited_for(true, within: float = 20) -> None:
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("code", [0, 1, 3, 5])
def test_the_exit_code_is_handed_on(code):
    done = guarded(sys.executable, "-c", f"raise SystemExit({code})")
    assert done.returncode == code


def test_a_job_that_a_signal_ended_says_which():
    kills = "import os; os.kill(os.getpid(), 9)"
    done = guarded(sys.executable, "-c", kills)
    assert done.returncode == 128 + signal.SIGKILL


def test_what_cannot_be_started_is_wrong_settings():
    done = guarded("/not/there")
    assert done.returncode == 2 and "check [airflow] in the settings" in done.stderr


def test_a_job_that_is_stopped_is_interrupted_first_and_all_of_its_group_ends(tmp_path):
    running = started(tmp_path, "SIGINT")
    running.stdin.close()
    assert running.wait(30) == 130
    assert (tmp_path / "SIGINT").exists() and not (tmp_path / "SIGTERM").exists()
    assert not lives(int((tmp_path / "pids").read_text())), "a child that ignores signals is killed"


def test_one_that_does_not_leave_is_terminated(tmp_path):
    running = started(tmp_path, "SIGTERM")
    running.stdin.close()
    assert running.wait(40) == 130
    assert (tmp_path / "SIGINT").exists() and (tmp_path / "SIGTERM").exists()


def test_a_job_does_not_outlive_a_task_that_was_killed(tmp_path):
    """kill -9 of the task's process, which can say nothing any more: the pipe ends with it."""
    script = (
        "import subprocess, sys; subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True).wait()"
    )
    task = started(tmp_path, "SIGINT", by=[sys.executable, "-c", script])
    task.kill()
    task.communicate(timeout=10)
    waited_for(lambda: (tmp_path / "SIGINT").exists())
    waited_for(lambda: not lives(int((tmp_path / "pids").read_text())))


def test_an_interrupt_reaches_a_job_of_an_airflow_that_ignores_it(tmp_path):
    """As under nohup, or of a shell's background job: what is ignored is inherited, and Python would never be told."""
    script = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    command = ["sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, GUARD, "5", sys.executable, "-c", script]
    running = subprocess.Popen([*command, tmp_path / "up"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    waited_for((tmp_path / "up").exists)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGINT and "KeyboardInterrupt" in said


def test_what_a_job_leaves_behind_ends_with_it():
    script = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL).pid)"
    done = guarded(sys.executable, "-c", script)
    assert done.returncode == 0 and not lives(int(done.stdout))
