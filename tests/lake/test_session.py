"""The session: two commands in one process, as in a notebook, share it."""

from __future__ import annotations

from trailhouse import settings
from trailhouse.lake import session


def test_a_second_command_uses_the_session_of_the_first(spark):
    again = session.start(settings.Spark(master="local[2]"))
    assert again.sparkContext.applicationId == spark.sparkContext.applicationId
    assert session.run(again, abs, [-1, 2], "a second command") == [1, 2]


def test_the_local_jvm_is_one_that_starts_quickly(spark):
    given = list(spark.sparkContext._jvm.java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments())
    assert {"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"} <= set(given)
