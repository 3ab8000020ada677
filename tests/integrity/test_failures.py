"""What can't be read, listed or checked is unchecked, with the reason; the rest goes on, and nothing of it is missing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.buckets import ABROAD, OTHER
from tests.faults.proxy import Fault, Proxy, Request
from tests.integrity.chains import FIRST, SECOND, Chain, Trail, Vault
from tests.integrity.cloudtrail_api import ANYWHERE
from tests.integrity.verifying import exit_of, proof_of, read_of, wrong
from tests.integrity.without_lake import counted, gaps, proven, verdict_of
from trailhouse.errors import UsageError
from trailhouse.integrity import public_keys
from trailhouse.settings import Source
from trailhouse.sources import folder

FASTER = 100


@pytest.fixture(autouse=True)
def hurried(monkeypatch) -> None:
    """Waits between attempts are a hundredth of what they would be."""
    plainly = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: plainly(seconds / FASTER))


@pytest.fixture
def proxy(s3, aws_env) -> Iterator[Proxy]:
    made = Proxy(s3.url).start()
    aws_env.setenv("AWS_ENDPOINT_URL_S3", made.s3)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def uploaded(s3_server, tmp_path_factory) -> tuple[Vault, list[Chain], str, Path]:
    """Two accounts' chains in a bucket, which nobody changes; its keys."""
    vault = Vault("f-two-accounts")
    made = [vault.chain("ok", "ok", "ok"), vault.chain("ok", "ok", "ok", trail=Trail(account=OTHER, region=ABROAD))]
    s3_server.client().create_bucket(Bucket=vault.bucket)
    vault.upload(s3_server.client())
    keys = tmp_path_factory.mktemp("failures") / "keys.json"
    keys.write_text(json.dumps(vault.public_keys()))
    return vault, made, f"s3://{vault.bucket}", keys


@pytest.fixture
def stored(uploaded, proxy) -> tuple[Vault, list[Chain], str, Path]:
    """The same, behind the proxy."""
    return uploaded


def on(*keys: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "GET" and any(request.path.endswith(f"/{key}") for key in keys)


def listing(*marks: str) -> Callable[[Request], bool]:
    def among(request: Request) -> bool:
        prefix = request.query.get("prefix", [""])[0]
        return request.kind.startswith("ListObjects") and any(mark in prefix for mark in marks)

    return among


REFUSALS = {
    "access": {"status": 403, "code": "AccessDenied"},
    "access_kms": {"status": 403, "code": "AccessDenied", "message": "not authorized to perform: kms:Decrypt"},
    "archived": {"status": 403, "code": "InvalidObjectState"},
    "throttled": {"status": 503, "code": "SlowDown"},
    "unavailable": {"status": 500, "code": "InternalError"},
    "missing": {"status": 404, "code": "NoSuchKey"},
    "changed": {"status": 412, "code": "PreconditionFailed"},
}


# ── objects that can't be read ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_log_file_that_can_not_be_read_is_unchecked_and_no_other_is(stored, proxy, reason):
    vault, (made, _), source, keys = stored
    key = made.hours[1].logs[0]
    proxy.begin(Fault("answer", among=on(key), times=99, **REFUSALS[reason]))
    proof = proven(source, keys=keys)
    assert verdict_of(proof, key) == ("unchecked", (reason,))
    assert counted(proof) == {"valid": len(vault.objects) - 1, "unchecked": 1}
    assert (exit_of(proof), gaps(proof)) == (5, [])


@pytest.mark.parametrize("reason", REFUSALS)
@pytest.mark.parametrize("which", [0, 2])
def test_a_digest_that_can_not_be_read_is_unchecked_with_what_it_lists(stored, proxy, reason, which):
    _, (made, _), source, keys = stored
    hour = made.hours[which]
    proxy.begin(Fault("answer", among=on(hour.digest), times=99, **REFUSALS[reason]))
    proof = proven(source, keys=keys)
    assert verdict_of(proof, hour.digest) == ("unchecked", (reason,))
    assert {verdict_of(proof, key) for key in hour.logs} == {("unchecked", ("digest_not_sound",))}
    assert (counted(proof)["unchecked"], exit_of(proof)) == (3, 5), wrong(proof)


def test_archived_years_are_unchecked_and_no_more(s3, proxy, tmp_path):
    """With a restart among them, which nobody can read of."""
    vault = Vault("f-archived")
    made = vault.chain("ok", "restart", "ok", "ok", "ok")
    s3.client().create_bucket(Bucket=vault.bucket)
    vault.upload(s3.client())
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(vault.public_keys()))
    old = [key for hour in made.hours[:3] for key in (hour.digest, *hour.logs)]
    proxy.begin(Fault("answer", among=on(*old), times=999, **REFUSALS["archived"]))
    proof = proven(f"s3://{vault.bucket}", keys=keys)
    assert {key for key in vault.objects if verdict_of(proof, key)[0] == "unchecked"} == set(old)
    assert exit_of(proof) == 5, wrong(proof)


def test_what_passes_is_tried_again_and_is_no_reason(stored, proxy):
    vault, _, source, keys = stored
    for fault in (
        Fault("answer", among=lambda request: request.method == "GET", share=0.3, **REFUSALS["throttled"]),
        Fault("cut", among=on(*vault.objects), times=3, bytes=40),
        Fault("corrupt", among=on(*vault.objects), times=1, bytes=30),
    ):
        seen = proxy.begin(fault)
        proof = proven(source, keys=keys)
        assert proof.verdict == "valid", wrong(proof)
        assert seen.fired


def test_what_could_not_be_read_is_read_by_the_next_run(stored, proxy, lake):
    _, (made, _), source, keys = stored
    bad = (made.digests[1], made.hours[2].logs[0])
    proxy.begin(Fault("answer", among=on(*bad), times=99, **REFUSALS["archived"]))
    assert proof_of(lake, source, keys=keys).verdict == "unchecked"
    proxy.begin()
    proof, read = read_of(lake, source, keys=keys)
    assert proof.verdict == "valid" and (read["digests"], read["logs"]) == (1, 1), (wrong(proof), read)


# ── what can't be listed ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mark", "remembered"),
    [
        (f"/{OTHER}/CloudTrail/{ABROAD}/", True),
        (f"/{OTHER}/CloudTrail/{ABROAD}/", False),
        (f"/{OTHER}/CloudTrail-Digest/{ABROAD}/", True),
        (f"/{OTHER}/CloudTrail-Digest/{ABROAD}/", False),
        (f"/{OTHER}/CloudTrail/", True),
        (f"/{OTHER}/CloudTrail-Digest/", False),
        (f"/{OTHER}/", True),
        ("AWSLogs/", True),
        ("AWSLogs/", False),
    ],
)
def test_nothing_is_missing_that_only_could_not_be_listed(stored, proxy, lake, mark, remembered):
    _, (made, _), source, keys = stored
    if remembered:
        proxy.begin()
        assert proof_of(lake, source, keys=keys).verdict == "valid"
    proxy.begin(Fault("answer", among=listing(mark), times=999, status=403, code="AccessDenied"))
    proof = proof_of(lake, source, keys=keys)
    assert not proof.has_finding, wrong(proof)
    assert exit_of(proof) == 5 and {each.reason for each in proof.problems} == {"access"}
    if OTHER in mark:
        assert {verdict_of(proof, key)[0] for hour in made.hours for key in (hour.digest, *hour.logs)} == {"valid"}
    proxy.begin()
    proof = proof_of(lake, source, keys=keys)
    assert proof.verdict == "valid", wrong(proof)


def test_nothing_is_missing_from_a_copy_that_could_not_be_listed(stored, proxy):
    vault, _, source, keys = stored
    copy = Source(url=source, copy_of=vault.bucket)
    assert proven(copy, keys=keys).verdict == "valid"
    proxy.begin(Fault("answer", among=listing(f"/{OTHER}/CloudTrail/"), times=999, status=403, code="AccessDenied"))
    proof = proven(copy, keys=keys)
    assert not proof.has_finding and exit_of(proof) == 5, wrong(proof)


def test_nothing_is_missing_from_a_folder_that_could_not_be_walked(tmp_path, monkeypatch):
    """Permissions don't hold the administrator, so the walk is told that it may not."""
    vault = Vault()
    vault.chain("ok", "ok", "ok")
    vault.chain("ok", "ok", "ok", trail=Trail(account=OTHER))
    root, plainly = vault.save(tmp_path / "logs"), folder.os.scandir
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(vault.public_keys()))

    def scandir(path):
        if f"/{OTHER}/CloudTrail/" in f"{path}/":
            raise PermissionError(13, "Permission denied")
        return plainly(path)

    monkeypatch.setattr(folder.os, "scandir", scandir)
    proof = proven(root, keys=keys)
    assert not proof.has_finding and exit_of(proof) == 5, wrong(proof)
    assert [each.reason for each in proof.problems] == ["access"]
    neighbour = Vault()
    neighbour.chain("ok", "missing", "ok")
    other = neighbour.save(tmp_path / "logs-2")
    assert proven(Source(url=str(root), copy_of="trail-logs"), Source(url=str(other), copy_of="trail-logs-2"),
                  keys=keys).verdict == "invalid", "what the other names is not hidden"  # fmt: skip


def test_a_bucket_that_can_not_be_reached_costs_the_others_nothing(stored, proxy):
    vault, _, source, keys = stored
    proof = proven(source, "s3://f-there-is-no-such-bucket", keys=keys)
    assert counted(proof) == {"valid": len(vault.objects)} and exit_of(proof) == 5, wrong(proof)
    assert [each.reason for each in proof.problems] == ["missing_bucket"]


def test_a_source_in_which_nothing_lies_is_proven_by_nothing(stored, tmp_path):
    vault, _, source, keys = stored
    (tmp_path / "typo").mkdir()
    proof = proven(source, tmp_path / "typo", keys=keys)
    assert counted(proof) == {"valid": len(vault.objects)} and exit_of(proof) == 5
    assert [(each.source, each.reason) for each in proof.problems] == [((tmp_path / "typo").as_uri(), "nothing")]


# ── keys that can't be had ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def from_api(cloudtrail, aws_env, tmp_path):
    """A folder of two chains; keys come from the API."""
    for name, value in (cloudtrail.env() | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}).items():
        aws_env.setenv(name, value)
    vault = Vault()
    vault.chain("ok", "ok")
    vault.chain("ok", "ok", trail=Trail(account=OTHER, region=ABROAD))
    cloudtrail.keys = {ANYWHERE: vault.keys}
    return cloudtrail, vault, vault.save(tmp_path / "logs")


def test_keys_are_asked_for_where_digests_are_and_kept(from_api, lake):
    cloudtrail, _, root = from_api
    assert proof_of(lake, root).verdict == "valid"
    assert sorted(each.region for each in cloudtrail.asked) == ["eu-west-1", "us-east-1"]
    cloudtrail.reset()
    assert proof_of(lake, root, full=True).verdict == "valid"
    assert cloudtrail.asked == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InvalidTimeRangeException"])
def test_where_the_api_refuses_everything_is_unchecked_until_it_does_not(from_api, lake, code):
    cloudtrail, vault, root = from_api
    cloudtrail.refuse = {"ListPublicKeys": code}
    proof = proof_of(lake, root)
    assert counted(proof) == {"unchecked": len(vault.objects)} and exit_of(proof) == 5, wrong(proof)
    assert {each.reason for each in proof.problems} == {"no_key"} and code in proof.problems[0].detail
    cloudtrail.refuse = {}
    proof, read = read_of(lake, root)
    assert proof.verdict == "valid", wrong(proof)
    assert (read["digests"], "logs" in read) == (4, False), "what was read was not the trouble"


def test_an_api_that_is_throttled_for_a_while_is_waited_for(from_api, lake):
    cloudtrail, _, root = from_api
    cloudtrail.throttle = 2
    assert proof_of(lake, root).verdict == "valid"


def test_a_region_that_has_no_keys_costs_only_itself(from_api, lake):
    cloudtrail, _, root = from_api
    vault = Vault()
    vault.chain("ok", "ok", trail=Trail("second", region=ABROAD), signers={0: SECOND})
    vault.save(root)
    cloudtrail.keys = {"us-east-1": (FIRST,), ABROAD: ()}
    proof = proof_of(lake, root)
    assert exit_of(proof) == 5
    assert {(each.name.trail, each.verdict.verdict) for each in proof.digests} == {
        ("main", "valid"),
        ("second", "unchecked"),
    }, "the first key is the same in both"


def test_without_credentials_everything_is_unchecked(from_api, lake, aws_env):
    _, vault, root = from_api
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_env.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        aws_env.setenv(name, "/dev/null")
    aws_env.setenv("AWS_EC2_METADATA_DISABLED", "true")
    proof = proof_of(lake, root)
    assert counted(proof) == {"unchecked": len(vault.objects)} and exit_of(proof) == 5


# ── a file of keys ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2025-12-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        ("2025-12-01T01:00:00+01:00", "2026-06-01T00:00:00.000000+00:00"),
        ("2025-12-01T00:00:00", "2026-06-01"),
        (1764547200.0, 1780272000),
        ("1764547200.0", "1780272000"),
    ],
)
def test_times_of_keys_are_read_in_every_form_that_the_command_line_has_printed(tmp_path, since, until):
    path = tmp_path / "keys.json"
    told = FIRST.listed() | {"ValidityStartTime": since, "ValidityEndTime": until}
    path.write_text(json.dumps({"PublicKeyList": [told]}))
    (kept,) = public_keys.of_file(path)
    assert (f"{kept.key.since}", f"{kept.key.until}") == ("2025-12-01 00:00:00", "2026-06-01 00:00:00")


GOOD = FIRST.listed()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no JSON", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "no list named PublicKeyList"),
        (b'{"PublicKeyList": {}}', "no list named PublicKeyList"),
        (b'{"PublicKeyList": ["x"]}', "no list named PublicKeyList"),
        ([GOOD | {"Fingerprint": "0" * 32}], "in Base64 of DER whose MD5 that is"),
        ([GOOD | {"Value": "AAAA"}], "in Base64 of DER whose MD5 that is"),
        ([GOOD | {"Value": "no Base64!"}], "in another form"),
        ([GOOD | {"Value": None}], "in Base64 of DER whose MD5 that is"),
        ([{name: value for name, value in GOOD.items() if name != "Value"}], "lacks what it must have"),
        ([GOOD | {"ValidityStartTime": "yesterday"}], "in another form"),
        ([GOOD | {"ValidityStartTime": None}], "in another form"),
        ([GOOD | {"ValidityStartTime": 10**400}], "in another form"),
        ([GOOD | {"ValidityStartTime": "1e999"}], "in another form"),
        ([GOOD | {"ValidityStartTime": "0001-01-01T00:00:00+14:00"}], "in another form"),
        ([GOOD | {"ValidityStartTime": "²"}], "in another form"),
    ],
)
def test_a_file_that_holds_no_keys_is_refused_in_words(tmp_path, content, said):
    path = tmp_path / "keys.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps({"PublicKeyList": content}).encode())
    with pytest.raises(UsageError, match=said):
        public_keys.of_file(path)


def test_a_file_of_keys_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(UsageError, match="can't be read: No such file"):
        public_keys.of_file(tmp_path / "keys.json")
    with pytest.raises(UsageError, match="can't be read: Is a directory"):
        public_keys.of_file(tmp_path)
