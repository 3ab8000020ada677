"""Out of two stack traces, the line that says why."""

from __future__ import annotations

import pytest

from trailhouse.lake import failures, session

TRACES = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 in stage 0.0 failed 4 times, most recent
failure: Lost task 1.3 in stage 0.0 (TID 5): org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/env/pyspark/worker.py", line 1227, in main
    process()
    ~~~~~~~^^
  File "<frozen zipimport>", line 1, in look
CAUSE

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:572)
\tat java.base/java.lang.Thread.run(Thread.java:840)

Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:1)
"""


@pytest.mark.parametrize(
    "cause",
    [
        "ValueError: no",
        "pyarrow.lib.ArrowInvalid: Parquet magic bytes not found in footer",
        "botocore.exceptions.NoSuchKey: An error occurred (404): a: b",
        "KeyboardInterrupt",
        "some.Warning: odd",
    ],
)
def test_whatever_an_exception_is_called_its_line_is_found(cause):
    assert session._cause(Exception(TRACES.replace("CAUSE", cause))) == cause


def test_of_a_chain_the_last_is_told():
    chain = "ValueError: first\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent "
    chain += 'call last):\n  File "/env/x.py", line 2, in g\n    h()\nours.Second: second'
    assert session._cause(Exception(TRACES.replace("CAUSE", chain))) == "ours.Second: second"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "org.apache.spark.SparkException: Job aborted\nCaused by: java.lang.OutOfMemoryError: Java heap space",
            "java.lang.OutOfMemoryError: Java heap space",
        ),
        (
            "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)",
            "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)",
        ),
        ("nothing known", "nothing known"),
        ("", "Exception"),
    ],
)
def test_without_one_it_is_javas(said, cause):
    assert session._cause(Exception(said)) == cause


def test_a_program_that_is_not_there_is_named():
    """Java tells its own cause as well, which names none."""
    said = (
        'org.apache.spark.SparkException: Lost task 0.0: java.io.IOException: Cannot run program "/no/python": error=2, '
        "No such file or directory\n\tat java.base/java.lang.ProcessBuilder.start(ProcessBuilder.java:1143)\n"
        "Caused by: java.io.IOException: error=2, No such file or directory\n"
    )
    cause = session._cause(Exception(said))
    assert cause == 'Cannot run program "/no/python": error=2, No such file or directory'
    assert "`trailhouse pack`" in failures.advice(cause)
