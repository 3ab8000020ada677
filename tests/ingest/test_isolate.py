"""
An object over which workers die (a crash loop, F50) costs itself: it is quarantined as `poison`, and nobody waits for it.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from py4j.protocol import Py4JError

from tests import model
from tests.buckets import OTHER, Bucket, event, key, plain, redelivered
from tests.ingest.contents import Contents, holds_together, ingest
from tests.ingest.inline import Inline, _Context, _sent, _Tasks
from trailhouse.errors import TrailhouseError, WorkerLostError
from trailhouse.ingest import isolate, task
from trailhouse.lake import session

DIED = "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)"


class Dying(Inline):
    """A session whose workers die over objects of these names; or over whatever they are given."""

    def __init__(self, *names: str, anything: bool = False) -> None:
        outer = self
        self.names, self.anything, self.deaths = names, anything, 0

        class Tasks(_Tasks):
            def collect(self):
                for each in self._tasks:
                    if isinstance(each, task.Work) and (
                        outer.anything or any(n in o.key for o in each.objects for n in outer.names)
                    ):
                        outer.deaths += 1
                        raise Py4JError(DIED)
                return [_sent(self._work(_sent(each))) for each in self._tasks]

        class Context(_Context):
            def parallelize(self, tasks, slices):
                return Tasks(tasks)

        self.sparkContext = Context()


@pytest.mark.parametrize("names", [("_p3.",), ("_p0.", "_p7."), ("_p0.", "_p1.", "_p2.", "_p3.", "_p6.")])
def test_objects_that_kill_workers_are_quarantined_and_the_others_are_published(lake, tmp_path, names):
    logs = plain(16).save(tmp_path / "logs")
    result = ingest(lake, logs, session=Dying(*names))
    contents = Contents(lake)
    assert (result.status, result.quarantined_objects, result.objects) == ("published", len(names), 8)
    assert {q["reason"] for q in contents.rows("quarantine")} == {"poison"}
    assert len(contents.rows("quarantine")) == len(names)
    assert all(q["raw"] for q in contents.rows("quarantine"))
    holds_together(contents)
    assert ingest(lake, logs, session=Dying(*names)).status == "nothing_to_do", "no crash loop"


@pytest.mark.parametrize("objects", [2, 3, 8])
def test_where_workers_die_over_nothing_it_is_not_the_objects(lake, tmp_path, objects):
    """A broken installation must not fill the quarantine."""
    logs = plain(objects).save(tmp_path / "logs")
    dying = Dying(anything=True)
    with pytest.raises(WorkerLostError, match="exited unexpectedly"):
        ingest(lake, logs, session=dying)
    assert dying.deaths == 2, "the batch, and a task of no objects"
    assert not Contents(lake).rows("ledger") and not Contents(lake).rows("quarantine")
    assert ingest(lake, logs).objects == objects


def test_where_workers_begin_to_die_over_nothing_nothing_is_laid_aside(lake, tmp_path, monkeypatch):
    """Fine at first; by the time an object is alone, they die over anything."""
    logs = plain(8).save(tmp_path / "logs")
    dying = Dying("_p3.")
    plainly = isolate._Search.look

    def look(search, work):
        dying.anything = len(work.objects) == 1 and "_p3." in work.objects[0].key
        plainly(search, work)

    monkeypatch.setattr(isolate._Search, "look", look)
    with pytest.raises(WorkerLostError):
        ingest(lake, logs, session=dying)
    assert not Contents(lake).rows("quarantine")


def test_two_that_are_all_there_is_are_quarantined(lake, tmp_path):
    made = plain(16)
    logs = made.save(tmp_path / "logs")
    ingest(lake, logs)
    made.put(key("evil1"), event(70))
    made.put(key("evil2"), event(71))
    result = ingest(lake, made.save(logs), session=Dying("_evil"))
    assert (result.status, result.quarantined_objects) == ("published", 2)
    holds_together(Contents(lake))


def test_where_many_are_all_there_is_they_wait_until_another_object_is_read(lake, tmp_path):
    """A worker that dies over objects of any content is seldom the objects' doing; nobody else waits for it."""
    made = Bucket()
    for number in range(5):
        made.put(key(f"evil{number}"), event(70 + number))
    logs = made.save(tmp_path / "logs")
    result = ingest(lake, logs, session=Dying("_evil"))
    assert (result.status, result.pending) == ("partial", 5) and "workers die" in result.problems[0]["detail"]
    made.put(key("good"), event(80))
    result = ingest(lake, made.save(logs), session=Dying("_evil"))
    assert (result.status, result.quarantined_objects, result.rows) == ("published", 5, 1)
    holds_together(Contents(lake))


def test_the_search_is_bounded_and_each_run_gets_further(lake, tmp_path, monkeypatch):
    """What was not told apart by then is pending: the others of its task wait with it, those of other tasks don't."""
    monkeypatch.setattr(isolate, "MOST_LOST", 6)
    made = Bucket()
    for number in range(16):
        made.put(key(f"evil{number:x}" if number % 3 == 0 else f"o{number:x}"), event(number))
    made.put(key("other", OTHER), event(50, OTHER))
    logs, runs = made.save(tmp_path / "logs"), []
    for _ in range(10):
        dying = Dying("_evil")
        result = ingest(lake, logs, session=dying)
        runs.append((result.status, result.quarantined_objects, result.pending))
        assert dying.deaths <= 1 + 6, "the batch, and what the search may cost"
        assert result.rows or result.quarantined_objects or result.status == "nothing_to_do", runs
        if result.status == "published":
            break
    contents = Contents(lake)
    assert len(contents.rows("quarantine")) == 6 and len(contents.rows("events")) == 11 and len(runs) > 1, runs
    holds_together(contents)


def test_an_object_that_is_gone_by_then_is_pending(lake, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    dying = Dying("_p3.")
    plainly = isolate.poisoned

    def gone(work):
        for path in logs.rglob("*_p3.*"):
            path.unlink()
        return plainly(work)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(isolate, "poisoned", gone)
        result = ingest(lake, logs, session=dying)
    assert (result.status, result.pending) == ("partial", 1)


class Twice(Inline):
    """A session whose tasks run twice to their end, as with speculation: the result of the second counts (F7)."""

    def __init__(self) -> None:
        class Tasks(_Tasks):
            def collect(self):
                return [[_sent(self._work(_sent(each))) for _ in range(2)][1] for each in self._tasks]

        class Context(_Context):
            def parallelize(self, tasks, slices):
                return Tasks(tasks)

        self.sparkContext = Context()


def test_tasks_that_run_twice_make_each_row_once(lake, tmp_path):
    made = redelivered(1)
    result = ingest(lake, made.save(tmp_path / "logs"), session=Twice(), task_bytes=1)
    contents = Contents(lake)
    assert result.status == "published" and contents.published() == model.lake(made.listed()).published
    attached = len(list(contents.table("events").scan().plan_files()))
    assert len(list(Path(lake.location).rglob("events/data/**/*.parquet"))) >= 2 * attached, "nothing ran twice"
    holds_together(contents)


def dies_over_two(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def raises_over_two(number: int) -> int:
    if number == 2:
        raise ValueError("no")
    return number


def test_spark_says_when_a_worker_died_and_when_a_task_failed(spark):
    with pytest.raises(WorkerLostError):
        session.run(spark, dies_over_two, [1, 2, 3], "try")
    with pytest.raises(TrailhouseError, match="ValueError: no") as raised:
        session.run(spark, raises_over_two, [1, 2, 3], "try")
    assert not isinstance(raised.value, WorkerLostError)
    assert session.run(spark, dies_over_two, [1, 3], "try") == [1, 3]


def stops_over_two(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGSTOP)
    return number


def test_a_worker_that_hangs_is_given_up_after_a_while(spark):
    """F4: stopped, it says nothing and does not die."""
    began = time.monotonic()
    with pytest.raises(TrailhouseError, match=r"did not end within 0:00:03 \(try\).*spark.job_timeout"):
        session.run(spark, stops_over_two, [1, 2, 3], "try", timedelta(seconds=3))
    assert time.monotonic() - began < 30
    assert session.run(spark, stops_over_two, [1, 3], "try", timedelta(seconds=60)) == [1, 3]
