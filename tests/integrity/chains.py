"""
Signed chains of digests, said in words: what CloudTrail would have delivered and signed, hour by hour.

    vault = Vault()
    made = vault.chain("ok", "ok", "empty", "restart", "ok")

Shares nothing with the product: keys are spelled, and bytes hashed and signed, as AWS documents it. A window is an hour
that ends at :12:33; a digest lies in the folder of the day on which it ends. Words:

    ok            two log files of two records, and the digest that lists them
    empty         a digest that lists nothing
    backfill      a third log file, which the digest left out and a backfill digest lists
    unlisted      a third log file, which no digest lists
    missing       as ok, but the digest is not in the bucket; the next one links to it
    restart       logging was off for two hours; then as ok, with a starting digest, and StopLogging and StartLogging tell why
    unexplained   the same, and nothing tells why

A word may bring events of the trail along: "ok+UpdateTrail", "unexplained+CreateTrail". Those that end something stand in
the last log file of the hour, the others in the first.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.buckets import ACCOUNT, REGION, event, log

BUCKET = "trail-logs"
START = datetime(2026, 3, 1, 0, 12, 33, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAUSE = 2 * HOUR
FIRST_LOG, SECOND_LOG, THIRD_LOG = (timedelta(minutes=m, seconds=27) for m in (12, 52, 32))  # hh:25, hh+1:05, hh:45
ALGORITHM = "SHA256withRSA"
MADE = "backfill-generation-timestamp"  # the metadata that tells when a backfill digest was made
WORDS = {"ok", "empty", "backfill", "unlisted", "missing", "restart", "unexplained"}
RESTARTS = {"restart", "unexplained"}
ENDINGS = {"StopLogging", "DeleteTrail"}

Body = dict[str, Any]


# ── keys that sign ───────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _private(name: str) -> rsa.RSAPrivateKey:
    """Made once per process: a key of this size takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Key:
    """A key pair by its name; two of one name are the same pair. `spki`: its public half is given in the longer form."""

    name: str
    since: datetime = datetime(2025, 12, 1, tzinfo=UTC)
    until: datetime = datetime(2026, 6, 1, tzinfo=UTC)
    spki: bool = False

    @property
    def der(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo if self.spki else serialization.PublicFormat.PKCS1
        return _private(self.name).public_key().public_bytes(serialization.Encoding.DER, form)

    @property
    def fingerprint(self) -> str:
        return hashlib.md5(self.der).hexdigest()

    def sign(self, data: bytes, algorithm: hashes.HashAlgorithm | None = None) -> str:
        return _private(self.name).sign(data, padding.PKCS1v15(), algorithm or hashes.SHA256()).hex()

    def listed(self) -> Body:
        """As `aws cloudtrail list-public-keys` prints it."""
        return {
            "Value": base64.b64encode(self.der).decode(),
            "ValidityStartTime": stamp(self.since),
            "ValidityEndTime": stamp(self.until),
            "Fingerprint": self.fingerprint,
        }


FIRST = Key("first", until=datetime(2026, 3, 8, tzinfo=UTC))
SECOND = Key("second", since=datetime(2026, 2, 22, tzinfo=UTC))  # validity ranges of AWS's keys overlap
ATTACKER = Key("attacker")  # never listed


# ── where things lie ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Trail:
    """One trail as seen in one account and region."""

    name: str = "main"
    account: str = ACCOUNT
    region: str = REGION
    home: str = REGION
    prefix: str = ""  # without a slash at its end
    organization: str = ""
    owner: str = ""  # the account of the trail itself, where it is an organization's

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudtrail:{self.home}:{self.owner or self.account}:trail/{self.name}"

    def folder(self, kind: str, at: datetime) -> str:
        parts = [self.prefix, "AWSLogs", self.organization, self.account, kind, self.region, f"{at:%Y/%m/%d}"]
        return "/".join(part for part in parts if part)

    def log_key(self, at: datetime, unique: str) -> str:
        name = f"{self.account}_CloudTrail_{self.region}_{at:%Y%m%dT%H%MZ}_{unique}.json.gz"
        return f"{self.folder('CloudTrail', at)}/{name}"

    def digest_key(self, end: datetime, suffix: str = "") -> str:
        stem = f"{self.account}_CloudTrail-Digest_{self.region}_{self.name}_{self.home}_{end:%Y%m%dT%H%M%SZ}"
        return f"{self.folder('CloudTrail-Digest', end)}/{stem}{suffix}.json.gz"


@dataclass(frozen=True)
class Hour:
    """One window of a chain, and what was delivered for it."""

    word: str
    start: datetime
    end: datetime
    digest: str
    logs: tuple[str, ...] = ()  # that the digest lists
    backfill: str | None = None  # the digest that came later
    backfilled: tuple[str, ...] = ()  # the log files that it lists
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chain:
    """What `Vault.chain` made, hour by hour."""

    trail: Trail
    hours: tuple[Hour, ...]

    @property
    def start(self) -> datetime:
        return self.hours[0].start

    @property
    def end(self) -> datetime:
        return self.hours[-1].end

    @property
    def digests(self) -> list[str]:
        return [hour.digest for hour in self.hours]


@dataclass(frozen=True)
class Stored:
    """An object of a bucket."""

    data: bytes
    metadata: dict[str, str] = field(default_factory=dict)


# ── the bucket ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Vault:
    """A bucket of log files and digests, and the public keys that AWS lists for its region."""

    bucket: str = BUCKET
    keys: tuple[Key, ...] = (FIRST, SECOND)
    objects: dict[str, Stored] = field(default_factory=dict)
    events: int = 0  # made so far: no two records have one id

    def copy(self) -> Vault:
        return replace(self, objects=dict(self.objects))

    def chain(
        self,
        *words: str,
        trail: Trail = Trail(),
        start: datetime = START,
        signers: Mapping[int, Key] | None = None,
        pause: timedelta = PAUSE,
    ) -> Chain:
        """
        The hours of one trail in one account and region. `signers`: which key signs from which hour on.

        Backfill digests come at noon of the day after the chain, signed by the last key, and are a chain of their own.
        """
        signers = signers or {0: self.keys[0]}
        plans = _planned(words, start, pause)
        hours: list[Hour] = []
        for number, plan in enumerate(plans):
            before = None if number == 0 or plan.word in RESTARTS else hours[-1].digest
            hours.append(self._hour(trail, plan, before, signers[max(n for n in signers if n <= number)]))
        noon = (hours[-1].end + timedelta(days=1)).replace(hour=12, minute=0, second=0)
        hours = list(self._backfills(trail, hours, noon, signers[max(signers)]))
        for hour in hours:
            if hour.word == "missing":
                del self.objects[hour.digest]
        return Chain(trail, tuple(hours))

    def _hour(self, trail: Trail, plan: _Plan, before: str | None, signer: Key) -> Hour:
        first, last = plan.events_of(ending=False), plan.events_of(ending=True)
        logs = {FIRST_LOG: first, SECOND_LOG: last}
        if plan.word == "empty":
            logs = {offset: names for offset, names in logs.items() if names}
        keys = [self.put_log(trail, plan.start + offset, *names) for offset, names in logs.items()]
        third = (self.put_log(trail, plan.start + THIRD_LOG),) if plan.word in ("backfill", "unlisted") else ()
        hour = Hour(
            plan.word, plan.start, plan.start + HOUR, trail.digest_key(plan.start + HOUR), tuple(keys),
            backfilled=third if plan.word == "backfill" else (), unlisted=third if plan.word == "unlisted" else (),
        )  # fmt: skip
        body = self._body(trail, hour, hour.digest, hour.logs) | self.link(before)
        self.objects[hour.digest] = signed(body, signer)
        return hour

    def _backfills(self, trail: Trail, hours: list[Hour], made: datetime, signer: Key) -> Iterator[Hour]:
        before = None
        for hour in hours:
            if hour.word != "backfill":
                yield hour
                continue
            key = trail.digest_key(hour.end, "_backfill")
            body = self._body(trail, hour, key, hour.backfilled) | self.link(before)
            self.objects[key] = signed(body, signer, {MADE: f"{made:%Y-%m-%dT%H:%M:%S}.000Z"})
            before = key
            yield replace(hour, backfill=key)

    def _body(self, trail: Trail, hour: Hour, key: str, logs: tuple[str, ...]) -> Body:
        entries = [self.entry(each) for each in logs]
        return {
            "awsAccountId": trail.account,
            "digestStartTime": stamp(hour.start),
            "digestEndTime": stamp(hour.end),
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": None,  # who signs it says so
            "digestSignatureAlgorithm": ALGORITHM,
            "newestEventTime": max((each["newestEventTime"] for each in entries), default=None),
            "oldestEventTime": min((each["oldestEventTime"] for each in entries), default=None),
            "previousDigestS3Bucket": None,
            "previousDigestS3Object": None,
            "previousDigestHashValue": None,
            "previousDigestHashAlgorithm": None,
            "previousDigestSignature": None,
            "logFiles": entries,
        }

    def put_log(self, trail: Trail, at: datetime, *trail_events: str) -> str:
        """A log file of two records and these events of the trail, delivered at that time; its key."""
        records = [self._record(trail, at, number) for number in range(2)]
        for name in trail_events:
            fields = {"eventSource": "cloudtrail.amazonaws.com", "eventName": name, "readOnly": False}
            records.append(self._record(trail, at, 2) | fields | {"requestParameters": {"name": trail.name}})
        unique = base64.b32encode(hashlib.sha256(f"{trail} {at} {self.events}".encode()).digest())[:16].decode()
        key = trail.log_key(at, unique)
        self.objects[key] = Stored(log(*records))
        return key

    def _record(self, trail: Trail, at: datetime, number: int) -> Body:
        self.events += 1
        when = stamp(at - timedelta(minutes=5 - number))
        return event(self.events, trail.account, trail.region, eventTime=when)

    def entry(self, key: str) -> Body:
        """How a digest lists a log file."""
        times = [each["eventTime"] for each in json.loads(self.inflated(key))["Records"]]
        return {
            "s3Bucket": self.bucket,
            "s3Object": key,
            "hashValue": self.hash_of(key),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": max(times),
            "oldestEventTime": min(times),
        }

    def link(self, before: str | None) -> Body:
        """How a digest names the one before it; a starting digest names none."""
        if before is None:
            return {}
        return {
            "previousDigestS3Bucket": self.bucket,
            "previousDigestS3Object": before,
            "previousDigestHashValue": self.hash_of(before),
            "previousDigestHashAlgorithm": "SHA-256",
            "previousDigestSignature": self.objects[before].metadata["signature"],
        }

    def inflated(self, key: str) -> bytes:
        return gzip.decompress(self.objects[key].data)

    def hash_of(self, key: str) -> str:
        return hashlib.sha256(self.inflated(key)).hexdigest()

    def body(self, key: str) -> Body:
        made: Body = json.loads(self.inflated(key))
        return made

    def rewrite(self, key: str, body: Body, signer: Key | None = None, relink: bool = True) -> None:
        """
        Sign a digest anew, as if AWS had: by the key that it names, or by `signer`.

        Then those that follow, so that each link holds and only what `body` says is a lie. `relink=False` leaves them as
        they were: the next one then names another hash and signature than this one has.
        """
        kept = {name: value for name, value in self.objects[key].metadata.items() if name == MADE}
        self.objects[key] = signed(body, signer or self.signer(body), kept)
        for follower in self._followers(key) if relink else ():
            self.rewrite(follower, self.body(follower) | self.link(key))

    def signer(self, body: Body) -> Key:
        return next(each for each in (*self.keys, ATTACKER) if each.fingerprint == body["digestPublicKeyFingerprint"])

    def _followers(self, key: str) -> list[str]:
        digests = [each for each in self.objects if "/CloudTrail-Digest/" in each and each != key]
        return [each for each in digests if self.body(each).get("previousDigestS3Object") == key]

    def public_keys(self) -> Body:
        """What `aws cloudtrail list-public-keys` prints."""
        return {"PublicKeyList": [each.listed() for each in self.keys]}

    def save(self, folder: Path) -> Path:
        """Each object as a file; where it has metadata they lie beside it, as JSON in KEY.metadata.json."""
        for key, stored in self.objects.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stored.data)
            if stored.metadata:
                path.with_name(f"{path.name}.metadata.json").write_text(json.dumps(stored.metadata), "utf-8")
        return folder

    def upload(self, client: Any, bucket: str | None = None) -> None:
        for key, stored in self.objects.items():
            client.put_object(Bucket=bucket or self.bucket, Key=key, Body=stored.data, Metadata=stored.metadata)


def signed(body: Body, signer: Key, metadata: Mapping[str, str] | None = None) -> Stored:
    """
    A digest as CloudTrail stores it, with `metadata` beside the signature.

    It names its signer, unless it already names one: then it may be a lie.
    """
    body = body | {"digestPublicKeyFingerprint": body["digestPublicKeyFingerprint"] or signer.fingerprint}
    inflated = json.dumps(body, separators=(",", ":")).encode()
    signature = {"signature": signer.sign(to_sign(body, inflated)), "signature-algorithm": ALGORITHM}
    return Stored(gzip.compress(inflated, mtime=0), signature | dict(metadata or {}))


def to_sign(body: Body, inflated: bytes) -> bytes:
    """The text that CloudTrail signs for a digest."""
    place = f"{body['digestS3Bucket']}/{body['digestS3Object']}"
    before = body["previousDigestSignature"] or "null"
    return f"{body['digestEndTime']}\n{place}\n{hashlib.sha256(inflated).hexdigest()}\n{before}".encode()


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Plan:
    word: str
    events: tuple[str, ...]
    start: datetime

    def events_of(self, ending: bool) -> tuple[str, ...]:
        return tuple(each for each in self.events if (each in ENDINGS) == ending)


def _planned(words: tuple[str, ...], start: datetime, pause: timedelta) -> list[_Plan]:
    plans: list[_Plan] = []
    for each in words:
        word, *events = each.split("+")
        if word not in WORDS:
            raise ValueError(f"no such word: {word}")
        if plans and word in RESTARTS:
            start += pause
        if plans and word == "restart":
            plans[-1] = replace(plans[-1], events=(*plans[-1].events, "StopLogging"))
        if word == "restart":
            events.append("StartLogging")
        plans.append(_Plan(word, tuple(events), start))
        start += HOUR
    return plans
