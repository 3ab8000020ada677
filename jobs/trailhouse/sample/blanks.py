"""
What fills the blanks of a call: buckets, keys, instances, ids, times; all invented, all in documentation ranges.

A blank of `_STICKY` keeps its value within one record (a bucket occurs in the parameters and in the ARN), one of
`_FRESH` is new at each place. Values are ready for JSON: what needs an escape has it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any

_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def uuid(rng: Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def hexadecimal(rng: Random, digits: int) -> str:
    return f"{rng.getrandbits(digits * 4):0{digits}x}"


def example_id(rng: Random, prefix: str, length: int) -> str:
    """An id as IAM makes them, but with EXAMPLE at its end: `AKIA…EXAMPLE` of 20 characters, `AROA…EXAMPLE` of 21."""
    return prefix + "".join(rng.choices(_ALNUM, k=length - len(prefix) - 7)) + "EXAMPLE"


def base64_text(rng: Random, size: int) -> str:
    return base64.b64encode(rng.getrandbits(size * 8).to_bytes(size, "big")).decode()


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * 86_400, UTC):%Y-%m-%d}"


def iso(epoch: int) -> str:
    day, second = divmod(epoch, 86_400)
    return f"{_day(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


def java(epoch: int) -> str:
    """A time as it stands inside responseElements, in the words of the service's locale."""
    at = datetime.fromtimestamp(epoch, UTC)
    comma = "," if epoch % 3 == 0 else ""
    return f"{at:%b} {at.day}, {at.year}{comma} {at.hour % 12 or 12}:{at:%M:%S} {'PM' if at.hour > 11 else 'AM'}"


def escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


class Blanks(dict[str, Any]):
    """The known blanks of a record; the others are made up when the record's template asks for them."""

    __slots__ = ("rng",)

    def __init__(self, known: Mapping[str, Any], rng: Random) -> None:
        super().__init__(known)
        self.rng = rng

    def __missing__(self, name: str) -> Any:
        sticky = _STICKY.get(name)
        if sticky is None:
            return _FRESH[name](self.rng)
        value = self[name] = sticky(self)
        return value


def _one_of(*values: str) -> Callable[[Blanks], str]:
    made = [escaped(value) for value in values]
    count = len(made)
    return lambda blanks: made[int(blanks.rng.random() * count)]


def _numbered(pattern: str, count: int) -> Callable[[Blanks], str]:
    """One of `count` names: a lake's resources recur, they are not new in every record."""
    return _one_of(*(pattern.format(n=n, h=f"{n * 0x9E3779B97F4A7C15 % (1 << 64):016x}") for n in range(1, count + 1)))


def _of_account(pattern: str, *words: str) -> Callable[[Blanks], str]:
    pick = _one_of(*words)
    return lambda blanks: pattern.format(word=pick(blanks), account=blanks["account"], region=blanks["region"])


def _key(blanks: Blanks) -> str:
    chance = blanks.rng.random()
    if chance < 0.02:
        return _ODD_KEYS(blanks)
    day = iso(blanks["epoch"])[:10]
    if chance < 0.6:
        return f"raw/day={day}/part-{int(chance * 99999):05d}-{hexadecimal(blanks.rng, 12)}.parquet"
    return f"uploads/{day.replace('-', '/')}/{hexadecimal(blanks.rng, 12)}/document.json"


_ODD_KEYS = _one_of(
    "reports/Übersicht März 2026.pdf",
    "photos/日本語/写真 01.jpg",
    'exports/"quoted" name.csv',
    "shared\\windows\\path.txt",
    "emoji/🦊 fox.png",
    "a key with spaces/and+plus%20percent.txt",
)

_STICKY: dict[str, Callable[[Blanks], Any]] = {
    "time": lambda blanks: iso(blanks["epoch"]),
    "javatime": lambda blanks: java(blanks["epoch"]),
    "later": lambda blanks: java(blanks["epoch"] + 3600),
    "#millis": lambda blanks: blanks["epoch"] * 1000 - 417,
    "bucket": _of_account("example-{word}-{account}", "data", "logs", "uploads", "assets", "backup", "exports"),
    "sharedbucket": lambda blanks: f"example-shared-{blanks['roleaccount']}",
    "key": _key,
    "logfile": lambda blanks: (
        f"{blanks['account']}_CloudTrail_{blanks['region']}_{blanks['time'][:10].replace('-', '')}T0000Z_"
        f"{s3_id(blanks.rng)}.json.gz"
    ),
    "kmsarn": _of_account(
        "arn:aws:kms:{region}:{account}:key/{word}",
        *(f"{n:08x}-aaaa-4bbb-8ccc-{n * 7919:012x}" for n in range(1, 13)),
    ),
    "sharedkms": lambda blanks: (
        f"arn:aws:kms:{blanks['region']}:{blanks['roleaccount']}:key/0000beef-aaaa-4bbb-8ccc-000000000001"
    ),
    "instance": _numbered("i-0{h}", 40),
    "vpc": _numbered("vpc-0{h}", 3),
    "subnet": _numbered("subnet-0{h}", 9),
    "sg": _numbered("sg-0{h}", 20),
    "eni": _numbered("eni-0{h}", 60),
    "itype": _one_of("t3.micro", "t4g.small", "m7g.large", "c7i.xlarge", "r7g.2xlarge"),
    "cidr": _one_of("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "10.0.0.0/8"),
    "table": _one_of("orders", "carts", "sessions", "inventory", "audit_log"),
    "function": _one_of("checkout", "resize-images", "nightly-report", "webhook", "ingest"),
    "secret": _one_of("prod/shop/db-Ab12Cd", "prod/shop/api-token-Ef34Gh", "ci/registry-Ij56Kl"),
    "parameter": _numbered("/shop/prod/setting-{n}", 30),
    "loggroup": _one_of("/aws/lambda/checkout", "/aws/lambda/webhook", "/ecs/web", "/aws/eks/main/cluster"),
    "queue": _one_of("orders", "orders-dead-letter", "mail"),
    "topic": _one_of("alerts", "deployments"),
    "stack": _numbered("shop-service-{n}", 12),
    "cluster": _one_of("main", "batch"),
    "db": _one_of("shop-primary", "shop-replica", "billing"),
    "team": _one_of("payments", "platform", "growth", "Qualität"),
    "text": _one_of("web server", "Nightly job", "Schlüssel für Backups", "监控 CPU", 'the "old" one', "naïve café"),
    "iamrole": _numbered("app-role-{n}", 25),
    "iamuser": _numbered("svc-user-{n}", 9),
    "assumed": _one_of("AppServer", "LambdaWorker", "TaskRunner", "AWSServiceRoleForConfig"),
    "session": _numbered("i-0{h}", 40),
    "human": _one_of("dana", "chen", "fatima"),
    "roleid": lambda blanks: example_id(blanks.rng, "AROA", 21),
    "assumedid": lambda blanks: example_id(blanks.rng, "AROA", 21),
    "userid": lambda blanks: example_id(blanks.rng, "AIDA", 21),
    "newkey": lambda blanks: example_id(blanks.rng, "ASIA", 20),
    "newuserkey": lambda blanks: example_id(blanks.rng, "AKIA", 20),
    "vpceid": _numbered("vpce-0{h}", 4),
}


def s3_id(rng: Random) -> str:
    return base64.b32encode(rng.getrandbits(80).to_bytes(10, "big")).decode()


_FRESH: dict[str, Callable[[Random], Any]] = {
    "uuid": uuid,
    "eventid": uuid,
    "s3id": s3_id,
    "hex8": lambda rng: f"{rng.getrandbits(32):08x}",
    "hex17": lambda rng: f"0{rng.getrandbits(64):016x}",
    "b64": lambda rng: base64_text(rng, 57),
    "longtoken": lambda rng: "IQoJb3JpZ2luX2VjEXAMPLE" + base64_text(rng, 150),
    "#bytes": lambda rng: int(rng.expovariate(1 / 40_000)),
    "#floatbytes": lambda rng: f"{int(rng.expovariate(1 / 90_000))}.0",
}
