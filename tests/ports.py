"""Ports of this machine, for servers that tests start."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int, within: float, alive: Callable[[], bool]) -> bool:
    """Whether somebody listens there before the time is up; not waited for once the server is dead."""
    until = time.monotonic() + within
    while time.monotonic() < until and alive():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False
