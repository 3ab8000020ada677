"""A job's tries as its task sees them, by the operator itself in Airflow's own environment; no server is needed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.airflow_server import ROOT
from tools import setup

# The task's own store and XComs are dictionaries here; the job, its guard and what is raised are real.
TRIES = """
import json, signal, sys
from datetime import timedelta
from pathlib import Path
from airflow.sdk.exceptions import AirflowTaskTimeout
from trailhouse_airflow.commands import Command
from trailhouse_airflow.local import LocalJob
from trailhouse_airflow.settings import Settings

class Store(dict):
    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))

class Task:
    told = None
    def xcom_push(self, key, value):
        Task.told = value

def over(*_):
    raise AirflowTaskTimeout()

folder = Path(sys.argv[1])
signal.signal(signal.SIGALRM, over)
context, ended = {"task_state_store": Store(), "ti": Task()}, []
for number, (does, seconds) in enumerate(json.loads(sys.argv[2])):
    (folder / "job.py").write_text(does)
    settings = Settings(jobs=str(folder), python=sys.executable, stop_after=timedelta(seconds=20))
    job = LocalJob(task_id=f"job{number}", settings=settings, command_of=lambda _: Command("job", on_spark=False))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        ended.append(["", job.execute(context)])
    except BaseException as error:
        ended.append([type(error).__name__, Task.told])
    signal.setitimer(signal.ITIMER_REAL, 0)
json.dump(ended, sys.stderr)
"""
SAYS = """
import json, sys, time
from pathlib import Path
def say(code, **result):
    place = sys.argv[sys.argv.index("--result") + 1]
    Path(place).write_text(json.dumps({"exit_code": code, "error": "", "result": result}))
    sys.exit(code)
"""
LONG = 60.0


def tries(folder: Path, *jobs: tuple[str, float]) -> list[list[Any]]:
    """What each try raised, and what is told after it."""
    binary = setup.airflow_path()
    if not binary.is_file():
        pytest.skip(setup.NEED_AIRFLOW)
    given = json.dumps([(SAYS + does, seconds) for does, seconds in jobs])
    env = {"PYTHONPATH": str(ROOT / "airflow_dags"), "AIRFLOW_HOME": str(folder), "PATH": str(binary.parent)}
    ran = subprocess.run(
        [binary.parent / "python", "-c", TRIES, folder, given],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found: list[list[Any]] = json.loads(ran.stderr.splitlines()[-1])
    return found


@pytest.mark.airflow
def test_what_was_refused_before_a_try_ran_out_of_time_is_told_by_the_next(tmp_path):
    slow = "try:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    say(130, batches=['a'], refusals=[{'batch_id': 'r'}])"
    (first, _), (second, told) = tries(tmp_path, (slow, 3.0), ("say(0, batches=['b'])", LONG))
    assert (first, second) == ("AirflowTaskTimeout", "")
    assert (told["batches"], told["refusals"], told["unknown"]) == (["a", "b"], [{"batch_id": "r"}], 0)


@pytest.mark.airflow
def test_a_job_that_was_killed_or_told_nothing_is_tried_again_and_leaves_a_doubt(tmp_path):
    killed, silent = "import os; os.kill(os.getpid(), 9)", "sys.exit(3)"
    ended = tries(tmp_path, (killed, LONG), (silent, LONG), ("say(0)", LONG))
    assert [raised for raised, _ in ended] == ["AirflowException", "AirflowException", ""]
    assert [told["unknown"] for _, told in ended] == [1, 2, 2]


@pytest.mark.airflow
def test_what_is_wrong_with_the_settings_is_not_tried_again(tmp_path):
    ended = tries(tmp_path, ("say(2)", LONG), ("sys.exit(2)", LONG))
    assert [raised for raised, _ in ended] == ["AirflowFailException"] * 2
    assert ended[-1][1]["unknown"] == 0
