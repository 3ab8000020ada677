"""
Calls that stop, start or change a trail, as its own log files tell of them: what explains that a chain ends or begins.

Pure. A call that failed explains nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from trailhouse.decode import frame
from trailhouse.decode.inflate import Damaged
from trailhouse.limits import Limits
from trailhouse.sources.keys import LOG_KINDS

_NAMES = re.compile(rb'"(?:StopLogging|DeleteTrail|StartLogging|CreateTrail|UpdateTrail)"')
_SOURCE = "cloudtrail.amazonaws.com"


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """One such call."""

    name: str
    when: datetime  # UTC, without zone
    trail: str  # name or ARN, as it was called by
    region: str
    account_id: str
    actor: str
    validation: bool | None = None  # what UpdateTrail or CreateTrail said of it

    @property
    def stops(self) -> bool:
        """Whether digests end with it."""
        return self.name in ("StopLogging", "DeleteTrail") or (self.name == "UpdateTrail" and self.validation is False)

    @property
    def starts(self) -> bool:
        """Whether digests may begin with it."""
        by_validation = self.name in ("UpdateTrail", "CreateTrail") and self.validation is True
        return self.name in ("StartLogging", "CreateTrail") or by_validation

    def is_of(self, trail: str, home: str, account_id: str) -> bool:
        """Whether it is about a trail, whose name alone digests know. Without an account, in any."""
        _, _, called = self.trail.rpartition("/")
        return called == trail and self.region == home and account_id in (self.account_id, "")

    def text(self) -> str:
        """As it is kept."""
        told = [
            self.name,
            f"{self.when.isoformat()}Z",
            self.trail,
            self.region,
            self.account_id,
            self.actor,
            self.validation,
        ]
        return msgspec.json.encode(told).decode()

    def __str__(self) -> str:
        return f"{self.name} of {self.trail} by {self.actor or 'somebody'} at {self.when:%Y-%m-%d %H:%M:%S}"


def of_text(text: str) -> TrailEvent:
    """The inverse of `text`."""
    name, when, trail, region, account, actor, validation = msgspec.json.decode(text)
    return TrailEvent(name, _time(when), trail, region, account, actor, validation)


def found(content: bytes) -> tuple[str, ...]:
    """Those in a log file, each as it is kept."""
    if not _NAMES.search(content):
        return ()
    try:
        records = frame.frame(content, LOG_KINDS[0], Limits(records=len(content))).slices
    except Damaged:
        return ()
    events = (_event(each) for each in records if _NAMES.search(each))
    return tuple(each.text() for each in events if each)


def _event(text: bytes) -> TrailEvent | None:
    """Each record by itself: what another caller wrote into his hides nothing."""
    try:
        record = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    name, asked = record.get("eventName"), record.get("requestParameters")
    if record.get("eventSource") != _SOURCE or "errorCode" in record or not isinstance(asked, dict):
        return None
    if not isinstance(name, str) or not _NAMES.fullmatch(f'"{name}"'.encode()):
        return None
    try:
        when = _time(str(record.get("eventTime")))
    except ValueError:
        return None
    who = record.get("userIdentity")
    validation = asked.get("enableLogFileValidation")
    return TrailEvent(
        name=name,
        when=when,
        trail=str(asked.get("name") or ""),
        region=str(record.get("awsRegion") or ""),
        account_id=str(record.get("recipientAccountId") or ""),
        actor=str(who.get("arn") or who.get("principalId") or "") if isinstance(who, dict) else "",
        validation=validation if isinstance(validation, bool) else None,
    )


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
