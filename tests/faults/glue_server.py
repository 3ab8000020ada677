"""
A Glue API for the tests: moto's server, in a process of its own, that refuses a stale `VersionId` as AWS does.

Stock moto takes any: whoever commits last wins, and whoever came before is overwritten without a word.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

PROGRAM = "from tests.faults.glue_server import serve; import sys; serve(sys.argv[1], sys.argv[2] == 'honest')"


class GlueServer:
    """The server as a child process. Its state is in memory and goes with it."""

    def __init__(self, honest: bool = True) -> None:
        self._honest = honest
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> GlueServer:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, str(self.port), "honest" if self._honest else "stock"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        self.stop()
        raise RuntimeError("the Glue server did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def serve(port: str, honest: bool) -> None:
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
    moto.server.main(["-H", "127.0.0.1", "-p", port])
