"""A cluster of separate machines, on both lanes of Spark: the same tables as on one machine."""

from __future__ import annotations

import pytest

from tests.faults.oracle import content
from tests.ingest.contents import holds_together

SMALL_TASKS = ("--batch-task-bytes", "40000")


@pytest.mark.parametrize("lane", ["4.1", "3.5"])
def test_the_tables_are_those_of_one_machine(lane, running, cloud, undisturbed):
    lake = cloud.lake(f"lane{lane.replace('.', '')}")
    with running(lane) as cluster:
        ran = cluster.submit("ingest", *cloud.arguments(lake), *SMALL_TASKS).ended()
    assert ran.result["status"] == "published", ran.said
    assert {attempt.executor for attempt in ran.attempts} == {"0", "1"}, "both workers did some of it"
    assert {attempt.ended for attempt in ran.attempts} == {"Success"}
    read = cloud.read(lake)
    assert content(read) == undisturbed
    holds_together(read)
