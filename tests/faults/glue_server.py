"""
A Glue API for the tests: moto's server, in a process of its own, that refuses a stale `VersionId` as AWS does.

Stock moto takes any: whoever commits last wins, and whoever came before is overwritten without a word. Its Athena runs
no SQL; where a Trino is named, that does (`tests.engine.athena`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from tests.ports import free_port, listens

PROGRAM = (
    "from tests.faults.glue_server import serve; import sys; serve(sys.argv[1], sys.argv[2] == 'honest', *sys.argv[3:])"
)


class GlueServer:
    """The server as a child process. Its state is in memory and goes with it."""

    def __init__(self, honest: bool = True, trino_port: int | None = None) -> None:
        self._how = ["honest" if honest else "stock", *([str(trino_port)] if trino_port else [])]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> GlueServer:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, str(self.port), *self._how],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if listens(self.port, 60, lambda: self._process.poll() is None):
            return self
        self.stop()
        raise RuntimeError("the Glue server did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def serve(port: str, honest: bool, trino_port: str = "") -> None:
    """In the child."""
    import moto.server
    from moto.glue.exceptions import GlueClientError
    from moto.glue.responses import GlueResponse

    stock, lock = GlueResponse.update_table, threading.Lock()

    class StaleVersionError(GlueClientError):
        def __init__(self) -> None:
            super().__init__("ConcurrentModificationException", "Update table failed due to concurrent modifications.")

    def update_table(self: GlueResponse) -> object:
        asked = self.parameters
        with lock:
            table = self.glue_backend.get_table(asked["DatabaseName"], asked["TableInput"]["Name"])
            if asked.get("VersionId") and str(asked["VersionId"]) != str(table.as_dict()["VersionId"]):
                raise StaleVersionError
            return stock(self)

    if honest:
        GlueResponse.update_table = update_table  # type: ignore[method-assign]
    if trino_port:
        from tests.engine import athena

        athena.install(int(trino_port))
    moto.server.main(["-H", "127.0.0.1", "-p", port])
