"""
Every byte of a digest and of a log file, and every length: nothing that differs is valid (P15).

A few bytes of a gzip's header say nothing of what is in it (its time, the system that wrote it), and neither do the last
unused bits of a stream: changed there, a file still is what CloudTrail delivered, and `valid` is the truth.
"""

from __future__ import annotations

import gzip
import os
import random
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.buckets import ABROAD, OTHER
from tests.integrity.chains import FIRST, SECOND, Trail, Vault
from tests.integrity.verifying import keys_of
from tests.integrity.without_lake import proven, verdict_of
from trailhouse.integrity import evidence
from trailhouse.integrity.judging import Proof

BITS = (0x01, 0x80, 0xFF)
HEADER = 10  # bytes, of which flags, time, level and system are six that may differ, and one bit of the flags
HARMLESS = 3 * 6 + 1 + 8


@dataclass
class Field:
    """A vault in a folder, of which one file after another is something else."""

    vault: Vault
    root: Path
    keys: Path

    def proof(self) -> Proof:
        return proven(self.root, keys=self.keys)

    def with_bytes(self, key: str, data: bytes) -> Proof:
        path = self.root / key
        path.write_bytes(data)
        try:
            return self.proof()
        finally:
            path.write_bytes(self.vault.objects[key].data)


def field_of(vault: Vault, folder: Path) -> Field:
    root = folder / "logs"
    root.mkdir()
    made = Field(vault, vault.save(root), keys_of(vault, folder))
    assert made.proof().verdict == "valid"
    return made


@pytest.fixture
def small(tmp_path) -> tuple[Field, str, str]:
    """A chain of two hours, of which the first digest and the first log file are changed."""
    vault = Vault()
    made = vault.chain("ok", "empty")
    return field_of(vault, tmp_path), made.digests[0], made.hours[0].logs[0]


def inflated(data: bytes) -> bytes | None:
    """What is in a gzip, whole and alone; by other means than the product's."""
    try:
        stream = zlib.decompressobj(31)
        made = stream.decompress(data)
    except zlib.error:
        return None
    return made if stream.eof and not stream.unused_data else None


def chain_of(proof: Proof, key: str) -> str:
    """The verdict of the chain to which a file belongs."""
    log = next((each for each in proof.logs if each.there.key == key and each.entry), None)
    digest = log.entry.by if log and log.entry else key
    (trail,) = {each.name.trail for each in proof.digests if each.there.key == digest}
    account, region = next((e.there.account_id, e.there.region) for e in proof.digests if e.there.key == digest)
    return next(
        str(each["verdict"])
        for each in evidence.evidence(proof, "x")["chains"]
        if (each["trail"], each["account"], each["region"], each["backfill"])
        == (trail, account, region, "_backfill" in digest)
    )


def judged_rightly(field: Field, key: str, data: bytes) -> bool:
    """Whether a change is harmless; where it is not, it is found."""
    proof = field.with_bytes(key, data)
    harmless = inflated(data) == gzip.decompress(field.vault.objects[key].data)
    said = (verdict_of(proof, key)[0], chain_of(proof, key), proof.verdict)
    assert ("valid" in said) == harmless and len(set(said) & {"valid"}) == harmless, (key, said)
    return harmless


@pytest.mark.parametrize("what", ["digest", "log"])
def test_each_byte_that_is_another_is_found(small, what, record_property):
    field, *files = small
    key = files[0 if what == "digest" else 1]
    data = field.vault.objects[key].data
    harmless = [
        (at, bit)
        for at in range(len(data))
        for bit in BITS
        if judged_rightly(field, key, data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
    ]
    assert len(harmless) <= HARMLESS, harmless
    assert sum(at >= HEADER for at, _ in harmless) <= 8, harmless
    record_property("told", f"{what}: {len(data)} bytes, {3 * len(data)} changes, {len(harmless)} of them harmless")


@pytest.mark.parametrize("what", ["digest", "log"])
def test_each_length_that_is_another_is_found(small, what):
    field, *files = small
    key = files[0 if what == "digest" else 1]
    data = field.vault.objects[key].data
    assert not any(judged_rightly(field, key, data[:length]) for length in range(len(data)))
    assert not any(judged_rightly(field, key, data + more) for more in (b"\0", b"\x1f\x8b", data, gzip.compress(b"")))


@pytest.mark.parametrize("what", ["digest", "log"])
def test_what_lies_beside_or_in_place_of_a_gzip_is_none(small, what):
    field, *files = small
    key = files[0 if what == "digest" else 1]
    content = field.vault.inflated(key)
    for data in (gzip.compress(gzip.compress(content)), gzip.compress(content + b"\n"), gzip.compress(b" " + content)):
        assert not judged_rightly(field, key, data)
    for data in (content + b" ", content[:-1], b"", b"\x1f\x8b"):
        assert verdict_of(field.with_bytes(key, data), key)[0] == "invalid"


def test_a_copy_that_was_inflated_on_its_way_is_what_was_delivered(small):
    field, *files = small
    for key in files:
        assert field.with_bytes(key, field.vault.inflated(key)).verdict == "valid"


def test_each_byte_of_a_signature_counts(small):
    """Of the newest digest, of which nothing else tells; beside the others the next one's word is found out as well."""
    field, first, _ = small
    newest = max(key for key in field.vault.objects if "Digest" in key)
    for key in (first, newest):
        stored = field.vault.objects[key]
        signature = stored.metadata["signature"]
        for at in range(0, len(signature), 7):
            other = signature[:at] + f"{int(signature[at], 16) ^ 1:x}" + signature[at + 1 :]
            Vault(objects={key: replace(stored, metadata=stored.metadata | {"signature": other})}).save(field.root)
            assert verdict_of(field.proof(), key)[0] == "invalid"
        Vault(objects={key: stored}).save(field.root)


def test_any_byte_of_a_larger_bucket_that_is_another_is_found(tmp_path, record_property):
    seed = int(os.environ.get("TRAILHOUSE_SEED") or random.randrange(2**32))
    print("seed", seed)
    rng, vault = random.Random(seed), Vault()
    words = ("ok", "backfill", "restart", "ok", "empty", "backfill", "ok")
    vault.chain(*words, signers={0: FIRST, 4: SECOND})
    vault.chain(*words, trail=Trail(account=OTHER, prefix="other/AWSLogs"))
    vault.chain("ok", "empty", *["ok"] * 7, trail=Trail("second", region=ABROAD))
    field = field_of(vault, tmp_path)
    harmless, tried = 0, 150
    for _ in range(tried):
        key = rng.choice(sorted(vault.objects))
        data = bytearray(vault.objects[key].data)
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        harmless += judged_rightly(field, key, bytes(data))
    assert harmless <= tried // 10
    record_property("told", f"larger bucket: TRAILHOUSE_SEED={seed}, {tried} changes, {harmless} of them harmless")
