"""
What it means when the lake can't be reached or written, and what to do about it, in words.

A failure that lasts (a full disk, a right that is missing) is not worth a second attempt; any other may pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.exceptions import CommitStateUnknownException, RESTError
from sqlalchemy.exc import SQLAlchemyError

from trailhouse import settings
from trailhouse.errors import TrailhouseError

# What the file access and the catalogs raise where a request went out and no clear answer came back.
UNSURE = (CommitStateUnknownException, RESTError, ClientError, BotoCoreError, SQLAlchemyError, OSError)

# As the system, SQLite, Arrow and AWS put it -> what a person does about it.
_LASTING = (
    (r"No space left|errno 28\b|database or disk is full", "the disk is full: make room, inodes included"),
    (r"Disk quota exceeded|errno 122", "the disk quota is used up: make room"),
    (r"File too large|errno 27\b", "a limit on the size of files is set: raise it (ulimit -f)"),
    (r"disk I/O error", "the disk fails, or a limit on the size of files is set (ulimit -f): look at both"),
    (
        r"unable to open database file",  # SQLite says no more of a journal that it can't make
        "a right is missing, or the disk is full: check who may write there, or make room, inodes included",
    ),
    (r"Read-only file system|errno 30\b|readonly database", "the file system is read-only: mount it for writing"),
    (r"Too many open files|errno 2[34]\b", "too few files may be open at once: raise the limit (ulimit -n)"),
    (
        r"ExpiredToken|InvalidToken|TokenRefreshRequired|UnrecognizedClient",
        "credentials have expired: renew them",
    ),
    (
        r"Permission denied|errno 13\b|Operation not permitted|AccessDenied|ACCESS_DENIED|"
        r"Forbidden|InvalidAccessKeyId|INVALID_ACCESS_KEY_ID|SignatureDoesNotMatch|SIGNATURE_DOES_NOT_MATCH|"
        r"HTTP response code 403|NoCredentials|Unable to locate credentials",
        "a right is missing: check who may read and write there",
    ),
    (
        r"can't start new thread|Cannot allocate memory|errno 12\b|OutOfMemoryError|\bMemoryError|"
        r"INVALID_DRIVER_MEMORY",
        "memory or threads do not suffice: allow more (the machine's, its limits, spark.driver_memory), or make "
        "batches smaller (batch.objects)",
    ),
    (
        r"ModuleNotFoundError|Cannot run program|PYTHON_VERSION_MISMATCH|Python in worker has different version",
        "Spark's workers have not the Python that the driver has: give them the environment of `trailhouse pack`, and "
        "say so in PYSPARK_PYTHON (docs/deploy.md)",
    ),
    (r"JAVA_GATEWAY_EXITED|Java gateway process exited", "Java does not start: look at JAVA_HOME and java -version"),
)


def advice(said: str) -> str:
    """What to do where a failure lasts; "" where it may pass."""
    return next((told for pattern, told in _LASTING if re.search(pattern, said, re.IGNORECASE)), "")


def lasts(error: Exception) -> bool:
    """Whether another attempt would fail alike."""
    return bool(advice(str(error)))


@contextmanager
def told(where: settings.Lake) -> Iterator[None]:
    """Says in one line what is wrong with the lake's place or its catalog."""
    try:
        yield
    except BrokenPipeError:  # whoever reads our output is gone: nothing to do with the lake
        raise
    except UNSURE as error:
        what = advice(str(error)) or "check that it can be reached"
        said = f"the lake at {where.location} could not be read or written: {_line(error)}"
        raise TrailhouseError(f"{said}. {_WHOLE}: {what}, then run again") from error
    except (MemoryError, RuntimeError) as error:  # no thread to be had is a RuntimeError
        what = advice(repr(error))
        if not what:
            raise
        raise TrailhouseError(f"the run could not go on: {_line(error)}. {_WHOLE}: {what}, then run again") from error


_WHOLE = "Nothing unaudited is visible and nothing is lost"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
