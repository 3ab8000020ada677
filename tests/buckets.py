"""
Small log buckets, record by record: what a test spells out, as the objects that CloudTrail would deliver.

Shares nothing with the product: keys are spelled as AWS documents them, and what an object holds is plain JSON.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCOUNT, OTHER = "111122223333", "444455556666"
REGION, ABROAD = "us-east-1", "eu-west-1"
DAY, NEXT_DAY = "2026/03/01", "2026/03/02"

Record = dict[str, Any] | bytes | str


def event(number: int, account: str = ACCOUNT, region: str = REGION, day: str = DAY, **fields: Any) -> dict[str, Any]:
    """A sound record with an id of its own; `fields` replace or add, and None drops one."""
    made = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": f"arn:aws:iam::{account}:user/dana",
            "accountId": account,
            "userName": "dana",
        },
        "eventTime": f"{day.replace('/', '-')}T10:{number % 60:02d}:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.15",
        "requestParameters": {"bucketName": "example", "key": f"k{number}"},
        "responseElements": None,
        "eventID": f"{number:08x}-0000-4000-8000-000000000000",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return {name: value for name, value in (made | fields).items() if value is not None or name in _NULLABLE}


_NULLABLE = {"responseElements"}


def text(record: Record) -> bytes:
    """A record as AWS writes it, without white space; what is bytes or text already stays as it is."""
    if isinstance(record, dict):
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
    return record.encode() if isinstance(record, str) else record


def log(*records: Record) -> bytes:
    """A log object."""
    return gzip.compress(b'{"Records":[' + b",".join(map(text, records)) + b"]}", 1, mtime=0)


def key(
    name: str,
    account: str = ACCOUNT,
    region: str = REGION,
    day: str = DAY,
    kind: str = "CloudTrail",
    prefix: str = "",
) -> str:
    """Where an object of that name lies."""
    stamp = day.replace("/", "") + "T1005Z"
    return f"{prefix}AWSLogs/{account}/{kind}/{region}/{day}/{account}_{kind}_{region}_{stamp}_{name}.json.gz"


@dataclass
class Bucket:
    """Objects by key; lies in a folder, or is put to a server."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, where: str, *records: Record) -> str:
        self.objects[where] = log(*records)
        return where

    def listed(self) -> list[tuple[str, bytes]]:
        return list(self.objects.items())

    def save(self, folder: Path, only: list[str] | None = None) -> Path:
        """Write the objects as files. Those that lie there unchanged keep their time."""
        for where, data in self.objects.items():
            path = folder / where
            if (only is None or where in only) and not (path.is_file() and path.read_bytes() == data):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return folder

    def upload(self, client: Any, bucket: str) -> None:
        for where, data in self.objects.items():
            client.put_object(Bucket=bucket, Key=where, Body=data)


def plain(events: int = 12) -> Bucket:
    """Two accounts, two regions, two days: an object of three events each, or fewer."""
    made = Bucket()
    places = [(a, r, d) for a in (ACCOUNT, OTHER) for r in (REGION, ABROAD) for d in (DAY, NEXT_DAY)]
    for number, place in enumerate(places):
        mine = [event(n, *place) for n in range(1, events + 1) if n % len(places) == number]
        if mine:
            made.put(key(f"p{number}", *place), *mine)
    return made


def redelivered(seed: int) -> Bucket:
    """
    Events delivered more than once, in all the ways that CloudTrail has.

    The same file under another name, in another day's folder, by a second trail under another prefix, in another region's
    folder (as global events used to be), in another account's, in a file together with others, twice in one file.
    """
    rng = random.Random(seed)
    made = plain(16)
    for where, data in list(made.objects.items())[:4]:
        for number, copy in enumerate(
            (
                where.replace("_p", "_again"),
                where.replace(DAY, "2026/03/05").replace(NEXT_DAY, "2026/03/05"),
                f"second-trail/{where}",
                where.replace(f"/{REGION}/", "/us-west-2/"),
                where.replace(f"/{ACCOUNT}/", "/777788889999/"),
            )
        ):
            if rng.random() < 0.8 or number == 0:
                made.objects[copy] = data
    mixed = [event(n, ACCOUNT, REGION, DAY) for n in (40, 41, 42)]
    made.put(key("once"), *mixed)
    made.put(key("mixed"), *rng.sample([*mixed, event(43), event(43), event(44)], 6))
    made.put(key("net", kind="CloudTrail-NetworkActivity"), event(40), event(45, eventCategory="NetworkActivity"))
    made.put(key("noid"), *(event(n, eventID=None) for n in (50, 51)))
    made.put(key("noid2"), *(event(n, eventID=None) for n in (51, 52)))
    return made
