"""A made bucket's digests, read again with json, gzip, hashlib and plain arithmetic: they sign what was delivered."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from trailhouse.sample import Recipe, Truth, make_bucket

NAME = re.compile(
    r"^(?P<account>\d{12})_CloudTrail-Digest_(?P<region>[a-z0-9-]+)_(?P<trail>[A-Za-z0-9._-]+)_us-east-1_"
    r"(?P<end>\d{8}T\d{6}Z)(?P<backfill>_backfill)?\.json\.gz$"
)
LABEL = re.compile(r"_(\d{8}T\d{4}Z)_[A-Za-z0-9]{16}\.json\.gz$")
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2: what stands before the hash
RECIPE = {"accounts": 3, "regions": 2, "days": 2, "events": 6000, "seed": 7}
PREVIOUS = [f"previousDigest{what}" for what in ("S3Bucket", "S3Object", "HashValue", "HashAlgorithm", "Signature")]


@dataclass(frozen=True)
class Digest:
    """A digest file with what lies beside it."""

    key: str
    text: bytes
    metadata: dict[str, str]

    @cached_property
    def body(self) -> dict[str, Any]:
        return json.loads(self.text)  # type: ignore[no-any-return]

    @property
    def name(self) -> re.Match[str]:
        found = NAME.match(self.key.rpartition("/")[2])
        assert found, self.key
        return found

    @property
    def chain(self) -> tuple[str, ...]:
        return (*self.name.group("account", "region", "trail"), self.name["backfill"] or "")

    @property
    def end(self) -> datetime:
        return moment(self.body["digestEndTime"])


@dataclass(frozen=True)
class Made:
    """A bucket and what its maker says of it."""

    folder: Path
    truth: Truth

    @cached_property
    def digests(self) -> list[Digest]:
        paths = sorted(self.folder.rglob("*_CloudTrail-Digest_*.json.gz"))
        return [
            Digest(
                path.relative_to(self.folder).as_posix(),
                gzip.decompress(path.read_bytes()),
                json.loads(path.with_name(f"{path.name}.metadata.json").read_text()),
            )
            for path in paths
        ]

    @cached_property
    def chains(self) -> dict[tuple[str, ...], list[Digest]]:
        chains: dict[tuple[str, ...], list[Digest]] = {}
        for digest in sorted(self.digests, key=lambda digest: digest.end):
            chains.setdefault(digest.chain, []).append(digest)
        return chains

    @cached_property
    def keys(self) -> list[dict[str, str]]:
        return json.loads((self.folder / "public-keys.json").read_text())["PublicKeyList"]  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> list[str]:
        paths = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.json.gz"))
        return sorted(key for key in paths if "/CloudTrail" in key and "/CloudTrail-Digest/" not in key)

    def of_trail(self, trail: str, backfill: str = "") -> list[list[Digest]]:
        return [digests for chain, digests in self.chains.items() if chain[2:] == (trail, backfill)]

    def listed(self) -> list[tuple[Digest, dict[str, Any]]]:
        return [(digest, log) for digest in self.digests for log in digest.body["logFiles"]]


@pytest.fixture(scope="module", params=["odd", "clean"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    return Made(folder, make_bucket(folder, Recipe(**RECIPE, clean=request.param == "clean")))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("odd")
    return Made(folder, make_bucket(folder, Recipe(**RECIPE)))


def test_every_signature_is_that_of_a_published_key(made: Made) -> None:
    published = {key["Fingerprint"]: numbers(base64.b64decode(key["Value"])) for key in made.keys}
    for digest in made.digests:
        body = digest.body
        said = "\n".join((
            body["digestEndTime"],
            f"{body['digestS3Bucket']}/{body['digestS3Object']}",
            hashlib.sha256(digest.text).hexdigest(),
            body["previousDigestSignature"] or "null",
        ))  # fmt: skip
        signature = bytes.fromhex(digest.metadata["signature"])
        assert (
            signed(signature, published[body["digestPublicKeyFingerprint"]]) == hashlib.sha256(said.encode()).digest()
        )
        assert digest.metadata["signature-algorithm"] == body["digestSignatureAlgorithm"] == "SHA256withRSA"


def test_keys_are_published_as_aws_does(made: Made) -> None:
    first, second = made.keys
    assert list(first) == ["Value", "ValidityStartTime", "ValidityEndTime", "Fingerprint"]
    for key in made.keys:
        der = base64.b64decode(key["Value"])
        assert key["Value"].startswith("MIIBCgKCAQEA") and len(der) == 270
        assert key["Fingerprint"] == hashlib.md5(der).hexdigest()
    assert (
        first["ValidityStartTime"] < second["ValidityStartTime"] < first["ValidityEndTime"] < second["ValidityEndTime"]
    )


def test_the_key_changes_half_way_and_is_valid_when_it_signs(made: Made) -> None:
    by_fingerprint = {key["Fingerprint"]: key for key in made.keys}
    for digest in made.digests:
        half = datetime(2026, 3, 2, tzinfo=UTC)
        key = made.keys[digest.end >= half]
        assert digest.body["digestPublicKeyFingerprint"] == key["Fingerprint"]
        signed_at = moment(digest.metadata.get("backfill-generation-timestamp", digest.body["digestEndTime"]))
        assert digest.end <= signed_at
        for at in (digest.end, signed_at):
            assert moment(key["ValidityStartTime"]) < at < moment(key["ValidityEndTime"])
    assert {digest.body["digestPublicKeyFingerprint"] for digest in made.digests} == set(by_fingerprint)


def test_every_chain_is_whole_from_its_beginning(made: Made) -> None:
    for chain in made.chains.values():
        assert [chain[0].body[name] for name in PREVIOUS] == [None] * 5
        for before, digest in pairwise(chain):
            assert [digest.body[name] for name in PREVIOUS] == [
                before.body["digestS3Bucket"],
                before.key,
                hashlib.sha256(before.text).hexdigest(),
                "SHA-256",
                before.metadata["signature"],
            ]


def test_hours_follow_each_other_without_a_gap(made: Made) -> None:
    for (account, region, _, backfill), chain in made.chains.items():
        for digest in chain:
            assert (digest.end - moment(digest.body["digestStartTime"])).total_seconds() == 3600
            assert f"{digest.end:%Y%m%dT%H%M%SZ}" == digest.name["end"]
            assert digest.body["digestS3Object"] == digest.key and digest.body["awsAccountId"] == account
            assert f"/{account}/CloudTrail-Digest/{region}/{digest.end:%Y/%m/%d}/" in f"/{digest.key}"
        if not backfill:
            ends = [digest.body["digestEndTime"] for digest in chain]
            assert [digest.body["digestStartTime"] for digest in chain[1:]] == ends[:-1]


def test_every_account_and_region_has_a_chain_over_the_whole_sample(made: Made) -> None:
    whole = made.of_trail("org-trail")
    recipe = made.truth.recipe
    assert Counter(chain[0].chain[:2] for chain in whole) == Counter(
        (account, region) for account in recipe.account_ids for region in recipe.region_names
    )
    assert {chain[0].body["digestEndTime"] for chain in whole} == {"2026-03-01T00:12:33Z"}
    (last,) = {chain[-1].body["digestEndTime"] for chain in whole}
    assert last == "2026-03-03T00:12:33Z" if recipe.clean else last > "2026-03-03T00:12:33Z"


def test_every_log_file_is_listed_once_with_its_hash(made: Made) -> None:
    listed = made.listed()
    assert sorted(log["s3Object"] for _, log in listed) == made.logs
    assert {kind for key in made.logs for kind in re.findall(r"/(CloudTrail[A-Za-z-]*)/", key)} == {
        "CloudTrail", "CloudTrail-NetworkActivity", "CloudTrail-Insight", "CloudTrail-Aggregated"
    }  # fmt: skip
    wrong = []
    for digest, log in listed:
        assert digest.chain[:2] == tuple(log["s3Object"].rpartition("/")[2].split("_")[i] for i in (0, 2))
        assert (log["s3Bucket"], log["hashAlgorithm"]) == (digest.body["digestS3Bucket"], "SHA-256")
        if log["hashValue"] != hash_of(made.folder / log["s3Object"]):
            wrong.append(log["s3Object"])
    assert sorted(wrong) == sorted(made.truth.unsound)
    assert len(wrong) == (0 if made.truth.recipe.clean else 4)


def test_what_is_broken_is_listed_with_the_hash_of_the_sound_file(odd: Made) -> None:
    broken = {refused.reason: refused.key for refused in odd.truth.refused if refused.position is None}
    assert set(broken.values()) == set(odd.truth.unsound)
    listed = {log["s3Object"]: log["hashValue"] for _, log in odd.listed()}
    data = (odd.folder / broken["gzip_crc"]).read_bytes()  # all but its checksum is sound
    mended = data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]
    assert hashlib.sha256(gzip.decompress(mended)).hexdigest() == listed[broken["gzip_crc"]]
    assert listed[broken["empty_file"]] != hashlib.sha256(b"").hexdigest()


def test_event_times_are_those_of_the_records(made: Made) -> None:
    empty = 0
    for digest in made.digests:
        logs = digest.body["logFiles"]
        for log in logs:
            if "/CloudTrail/" in log["s3Object"] and log["s3Object"] not in made.truth.unsound:
                records = json.loads(gzip.decompress((made.folder / log["s3Object"]).read_bytes()))["Records"]
                times = [record["eventTime"] for record in records if isinstance(record, dict)]
                assert (log["oldestEventTime"], log["newestEventTime"]) == (min(times), max(times))
        whole = (digest.body["oldestEventTime"], digest.body["newestEventTime"])
        span = (
            (min(log["oldestEventTime"] for log in logs), max(log["newestEventTime"] for log in logs))
            if logs
            else (None, None)
        )
        assert whole == span
        empty += not logs
    assert empty


def test_a_file_is_listed_in_the_hour_around_its_label(made: Made) -> None:
    where: Counter[str] = Counter()
    for digest, log in made.listed():
        label = datetime.strptime(LABEL.search(log["s3Object"])[1], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)  # type: ignore[index]
        before = (moment(digest.body["digestStartTime"]) - label).total_seconds()
        after = (label - digest.end).total_seconds()
        assert before < 300 and after < 300
        assert moment(log["newestEventTime"]) <= digest.end
        where["before" if before >= 0 else "after" if after > 0 else "within"] += 1
    assert where["before"] and where["after"] and where["within"] > 5 * (where["before"] + where["after"])


def test_each_digest_has_its_metadata_beside_it(made: Made) -> None:
    beside = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*.metadata.json")}
    assert beside == {f"{digest.key}.metadata.json" for digest in made.digests}
    assert beside < set(made.truth.other_objects) and "public-keys.json" in made.truth.other_objects
    for digest in made.digests:
        stamp = digest.metadata.get("backfill-generation-timestamp")
        assert (stamp is not None) is (digest.name["backfill"] is not None)
        assert stamp is None or re.fullmatch(r"2026-03-\d\dT00:00:00\.000Z", stamp)
    assert made.truth.total.objects["CloudTrail-Digest"] == len(made.digests)


def test_what_an_hour_missed_is_in_a_backfill_with_a_chain_of_its_own(made: Made) -> None:
    first, second = made.truth.recipe.account_ids[0], made.truth.recipe.account_ids[-1]
    chains = {chain[0].chain[:2]: chain for chain in made.of_trail("org-trail", "_backfill")}
    assert {place: len(chain) for place, chain in chains.items()} == {(first, "us-east-1"): 2, (second, "eu-west-1"): 1}
    ends = {(digest.chain[:2], digest.end) for digest in made.digests if not digest.name["backfill"]}
    for chain in chains.values():
        for digest in chain:
            assert (digest.chain[:2], digest.end) in ends and len(digest.body["logFiles"]) == 1


def test_a_chain_goes_on_where_its_trail_moved_to(made: Made) -> None:
    (moved,) = (chain for chain in made.of_trail("org-trail") if chain[0].chain[:2] == ("777788889999", "us-east-1"))
    roots = [digest.key.partition("/777788889999/")[0] for digest in moved]
    assert list(dict.fromkeys(roots)) == ["o-exampleorg1/AWSLogs", "o-exampleorg1/AWSLogs/o-exampleorg1"]
    new = roots.index("o-exampleorg1/AWSLogs/o-exampleorg1")
    assert moved[new].body["previousDigestS3Object"].startswith("o-exampleorg1/AWSLogs/777788889999/")
    assert moved[new - 1].end < datetime(2026, 3, 2, tzinfo=UTC) <= moved[new].end


def test_late_files_are_listed_when_they_came(odd: Made) -> None:
    found = {log["s3Object"]: (digest, log) for digest, log in odd.listed()}
    assert odd.truth.late_objects
    for key in odd.truth.late_objects:
        digest, log = found[key]
        assert log["newestEventTime"] < digest.body["digestStartTime"]


def test_the_deleted_trail_has_a_chain_until_its_deletion(odd: Made) -> None:
    chains = odd.of_trail("legacy-trail")
    assert {chain[0].chain[:2] for chain in chains} == {("111122223333", "us-east-1"), ("111122223333", "eu-west-1")}
    story = odd.truth.answers.story
    assert story
    own = {key for key in odd.logs if key.startswith("AWSLogs/111122223333/")}
    listed = [log["s3Object"] for digest, log in odd.listed() if digest.name["trail"] == "legacy-trail"]
    assert own and sorted(listed) == sorted(own)
    for chain in chains:
        assert all(digest.key.startswith("AWSLogs/111122223333/") for digest in chain)
        assert chain[-1].body["digestStartTime"] < story.trail_deleted_at < chain[-1].body["digestEndTime"]


def test_the_story_says_which_trail_was_deleted(odd: Made) -> None:
    story = odd.truth.answers.story
    records = [
        record
        for key in odd.logs
        if "/CloudTrail/us-east-1/" in key and key not in odd.truth.unsound
        for record in json.loads(gzip.decompress((odd.folder / key).read_bytes()))["Records"]
    ]
    ended = [
        record
        for record in records
        if isinstance(record, dict) and record["eventName"] in ("StopLogging", "DeleteTrail")
    ]
    assert story and story.trail_deleted_at in {record["eventTime"] for record in ended}
    assert {record["eventName"] for record in ended} == {"StopLogging", "DeleteTrail"}
    for record in ended:
        assert record["awsRegion"] == "us-east-1" and record["requestParameters"] == {"name": "legacy-trail"}


def test_what_a_deleted_trail_delivered_late_is_backfilled(tmp_path: Path) -> None:
    # With this seed, one of the files that both trails delivered came late.
    made = Made(tmp_path, make_bucket(tmp_path, Recipe(accounts=1, regions=4, days=1, events=6000, seed=0)))
    assert sorted(log["s3Object"] for _, log in made.listed()) == made.logs
    (late,) = made.of_trail("legacy-trail", "_backfill")
    assert all(digest.end > moment("2026-03-01T20:27:08Z") for digest in late)


def test_a_trail_by_itself_is_called_main(tmp_path: Path) -> None:
    recipe = Recipe(accounts=2, regions=1, days=1, events=500, layout="single")
    made = Made(tmp_path, make_bucket(tmp_path, recipe))
    assert {chain[2] for chain in made.chains} == {"main"}
    assert sorted(log["s3Object"] for _, log in made.listed()) == made.logs


@pytest.mark.parametrize("events", [0, 1, 90])
def test_the_smallest_bucket_has_whole_chains(tmp_path: Path, events: int) -> None:
    made = Made(tmp_path, make_bucket(tmp_path, Recipe(accounts=1, regions=1, days=1, events=events)))
    test_every_chain_is_whole_from_its_beginning(made)
    assert sorted(log["s3Object"] for _, log in made.listed()) == made.logs


def test_without_digests_the_logs_are_the_same(odd: Made, tmp_path: Path) -> None:
    bare = Made(tmp_path, make_bucket(tmp_path, Recipe(**RECIPE, digests=False)))
    assert not bare.digests and not bare.truth.unsound and not list(tmp_path.rglob("*.metadata.json"))
    assert not (tmp_path / "public-keys.json").exists()
    assert bare.logs == odd.logs
    assert all((tmp_path / key).read_bytes() == (odd.folder / key).read_bytes() for key in bare.logs)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def numbers(der: bytes) -> tuple[int, int]:
    key = load_der_public_key(der)
    assert isinstance(key, RSAPublicKey)
    return key.public_numbers().n, key.public_numbers().e


def signed(signature: bytes, key: tuple[int, int]) -> bytes:
    """The hash that was signed (RSASSA-PKCS1-v1_5), of a signature that is padded as it must be."""
    modulus, exponent = key
    plain = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(256, "big")
    assert plain[:-32] == b"\x00\x01" + b"\xff" * (256 - 3 - len(SHA256_INFO) - 32) + b"\x00" + SHA256_INFO
    return plain[-32:]


def hash_of(path: Path) -> str:
    """Of what is inside; of what can't be inflated, or has a wrong checksum, none."""
    try:
        data = path.read_bytes()
        return hashlib.sha256(gzip.decompress(data) if data else data).hexdigest()
    except (EOFError, OSError):
        return ""
