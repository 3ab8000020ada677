"""The session: two commands in one process, as in a notebook, share it."""

from __future__ import annotations

import importlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from trailhouse import settings
from trailhouse.lake import session, worker


def test_a_second_command_uses_the_session_of_the_first(spark):
    again = session.start(settings.Spark(master="local[2]"))
    assert again.sparkContext.applicationId == spark.sparkContext.applicationId
    assert session.run(again, abs, [-1, 2], "a second command") == [1, 2]


def test_the_local_jvm_is_one_that_starts_quickly(spark):
    given = list(spark.sparkContext._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments())
    assert {"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"} <= set(given)


def finders(_):
    return [(type(each).__name__, type(each).__module__) for each in sys.path_importer_cache.values()]


def test_archives_are_not_listed_anew_before_each_task(spark):
    for kinds in session.run(spark, finders, [1, 2], "what finds modules"):
        assert ("Kept", "trailhouse.lake.worker") in kinds
        assert ("zipimporter", "zipimport") not in kinds


def at_work(work, task):
    """As in a worker, of which this process keeps nothing."""
    before = signal.getsignal(signal.SIGPIPE)
    try:
        return worker.at_work(work, task)
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_an_archive_that_is_kept_still_gives_its_modules(tmp_path, monkeypatch):
    path = tmp_path / "more.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("kept_in_an_archive.py", "VALUE = 5")
    monkeypatch.syspath_prepend(path)
    at_work(abs, 1)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("not_in_an_archive")  # whoever looks for it makes a finder of each archive
    assert at_work(abs, -1) == 1
    importlib.invalidate_caches()
    assert type(sys.path_importer_cache[str(path)]) is worker.Kept
    assert importlib.import_module("kept_in_an_archive").VALUE == 5


def spoken_in(_):
    return os.environ.get("PYTHON_WORKER_FACTORY_SOCK_DIR")


def test_the_jvm_and_workers_talk_where_nobody_else_may_listen(spark):
    folder = Path(spark.sparkContext.getConf().get("spark.python.unix.domain.socket.dir"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    knows_them = version(spark) >= (4, 1)  # an older Spark talks over TCP, as before
    assert session.run(spark, spoken_in, [1], "where") == [str(folder) if knows_them else None]


def version(spark):
    return tuple(int(part) for part in spark.version.split(".")[:2])


ALIVE = """
import sys, time
from trailhouse import settings
from trailhouse.lake import session
session.run(session.start(settings.Spark(master="local[1]")), abs, [1], "once")
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_session_that_is_killed_leaves_no_folder_behind(how, spark):
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        environment = {**os.environ, "TMPDIR": place}
        with subprocess.Popen(
            [sys.executable, "-c", ALIVE], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            assert {each.name.split("-")[0] for each in Path(place).iterdir()} >= {"trailhouse", "th"}
            process.send_signal(how)
        until(lambda: not [each for each in Path(place).iterdir() if each.name.startswith(("th-", "trailhouse-"))])


AMID = """
import os, select, signal, stat, sys
from pathlib import Path
from trailhouse import settings
from trailhouse.lake import session

place = Path(sys.argv[1])

def hung_up():
    sockets = select.poll()
    for each in map(int, os.listdir("/proc/self/fd")):
        if os.path.exists(f"/proc/self/fd/{each}") and stat.S_ISSOCK(os.fstat(each).st_mode):
            sockets.register(each, select.POLLHUP | select.POLLRDHUP)
    sockets.poll()

def work(task):
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN  # a connection that is lost is an error like others
    os.kill(os.getppid(), signal.SIGSTOP)  # which ends the worker, as a rule before that has anything to say
    (place / "pids").write_text(f"{os.getpid()} {os.getppid()}")
    (place / "pids").rename(place / "started")
    hung_up()
    if task == "fails":
        raise ValueError("as told")
    return "x" * 100_000

signal.signal(signal.SIGINT, signal.default_int_handler)
spark = session.start(settings.Spark(master="local[1]"))
try:
    session.run(spark, work, [sys.argv[2]], "amid")
except KeyboardInterrupt:
    sys.stdin.read()  # the JVM tells what its workers say for as long as it lives
"""


@pytest.mark.parametrize("task", ["returns", "fails"])
def test_a_worker_to_whom_nobody_listens_ends_without_a_word(task, tmp_path, spark):
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", AMID, tmp_path, task], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        until((tmp_path / "started").exists)
        itself, above = map(int, (tmp_path / "started").read_text().split())
        process.send_signal(signal.SIGINT)
        until(lambda: not Path(f"/proc/{itself}").exists())
        os.kill(above, signal.SIGCONT)
        _, said = process.communicate("", 60)
    assert process.returncode == 0 and "Traceback" not in said, said


GONE = """
import os, signal
from trailhouse import settings
from trailhouse.lake import session
spark = session.start(settings.Spark(master="local[1]"))
jvm = spark.sparkContext._gateway.proc.pid
try:
    session.run(spark, lambda _: os.kill(jvm, signal.SIGKILL), [1], "amid")
except session.TrailhouseError as error:
    print(error)
"""


def test_a_jvm_that_something_ends_is_told_as_that(spark):
    done = subprocess.run([sys.executable, "-c", GONE], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Spark's JVM has gone (amid): something ended it")


def until(there, seconds=60):
    ends = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def test_where_no_socket_can_be_made_there_is_none(monkeypatch):
    def refused(*_):
        raise OSError("no such thing here")

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr(session.socket.socket, "bind", refused)
        assert session.sockets(folder) == {}


def test_a_temporary_folder_with_too_long_a_name_has_no_room_for_them():
    assert session.sockets("/" + "t" * 100) == session.sockets("/tmp/\u00fc") == {}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        assert Path(session.sockets(folder)["spark.python.unix.domain.socket.dir"]).parent == Path(folder)
