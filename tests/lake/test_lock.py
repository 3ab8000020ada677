"""Two commands that write to one lake: the second says whom it waits for, and does not wait for ever."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from trailhouse.errors import TrailhouseError
from trailhouse.lake import lock

HOLDS = "import fcntl, sys\nfile = open(sys.argv[1], 'a')\nfcntl.flock(file, fcntl.LOCK_EX)\nprint(1, flush=True)\nsys.stdin.read()"


def path_of(lake) -> Path:
    return Path(lake.catalog_uri).with_suffix(".lock")


@contextmanager
def held_by_a_stranger(lake) -> Iterator[None]:
    """By a process that writes nothing into the file, as older releases did."""
    path_of(lake).parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLDS, str(path_of(lake))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline()
        yield
        child.stdin.close()


def test_who_holds_it_stands_in_the_file(lake):
    with lock.alone(lake):
        assert path_of(lake).read_text().startswith(f"process {os.getpid()} since 2")
    assert path_of(lake).read_text() == ""


def test_who_is_waited_for_is_said(lake, caplog, monkeypatch):
    monkeypatch.setattr(lock, "SAID_AFTER", timedelta(seconds=0.2))
    entered = []

    def second() -> None:
        with lock.alone(lake):
            entered.append(time.monotonic())

    thread = threading.Thread(target=second)
    with caplog.at_level(logging.WARNING), lock.alone(lake):
        thread.start()
        time.sleep(0.6)
        assert not entered
        assert caplog.text.count("waiting for it to end") == 1 and f"(process {os.getpid()} since " in caplog.text
    thread.join(10)
    assert entered


@pytest.mark.parametrize("known", [True, False])
def test_a_wait_has_an_end(lake, monkeypatch, known):
    monkeypatch.setattr(lock, "LONGEST", timedelta(seconds=0.3))
    holder = lock.alone(lake) if known else held_by_a_stranger(lake)
    said = rf"another command \(process {os.getpid()} since .*run again" if known else "nobody knows which.*run again"
    with holder, pytest.raises(TrailhouseError, match=said), lock.alone(lake):
        raise AssertionError("two at once")
    with lock.alone(lake):
        pass


def test_a_catalog_that_is_a_server_has_no_lock(lake):
    with lock.alone(replace(lake, catalog="glue")), lock.alone(replace(lake, catalog="glue")):
        assert not path_of(lake).exists()
