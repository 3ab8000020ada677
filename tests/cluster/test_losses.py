"""What a cluster loses on the way: a machine (F2), a task's time (F4, F7). The tables are those of an undisturbed run."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from tests.cluster.machines import wait_for
from tests.faults.oracle import content
from tests.faults.proxy import Fault, Proxy
from tests.ingest.contents import holds_together

MANY_TASKS = ("--batch-task-bytes", "25000")


def is_whole(cloud, lake, undisturbed) -> None:
    read = cloud.read(lake)
    assert content(read) == undisturbed
    holds_together(read)


def until_files(cloud, lake, run, count: int) -> None:
    """Until workers have written so many data files."""
    client, prefix = cloud.s3.client(), lake.location.removeprefix("s3://lakes/")

    def written() -> bool:
        assert run.driver.process.poll() is None, run.driver.said
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="lakes", Prefix=f"{prefix}/")
        keys = [o["Key"] for page in pages for o in page.get("Contents", ())]
        return sum(key.endswith(".parquet") for key in keys) >= count

    wait_for(written, 180, lambda: run.driver.said)


def test_a_lost_worker_costs_the_tasks_that_it_was_at_and_no_more(running, cloud, undisturbed):
    """The machine goes, with its executor and Python, amid decoding. What it had done stays done."""
    lake = cloud.lake("killed")
    proxy = Proxy(cloud.s3.url, cloud.glue.url).start()
    try:
        # From one object on the store is so slow that each worker is amid a task.
        seen = proxy.begin(Fault("delay", at=120, among=lambda r: r.kind == "GetObject log", onwards=True, seconds=4))
        with running(s3=proxy.s3) as cluster:
            run = cluster.submit("ingest", *cloud.arguments(lake), *MANY_TASKS)
            wait_for(lambda: seen.fired or run.driver.process.poll() is not None, 180, lambda: run.driver.said)
            time.sleep(2)
            cluster.workers[0].kill()
            proxy.begin()
            ended = run.ended()
    finally:
        proxy.stop()
    assert ended.result["status"] == "published", ended.told
    lost = [attempt for attempt in ended.attempts if attempt.ended == "ExecutorLostFailure"]
    repeated = {task for task, count in Counter(attempt.task for attempt in ended.attempts).items() if count > 1}
    assert len(lost) == 1, "the one task that its one core was at"
    assert repeated == {lost[0].task}
    done = [a for a in ended.attempts if a.executor == lost[0].executor and a.ended == "Success"]
    assert done, "it had done some before"
    is_whole(cloud, lake, undisturbed)


def test_a_task_that_is_run_twice_for_being_slow_makes_each_row_once(running, cloud, undisturbed):
    """F7: one of the last objects comes slowly, Spark starts a second attempt beside the first, and the first is given up."""
    lake = cloud.lake("speculated")
    proxy = Proxy(cloud.s3.url, cloud.glue.url).start()
    speculation = {
        "spark.speculation": "true",
        "spark.speculation.interval": "200ms",
        "spark.speculation.quantile": "0.5",
        "spark.speculation.multiplier": "1.5",
        "spark.speculation.minTaskRuntime": "2s",
    }
    try:
        proxy.begin(Fault("delay", at=225, among=lambda r: r.kind == "GetObject log", seconds=25))
        with running(s3=proxy.s3) as cluster:
            ended = cluster.submit("ingest", *cloud.arguments(lake), *MANY_TASKS, conf=speculation).ended()
        assert proxy.seen.fired, "no object was slow"
    finally:
        proxy.stop()
    assert ended.result["status"] == "published", ended.told
    won = {a.task for a in ended.attempts if a.speculative and a.ended == "Success"}
    assert won, "no second attempt was faster"
    is_whole(cloud, lake, undisturbed)


def test_a_frozen_cluster_ends_a_run_with_a_reason_and_the_next_run_is_right(running, cloud, undisturbed):
    """F4: executors that are there and do nothing, on both machines."""
    lake = cloud.lake("frozen")
    with running() as cluster:
        run = cluster.submit("ingest", *cloud.arguments(lake), *MANY_TASKS, "--spark-job-timeout", "40s")
        until_files(cloud, lake, run, 4)
        began = time.monotonic()
        for worker in cluster.workers:
            for pid in worker.processes(b"CoarseGrainedExecutorBackend") + worker.processes(b"pyspark"):
                os.kill(pid, signal.SIGSTOP)
        ended = run.ended()
        assert ended.code == 1 and time.monotonic() - began < 100, ended.told
        assert "Spark did not end within 0:00:40 (decode and write)" in ended.told
        assert "spark.job_timeout" in ended.told and "Traceback" not in ended.told
        assert cloud.read(lake).rows("events") == []
    again = cluster.submit("ingest", *cloud.arguments(lake), master="local[2]").ended()
    assert again.result["status"] == "published"
    is_whole(cloud, lake, undisturbed)
