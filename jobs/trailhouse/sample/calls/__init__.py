"""The API calls of the sample: what each looks like and who makes it. Literal tables, nothing runs here."""

from __future__ import annotations

from trailhouse.sample.calls.call import ABSENT, Call
from trailhouse.sample.calls.compute import COMPUTE
from trailhouse.sample.calls.failures import FAILURES, Failure
from trailhouse.sample.calls.identity import IDENTITY
from trailhouse.sample.calls.operations import OPERATIONS
from trailhouse.sample.calls.storage import STORAGE

CALLS: tuple[Call, ...] = IDENTITY + STORAGE + COMPUTE + OPERATIONS

__all__ = ["ABSENT", "CALLS", "FAILURES", "Call", "Failure"]
