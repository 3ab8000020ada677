"""
One API call as CloudTrail writes it down: the row type of the tables beside this module.

A text `<bucket>` inside a value is a blank that `render` fills (see `blanks`); `<#bytes>` is one without quotes, for
numbers. What is `ABSENT` is not written at all, `None` is written as null: real records differ in this, call by call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

# JSON as the tables write it. A recursive alias would say more and make each literal row a type error to read.
Json = Any

ABSENT: Final = "\0absent"


@dataclass(frozen=True, slots=True)
class Call:
    """An API call: who makes it how often, and the parts of its record that don't depend on the caller."""

    service: str
    name: str
    by: str  # "people:6 ci:4": how often each kind of actor makes it; empty for calls that only a scene makes
    read: bool = False
    params: Json = None
    response: Json = None
    resources: Json = ABSENT
    extra: Json = ABSENT  # additionalEventData
    details: Json = ABSENT  # serviceEventDetails
    errors: str = ""  # words of `failures.FAILURES`
    category: str = "Management"
    everywhere: bool = True  # False: a global service, recorded in us-east-1 only
    event_type: str = "AwsApiCall"
    api_version: str = ""
    version: str = ""  # eventVersion, where it is not the service's usual one
    odd: str = ""  # why this row is here, for the rare shapes; each occurs at least once in a bucket

    @property
    def source(self) -> str:
        return f"{self.service}.amazonaws.com"
