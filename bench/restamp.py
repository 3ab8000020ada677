"""
Records once more, as other events: a new id, time, account and region, and everything else as it was written.

Pure. Knows what a record's own fields are called; what they hold, and how they are spelled, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

# Fields of a record that tell its event from others; one that it hasn't is not given to it, but for the account.
EVENT_ID, EVENT_TIME, ACCOUNT, REGION = "eventID", "eventTime", "recipientAccountId", "awsRegion"
STAMPED = (EVENT_ID, EVENT_TIME, ACCOUNT, REGION)

_RECORD = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _File(msgspec.Struct):
    Records: list[msgspec.Raw]  # beside which a file may say more


_FILE = msgspec.json.Decoder(_File)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is new about a record."""

    event_id: str
    moment: int  # seconds since 1970
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Template:
    """A record with blanks where its event is told from others."""

    pieces: tuple[bytes, ...]  # one more than there are blanks
    blanks: tuple[str, ...]

    @property
    def size(self) -> int:
        """About as many bytes as a record that is made of it."""
        return sum(map(len, self.pieces)) + 80


def records_of(inflated: bytes) -> list[msgspec.Raw]:
    """The records of a log file, each as it is written."""
    return _FILE.decode(inflated).Records


def template(record: bytes) -> Template | None:
    """The record with blanks; None for one without an id and a time, which can't be made another event."""
    fields = _RECORD.decode(record)
    if EVENT_ID not in fields or EVENT_TIME not in fields:
        return None
    fields.setdefault(ACCOUNT, msgspec.Raw(b""))
    pieces, blanks, so_far = [], [], bytearray(b"{")
    for name, raw in fields.items():
        so_far += (b"" if so_far == b"{" else b",") + msgspec.json.encode(name) + b":"
        if name in STAMPED:
            pieces.append(bytes(so_far))
            blanks.append(name)
            so_far = bytearray()
        else:
            so_far += bytes(raw)
    return Template((*pieces, bytes(so_far) + b"}"), tuple(blanks))


def templates(records: Iterable[bytes]) -> list[Template]:
    """Those of the records that can be made other events, in their order."""
    return [made for record in records if (made := template(record))]


def stamped(of: Template, stamp: Stamp) -> bytes:
    """The record as another event."""
    at = datetime.fromtimestamp(stamp.moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {EVENT_ID: stamp.event_id, EVENT_TIME: at, ACCOUNT: stamp.account, REGION: stamp.region}
    made = [of.pieces[0]]
    for name, piece in zip(of.blanks, of.pieces[1:], strict=True):
        made += [b'"', values[name].encode(), b'"', piece]
    return b"".join(made)


def log_file(records: Sequence[bytes]) -> bytes:
    """A log file of records, as CloudTrail puts them together; not yet compressed."""
    return b'{"Records":[' + b",".join(records) + b"]}"


def uuids(rng: Any) -> Iterator[str]:
    """Ids as CloudTrail makes them, without an end."""
    while True:
        text = f"{rng.getrandbits(128):032x}"
        yield f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
