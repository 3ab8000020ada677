"""
A lake in S3 whose objects are encrypted with a key of the user's own: every one of them, whoever of us writes it.

Against moto, which tells of an object what it was encrypted with; the S3 server of the other tests doesn't.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.buckets import plain, redelivered
from tests.faults.glue_server import GlueServer
from tests.ingest.contents import ingest
from tests.upkeep.fed import maintained
from tests.upkeep.test_check import look
from trailhouse import settings
from trailhouse.ask import local
from trailhouse.lake import catalog, encrypted, files
from trailhouse.upkeep import upgrade

KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000"
ALIAS = "alias/trailhouse"


@pytest.fixture(scope="module")
def aws_server() -> Iterator[GlueServer]:
    server = GlueServer().start()
    yield server
    server.stop()


@pytest.fixture
def s3(aws_server: GlueServer, aws_env: pytest.MonkeyPatch) -> Any:
    """A client of the test's own; the process finds the server as well."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_server.url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        aws_env.setenv(name, value)
    return boto3.client("s3")


def lake_of(s3: Any, name: str, kms_key: str) -> settings.Lake:
    s3.create_bucket(Bucket=name)
    database = name.replace("-", "_")
    return settings.Lake(
        f"s3://{name}/warehouse", "glue", database=database, ops_database=f"{database}_ops", kms_key=kms_key
    )


def sealed_with(s3: Any, where: settings.Lake) -> dict[str, tuple[str | None, str | None]]:
    """Each object of the lake's bucket: how it is encrypted, and with which key."""
    bucket = where.location.split("/")[2]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    heads = {o["Key"]: s3.head_object(Bucket=bucket, Key=o["Key"]) for page in pages for o in page["Contents"]}
    return {key: (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) for key, head in heads.items()}


def fill(where: settings.Lake, folder: Any) -> None:
    """All that writes: two batches, one with twins, maintenance, an upgrade that has nothing to do."""
    ingest(where, plain(12).save(folder / "logs"))
    ingest(where, redelivered(8).save(folder / "more"))
    assert maintained(where, allow_young=True).status in ("maintained", "nothing_to_do")
    upgrade.upgrade(where, dry_run=False)


KINDS = ("/data/", "-m0.avro", "/snap-", ".metadata.json", "/plans/", "/seals/", "/quality/", "newest.json")


@pytest.mark.parametrize("kms_key", [KEY, ALIAS])
def test_every_object_is_encrypted_with_the_key_that_is_set(s3, tmp_path, kms_key):
    where = lake_of(s3, f"lake-{kms_key[:3]}", kms_key)
    fill(where, tmp_path)
    found = sealed_with(s3, where)
    assert [kind for kind in KINDS if not any(kind in key for key in found)] == []
    assert {key: how for key, how in found.items() if how != ("aws:kms", kms_key)} == {}
    report = look(where, deep=True)
    assert not report.damaged and not report.counts["unsealed"], report.findings
    assert local.ask(where, "SELECT count(*) > 12 FROM events").rows == [(True,)]


def test_without_a_key_none_is_asked_for(s3, tmp_path):
    where = lake_of(s3, "lake-plain", "")
    fill(where, tmp_path)
    assert {key for _, key in sealed_with(s3, where).values()} == {None}


@pytest.fixture
def io(s3: Any, request: pytest.FixtureRequest) -> Any:
    """Access to the files of a bucket of the test's own."""
    name = f"b{abs(hash(request.node.nodeid)) % 10**12}"
    return catalog.file_io(lake_of(s3, name, KEY)), f"s3://{name}/warehouse/file"


def test_a_large_file_is_sent_in_parts_and_is_whole_and_sealed(io, s3, monkeypatch):
    access, place = io
    monkeypatch.setattr(encrypted, "PART", 5 * 2**20)
    data = bytes(range(256)) * (13 * 2**12)
    record = files.Record(lambda: None)
    with files.recording(record), access.new_output(place).create() as stream:
        for start in range(0, len(data), 2**20 + 7):
            stream.write(data[start : start + 2**20 + 7])
    head = s3.head_object(Bucket=place.split("/")[2], Key="warehouse/file")
    assert head["ETag"].strip('"').endswith("-3") and head["SSEKMSKeyId"] == KEY
    with access.new_input(place).open() as file:
        assert file.read() == data
    assert record.seals == {place: files.Seal(len(data), hashlib.sha256(data).hexdigest())}


@pytest.mark.parametrize("size", [10, 6 * 2**20])
def test_what_came_to_lie_there_meanwhile_stays(io, s3, monkeypatch, size):
    access, place = io
    monkeypatch.setattr(encrypted, "PART", 5 * 2**20)
    stream = access.new_output(place).create()
    stream.write(b"x" * size)
    bucket = place.split("/")[2]
    s3.put_object(Bucket=bucket, Key="warehouse/file", Body=b"another's")
    with pytest.raises(FileExistsError, match=place):
        stream.close()
    assert s3.get_object(Bucket=bucket, Key="warehouse/file")["Body"].read() == b"another's"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with pytest.raises(FileExistsError):
        access.new_output(place).create()
    with access.new_output(place).create(overwrite=True) as again:
        again.write(b"ours")
    assert s3.get_object(Bucket=bucket, Key="warehouse/file")["Body"].read() == b"ours"


def asked(monkeypatch: pytest.MonkeyPatch, operation: str, answer: Any) -> None:
    """Have another answer come to one operation; `answer` gets what asks plainly."""
    plainly = BaseClient._make_api_call

    def call(client: BaseClient, name: str, given: dict[str, Any]) -> Any:
        ask = lambda: plainly(client, name, given)  # noqa: E731
        return answer(ask) if name == operation else ask()

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


def test_a_request_whose_answer_was_lost_finds_its_own_file(io, monkeypatch):
    access, place = io
    asked(monkeypatch, "PutObject", lambda ask: (ask(), ask())[1])
    with access.new_output(place).create() as stream:
        stream.write(b"once")
    with access.new_input(place).open() as file:
        assert file.read() == b"once"


def refuse(code: str) -> Any:
    raise ClientError({"Error": {"Code": code, "Message": "no"}}, "UploadPart")


def test_a_file_of_which_a_part_was_refused_is_not_there(io, s3, monkeypatch):
    access, place = io
    monkeypatch.setattr(encrypted, "PART", 5 * 2**20)
    asked(monkeypatch, "UploadPart", lambda ask: refuse("AccessDenied"))
    record = files.Record(lambda: None)
    with files.recording(record):
        stream = access.new_output(place).create()
        with pytest.raises(OSError, match=f"{place} could not be written: .*AccessDenied"):
            stream.write(b"x" * 6 * 2**20)
        with pytest.raises(OSError, match=f"{place} was not written"):
            stream.close()
    bucket = place.split("/")[2]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket) and not record.seals
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_store_that_knows_no_conditions_is_written_to(io, monkeypatch):
    access, place = io
    answers = iter(["NotImplemented"])
    asked(monkeypatch, "PutObject", lambda ask: refuse(code) if (code := next(answers, "")) else ask())
    with access.new_output(place).create() as stream:
        stream.write(b"once")
    assert access.new_input(place).exists()
