"""
A Spark cluster of processes that share nothing: a master, workers and a driver, each as on a machine of its own.

Each has its own file system, as far as it matters (its folder is /mnt, its /tmp is its own; the checkout, the
environment and everybody else's folders are not there), its own process tree, and an environment without anything of
ours. What they share is the network. Killing one kills all that it started, at once, as when a machine goes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_port, listens
from tools import setup
from tools.lanes import Lane

ROOT = Path(__file__).resolve().parents[2]
HOME = "/mnt"  # every system has it, and nobody here needs what is in it
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"

# What the cluster must not see: the checkout (and the one that the environment was installed from), and the environment.
HIDDEN = sorted({str(ROOT), str(Path(sys.prefix).resolve()), str(Path(sys.prefix).resolve().parent)})

# In a namespace of its own: its folder, its /tmp, and nothing of what is hidden.
ALONE = """\
set -e
mount --bind "$1" {home}
mkdir -p {home}/tmp
while [ "$2" != -- ]; do
  mkdir -p "{home}/$3"
  mount --bind "$2" "{home}/$3"
  shift 2
done
shift 2
mount --bind {home}/tmp /tmp
for hidden in {hidden}; do
  if [ -d "$hidden" ]; then mount -t tmpfs none "$hidden"; fi
done
cd {home}
exec env -i "$@"
"""


def namespace() -> list[str]:
    """How a process is started alone; without root, as root of a namespace."""
    mine = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *mine, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


@dataclass
class Machine:
    """A process that is alone, with its folder, and what it said."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text(errors="replace")

    @property
    def told(self) -> str:
        return (self.folder / "told.txt").read_text(errors="replace")

    def kill(self) -> None:
        """The machine goes: its first process dies, and the system kills whatever it had started."""
        for pid in children(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def processes(self, word: bytes) -> list[int]:
        """Those of it whose command line has the word."""
        return [pid for pid in descendants(self.process.pid) if word in command_line(pid)]


def start(
    folder: Path, command: Sequence[str], env: Mapping[str, str], seen: Mapping[Path, str] | None = None
) -> Machine:
    """A process alone in its folder; `seen` are folders of this machine that it has as well, by their names there."""
    folder.mkdir(parents=True, exist_ok=True)
    script = ALONE.format(home=HOME, hidden=" ".join(f"'{path}'" for path in HIDDEN))
    binds = [str(each) for pair in (seen or {}).items() for each in pair]
    variables = [f"{name}={value}" for name, value in env.items()]
    with (folder / "told.txt").open("wb") as told, (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [*namespace(), "sh", "-c", script, "alone", str(folder), *binds, "--", *variables, *command],
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=said,
            start_new_session=True,
        )
    return Machine(folder, process)


# ── a cluster ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Cluster:
    """A master and its workers, of one lane."""

    lane: Lane
    folder: Path
    packed: Packed
    env: dict[str, str]  # how its machines reach AWS
    port: int = field(default_factory=free_port)
    workers: list[Machine] = field(default_factory=list)
    runs: int = 0

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def submit(self, job: str, *arguments: str, conf: Mapping[str, str] | None = None, master: str = "") -> Submitted:
        """`spark-submit` on a machine that has the packed environment, and Spark. A job is a command, or a script's text."""
        self.runs += 1
        folder = self.folder / f"driver{self.runs}"
        (folder / "events").mkdir(parents=True)
        if "\n" in job:
            (folder / "job.py").write_text(job)
        settings = {**ALWAYS, **(CLUSTER if not master else {}), **(conf or {})}
        archives = [] if master else ["--archives", f"{HOME}/dist/{self.packed.archive.name}#environment"]
        command = [
            str(self.lane.home / "bin" / "spark-submit"),
            *("--master", master or self.url, "--driver-memory", "1g", *archives),
            *(each for name, value in settings.items() for each in ("--conf", f"{name}={value}")),
            f"{HOME}/job.py" if "\n" in job else f"{HOME}/dist/jobs/{job}.py",
            *arguments,
        ]
        environment = f"{HOME}/environment/bin/python"
        python = {
            "PYSPARK_DRIVER_PYTHON": environment,
            "PYSPARK_PYTHON": environment if master else "./environment/bin/python",
        }
        seen = {self.packed.archive.parent: "dist", self.packed.unpacked: "environment"}
        return Submitted(start(folder, command, {**self.base(), **self.env, **python}, seen))

    def base(self) -> dict[str, str]:
        """What a shell on a machine of this cluster has."""
        java = setup.find_java().resolve().parent.parent
        return {
            "PATH": f"{sys.base_prefix}/bin:{java}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": HOME,
            "JAVA_HOME": str(java),
            "SPARK_HOME": str(self.lane.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": f"{HOME}/tmp",
        }

    def _start(self, name: str, kind: str, *arguments: str, env: Mapping[str, str] | None = None) -> Machine:
        command = [str(self.lane.home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments]
        return start(self.folder / name, command, {**self.base(), **(env or {})})


ALWAYS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.dir": f"file://{HOME}/events",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}
CLUSTER = {
    "spark.executor.memory": "1g",
    "spark.cores.max": "2",
    # Both workers have unpacked the environment before the first task goes to either.
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "180s",
}


def _registered(worker: Machine) -> None:
    wait_for(lambda: "Successfully registered with master" in worker.said, 60, lambda: worker.said)


@contextmanager
def cluster(lane: Lane, folder: Path, packed: Packed, env: dict[str, str]) -> Iterator[Cluster]:
    """A master and two workers with a core each, and both at work."""
    made = Cluster(lane, folder, packed, env)
    master = made._start(
        "master", "master.Master", "--host", "127.0.0.1", "--port", str(made.port), "--webui-port", "0"
    )
    try:
        assert listens(made.port, 60, lambda: master.process.poll() is None), master.said
        for number in (1, 2):
            address = f"127.0.0.{number + 1}"  # Spark never runs a second attempt on the host of the first
            asked = ["--host", address, "--cores", "1"]
            asked += ["--memory", "2g", "--webui-port", "0", "--work-dir", f"{HOME}/work", made.url]
            worker = made._start(f"worker{number}", "worker.Worker", *asked, env={**env, "SPARK_LOCAL_IP": address})
            made.workers.append(worker)
        for worker in made.workers:
            _registered(worker)
        yield made
    finally:
        for machine in (*made.workers, master):
            machine.kill()


# ── a run ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Packed:
    """What `trailhouse pack` has made, and the archive unpacked, as a driver has it."""

    archive: Path
    unpacked: Path


@dataclass(frozen=True)
class Attempt:
    """One attempt of a task, from Spark's own log of events."""

    stage: int
    index: int
    number: int
    executor: str
    speculative: bool
    ended: str  # "Success", "ExecutorLostFailure", "TaskKilled", …

    @property
    def task(self) -> tuple[int, int]:
        return (self.stage, self.index)


@dataclass
class Submitted:
    """A run on its way."""

    driver: Machine

    def ended(self, within: float = 240) -> Ended:
        try:
            code = self.driver.process.wait(within)
        finally:
            self.driver.kill()
        return Ended(code, self.driver.told, self.driver.said, list(_attempts(self.driver.folder / "events")))


@dataclass(frozen=True)
class Ended:
    """What came of it. spark-submit hands on all that a Python job says as `told`; `said` is Spark's own."""

    code: int
    told: str
    said: str
    attempts: list[Attempt]

    @property
    def result(self) -> dict[str, Any]:
        assert self.code == 0, f"exit code {self.code}: {self.told[-2000:]} {self.said[-2000:]}"
        return dict(json.loads(self.told.splitlines()[-1]))


def _attempts(folder: Path) -> Iterator[Attempt]:
    for path in folder.iterdir():
        for line in path.read_text(errors="replace").splitlines():
            event = json.loads(line)
            if event["Event"] == "SparkListenerTaskEnd":
                info = event["Task Info"]
                yield Attempt(
                    event["Stage ID"], info["Index"], info["Attempt"], info["Executor ID"], info["Speculative"],
                    event["Task End Reason"]["Reason"],
                )  # fmt: skip


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def wait_for(true: Any, within: float, said: Any) -> None:
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, said()
        time.sleep(0.05)


def command_line(pid: int) -> bytes:
    with suppress(OSError):  # it is gone
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def parents() -> dict[int, int]:
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def children(pid: int) -> list[int]:
    return [child for child, parent in parents().items() if parent == pid]


def descendants(ancestor: int) -> set[int]:
    known, found = parents(), {ancestor}
    while more := {pid for pid, parent in known.items() if parent in found} - found:
        found |= more
    return found
