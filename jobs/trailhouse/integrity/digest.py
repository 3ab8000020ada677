"""
Digest files: what one says, what CloudTrail signs of it, and whether a signature is a key's.

Pure: bytes in, values out. Knows nothing of chains (see `judge`), nor of where files and keys come from.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

SIGNATURE_ALGORITHM, HASH_ALGORITHM = "SHA256withRSA", "SHA-256"

# Of object metadata, as the SDKs name it.
SIGNATURE, ALGORITHM, BACKFILLED = "signature", "signature-algorithm", "backfill-generation-timestamp"

LEAST_BITS = 2048  # what CloudTrail signs with


@dataclass(frozen=True, slots=True)
class Previous:
    """What a digest says of the one before it."""

    bucket: str
    key: str
    sha256: str
    algorithm: str
    signature: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A log file as a digest lists it."""

    bucket: str
    key: str
    sha256: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a digest file says."""

    account_id: str
    start: datetime  # of its window, which is of deliveries; UTC, without zone
    end: datetime
    end_text: str  # as it is signed
    bucket: str  # where it was delivered
    key: str
    fingerprint: str  # of the public key
    algorithm: str
    previous: Previous | None  # None: a chain begins
    logs: tuple[Listed, ...]
    events_fit: bool = True  # whether its newest and oldest event are those of its log files


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of CloudTrail, as its API tells of it."""

    fingerprint: str  # MD5 of the value
    value: str  # DER in Base64
    since: datetime  # UTC, without zone
    until: datetime


def parse(content: bytes) -> Digest | None:
    """A digest's JSON; None where it is not one."""
    try:
        told = msgspec.json.decode(content, type=_Document, strict=True)
        start, end, previous = _time(told.digest_start_time), _time(told.digest_end_time), _previous(told)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return Digest(
        account_id=told.aws_account_id,
        start=start,
        end=end,
        end_text=told.digest_end_time,
        bucket=told.digest_s3_bucket,
        key=told.digest_s3_object,
        fingerprint=told.digest_public_key_fingerprint,
        algorithm=told.digest_signature_algorithm,
        previous=previous,
        logs=tuple(_listed(each) for each in told.log_files),
        events_fit=_events_fit(told),
    )


def signed_text(digest: Digest, sha256: str) -> bytes:
    """What CloudTrail signs: of a chain's first digest, the letters null stand for what is not there."""
    before = digest.previous.signature if digest.previous else "null"
    return f"{digest.end_text}\n{digest.bucket}/{digest.key}\n{sha256}\n{before}".encode()


def is_signed(key: RSAPublicKey, signature: str, text: bytes) -> bool:
    """Whether a signature in hexadecimal digits is the key's, of this text."""
    if not _HEX.fullmatch(signature):
        return False
    try:
        key.verify(bytes.fromhex(signature), text, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def loaded(key: PublicKey) -> RSAPublicKey | None:
    """The key, of either form (PKCS#1, SPKI); None where it is none, too short, or not the one of its fingerprint."""
    try:
        der = base64.b64decode(key.value, validate=True)
        if hashlib.md5(der, usedforsecurity=False).hexdigest() != key.fingerprint:
            return None
        found = load_der_public_key(der)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, RSAPublicKey) and found.key_size >= LEAST_BITS else None


def pem(key: RSAPublicKey) -> str:
    """As text, for whoever checks with another tool."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def same_hash(one: str, other: str) -> bool:
    """Whether two texts are the same 256 bits: one has been seen without the zeros that it began with."""
    return bool(_HASH.fullmatch(one)) and bool(_HASH.fullmatch(other)) and int(one, 16) == int(other, 16)


_HEX = re.compile("(?:[0-9a-fA-F]{2})+")
_HASH = re.compile("[0-9a-fA-F]{1,64}")


class _Log(msgspec.Struct, rename="camel"):
    s3_bucket: str
    s3_object: str
    hash_value: str
    hash_algorithm: str
    newest_event_time: str | None = None
    oldest_event_time: str | None = None


class _Document(msgspec.Struct, rename="camel"):
    """All that a digest must have. What may be null must be there all the same."""

    aws_account_id: str
    digest_start_time: str
    digest_end_time: str
    digest_s3_bucket: str
    digest_s3_object: str
    digest_public_key_fingerprint: str
    digest_signature_algorithm: str
    previous_digest_s3_bucket: str | None
    previous_digest_s3_object: str | None
    previous_digest_hash_value: str | None
    previous_digest_hash_algorithm: str | None
    previous_digest_signature: str | None
    log_files: list[_Log]
    newest_event_time: str | None = None
    oldest_event_time: str | None = None


def _listed(each: _Log) -> Listed:
    return Listed(each.s3_bucket, each.s3_object, each.hash_value, each.hash_algorithm)


def _previous(told: _Document) -> Previous | None:
    """Raises ValueError where it is named by halves."""
    given = (
        told.previous_digest_s3_bucket,
        told.previous_digest_s3_object,
        told.previous_digest_hash_value,
        told.previous_digest_hash_algorithm,
        told.previous_digest_signature,
    )
    if all(each is None for each in given):
        return None
    if any(each is None for each in given):
        raise ValueError("half of a digest before it")
    bucket, key, sha256, algorithm, signature = (each or "" for each in given)
    return Previous(bucket, key, sha256, algorithm, signature)


def _events_fit(told: _Document) -> bool:
    """Texts are compared, which sort as their times do; where a log file has none, nothing can be said."""
    newest = [each.newest_event_time for each in told.log_files]
    oldest = [each.oldest_event_time for each in told.log_files]
    if None in newest or None in oldest:
        return True
    wanted = (max(filter(None, newest), default=None), min(filter(None, oldest), default=None))
    return (told.newest_event_time, told.oldest_event_time) == wanted


def generated_at(text: str) -> datetime | None:
    """When a backfill was made, as it stands beside it; None where that is no time."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).replace(tzinfo=None)
    except ValueError:
        return None


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).replace(tzinfo=None)
