"""Where files may lie: every layout of a bucket, parts and copies of one, several at once, and never a foreign one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.buckets import ACCOUNT, OTHER
from tests.faults.proxy import Proxy
from tests.integrity.chains import START, Chain, Stored, Trail, Vault
from tests.integrity.verifying import wrong
from tests.integrity.without_lake import Desk, counted, gaps, proven, verdict_of
from trailhouse.settings import Source

ORGANIZATION = "o-abcdefghij"
LAYOUTS = {
    "single": [Trail()],
    "prefix": [Trail(prefix="deep/er/prefix")],
    "prefix named as the tree": [Trail(prefix="AWSLogs"), Trail(account=OTHER, prefix="AWSLogs/old")],
    "organization": [Trail(organization=ORGANIZATION), Trail(account=OTHER, organization=ORGANIZATION, owner=ACCOUNT)],
    "control tower of old": [Trail(prefix=ORGANIZATION), Trail(account=OTHER, prefix=ORGANIZATION)],
    "control tower": [Trail(prefix=ORGANIZATION, organization=ORGANIZATION)],
    "both eras": [Trail(prefix=ORGANIZATION), Trail("new", prefix=ORGANIZATION, organization=ORGANIZATION)],
    "odd trail names": [Trail("a_b.c-d"), Trail("us-east-1"), Trail("x_20260301T011233Z")],
    "government": [Trail(region="us-gov-west-1", home="us-gov-west-1")],
}
WORDS = ("ok", "backfill", "restart", "empty", "ok")


@pytest.fixture
def ask(tmp_path) -> Desk:
    return Desk(tmp_path)


def laid_out(layout: str, bucket: str = "trail-logs") -> tuple[Vault, list[Chain]]:
    vault = Vault(bucket)
    return vault, [vault.chain(*WORDS, trail=trail) for trail in LAYOUTS[layout]]


@pytest.fixture
def proxy(s3, aws_env):
    """Before the server: what is asked of which bucket shows."""
    made = Proxy(s3.url).start()
    aws_env.setenv("AWS_ENDPOINT_URL_S3", made.s3)
    yield made
    made.stop()


@pytest.fixture
def upload(s3, request):
    """A vault's objects in a bucket of the test's own."""
    made: list[str] = []

    def put(vault: Vault, prefix: str = "") -> str:
        name = (
            f"v{abs(hash(request.node.nodeid)) % 10**9}-{len(made)}"
            if not vault.bucket.startswith("v-")
            else vault.bucket
        )
        s3.client().create_bucket(Bucket=name)
        made.append(name)
        moved = {f"{prefix}{key}": stored for key, stored in vault.objects.items()}
        Vault(objects=moved).upload(s3.client(), name)
        return name

    return put


@pytest.fixture
def name(request) -> str:
    """Of a bucket that no other test has."""
    return f"v-{abs(hash(request.node.nodeid)) % 10**9}"


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_of_any_layout_is_valid_and_what_is_missing_in_it_is_missed(ask, layout):
    vault, made = laid_out(layout)
    proof = ask(vault)
    assert proof.verdict == "valid", wrong(proof)
    assert len(proof.digests) + len(proof.logs) == len(vault.objects)
    for chain in made:
        log, digest = chain.hours[0].logs[0], chain.digests[0]
        del vault.objects[log]
        assert verdict_of(ask(vault), log)[0] == "missing"
        del vault.objects[digest]
        assert ("missing", "missing") in gaps(ask(vault))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bucket_of_any_layout_is_valid(upload, ask, layout, name):
    vault, _ = laid_out(layout, name)
    proof = proven(f"s3://{upload(vault)}", keys=ask.keys(vault))
    assert proof.verdict == "valid", wrong(proof)
    assert len(proof.digests) + len(proof.logs) == len(vault.objects)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_in_one_flat_folder_are_told_by_their_names(ask, layout):
    vault, made = laid_out(layout)
    at = ask.lay(vault)
    for path in [each for each in at.rglob("*") if each.is_file()]:
        path.rename(at / path.name)
    source = Source(url=str(at), layout="flat")
    proof = proven(source, keys=ask.keys(vault))
    assert proof.verdict == "valid", wrong(proof)
    log = made[0].hours[1].logs[0].rpartition("/")[2]
    (at / log).unlink()
    proof = proven(source, keys=ask.keys(vault))
    assert [each.there.file for each in proof.logs if each.verdict.verdict == "missing"] == [log]
    assert not [each for each in proof.logs if each.verdict.verdict in ("unlisted", "invalid")]


@pytest.mark.parametrize("root", ["AWSLogs", f"AWSLogs/{ACCOUNT}"])
def test_the_root_of_a_copy_may_lie_within_the_tree(ask, root):
    vault, (made,) = laid_out("single")
    assert ask(vault, root).verdict == "valid"
    del vault.objects[made.digests[0]], vault.objects[made.hours[1].logs[0]]
    assert sorted(each for each in gaps(ask(vault, root)) if each[0] == "missing") == [("missing", "missing")]
    assert counted(ask(vault, root))["missing"] == 1


def test_log_files_without_their_digests_are_unchecked(ask):
    vault, _ = laid_out("single")
    proof = ask(vault, f"AWSLogs/{ACCOUNT}/CloudTrail")
    assert counted(proof) == {"unchecked": 9} and not proof.has_finding


# ── copies in buckets ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prefix", ["", "replica/of/"])
@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_copy_in_another_bucket_stands_for_the_one_that_its_digests_name(upload, ask, prefix, with_metadata):
    vault, (made,) = laid_out("single", "the-original")
    keys = ask.keys(vault)
    if not with_metadata:
        newest = (made.digests[-1], made.hours[1].backfill)
        vault.objects = {key: stored if key in newest else Stored(stored.data) for key, stored in vault.objects.items()}
    source = Source(url=f"s3://{upload(vault, prefix)}/{prefix}".rstrip("/"), copy_of="the-original")
    proof = proven(source, keys=keys)
    assert proof.verdict == ("valid" if with_metadata else "unchecked"), wrong(proof)
    lone = [] if with_metadata else [made.digests[1]]  # before the restart: no digest after it says its signature again
    assert [each.there.key[len(prefix) :] for each in proof.digests if each.verdict.verdict != "valid"] == lone
    assert proven(source, keys=keys, since=date(2026, 3, 1), until=date(2026, 3, 1)).verdict == "missing", "in silence"
    assert proven(replace(source, copy_of="another"), keys=keys).verdict == "invalid"
    assert proven(replace(source, copy_of=""), keys=keys).verdict == "invalid"


def test_in_a_copy_a_log_file_of_the_day_before_is_found(upload, ask):
    vault = Vault("the-original")
    vault.chain(*["ok"] * 8, start=START + timedelta(hours=20))
    source = Source(url=f"s3://{upload(vault, 'here/')}/here", copy_of="the-original")
    proof = proven(source, keys=ask.keys(vault), since=date(2026, 3, 2))
    assert proof.verdict == "valid", wrong(proof)


# ── several ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def moved(first: Vault, then: Vault, after: Trail) -> tuple[Chain, Chain]:
    """A trail that delivers to the first bucket, and then to the second."""
    before = first.chain("ok", "ok")
    rest = then.chain("ok", "ok", trail=after, start=before.end)
    then.rewrite(rest.digests[0], then.body(rest.digests[0]) | first.link(before.digests[-1]))
    return before, rest


def test_a_trail_that_moved_to_another_bucket_is_one_chain_where_both_are_sources(upload, ask, name):
    first, then = Vault(f"{name}-1"), Vault(f"{name}-2")
    moved(first, then, Trail())
    sources = [f"s3://{upload(each)}" for each in (first, then)]
    proof = proven(*sources, keys=ask.keys(first))
    assert (proof.verdict, gaps(proof)) == ("valid", []), wrong(proof)


def test_a_digest_that_is_missing_from_the_bucket_before_is_missing_from_there(upload, ask, name):
    first, then = Vault(f"{name}-1"), Vault(f"{name}-2")
    before, _ = moved(first, then, Trail())
    del first.objects[before.digests[-1]]
    sources = [f"s3://{upload(each)}" for each in (first, then)]
    (gap,) = proven(*sources, keys=ask.keys(first)).gaps
    assert (gap.verdict.verdict, gap.source, gap.key) == ("missing", sources[0], before.digests[-1])


def test_a_bucket_that_is_no_source_is_never_asked(upload, ask, name, proxy):
    """S5: whatever a digest says, even signed; and what it leads to is there."""
    first, then = Vault(f"{name}-1"), Vault(f"{name}-2")
    _, rest = moved(first, then, Trail())
    body = then.body(rest.digests[1])
    foreign = first.put_log(Trail(), START)
    entry = first.entry(foreign)
    times = {"oldestEventTime": min(body["oldestEventTime"], entry["oldestEventTime"])}
    then.rewrite(rest.digests[1], body | {"logFiles": [*body["logFiles"], entry]} | times)
    foreign_bucket, source = upload(first), f"s3://{upload(then)}"
    seen = proxy.begin()
    for asked in ({}, {"since": date(2026, 3, 1), "until": date(2026, 3, 1)}):
        proof = proven(source, keys=ask.keys(first), **asked)
        assert ("unchecked", "other_bucket") in gaps(proof)
        assert [each.verdict.checks for each in proof.logs if each.verdict.verdict == "unchecked"] == [
            ("other_bucket",)
        ]
    assert seen.requests and not [each for each in seen.requests if each.path.startswith(f"/{foreign_bucket}")]


def test_a_part_of_a_bucket_is_a_source_and_the_rest_of_it_is_not(upload, ask, name, proxy):
    vault = Vault(name)
    before = vault.chain("ok", "ok", trail=Trail(prefix="old"))
    rest = vault.chain("ok", "ok", trail=Trail(prefix="new"), start=before.end)
    vault.rewrite(rest.digests[0], vault.body(rest.digests[0]) | vault.link(before.digests[-1]))
    source = f"s3://{upload(vault)}/new"
    proxy.begin()
    proof = proven(source, keys=ask.keys(vault))
    assert gaps(proof) == [("unchecked", "other_bucket")] and not proof.has_finding, wrong(proof)
    assert counted(proof) == {"valid": 6}


def test_a_bucket_and_a_copy_of_it_are_both_judged(upload, ask, name):
    vault, (made,) = laid_out("single", name)
    bucket, folder = f"s3://{upload(vault)}", ask.lay(vault)
    proof = proven(bucket, folder, keys=ask.keys(vault))
    assert proof.verdict == "valid", wrong(proof)
    assert counted(proof) == {"valid": 2 * len(vault.objects)}
    touched = folder / made.hours[0].logs[0]
    touched.write_bytes(touched.read_bytes()[:-1])
    for sources in ((bucket, folder), (folder, bucket)):
        proof = proven(*sources, keys=ask.keys(vault))
        bad = [(each.there.source, each.verdict.verdict) for each in proof.logs if each.verdict.verdict != "valid"]
        assert bad == [(folder.as_uri(), "invalid")]


def test_a_name_that_begins_like_another_sources_is_another(ask, tmp_path):
    vault, (made,) = laid_out("single")
    one, two = ask.lay(vault, "logs"), ask.lay(vault, "logs-2")
    (one / made.hours[0].logs[0]).write_bytes(b"")
    proof = proven(
        Source(url=str(one), copy_of="trail-logs"), Source(url=str(two), copy_of="other"), keys=ask.keys(vault)
    )
    assert {each.there.source for each in proof.logs if each.verdict.verdict == "invalid"} == {one.as_uri()}
