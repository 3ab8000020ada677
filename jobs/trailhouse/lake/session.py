"""
The one SparkSession: how it is made, and how work is handed to its workers.

Tasks return small values; rows never pass through the JVM. Knows Spark; knows nothing of what the tasks do.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from trailhouse import package, settings
from trailhouse.errors import TrailhouseError, WorkerLostError
from trailhouse.lake.failures import advice
from trailhouse.lake.worker import at_work

log = logging.getLogger("trailhouse.lake")

Task = TypeVar("Task")
Done = TypeVar("Done")

_SHIPPED: dict[str, tempfile.TemporaryDirectory[str]] = {}  # application -> where its workers' copy of the package is
_SOCKETS: list[tempfile.TemporaryDirectory[str]] = []  # where the JVM and workers talk

LOCAL = {
    # Loopback only: a laptop's session is nobody else's business.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # No row passes through this JVM: it starts in half the time where it compiles once and collects in one thread. In
    # front of the options that somebody gives it, which win (`spark.driver.extraJavaOptions`).
    "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def start(where: settings.Spark, name: str = "trailhouse") -> SparkSession:
    """The session; under spark-submit what it was given wins over our settings."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # else spark-submit has started the JVM, with options of its own
        builder = builder.master(where.master).config("spark.driver.memory", where.driver_memory)
        if where.master.startswith("local"):
            for key, value in (LOCAL | sockets(tempfile.gettempdir())).items():
                builder = builder.config(key, value)
    builder = (
        builder.config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
    )
    try:
        session = _aside(builder.getOrCreate)
    except (Py4JError, PySparkRuntimeError) as error:
        do = advice(str(error)) or "look at what Java said above"
        raise TrailhouseError(f"Spark did not start: {_cause(error)}: {do}, then run again") from error
    # What a task fails with is told in one line; Spark would add hundreds, with whatever values a traceback shows.
    session.sparkContext.setLogLevel("ERROR" if log.isEnabledFor(logging.INFO) else "FATAL")
    _ship(session.sparkContext)
    return session


@cache
def sockets(temporary: str) -> dict[str, str]:
    """Where the JVM and workers talk: over TCP, small messages wait for each other, 40 ms each task.

    In a folder that nobody else may enter, since whoever connects is obeyed. Systems bound the length of such paths.
    """
    if not temporary.isascii() or len(temporary) > _LONGEST_FOLDER or not hasattr(socket, "AF_UNIX"):
        return {}
    folder = tempfile.TemporaryDirectory(prefix="th-", dir=temporary)
    _SOCKETS.append(folder)
    try:
        with socket.socket(socket.AF_UNIX) as tried:  # not every file system has them
            tried.bind(os.path.join(folder.name, ".tried.sock"))
    except OSError:
        return {}
    name = "spark.python.unix.domain.socket"
    return {f"{name}.enabled": "true", f"{name}.dir": folder.name}


_LONGEST_FOLDER = 104 - len("/th-01234567/.01234567-0123-0123-0123-0123456789ab.sock") - 1  # macOS has the least room


def _ship(context: SparkContext) -> None:
    """Give workers the package: once, since Spark refuses a second file of that name (two commands in a notebook)."""
    if context.applicationId in _SHIPPED:
        return
    # Workers fetch it when their first task comes; the folder goes when the process ends.
    folder = tempfile.TemporaryDirectory(prefix="trailhouse-")
    _SHIPPED[context.applicationId] = folder
    if str(context.master).startswith("local"):
        _leave_nothing(context, [folder, *_SOCKETS])
    context.addPyFile(os.fspath(packed(Path(folder.name))))


def _leave_nothing(context: SparkContext, folders: Sequence[tempfile.TemporaryDirectory[str]]) -> None:
    """Have the JVM delete folders when it ends, as it does however this process has ended."""
    java: Any = context._jvm
    for folder in folders:
        java.org.apache.spark.util.ShutdownHookManager.registerShutdownDeleteDir(java.java.io.File(folder.name))


def run(
    session: SparkSession,
    work: Callable[[Task], Done],
    tasks: Sequence[Task],
    what: str,
    timeout: timedelta | None = None,
) -> list[Done]:
    """Each task's result, in order; one task is one Spark task. What hangs is given up after the timeout."""
    if not tasks:
        return []
    context = session.sparkContext

    def collect() -> list[Done]:
        context.setJobDescription(what)
        return context.parallelize(tasks, len(tasks)).map(partial(at_work, work)).collect()

    try:
        return _aside(collect, context.cancelAllJobs, timeout)
    except TimeoutError as error:
        raise TrailhouseError(
            f"Spark did not end within {timeout} ({what}), so that it was given up; nothing of this batch is visible: "
            "run again, and raise spark.job_timeout where batches take that long"
        ) from error
    except ConnectionError as error:
        raise TrailhouseError(
            f"Spark's JVM has gone ({what}): something ended it, as a machine does that runs out of memory; nothing of "
            "this batch is visible: see what the system's log says of it, then run again"
        ) from error
    except Py4JError as error:
        cause = _cause(error)
        do = "".join(f"{each}, then " for each in [advice(cause)] if each)
        kind = WorkerLostError if _LOST in str(error) else TrailhouseError
        raise kind(
            f"Spark gave up on a task ({what}): {cause}; nothing of this batch is visible: {do}run again"
        ) from error


_LOST = "Python worker exited unexpectedly"


def _aside(
    work: Callable[[], Done], give_up: Callable[[], None] = lambda: None, timeout: timedelta | None = None
) -> Done:
    """What `work` returns, run in a thread of its own.

    So an interrupt never cuts a talk with the JVM in two: a JVM half started would be left behind, an answer half read
    would be taken for a failure.
    """
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(work)
        try:
            return running.result(timeout.total_seconds() if timeout else None)
        except (KeyboardInterrupt, TimeoutError):
            give_up()
            raise


def _cause(error: Exception) -> str:
    """The line that says why, out of two stack traces: the end of the worker's, else the first of Java's that tells."""
    said = str(error)
    python = re.findall(_TRACEBACK, said, re.MULTILINE)
    if python:
        return str(python[-1])[:_LONGEST]
    program = re.search(r'Cannot run program "[^\n]*', said)  # its own cause, which is told as well, names no program
    if program:
        return program[0][:_LONGEST]
    told = re.findall(rf"(?:[\w.]+\.)?\b\w+(?:Error|Exception): [^\n]{{1,{_LONGEST}}}", said)
    inner = [each for each in told if not re.match(r"[\w.]*(?:Spark|Python)Exception:", each)]
    return str((inner or told or said.splitlines() or [type(error).__name__])[0])


_LONGEST = 300

# Whatever the exception is called: the first line that is not indented, behind one that names a file.
_TRACEBACK = r"^  File \".*\n(?:[ ].*\n)*([A-Za-z_][\w.]*(?:: .*)?)$"


class Counter:
    """Numbers that tasks add to and the driver reads while they run."""

    def __init__(self, context: SparkContext, names: Sequence[str]) -> None:
        self._numbers = {name: context.accumulator(0) for name in names}

    def adders(self) -> dict[str, Any]:
        """What travels to the tasks."""
        return self._numbers

    def read(self) -> dict[str, int]:
        return {name: int(number.value) for name, number in self._numbers.items()}


class Watch:
    """Calls a function with a counter's numbers now and then, while the block runs."""

    def __init__(self, counter: Counter, tell: Callable[[dict[str, int]], None], every: float = 0.5) -> None:
        self._counter, self._tell, self._every = counter, tell, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._tell(self._counter.read())

    def _loop(self) -> None:
        while not self._over.wait(self._every):
            self._tell(self._counter.read())


def packed(folder: Path) -> Path:
    """The package as a zip for the workers, which have no checkout; the schemas travel inside it."""
    path = folder / "trailhouse.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (*package.modules(), *package.data("schemas")):
            archive.writestr(name, content)
    return path
