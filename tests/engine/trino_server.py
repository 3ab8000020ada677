"""Athena's engine for the tests: a Trino of its own, over the tests' Glue API and S3 server."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import trino
from trino.exceptions import Error

from tests.ports import free_port
from tests.s3_server import ROOT_KEY, ROOT_SECRET
from tools import engine

CATALOG = "awsdatacatalog"  # as Athena calls its own

JVM = """\
-server
-Xmx1500M
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-Djdk.attach.allowAttachSelf=true
--add-opens=java.base/java.nio=ALL-UNNAMED
--sun-misc-unsafe-memory-access=allow
"""

NODE = """\
node.environment=tests
node.id={port}
node.data-dir={data}
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
"""

SERVER = """\
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
query.max-memory-per-node=500MB
memory.heap-headroom-per-node=300MB
"""

ICEBERG = """\
connector.name=iceberg
iceberg.catalog.type=glue
hive.metastore.glue.region=us-east-1
hive.metastore.glue.endpoint-url={glue}
hive.metastore.glue.aws-access-key={key}
hive.metastore.glue.aws-secret-key={secret}
fs.native-s3.enabled=true
s3.endpoint={s3}
s3.path-style-access=true
s3.region=us-east-1
s3.aws-access-key={key}
s3.aws-secret-key={secret}
"""

# Of small files, data files among them, Trino keeps what it has read: whoever counts reads goes without.
FORGETFUL = "iceberg.metadata-cache.enabled=false\n"


class TrinoServer:
    """A coordinator that works itself. What it says when it can't start is in its log, which the error shows."""

    def __init__(self, folder: Path, forgetful: bool = False) -> None:
        self.port, self._folder, self._forgetful = free_port(), folder, forgetful

    def _configure(self, glue: str, s3: str, key: str, secret: str) -> None:
        folder = self._folder
        places = {"port": self.port, "data": folder / "data", "glue": glue, "s3": s3}
        catalog = ICEBERG.format(**places, key=key, secret=secret)
        catalog += FORGETFUL if self._forgetful else ""
        files = {
            "etc/jvm.config": JVM,
            "etc/node.properties": NODE.format(**places),
            "etc/config.properties": SERVER.format(**places),
            f"etc/catalog/{CATALOG}.properties": catalog,
        }
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def start(self, glue: str, s3: str, key: str = ROOT_KEY, secret: str = ROOT_SECRET) -> TrinoServer:
        """Over this Glue API and this S3 server, which may still be starting."""
        java = engine.java()
        assert java, engine.NEED_JAVA
        self._configure(glue, s3, key, secret)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [engine.HOME / "bin" / "launcher", "run", "--etc-dir", self._folder / "etc"],
                env=os.environ | {"JAVA_HOME": str(java), "PATH": f"{java}/bin:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 120
        while time.monotonic() < until and self._process.poll() is None:
            if self._answers():
                return self
            time.sleep(0.3)
        self.stop()
        raise RuntimeError(f"Trino did not start:\n{(self._folder / 'log').read_text()[-4000:]}")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def connect(self, database: str) -> trino.dbapi.Connection:
        """A session as Athena would open one."""
        return trino.dbapi.connect(
            host="127.0.0.1", port=self.port, user="tests", catalog=CATALOG, schema=database, timezone="UTC"
        )

    def ask(self, database: str, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Columns and rows of a query."""
        cursor = self.connect(database).cursor()
        cursor.execute(sql)
        rows = [tuple(row) for row in cursor.fetchall()]
        return tuple(column[0] for column in cursor.description or ()), rows

    def rows_read(self, database: str, sql: str) -> int:
        """How many rows of data files the engine looks at to answer a query."""
        cursor = self.connect(database).cursor()
        cursor.execute(sql)
        cursor.fetchall()
        return int(cursor.stats["processedRows"])

    def _answers(self) -> bool:
        try:
            return self.ask("information_schema", "SELECT 1")[1] == [(1,)]
        except (OSError, Error):
            return False
