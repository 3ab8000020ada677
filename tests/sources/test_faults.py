"""What S3 does on a bad day, played by a small HTTP server: throttling, short bodies, wrong bodies, broken listings."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from trailhouse.errors import TrailhouseError
from trailhouse.settings import Listing as Every
from trailhouse.settings import Source
from trailhouse.sources import objects
from trailhouse.sources.listing import list_source
from trailhouse.sources.objects import Fetched, Pending, ReadLimits, TooLarge, ToRead, fetch, reader_for

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FEED = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/21"
BODY = b"0123456789"
ETAG = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
QUICK = ReadLimits(backoff=0.001, attempts=4, deadline=20)

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the next answer of the script, and the last one for ever."""

    protocol_version = "HTTP/1.1"
    server: Bad

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        script = self.server.script
        (script.pop(0) if len(script) > 1 else script[0])(self)

    def do_POST(self) -> None:
        self.server.posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


class Bad(ThreadingHTTPServer):
    """A server with a script."""

    daemon_threads = True
    script: list[Answer]
    seen: list[dict[str, str]]
    posted: list[str]
    connections: int = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


def body(data: bytes, etag: str = ETAG, status: int = 200, length: int | None = None) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("ETag", f'"{etag}"')
        handler.send_header("Content-Length", str(len(data) if length is None else length))
        handler.end_headers()
        handler.wfile.write(data)
        if length is not None:
            handler.close_connection = True

    return answer


def chunked(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("ETag", f'"{ETAG}"')
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))

    return answer


def trickle(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("ETag", f'"{ETAG}"')
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        for _ in range(40):
            handler.wfile.write(b"x" * 2000)
            time.sleep(0.05)
    except OSError:
        pass
    handler.close_connection = True


def error(status: int, code: str, message: str = "") -> Answer:
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(xml)))
        handler.end_headers()
        handler.wfile.write(xml)

    return answer


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


@pytest.fixture
def bad(aws_env: pytest.MonkeyPatch) -> Iterator[Bad]:
    server = Bad(("127.0.0.1", 0), Handler)
    server.seen, server.script, server.posted = [], [], []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    aws_env.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_address[1]}")
    aws_env.setenv("AWS_ACCESS_KEY_ID", "x")
    aws_env.setenv("AWS_SECRET_ACCESS_KEY", "x")
    aws_env.setenv("AWS_REGION", "us-east-1")
    yield server
    server.shutdown()
    server.server_close()


def read(bad: Bad, *script: Answer, size: int = len(BODY), limits: ReadLimits = QUICK, **source: Any) -> Any:
    bad.script = list(script)
    (got,) = fetch([ToRead("k", ETAG, size)], reader_for(Source(url="s3://bucket", **source)), limits=limits)
    return got


@pytest.mark.parametrize(
    "first",
    [
        error(503, "SlowDown"),
        error(429, "TooManyRequests"),
        error(500, "InternalError"),
        error(504, "GatewayTimeout"),
        error(400, "RequestTimeout"),
        hang_up,
        body(BODY[:4], length=10),
        body(BODY[:4]),
        chunked(BODY[:4]),
        body(BODY + b"more"),
        body(b"<html/>   ", etag=""),
        body(b"another 10", etag="f" * 32),
    ],
)
def test_what_may_pass_is_tried_again(bad: Bad, first: Answer) -> None:
    got = read(bad, first, first, body(BODY))
    assert isinstance(got, Fetched)
    assert got.data == BODY
    assert len(bad.seen) == 3
    assert all(headers["If-Match"] == f'"{ETAG}"' for headers in bad.seen)


@pytest.mark.parametrize(
    ("always", "reason", "requests"),
    [
        (error(503, "SlowDown"), "throttled", 4),
        (error(429, "TooManyRequests"), "throttled", 4),
        (error(500, "InternalError"), "unavailable", 4),
        (hang_up, "unavailable", 4),
        (body(BODY[:4]), "size_mismatch", 4),
        (chunked(BODY[:4]), "size_mismatch", 4),
        (body(b"another 10", etag="f" * 32), "unavailable", 4),
        (error(404, "NoSuchKey"), "missing", 1),
        (error(412, "PreconditionFailed"), "changed", 1),
        (error(403, "AccessDenied", "Access Denied"), "access", 1),
        (error(403, "AccessDenied", "not authorized to perform: kms:Decrypt on this resource"), "access_kms", 1),
        (error(400, "KMS.DisabledException", "key is disabled"), "access_kms", 1),
        (error(403, "InvalidObjectState", "The operation is not valid for the object's storage class"), "archived", 1),
        (error(400, "ExpiredToken"), "access", 2),  # credentials are asked for anew, once
        (error(400, "InvalidRequest"), "error", 1),
    ],
)
def test_what_stays_is_a_reason_and_never_damage(bad: Bad, always: Answer, reason: str, requests: int) -> None:
    got = read(bad, always)
    assert isinstance(got, Pending)
    assert (got.reason, len(bad.seen)) == (reason, requests)


FLIPPED = b"0123456788"


def test_a_byte_turned_over_on_the_way_is_read_again(bad: Bad) -> None:
    got = read(bad, body(FLIPPED), body(BODY))
    assert (got.data, len(bad.seen)) == (BODY, 2)


def test_bytes_that_come_twice_are_what_is_stored_whatever_the_etag_looks_like(bad: Bad) -> None:
    """Of an object under a key of KMS, or a server with ETags of its own; the bucket is not doubted again."""
    objects._NO_MD5.clear()
    for requests in (2, 1):
        bad.seen.clear()
        got = read(bad, body(FLIPPED))
        assert (got.data, len(bad.seen)) == (FLIPPED, requests)
    objects._NO_MD5.clear()


def test_bytes_that_never_come_twice_are_pending(bad: Bad) -> None:
    objects._NO_MD5.clear()
    got = read(bad, *(body(b"012345678%d" % n) for n in range(5)))
    assert (got.reason, len(bad.seen)) == ("unavailable", 4)


def test_a_body_too_long_by_a_byte_is_no_match_at_any_size(bad: Bad) -> None:
    for size in (10, 2**14, 2**15, 2**15 + 1):
        got = read(bad, body(b"x" * (size + 1)), size=size, limits=ReadLimits(attempts=1))
        assert isinstance(got, Pending)
        assert got.reason == "size_mismatch"


def test_an_object_is_asked_for_by_the_etag_that_was_listed(bad: Bad) -> None:
    """A server that is asked so can't send another object in its place, not even half of one."""
    assert isinstance(read(bad, error(503, "SlowDown"), body(BODY)), Fetched)
    assert [headers.get("If-Match") for headers in bad.seen] == [f'"{ETAG}"'] * 2


def test_a_connection_serves_many_objects(bad: Bad) -> None:
    bad.script = [body(BODY)]
    list(fetch([ToRead("k", ETAG, 10)] * 50, reader_for(Source(url="s3://bucket")), threads=2, limits=QUICK))
    assert (len(bad.seen), bad.connections) == (50, 2)


def test_a_trickle_ends_at_the_deadline(bad: Bad) -> None:
    begun = time.monotonic()
    got = read(bad, trickle, size=1_000_000, limits=ReadLimits(deadline=0.5))
    assert isinstance(got, Pending)
    assert got.reason == "timeout"
    assert time.monotonic() - begun < 2


def test_an_object_over_the_limit_is_not_asked_for(bad: Bad) -> None:
    assert isinstance(read(bad, body(BODY), limits=ReadLimits(stored_bytes=5)), TooLarge)
    assert bad.seen == []


def test_the_expected_owner_goes_with_every_request(bad: Bad) -> None:
    read(bad, body(BODY), expected_owner="111122223333")
    bad.script = [page([])]
    list_source(Source(url="s3://bucket", expected_owner="111122223333"), None, Every(), NOW)
    assert [headers.get("x-amz-expected-bucket-owner") for headers in bad.seen] == ["111122223333"] * 2


def page(keys: list[str], truncated: bool = False, token: str = "") -> Answer:
    contents = "".join(f'<Contents><Key>{key}</Key><Size>1</Size><ETag>"{ETAG}"</ETag></Contents>' for key in keys)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    xml = f"<ListBucketResult><IsTruncated>{str(truncated).lower()}</IsTruncated>{more}{contents}</ListBucketResult>"
    return body(xml.encode())


@pytest.mark.parametrize(
    "script",
    [
        [page([f"{FEED}/a"], truncated=True)],  # there is more, but not where
        [page([f"{FEED}/a"], truncated=True, token="t"), page([f"{FEED}/a"], truncated=True, token="u"), page([])],
        [page([f"{FEED}/a"], truncated=True, token="t"), page([], truncated=True, token="t"), page([])],
        [page([f"{FEED}/b", f"{FEED}/a"])],
        [page(["elsewhere/a"])],
    ],
)
def test_a_listing_that_breaks_its_own_rules_fails_loudly(bad: Bad, script: list[Answer]) -> None:
    bad.script = script
    with pytest.raises(TrailhouseError, match="the listing of s3://bucket/AWSLogs/ is broken"):
        list_source(Source(url="s3://bucket/AWSLogs"), None, Every(), NOW)


@pytest.mark.parametrize(
    ("always", "reason"),
    [
        (error(503, "SlowDown"), "throttled"),
        (error(500, "InternalError"), "unavailable"),
        (error(403, "AccessDenied"), "access"),
        (error(400, "AuthorizationHeaderMalformed"), "wrong_region"),
    ],
)
def test_a_listing_broken_off_is_a_problem_and_moves_no_mark(
    bad: Bad, always: Answer, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    bad.script = [page([f"{FEED}/a"], truncated=True, token="t"), always]
    listing = list_source(Source(url="s3://bucket"), None, Every(), NOW)
    assert [found.key for found in listing.found] == [f"{FEED}/a"]
    assert [problem.reason for problem in listing.problems] == [reason]
    assert listing.new_state is not None
    assert (listing.new_state.done, listing.new_state.feeds) == ({}, {})


ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
ROLE = {"role_arn": "arn:aws:iam::111122223333:role/log-reader", "external_id": "agreed"}


def test_a_role_is_assumed_once_with_its_external_id_and_used(bad: Bad, aws_env: pytest.MonkeyPatch) -> None:
    aws_env.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{bad.server_address[1]}")
    bad.script = [body(ASSUMED), body(BODY)]
    objects = [ToRead("k", ETAG, len(BODY))] * 3
    got = list(fetch(objects, reader_for(Source(url="s3://bucket", **ROLE)), threads=1, limits=QUICK))  # type: ignore[arg-type]
    assert [type(one) for one in got] == [Fetched] * 3
    (asked,) = bad.posted
    assert "Action=AssumeRole" in asked
    assert "ExternalId=agreed" in asked
    assert all("Credential=ASIAASSUMED/" in headers["Authorization"] for headers in bad.seen[1:])


def test_a_role_that_is_refused_costs_its_source_only(bad: Bad, aws_env: pytest.MonkeyPatch) -> None:
    aws_env.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{bad.server_address[1]}")
    refused = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    bad.script = [body(refused, status=403)]
    source = Source(url="s3://bucket", **ROLE)  # type: ignore[arg-type]
    listing = list_source(source, None, Every(), NOW)
    assert [problem.reason for problem in listing.problems] == ["access"]
    (got,) = fetch([ToRead("k", ETAG, 1)], reader_for(source), limits=QUICK)
    assert isinstance(got, Pending)
    assert got.reason == "access"


def test_no_credentials_at_all_is_no_access(bad: Bad, aws_env: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_env.delenv(name)
    aws_env.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        aws_env.setenv(name, "/dev/null")
    listing = list_source(Source(url="s3://bucket"), None, Every(), NOW)
    assert [problem.reason for problem in listing.problems] == ["access"]
