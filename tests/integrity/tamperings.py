"""
What can be done to a bucket of signed log files, each by its name: `TAMPERINGS["log_deleted"]`.

    vault, touched = tampered("log_deleted")

All start from one bucket, `untouched()`: a trail in one account and region, eight hours across midnight, the key rotated
before the fifth, a log file of the fourth hour delivered late and listed by a backfill digest. Three kinds of hand:

    without a key     objects are changed, gone, planted; no signature is made
    a key of his own  what is signed is signed by a key that AWS doesn't list
    AWS's own key     a signed lie: one statement of a digest is false, and the digests after it are signed anew over it, so
                      that nothing but the lie is wrong. Where they stay as they were, the sentence says so

Some are harmless: what they touch still holds what was signed, and a verifier that objects is wrong. `touched` are the
keys of what is changed, gone or planted, of the digest that lies, and of the log file that a lie is about. What follows
for others (a log file whose digest is gone is proven by nothing) is the verifier's to say.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives import hashes

from tests.buckets import OTHER
from tests.integrity.chains import ATTACKER, FIRST, MADE, SECOND, Body, Chain, Hour, Key, Stored, Vault, signed, to_sign
from tests.integrity.chains import stamp as spelled

HOURS = ("ok", "ok", "ok", "backfill", "empty", "ok", "ok", "ok")
START = datetime(2026, 3, 1, 20, 12, 33, tzinfo=UTC)
LATE, EMPTY, MIDDLE = 3, 4, 5  # the hours that most is done to; the middle one is of the second key and the second day
ELSEWHERE = "elsewhere-logs"  # a bucket that is none of the trail's, and does not exist

Change = Callable[[Vault, Chain], list[str]]


@dataclass(frozen=True)
class Tampering:
    """One way to tamper. `change` does it to a vault, and tells the keys that it touches."""

    sentence: str
    change: Change
    harmless: bool = False


@cache
def _base(bucket: str) -> tuple[Vault, Chain]:
    vault = Vault(bucket)
    return vault, vault.chain(*HOURS, start=START, signers={0: FIRST, EMPTY: SECOND})


def untouched(bucket: str = "trail-logs") -> tuple[Vault, Chain]:
    """A copy of the bucket that all start from, as CloudTrail left it."""
    vault, made = _base(bucket)
    return vault.copy(), made


def tampered(name: str, bucket: str = "trail-logs") -> tuple[Vault, tuple[str, ...]]:
    """The bucket after a tampering, and the keys that it touched."""
    vault, made = untouched(bucket)
    return vault, tuple(TAMPERINGS[name].change(vault, made))


# ── objects: bytes, places ───────────────────────────────────────────────────────────────────────────────────────────


def log_of(made: Chain, hour: int = MIDDLE, place: int = 0) -> str:
    return made.hours[hour].logs[place]


def digest_of(made: Chain, hour: int = MIDDLE) -> str:
    return made.hours[hour].digest


def backfill_of(made: Chain, hour: int = LATE) -> str:
    return str(made.hours[hour].backfill)


def backfilled_of(made: Chain, hour: int = LATE) -> str:
    return made.hours[hour].backfilled[0]


Pick = Callable[[Chain], str]


def turned(pick: Pick, how: Callable[[bytes], bytes]) -> Change:
    """The bytes of an object become others; its metadata stay."""

    def change(vault: Vault, made: Chain) -> list[str]:
        key = pick(made)
        data = how(vault.objects[key].data)
        assert data != vault.objects[key].data
        vault.objects[key] = replace(vault.objects[key], data=data)
        return [key]

    return change


def recompressed(how: Callable[[bytes], bytes], level: int = 1) -> Callable[[bytes], bytes]:
    return lambda data: gzip.compress(how(gzip.decompress(data)), level, mtime=0)


def flipped(data: bytes) -> bytes:
    """The type of the first deflate block becomes the one that there isn't, whatever compressed it."""
    return data[:10] + bytes([data[10] | 0b110]) + data[11:]


def written_at_another_time(data: bytes) -> bytes:
    return data[:4] + b"\x01" + data[5:]


def crc_changed(data: bytes) -> bytes:
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


def record_gone(inflated: bytes) -> bytes:
    records = json.loads(inflated)["Records"]
    return json.dumps({"Records": records[1:]}, separators=(",", ":")).encode()


def gone(*picks: Pick) -> Change:
    def change(vault: Vault, made: Chain) -> list[str]:
        keys = [pick(made) for pick in picks]
        for key in keys:
            del vault.objects[key]
        return keys

    return change


def digests_gone(*hours: int) -> Change:
    return gone(*(lambda made, hour=hour: digest_of(made, hour) for hour in hours))


def moved(pick: Pick, where: Callable[[str], str], keep: bool = False) -> Change:
    """To another key, the metadata along; `keep`: the original stays as it was."""

    def change(vault: Vault, made: Chain) -> list[str]:
        key = pick(made)
        vault.objects[where(key)] = vault.objects[key]
        if keep:
            return [where(key)]
        del vault.objects[key]
        return [key, where(key)]

    return change


def copied_over(source: Pick, target: Pick) -> Change:
    def change(vault: Vault, made: Chain) -> list[str]:
        vault.objects[target(made)] = vault.objects[source(made)]
        return [target(made)]

    return change


def swap_logs(vault: Vault, made: Chain) -> list[str]:
    one, two = log_of(made), log_of(made, MIDDLE, 1)
    vault.objects[one], vault.objects[two] = vault.objects[two], vault.objects[one]
    return [one, two]


def plant(account: str | None = None) -> Change:
    def change(vault: Vault, made: Chain) -> list[str]:
        trail = replace(made.trail, account=account or made.trail.account)
        return [vault.put_log(trail, made.hours[MIDDLE].start + timedelta(minutes=32))]

    return change


def hour_gone(vault: Vault, made: Chain) -> list[str]:
    keys = [digest_of(made), *made.hours[MIDDLE].logs]
    for key in keys:
        del vault.objects[key]
    return keys


def day_gone(day: str) -> Change:
    def change(vault: Vault, made: Chain) -> list[str]:
        keys = [key for key in vault.objects if f"/{day}/" in key]
        for key in keys:
            del vault.objects[key]
        return keys

    return change


def everything_gone(vault: Vault, made: Chain) -> list[str]:
    keys = list(vault.objects)
    vault.objects.clear()
    return keys


# ── the signature beside a digest ────────────────────────────────────────────────────────────────────────────────────


def metadata(pick: Pick, how: Callable[[dict[str, str]], dict[str, str]]) -> Change:
    def change(vault: Vault, made: Chain) -> list[str]:
        key = pick(made)
        vault.objects[key] = replace(vault.objects[key], metadata=how(vault.objects[key].metadata))
        return [key]

    return change


def without(*names: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda told: {name: value for name, value in told.items() if name not in names}


def signature_altered(told: dict[str, str]) -> dict[str, str]:
    old = told["signature"]
    return told | {"signature": ("0" if old[0] != "0" else "1") + old[1:]}


def signature_of_another(vault: Vault, made: Chain) -> list[str]:
    key, other = digest_of(made), digest_of(made, MIDDLE + 1)
    vault.objects[key] = replace(vault.objects[key], metadata=vault.objects[other].metadata)
    return [key]


def sha1_signature(vault: Vault, made: Chain) -> list[str]:
    """The newest, so that no link of another digest tells."""
    key = digest_of(made, -1)
    body = vault.body(key)
    signature = vault.signer(body).sign(to_sign(body, vault.inflated(key)), hashes.SHA1())
    told = {"signature": signature, "signature-algorithm": "SHA1withRSA"}
    vault.objects[key] = replace(vault.objects[key], metadata=told)
    return [key]


# ── signed by another hand ───────────────────────────────────────────────────────────────────────────────────────────


def signed_by(signer: Key, named: bool = False) -> Change:
    """The digest signed anew; it names that key, or still the one it named. The later ones stay."""

    def change(vault: Vault, made: Chain) -> list[str]:
        key = digest_of(made)
        body = vault.body(key)
        if named:
            body["digestPublicKeyFingerprint"] = signer.fingerprint
        vault.rewrite(key, body, signer, relink=False)
        return [key]

    return change


def remade_by_attacker(named: bool) -> Change:
    """From the middle hour on: a record gone from each log file, and digests to match, signed by a key of his own."""

    def change(vault: Vault, made: Chain) -> list[str]:
        before, touched = digest_of(made, MIDDLE - 1), []
        for hour in made.hours[MIDDLE:]:
            for log in hour.logs:
                vault.objects[log] = Stored(recompressed(record_gone)(vault.objects[log].data))
            body = vault.body(hour.digest) | vault.link(before) | {"logFiles": [vault.entry(log) for log in hour.logs]}
            if named:
                body["digestPublicKeyFingerprint"] = ATTACKER.fingerprint
            vault.objects[hour.digest] = signed(body, ATTACKER)
            before = hour.digest
            touched += [hour.digest, *hour.logs]
        return touched

    return change


# ── signed lies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def lie(change_body: Callable[[Body, Hour], object], hour: int = MIDDLE, relink: bool = True) -> Change:
    """A digest says something else, properly signed; then the later ones are signed anew."""

    def change(vault: Vault, made: Chain) -> list[str]:
        key = digest_of(made, hour)
        body = vault.body(key)
        change_body(body, made.hours[hour])
        vault.rewrite(key, body, relink=relink)
        return [key]

    return change


def says(hour: int = MIDDLE, relink: bool = True, **fields: object) -> Change:
    return lie(lambda body, _: body.update(fields), hour, relink)


def log_entry_says(**fields: object) -> Change:
    return lie(lambda body, _: body["logFiles"][0].update(fields))


def lacks(field: str) -> Change:
    return lie(lambda body, _: body.pop(field), hour=-1)


def shifted(field: str, minutes: int) -> Change:
    """Stamps of the window, moved."""
    which = {"digestStartTime": "start", "digestEndTime": "end"}[field]
    return lie(lambda body, hour: body.update({field: spelled(getattr(hour, which) + timedelta(minutes=minutes))}))


def no_previous(body: Body, _: Hour | None = None) -> None:
    body.update({name: None for name in body if name.startswith("previousDigest")})


def wrong_previous_signature(body: Body, _: Hour) -> None:
    old = body["previousDigestSignature"]
    body["previousDigestSignature"] = ("0" if old[0] != "0" else "1") + old[1:]


def links_to(hour: int) -> Change:
    """Names another digest as the one before it, with that one's true hash and signature."""

    def change(vault: Vault, made: Chain) -> list[str]:
        key = digest_of(made)
        vault.rewrite(key, vault.body(key) | vault.link(digest_of(made, hour)))
        return [key]

    return change


def links_to_itself(vault: Vault, made: Chain) -> list[str]:
    key = digest_of(made)
    vault.rewrite(key, vault.body(key) | {"previousDigestS3Object": key})
    return [key]


def entry_gone(relink: bool) -> Change:
    def change(vault: Vault, made: Chain) -> list[str]:
        key, log = digest_of(made), log_of(made)
        body = vault.body(key)
        vault.rewrite(key, body | {"logFiles": body["logFiles"][1:]}, relink=relink)
        return [key, log]

    return change


def lists(foreign: Callable[[Vault, Chain], str]) -> Change:
    """A digest lists one more log file, by its true hash."""

    def change(vault: Vault, made: Chain) -> list[str]:
        key, log = digest_of(made), foreign(vault, made)
        body = vault.body(key)
        vault.rewrite(key, body | {"logFiles": [*body["logFiles"], vault.entry(log)]})
        return [key, log]

    return change


def log_of_another(vault: Vault, made: Chain) -> str:
    return vault.put_log(replace(made.trail, account=OTHER), made.hours[MIDDLE].start + timedelta(minutes=32))


def log_abroad(vault: Vault, made: Chain) -> str:
    return vault.put_log(replace(made.trail, region="eu-west-1"), made.hours[MIDDLE].start + timedelta(minutes=32))


def field_gone(inflated: bytes) -> bytes:
    body = json.loads(inflated)
    del body["digestStartTime"]
    return json.dumps(body, separators=(",", ":")).encode()


def not_an_object(vault: Vault, made: Chain) -> list[str]:
    """What is in the object is sound JSON, though no digest; its signature is the old one."""
    key = digest_of(made)
    vault.objects[key] = replace(vault.objects[key], data=gzip.compress(b"[]", mtime=0))
    return [key]


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────

AGAIN = "20260302T0215Z"  # what a log file that is moved within its folder is named by
TAMPERINGS: dict[str, Tampering] = {
    # Log files, without a key.
    "log_byte_flipped": Tampering("A byte within a log file's gzip is another.", turned(log_of, flipped)),
    "log_record_changed": Tampering(
        "A record of a log file names another caller; its gzip is sound.",
        turned(log_of, recompressed(lambda text: text.replace(b"192.0.2.7", b"192.0.2.8", 1))),
    ),
    "log_record_removed": Tampering("A record of a log file is gone.", turned(log_of, recompressed(record_gone))),
    "log_deleted": Tampering("A log file is gone.", gone(log_of)),
    "log_emptied": Tampering("A log file has no bytes.", turned(log_of, lambda data: b"")),
    "log_cut_in_half": Tampering("A log file ends in its middle.", turned(log_of, lambda data: data[: len(data) // 2])),
    "log_trailer_cut_off": Tampering(
        "A log file lacks the eight bytes that end a gzip; all records are there.",
        turned(log_of, lambda data: data[:-8]),
    ),
    "log_crc_changed": Tampering("The checksum that ends a log file's gzip is another.", turned(log_of, crc_changed)),
    "log_bytes_appended": Tampering("Bytes follow a log file's gzip.", turned(log_of, lambda data: data + b"\0more")),
    "log_member_appended": Tampering(
        "A second gzip, with records of its own, follows a log file's.",
        turned(log_of, lambda data: data + recompressed(record_gone)(data)),
    ),
    "log_as_plain_json": Tampering("A log file is the same JSON, uncompressed.", turned(log_of, gzip.decompress)),
    "log_recompressed": Tampering(
        "A log file is compressed at another level; its content is the same.",
        turned(log_of, recompressed(lambda text: text, level=9)),
        harmless=True,
    ),
    "log_gzip_time_changed": Tampering(
        "The header of a log file's gzip tells another time; its content is the same.",
        turned(log_of, written_at_another_time),
        harmless=True,
    ),
    "log_moved": Tampering(
        "A log file lies at another key.", moved(log_of, lambda key: key.replace("20260302T0125Z", AGAIN))
    ),
    "log_copied": Tampering(
        "A log file lies at a second key as well.",
        moved(log_of, lambda key: key.replace("20260302T0125Z", AGAIN), keep=True),
    ),
    "logs_swapped": Tampering("Two log files of an hour have changed places.", swap_logs),
    "log_planted": Tampering("There is one more log file, which no digest lists.", plant()),
    "log_planted_for_another_account": Tampering(
        "There is a log file of an account that has no digests.", plant(OTHER)
    ),
    # Digests, without a key.
    "digest_byte_flipped": Tampering("A byte within a digest's gzip is another.", turned(digest_of, flipped)),
    "digest_end_edited": Tampering(
        "A digest says another end; its gzip is sound, its signature the old one.",
        turned(digest_of, recompressed(lambda text: text.replace(b"02:12:33Z", b"02:12:34Z", 1))),
    ),
    "digest_edited": Tampering(
        "A digest says another account; its gzip is sound, its signature the old one.",
        turned(digest_of, recompressed(lambda text: text.replace(b'"111122223333"', b'"444455556666"', 1))),
    ),
    "digest_recompressed": Tampering(
        "A digest is compressed at another level; its content is the same.",
        turned(digest_of, recompressed(lambda text: text, level=1)),
        harmless=True,
    ),
    "digest_not_gzip": Tampering("A digest is the same JSON, uncompressed.", turned(digest_of, gzip.decompress)),
    "digest_not_json": Tampering(
        "A digest is a sound gzip of half its JSON.",
        turned(digest_of, recompressed(lambda text: text[: len(text) // 2])),
    ),
    "digest_field_missing": Tampering(
        "A digest has no digestStartTime; its gzip is sound, its signature the old one.",
        turned(digest_of, recompressed(field_gone)),
    ),
    "digest_not_an_object": Tampering("A digest is a sound gzip of an empty JSON array.", not_an_object),
    "digest_crc_changed": Tampering(
        "The checksum that ends a digest's gzip is another.", turned(digest_of, crc_changed)
    ),
    "digest_bytes_appended": Tampering(
        "Bytes follow a digest's gzip.", turned(digest_of, lambda data: data + b"\0more")
    ),
    "digest_deleted": Tampering("A digest within the chain is gone.", digests_gone(MIDDLE)),
    "digest_deleted_first": Tampering("The first digest is gone.", digests_gone(0)),
    "digest_deleted_newest": Tampering("The newest digest is gone.", digests_gone(-1)),
    "digests_deleted_newest_three": Tampering("The newest three digests are gone.", digests_gone(-1, -2, -3)),
    "digests_deleted_two_in_a_row": Tampering("Two digests in a row are gone.", digests_gone(MIDDLE, EMPTY)),
    "digests_deleted_all": Tampering(
        "All digests are gone, that of the backfill too.",
        gone(*(lambda made, n=n: digest_of(made, n) for n in range(8)), backfill_of),
    ),
    "hour_deleted": Tampering("A digest is gone together with the log files that it lists.", hour_gone),
    "first_day_deleted": Tampering("All that lies under the first day is gone.", day_gone("2026/03/01")),
    "last_day_deleted": Tampering("All that lies under the last day is gone.", day_gone("2026/03/02")),
    "everything_deleted": Tampering("The bucket is empty.", everything_gone),
    "digest_moved": Tampering(
        "A digest lies at another key.", moved(digest_of, lambda key: key.replace("T021233Z", "T021533Z"))
    ),
    "digest_copied_over_the_next": Tampering(
        "A digest lies where the next one was as well.",
        copied_over(digest_of, lambda made: digest_of(made, MIDDLE + 1)),
    ),
    "digest_replaced_by_an_older": Tampering(
        "Where a digest was lies one of four hours before, sound in itself.",
        copied_over(lambda made: digest_of(made, 1), digest_of),
    ),
    # The signature beside a digest.
    "signature_dropped": Tampering("A digest has lost its metadata.", metadata(digest_of, lambda told: {})),
    "signature_dropped_of_the_newest": Tampering(
        "The newest digest has lost its metadata, and no later one holds its signature.",
        metadata(lambda made: digest_of(made, -1), lambda told: {}),
    ),
    "signature_altered": Tampering(
        "A digit of a digest's signature is another.", metadata(digest_of, signature_altered)
    ),
    "signature_not_hex": Tampering(
        "A digest's signature is no hexadecimal number.", metadata(digest_of, lambda told: told | {"signature": "none"})
    ),
    "signature_of_another": Tampering("A digest has the signature of the next one.", signature_of_another),
    "algorithm_dropped": Tampering(
        "A digest has no signature algorithm.", metadata(digest_of, without("signature-algorithm"))
    ),
    "algorithm_none": Tampering(
        'A digest\'s signature algorithm is "none".',
        metadata(digest_of, lambda told: told | {"signature-algorithm": "none"}),
    ),
    "algorithm_sha1": Tampering(
        "A digest's signature algorithm is SHA1withRSA, which its signature is not.",
        metadata(digest_of, lambda told: told | {"signature-algorithm": "SHA1withRSA"}),
    ),
    "signature_sha1": Tampering(
        "The newest digest has a valid signature by AWS's key over SHA-1, and says so.", sha1_signature
    ),
    # A key of his own.
    "digest_signed_by_another": Tampering(
        "A digest is signed by a key that is not the one it names.", signed_by(ATTACKER)
    ),
    "digest_signed_by_the_old_key": Tampering(
        "A digest is signed by the key before the rotation and names the one after it.", signed_by(FIRST)
    ),
    "digest_signed_by_an_unlisted": Tampering(
        "A digest is signed by, and names, a key that AWS doesn't list.",
        signed_by(ATTACKER, named=True),
    ),
    "chain_remade": Tampering(
        "From an hour on log files lack a record, and digests fit, signed by a key that AWS doesn't list.",
        remade_by_attacker(named=True),
    ),
    "chain_remade_in_the_name_of_aws": Tampering(
        "From an hour on log files lack a record, and digests fit, naming AWS's key but signed by another.",
        remade_by_attacker(named=False),
    ),
    # Signed lies about the chain.
    "lie_previous_hash": Tampering(
        "A digest gives a wrong hash of the one before it.", says(previousDigestHashValue="0" * 64)
    ),
    "lie_previous_hash_algorithm": Tampering(
        "A digest says that the hash of the one before it is an MD5.", says(previousDigestHashAlgorithm="MD5")
    ),
    "lie_previous_signature": Tampering(
        "A digest gives a wrong signature of the one before it.", lie(wrong_previous_signature)
    ),
    "lie_no_previous": Tampering("A digest names none before it, and nothing tells of a restart.", lie(no_previous)),
    "lie_previous_bucket": Tampering(
        "A digest says that the one before it lies in a foreign bucket.", says(previousDigestS3Bucket=ELSEWHERE)
    ),
    "lie_previous_skipped": Tampering(
        "A digest names the one of two hours ago as the one before it, by its true hash and signature.",
        links_to(MIDDLE - 2),
    ),
    "lie_previous_is_itself": Tampering("A digest names itself as the one before it.", links_to_itself),
    "lie_bucket": Tampering("A digest says that it lies in another bucket.", says(digestS3Bucket=ELSEWHERE)),
    "lie_account": Tampering("A digest says that it is another account's.", says(awsAccountId=OTHER)),
    "lie_algorithm": Tampering(
        "A digest says that it is signed over SHA-1.", says(digestSignatureAlgorithm="SHA1withRSA")
    ),
    "lie_start_later": Tampering(
        "A digest begins twenty minutes after the one before it ended.", shifted("digestStartTime", 20)
    ),
    "lie_start_earlier": Tampering(
        "A digest begins twenty minutes before the one before it ended.", shifted("digestStartTime", -20)
    ),
    "lie_end": Tampering("A digest ends ten minutes after its name says.", shifted("digestEndTime", 10)),
    "lie_events_of_another_time": Tampering(
        "A digest says that its newest event is of the year before.", says(newestEventTime="2025-03-02T02:00:00Z")
    ),
    "lie_field_missing": Tampering("The newest digest has no digestStartTime.", lacks("digestStartTime")),
    "lie_log_files_missing": Tampering("The newest digest has no list of log files.", lacks("logFiles")),
    "lie_unlinked": Tampering(
        "A digest lacks an entry, signed by AWS's key; the later digests are as they were, and name another hash and signature.",
        entry_gone(relink=False),
    ),
    # Signed lies about log files.
    "lie_entry_removed": Tampering(
        "A digest lacks an entry: the log file is there, and listed by none.", entry_gone(relink=True)
    ),
    "lie_entry_hash_md5": Tampering("An entry says that its hash is an MD5.", log_entry_says(hashAlgorithm="MD5")),
    "lie_entry_hash_sha1": Tampering("An entry says that its hash is a SHA-1.", log_entry_says(hashAlgorithm="SHA-1")),
    "lie_entry_hash_missing": Tampering(
        "An entry has no hash.", lie(lambda body, _: body["logFiles"][0].pop("hashValue"))
    ),
    "lie_entry_bucket": Tampering(
        "An entry says that its log file lies in a foreign bucket.", log_entry_says(s3Bucket=ELSEWHERE)
    ),
    "lie_entry_of_another_account": Tampering("A digest lists a log file of another account.", lists(log_of_another)),
    "lie_entry_of_another_region": Tampering("A digest lists a log file of another region.", lists(log_abroad)),
    "lie_entry_twice": Tampering(
        "A digest lists a log file twice.", lie(lambda body, _: body["logFiles"].append(body["logFiles"][0]))
    ),
    "lie_entry_of_an_earlier_hour": Tampering(
        "A digest lists a log file that an earlier one lists too.", lists(lambda vault, made: log_of(made, 1))
    ),
    # The backfill.
    "backfill_deleted": Tampering("The backfill digest is gone: its log file is listed by none.", gone(backfill_of)),
    "backfill_log_deleted": Tampering("The log file that the backfill digest lists is gone.", gone(backfilled_of)),
    "backfill_log_changed": Tampering(
        "A record is gone from the log file that the backfill digest lists.",
        turned(backfilled_of, recompressed(record_gone)),
    ),
    "backfill_time_dropped": Tampering(
        "The backfill digest does not tell when it was made.", metadata(backfill_of, without(MADE))
    ),
    "backfill_time_altered": Tampering(
        "The backfill digest says that it was made years ago, when AWS had other keys; no signature covers that.",
        metadata(backfill_of, lambda told: told | {MADE: "2019-03-02T12:00:00.000Z"}),
    ),
    "backfill_signature_dropped": Tampering(
        "The backfill digest has lost its metadata.", metadata(backfill_of, lambda told: {})
    ),
}
