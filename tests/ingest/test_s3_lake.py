"""
The same on a real S3 server: source and lake in buckets, exactly the generation that was listed, the catalog a local file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests import model
from tests.buckets import DAY, NEXT_DAY, Bucket, event, key, plain, redelivered
from tests.children import python_path
from tests.ingest.contents import Contents, holds_together, ingest
from tests.ingest.test_pending import after_the_plan
from trailhouse import cli, settings
from trailhouse.sources.values import Range

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(hours: float = 0, days: float = 0):
    return lambda: NOW + timedelta(hours=hours, days=days)


@pytest.fixture
def cloud(s3, bucket, tmp_path):
    """(client, source bucket, its URL, the lake)"""
    client, lake = s3.client(), f"{bucket}-lake"
    client.create_bucket(Bucket=lake)
    where = settings.Lake(location=f"s3://{lake}/warehouse", catalog_uri=str(tmp_path / "catalog.sqlite"))
    return client, bucket, f"s3://{bucket}", where


def read(where, s3) -> Contents:
    env = s3.env()
    return Contents(where, {
        "s3.endpoint": s3.url, "s3.access-key-id": env["AWS_ACCESS_KEY_ID"], "s3.secret-access-key": env["AWS_SECRET_ACCESS_KEY"],
        "s3.region": "us-east-1",
    })  # fmt: skip


def keys_of(client, bucket: str) -> set[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {o["Key"] for page in pages for o in page.get("Contents", [])}


@pytest.mark.spark
def test_a_lake_in_a_bucket_holds_what_a_lake_in_a_folder_holds(cloud, s3):
    """The whole command with its workers, in a process of its own: they find the server by AWS's variables alone."""
    client, source, url, where = cloud
    bucket = redelivered(8)
    bucket.upload(client, source)
    arguments = ["ingest", url, "--lake", where.location, "--lake-catalog-uri", where.catalog_uri, "--format", "json"]
    script = [sys.executable, "-c", "from trailhouse.cli import main; main()", *arguments]
    env = os.environ | {"PYTHONPATH": python_path()}
    done = subprocess.run(script, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["objects"]) == ("published", len(bucket.objects)) and result["list_calls"] >= 1
    contents = read(where, s3)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)
    assert {o["source"] for o in contents.rows("ledger")} == {f"s3://{source}"}
    heads = {o["Key"]: o["ETag"].strip('"') for o in client.list_objects_v2(Bucket=source)["Contents"]}
    assert {o["key"]: o["etag"] for o in contents.rows("ledger")} == heads
    before = keys_of(client, f"{source}-lake")
    assert ingest(where, url).status == "nothing_to_do"
    assert before <= keys_of(client, f"{source}-lake")
    assert keys_of(client, source) == set(bucket.objects), "the source is never written to"


def test_objects_of_a_server_that_gives_them_no_etag_are_known_by_size_and_time_or_by_their_bytes(cloud, s3):
    """Files that were laid into a server's folder past the server."""
    client, source, url, where = cloud
    folder, bucket = s3.folder / "data" / source, plain(8)
    bucket.save(folder)
    assert {o["ETag"] for o in client.list_objects_v2(Bucket=source)["Contents"]} == {""}
    assert ingest(where, url, clock=at()).objects == 8
    assert ingest(where, url, clock=at(days=8)).status == "nothing_to_do"
    same, other = sorted(bucket.objects)[:2]
    os.utime(folder / same, (10**9, 10**9))
    bucket.put(other, event(99))
    bucket.save(folder, only=[other])
    assert ingest(where, url, clock=at(days=16)).objects == 1
    holds_together(read(where, s3))


def test_a_prefix_of_a_bucket_may_be_the_source(cloud, s3):
    client, source, url, where = cloud
    inside, outside = plain(8), plain(16)
    Bucket({f"org/logs/{k}": d for k, d in inside.objects.items()}).upload(client, source)
    outside.upload(client, source)
    assert ingest(where, f"{url}/org/logs", clock=at()).objects == 8
    assert read(where, s3).published() == model.lake([(f"org/logs/{k}", d) for k, d in inside.listed()]).published


@pytest.mark.parametrize("which", [key("p0"), key("p0").replace(DAY, "2026/02/01")], ids=["today's", "an old day's"])
def test_an_object_replaced_between_listing_and_reading_is_pending_and_then_what_it_is(cloud, s3, monkeypatch, which):
    client, source, url, where = cloud
    bucket = plain(8)
    bucket.put(which, event(61), event(62))
    bucket.upload(client, source)
    new = Bucket()
    new.put(which, event(61), event(63))
    with monkeypatch.context() as patched:
        after_the_plan(patched, lambda: new.upload(client, source))
        result = ingest(where, url, clock=at())
    assert (result.status, result.pending) == ("partial", 1)
    assert [(p["where"], p["reason"]) for p in result.problems] == [(which, "changed")]
    contents = read(where, s3)
    rest = [(k, d) for k, d in bucket.listed() if k != which]
    assert contents.published() == model.lake(rest).published, "something of an object that was not read is there"
    holds_together(contents)
    result = ingest(where, url, clock=at(hours=0.1))  # before any wider listing is due
    assert (result.status, result.objects) == ("published", 1)
    assert contents.published() == model.lake(list({**bucket.objects, **new.objects}.items())).published
    assert len([o for o in contents.rows("ledger") if o["key"] == which]) == 1
    holds_together(contents)


def test_an_object_replaced_after_ingest_is_found_by_the_full_listing(cloud, s3):
    client, source, url, where = cloud
    bucket = plain(8)
    which = bucket.put(key("replaced"), event(61), event(62))
    bucket.upload(client, source)
    ingest(where, url, clock=at())
    new = Bucket()
    new.put(which, event(61), event(63), event(62, eventName="Amended"))
    new.upload(client, source)
    result = ingest(where, url, clock=at(days=8))
    assert (result.status, result.objects, result.rows, result.duplicates, result.conflicts) == (
        "published",
        1,
        2,
        1,
        1,
    )
    assert {f["name"]: f["rows"] for f in result.findings} == {"changed_after_ingest": 1, "id_conflict": 1}
    contents = read(where, s3)
    assert len({o["etag"] for o in contents.rows("ledger") if o["key"] == which}) == 2
    holds_together(contents)
    assert ingest(where, url, clock=at(days=16)).status == "nothing_to_do"


class Barred:
    """A user who may list a bucket and read all of it but one object, and who has a lake."""

    def __init__(self, s3, client, source: str, key: str, aws_env) -> None:
        self.client, self.source = client, source
        user = f"u{source[1:]}"
        s3.add_user(user, "its-secret")
        whole = [f"arn:aws:s3:::{source}", f"arn:aws:s3:::{source}/*"]
        self.may = {"Effect": "Allow", "Principal": {"AWS": [user]}, "Action": "s3:*", "Resource": whole}
        not_this = {
            "Effect": "Deny",
            "Principal": {"AWS": [user]},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{source}/{key}",
        }
        lakes = {**self.may, "Resource": [f"arn:aws:s3:::{source}-lake", f"arn:aws:s3:::{source}-lake/*"]}
        self._policy(source, self.may, not_this)
        self._policy(f"{source}-lake", lakes)
        for name, value in s3.env(user, "its-secret").items():
            aws_env.setenv(name, value)
        from trailhouse.sources import aws

        aws._CLIENTS.clear()

    def let_in(self) -> None:
        self._policy(self.source, self.may)

    def _policy(self, name: str, *statements) -> None:
        self.client.put_bucket_policy(
            Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
        )


@pytest.mark.parametrize("day", [DAY, NEXT_DAY, "2026/02/01"])
def test_an_object_that_may_not_be_read_is_pending_until_it_may(cloud, s3, aws_env, day):
    client, source, url, where = cloud
    bucket = plain(8)
    secret = bucket.put(key("secret", day=day), event(64, day=day))
    bucket.upload(client, source)
    user = Barred(s3, client, source, secret, aws_env)
    for hours in (0, 0.1):
        result = ingest(where, url, clock=at(hours=hours))
        assert (result.status, result.pending) == ("partial", 1)
        assert [(p["where"], p["reason"]) for p in result.problems] == [(secret, "access")]
    user.let_in()
    result = ingest(where, url, clock=at(hours=0.2))
    assert (result.status, result.objects, result.pending) == ("published", 1, 0)
    contents = read(where, s3)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


def test_what_is_pending_of_a_part_is_tried_again_by_the_next_run(cloud, s3, aws_env):
    """However old its day is: what a run of everything had listed by then says nothing of it."""
    client, source, url, where = cloud
    bucket, long_ago = plain(8), "2026/02/01"
    bucket.upload(client, source)
    ingest(where, url, clock=at())
    secret = bucket.put(key("secret", day=long_ago), event(64, day=long_ago))
    other = bucket.put(key("other", day=long_ago), event(65, day=long_ago))
    bucket.upload(client, source)
    user = Barred(s3, client, source, secret, aws_env)
    result = ingest(where, url, clock=at(hours=0.1), only=Range(last=date(2026, 2, 1)))
    assert (result.status, result.objects, result.pending) == ("partial", 1, 1)
    assert {o["key"] for o in read(where, s3).rows("ledger")} >= {other}
    user.let_in()
    assert ingest(where, url, clock=at(hours=0.2)).objects == 1
    assert read(where, s3).published() == model.lake(bucket.listed()).published


def test_a_bucket_that_is_not_there_costs_the_others_nothing(cloud, s3):
    client, source, url, where = cloud
    bucket = plain(8)
    bucket.upload(client, source)
    result = ingest(where, "s3://not-there-at-all", url, clock=at())
    assert (result.status, result.objects) == ("partial", 8)
    assert "missing_bucket" in {p["reason"] for p in result.problems}
    assert read(where, s3).published() == model.lake(bucket.listed()).published


def test_late_objects_are_found_by_the_wider_listings(cloud, s3):
    """B4: a key that sorts before all others, and one of last week."""
    client, source, url, where = cloud
    bucket = plain(8)
    bucket.upload(client, source)
    ingest(where, url, clock=at())
    late = Bucket()
    late.put(key("0early", day=NEXT_DAY), event(71, day=NEXT_DAY))
    late.put(key("lastweek", day="2026/02/26"), event(72, day="2026/02/26"))
    late.upload(client, source)
    assert ingest(where, url, clock=at(hours=0.1)).objects == 1
    assert ingest(where, url, clock=at(hours=7)).objects == 1
    assert read(where, s3).published() == model.lake([*bucket.listed(), *late.listed()]).published


def test_sql_and_status_read_a_lake_in_a_bucket(cloud, s3, capsys):
    client, source, url, where = cloud
    plain(8).upload(client, source)
    ingest(where, url, clock=at())
    place = ["--lake", where.location, "--lake-catalog-uri", where.catalog_uri]
    assert code(["sql", "SELECT count(*) AS n FROM events", "--format", "json", *place]) == 0
    assert json.loads(capsys.readouterr().out) == {"n": 8}
    assert code(["status", "--format", "json", *place]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {t["table"]: t["rows"] for t in told["tables"]}["trailhouse.events"] == 8


def test_a_dry_run_on_a_bucket_says_its_requests_and_writes_nothing(cloud, s3, capsys):
    client, source, url, where = cloud
    plain(8).upload(client, source)
    assert (
        code(
            [
                "ingest",
                url,
                "--dry-run",
                "--format",
                "json",
                "--lake",
                where.location,
                "--lake-catalog-uri",
                where.catalog_uri,
            ]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["objects"], told["get_calls"]) == (8, 8) and told["list_calls"] >= 1 and told["bytes_in"] > 0
    assert not keys_of(client, f"{source}-lake")


def code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    return int(left.value.code or 0)
