"""
The tools of the crash tests are tests' own code: that each fault is what it says, and that an honest Glue refuses.
"""

from __future__ import annotations

import multiprocessing
import signal
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tests.faults.glue_server import GlueServer
from tests.faults.proxy import Fault, Proxy, Request

KEY, META = "w/db.db/t/data/x.parquet", "w/db.db/t/metadata/00001-x.metadata.json"
BODY = bytes(range(256)) * 40


def client(service: str, url: str, attempts: int = 1):
    return boto3.client(
        service, endpoint_url=url,
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=5, s3={"addressing_style": "path"}),
    )  # fmt: skip


@pytest.fixture
def through(proxy: Proxy, bucket: str):
    """(the proxy, an S3 client that goes through it, a bucket with one object)"""
    s3 = client("s3", proxy.s3)
    s3.put_object(Bucket=bucket, Key=KEY, Body=BODY)
    proxy.begin()
    return proxy, s3, bucket


def test_undisturbed_everything_is_as_without(through, s3):
    proxy, far, bucket = through
    near = s3.client()
    for data in (b"", b"x", BODY * 100):
        far.put_object(Bucket=bucket, Key=META, Body=data)
        assert near.get_object(Bucket=bucket, Key=META)["Body"].read() == data
        assert far.get_object(Bucket=bucket, Key=META)["Body"].read() == data
    with pytest.raises(ClientError, match="PreconditionFailed"):
        far.put_object(Bucket=bucket, Key=META, Body=b"", IfNoneMatch="*")
    assert far.head_object(Bucket=bucket, Key=KEY)["ContentLength"] == len(BODY)
    far.delete_object(Bucket=bucket, Key=META)
    listed = [o["Key"] for o in far.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == [KEY]
    assert [(r.kind, r.mutates) for r in proxy.seen.requests][-5:] == [
        ("GetObject metadata", False),
        ("PutObject metadata", True),
        ("HeadObject data", False),
        ("DeleteObject metadata", True),
        ("ListObjects", False),
    ]


@pytest.mark.parametrize(
    ("method", "target", "kind", "mutates"),
    [
        ("PUT", "/b/w/metadata/snap-1-0-x.avro", "PutObject manifest list", True),
        ("PUT", "/b/w/metadata/x-m0.avro?partNumber=1&uploadId=y", "UploadPart manifest", True),
        ("POST", "/b/w/data/p%3D1/x.parquet?uploads", "CreateMultipartUpload data", True),
        ("POST", "/b/w/data/x.parquet?uploadId=y", "CompleteMultipartUpload data", True),
        ("DELETE", "/b/w/data/x.parquet?uploadId=y", "AbortMultipartUpload data", True),
        ("POST", "/b?delete", "DeleteObjects", True),
        ("GET", "/b/?list-type=2&prefix=x%2F", "ListObjects", False),
        ("GET", "/b/AWSLogs/1/x.json.gz", "GetObject log", False),
        ("PUT", "/b/w/_trailhouse/plans/x.json.gz", "PutObject plan", True),
        ("PUT", "/b/w/_trailhouse/listing/x.json", "PutObject listing state", True),
        ("PUT", "/b", "CreateBucket", True),
    ],
)
def test_requests_are_told_by_what_they_are_for(method, target, kind, mutates):
    request = Request("s3", method, target, {}, b"")
    assert (request.kind, request.mutates) == (kind, mutates)


@pytest.mark.parametrize(
    ("operation", "mutates"), [("UpdateTable", True), ("CreateTable", True), ("GetTable", False), ("GetTables", False)]
)
def test_so_are_those_of_glue(operation, mutates):
    request = Request("glue", "POST", "/", {"x-amz-target": f"AWSGlue.{operation}"}, b"{}")
    assert (request.kind, request.mutates) == (f"Glue.{operation}", mutates)


def is_there(s3, bucket: str, key: str) -> bool:
    return key in {o["Key"] for o in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])}


@pytest.mark.parametrize(
    ("fault", "applied", "error"),
    [
        (Fault("refuse"), False, HTTPClientError),
        (Fault("drop"), True, HTTPClientError),
        (Fault("fail"), True, ClientError),
        (Fault("answer", status=503, code="SlowDown"), False, ClientError),
        (Fault("answer", status=403, code="AccessDenied"), False, ClientError),
    ],
    ids=lambda v: v.mode if isinstance(v, Fault) else "",
)
def test_a_write_is_applied_or_not_and_its_answer_lost_or_an_error(through, s3, fault, applied, error):
    proxy, far, bucket = through
    proxy.begin(fault)
    with pytest.raises(error):
        far.put_object(Bucket=bucket, Key=META, Body=b"x")
    assert is_there(s3, bucket, META) is applied
    assert [r.kind for r in proxy.seen.fired] == ["PutObject metadata"]
    far.put_object(Bucket=bucket, Key=META, Body=b"y")
    assert s3.client().get_object(Bucket=bucket, Key=META)["Body"].read() == b"y", "the fault is over"


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests"), (412, "PreconditionFailed"), (403, "AccessDenied"),
     (400, "ExpiredToken")],
)  # fmt: skip
def test_errors_have_the_services_own_form(through, status, code):
    proxy, far, bucket = through
    proxy.begin(Fault("answer", among=lambda r: True, status=status, code=code, times=2))
    for call in (
        lambda: far.get_object(Bucket=bucket, Key=KEY),
        lambda: client("glue", proxy.glue).get_databases(),
    ):
        with pytest.raises(ClientError) as raised:
            call()
        assert raised.value.response["Error"]["Code"] == code
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_bodies_are_cut_and_corrupted(through):
    proxy, far, bucket = through
    proxy.begin(Fault("cut", among=lambda r: r.kind == "GetObject data", bytes=100))
    with pytest.raises((BotoCoreError, HTTPClientError)):
        far.get_object(Bucket=bucket, Key=KEY)["Body"].read()
    proxy.begin(Fault("corrupt", among=lambda r: r.kind == "GetObject data", bytes=7))
    with pytest.raises((BotoCoreError, AssertionError)):
        got = far.get_object(Bucket=bucket, Key=KEY)["Body"].read()
        assert sum(a != b for a, b in zip(got, BODY, strict=True)) == 0


def test_a_delay_is_a_delay(through):
    proxy, far, bucket = through
    proxy.begin(Fault("delay", seconds=0.4))
    began = time.monotonic()
    far.put_object(Bucket=bucket, Key=META, Body=b"x")
    assert 0.4 <= time.monotonic() - began < 2


def test_the_kth_of_some_and_from_then_on_all(through):
    proxy, far, bucket = through
    names = [f"w/data/{n}.parquet" for n in range(4)]
    proxy.begin(Fault("refuse", at=2))
    done = [try_to(lambda n=n: far.put_object(Bucket=bucket, Key=n, Body=b"x")) for n in names]
    assert done == [True, False, True, True]
    proxy.begin(Fault("refuse", at=2, onwards=True))
    done = [try_to(lambda n=n: far.put_object(Bucket=bucket, Key=n, Body=b"x")) for n in names]
    assert done == [True, False, False, False]
    assert not try_to(lambda: far.get_object(Bucket=bucket, Key=KEY)), "reads as well"
    assert not try_to(lambda: client("glue", proxy.glue).get_databases()), "and the other service"
    proxy.begin(Fault("refuse", share=0.5, among=lambda r: True))
    done = [try_to(lambda n=n: far.put_object(Bucket=bucket, Key=n, Body=b"x")) for n in names]
    assert sum(done) == 2


def try_to(call) -> bool:
    try:
        call()
    except (BotoCoreError, ClientError):
        return False
    return True


def put(url: str, bucket: str) -> None:
    client("s3", url).put_object(Bucket=bucket, Key=META, Body=b"x")


@pytest.mark.parametrize(("mode", "applied"), [("kill_before", False), ("kill_after", True)])
def test_a_process_dies_before_or_after_its_request_is_applied(through, s3, mode, applied):
    proxy, _, bucket = through
    child = multiprocessing.get_context("spawn").Process(target=put, args=(proxy.s3, bucket))
    child.start()
    proxy.begin(Fault(mode, pid=child.pid))
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    assert is_there(s3, bucket, META) is applied


# ── Glue ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def stale_update(url: str, database: str) -> str:
    """What becomes of an update that names a version that is no longer the newest: "refused", or what stands there then."""
    glue = client("glue", url)
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput={"Name": "t", "Parameters": {"v": "0"}})
    first = glue.get_table(DatabaseName=database, Name="t")["Table"]["VersionId"]
    for value in ("1", "2"):
        try:
            glue.update_table(
                DatabaseName=database, TableInput={"Name": "t", "Parameters": {"v": value}}, VersionId=first
            )
        except glue.exceptions.ConcurrentModificationException:
            assert glue.get_table(DatabaseName=database, Name="t")["Table"]["Parameters"]["v"] == "1"
            return "refused"
    return glue.get_table(DatabaseName=database, Name="t")["Table"]["Parameters"]["v"]


def test_stock_moto_overwrites_ours_and_the_proxy_refuse(glue_server, aws_env, s3):
    assert stale_update(glue_server.url, "ours") == "refused"
    stock = GlueServer(honest=False).start()
    proxy = Proxy(s3.url, stock.url).start()
    try:
        assert stale_update(stock.url, "direct") == "2"
        assert stale_update(proxy.glue, "through") == "refused"
    finally:
        proxy.stop()
        stock.stop()


def test_an_update_without_a_version_is_let_through(proxy, bucket):
    glue = client("glue", proxy.glue)
    glue.create_database(DatabaseInput={"Name": bucket})
    glue.create_table(DatabaseName=bucket, TableInput={"Name": "t"})
    for _ in range(3):
        glue.update_table(DatabaseName=bucket, TableInput={"Name": "t"})
