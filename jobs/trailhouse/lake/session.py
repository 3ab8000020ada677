"""
The one SparkSession: how it is made, and how work is handed to its workers.

Tasks return small values; rows never pass through the JVM. Knows Spark; knows nothing of what the tasks do.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

from pyspark import SparkContext
from pyspark.sql import SparkSession

from trailhouse import settings
from trailhouse.lake import schema

Task = TypeVar("Task")
Done = TypeVar("Done")

LOCAL = {
    # Loopback only: a laptop's session is nobody else's business.
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def start(where: settings.Spark, name: str = "trailhouse") -> SparkSession:
    """The session; under spark-submit what it was given wins over our settings."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    submitted = "SPARK_ENV_LOADED" in os.environ and "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted:
        builder = builder.master(where.master).config("spark.driver.memory", where.driver_memory)
        if where.master.startswith("local"):
            for key, value in LOCAL.items():
                builder = builder.config(key, value)
    session = (
        builder.config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    session.sparkContext.addPyFile(os.fspath(packed()))
    return session


def run(session: SparkSession, work: Callable[[Task], Done], tasks: Sequence[Task], what: str) -> list[Done]:
    """Each task's result, in order; one task is one Spark task."""
    if not tasks:
        return []
    context = session.sparkContext
    context.setJobDescription(what)
    return context.parallelize(tasks, len(tasks)).map(work).collect()


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


def packed() -> Path:
    """The package as a zip for the workers, which have no checkout; the schemas travel inside it."""
    path = Path(tempfile.mkdtemp(prefix="trailhouse-")) / "trailhouse.zip"
    with as_file(files("trailhouse")) as package, zipfile.ZipFile(path, "w") as archive:
        for file in sorted(package.rglob("*.py")):
            archive.write(file, Path("trailhouse") / file.relative_to(package))
        for name in schema.TABLES:
            archive.writestr(f"trailhouse/schemas/{name}.toml", schema.text(name))
    return path
