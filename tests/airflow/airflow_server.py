"""
A real Airflow for the tests: scheduler, API server, DAG processor and triggerer, in its own environment, over a folder.

Driven as people drive it: by its REST API. What a task said is read from its log.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.ports import free_port, listens

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("success", "failed")
CANARY = "canary-4f1c2b"  # in what only Airflow may know

JSON = dict[str, Any]


class RefusedError(Exception):
    """What the API would not do."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code


class AirflowServer:
    """`airflow standalone`, its DAGs those of the repository; they find the settings of the test in one file."""

    def __init__(self, binary: Path, folder: Path, more: Mapping[str, str]) -> None:
        self.binary, self.folder, self.settings = binary, folder, folder / "trailhouse.toml"
        self.port, workers, triggers = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.process: subprocess.Popen[bytes] | None = None
        ours = {name: os.environ[name] for name in ("HOME", "LANG", "JAVA_HOME") if name in os.environ}
        self.env = ours | dict(more) | {
            "PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}",
            "TRAILHOUSE_CONFIG": str(self.settings),
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "airflow_dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": CANARY,
            "AIRFLOW__API_AUTH__JWT_SECRET": f"{CANARY}-which-is-long-enough-for-a-signature",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(workers),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(triggers),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }  # fmt: skip

    def start(self) -> None:
        with (self.folder / "standalone.log").open("wb") as log:
            self.process = subprocess.Popen(
                [self.binary, "standalone"], env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        if not listens(self.port, 120, lambda: self.process.poll() is None):
            self.stop()
            raise RuntimeError(f"Airflow did not start: {(self.folder / 'standalone.log').read_text()[-3000:]}")
        until = time.monotonic() + 120
        while len(self.dags()) < 5:
            if time.monotonic() > until:
                raise RuntimeError(f"no DAGs: {self.get('importErrors')}")
            time.sleep(0.5)

    def stop(self) -> None:
        """The whole group: of the parent alone, the others would hold the port."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    # ── its API ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, path: str) -> JSON:
        """What is there. Of a run that is just being made, Airflow's API may say that it has failed itself: once more."""
        for _ in range(5):
            try:
                return self._call("GET", path)
            except RefusedError as error:
                if error.code < 500:
                    raise
                time.sleep(1)
        return self._call("GET", path)

    def dags(self) -> list[str]:
        try:
            return [each["dag_id"] for each in self.get("dags")["dags"]]
        except (RefusedError, urllib.error.URLError, ConnectionError):
            return []

    def trigger(self, dag: str, conf: JSON | None = None) -> str:
        """A run by hand; its id."""
        return str(self._call("POST", f"dags/{dag}/dagRuns", {"logical_date": None, "conf": conf or {}})["dag_run_id"])

    def pause(self, dag: str, paused: bool = True) -> None:
        self._call("PATCH", f"dags/{dag}", {"is_paused": paused})

    def fail(self, dag: str, run: str) -> None:
        """Stop a run, as somebody does who marks it as failed."""
        self._call("PATCH", f"dags/{dag}/dagRuns/{run}", {"state": "failed"})

    def clear(self, dag: str, run: str, *tasks: Any) -> None:
        """Have tasks run again, as somebody does who clears them."""
        asked = {"dag_run_id": run, "task_ids": list(tasks), "dry_run": False, "only_failed": False}
        self._call("POST", f"dags/{dag}/clearTaskInstances", asked)

    def runs(self, dag: str) -> list[JSON]:
        found: list[JSON] = self.get(f"dags/{dag}/dagRuns?limit=100&order_by=id")["dag_runs"]
        return found

    def tasks(self, dag: str, run: str) -> dict[str, str]:
        """The state of each task; one of many alike is named with its number."""
        found = self.get(f"dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {_name(each): each["state"] for each in found}

    def tries(self, dag: str, run: str, task: str) -> int:
        return int(self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}")["try_number"])

    def ended(self, dag: str, run: str, within: float = 240) -> dict[str, str]:
        """The states of its tasks, once the run has come to its end."""
        self.until(lambda: self.get(f"dags/{dag}/dagRuns/{run}")["state"] in ENDED, within, lambda: self.log(dag, run))
        return {**self.tasks(dag, run), "": self.get(f"dags/{dag}/dagRuns/{run}")["state"]}

    def until(self, true: Callable[[], bool], within: float, said: Callable[[], str] = str) -> None:
        end = time.monotonic() + within
        while not true():
            assert time.monotonic() < end, f"it did not happen within {within} seconds: {said()[-5000:]}"
            time.sleep(0.5)

    def told(self, dag: str, run: str, task: str, key: str = "return_value") -> Any:
        """What a task handed on."""
        found = self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}?deserialize=true")["value"]
        return json.loads(found) if isinstance(found, str) and found[:1] in ("{", "[") else found

    def log(self, dag: str, run: str, task: str = "*") -> str:
        """What a task said, at all its tries."""
        found = sorted((self.folder / "logs").glob(f"dag_id={dag}/run_id={run}/task_id={task}/**/attempt=*.log"))
        return "".join(path.read_text(errors="replace") for path in found)

    def _call(self, method: str, path: str, body: JSON | None = None) -> JSON:
        if not self.token:
            with urllib.request.urlopen(f"{self.url}/auth/token", timeout=30) as answer:
                self.token = json.load(answer)["access_token"]
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, f"{method} {path}: {error.read().decode(errors='replace')}") from None


def _name(each: JSON) -> str:
    return each["task_id"] if each["map_index"] < 0 else f"{each['task_id']}[{each['map_index']}]"
