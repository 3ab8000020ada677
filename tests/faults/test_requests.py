"""
What the fault catalogue says of requests to S3 and Glue, row by row (the table is in this folder's README).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.buckets import Bucket, event, key
from tests.faults.corpus import small
from tests.faults.doomed import FASTER
from tests.faults.oracle import Read
from tests.faults.proxy import Fault, Request
from tests.ingest.contents import BATCH, holds_together, ingest, same_as_model
from trailhouse.errors import TrailhouseError, UnknownOutcomeError
from trailhouse.lake import catalog, commits
from trailhouse.sources import aws


class Cloud:
    """A source with the small corpus, and a lake, both behind the proxy."""

    def __init__(self, proxy, lake, bucket: str, s3, glue: str) -> None:
        self.proxy, self.where, self.source, self.objects = proxy, lake, f"s3://{bucket}/logs", small()
        self._name, self._s3 = bucket, s3
        self.put(self.objects)
        self.properties = {
            "s3.endpoint": s3.url, "s3.access-key-id": s3.env()["AWS_ACCESS_KEY_ID"], "s3.region": "us-east-1",
            "s3.secret-access-key": s3.env()["AWS_SECRET_ACCESS_KEY"], "glue.endpoint": glue, "glue.region": "us-east-1",
            "glue.access-key-id": "x", "glue.secret-access-key": "x",
        }  # fmt: skip

    def put(self, objects: Bucket, folder: str = "logs") -> None:
        Bucket({f"{folder}/{k}": d for k, d in objects.objects.items()}).upload(self._s3.client(), self._name)

    def ingest(self, fault: Fault | None = None, *more: str, **given: Any):
        self.proxy.begin(fault)
        return ingest(self.where, self.source, *more, **given)

    def read(self) -> Read:
        return Read(self.where, self.properties)

    def whole(self) -> None:
        """Every row once, and each batch once in each table."""
        read = self.read()
        keyed = [(f"logs/{k}", d) for k, d in self.objects.listed()]
        same_as_model(read, keyed)
        holds_together(read)
        assert not read.branches()
        for name in ("events", "quarantine", "ledger", "batches"):
            batches = [batch for _, batch in read.history(name) if batch]
            assert len(batches) == len(set(batches)), f"{name} has a batch twice"

    def sent(self, kind: str) -> list[Request]:
        return [r for r in self.proxy.seen.requests if r.kind == kind]


@pytest.fixture
def cloud(proxy, cloud_lake, bucket, s3, glue_server, monkeypatch) -> Cloud:
    plainly = commits.time.sleep
    monkeypatch.setattr("time.sleep", lambda seconds: plainly(seconds / FASTER))
    return Cloud(proxy, cloud_lake, bucket, s3, glue_server.url)


def updates(table: str, where) -> Any:
    """Requests that commit to a table."""

    def among(request: Request) -> bool:
        return request.kind == "Glue.UpdateTable" and json.loads(request.body)["TableInput"]["Name"] == table

    return among


TABLES = ("events", "ledger", "batches")
# The commits of a table after its first snapshot: branch made, files staged, main moved; `batches` has one, its row.
MOVES = {"events": 4, "ledger": 4, "batches": 2}


# ── commits (F20-F24) ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("at", [2, "last"])
def test_a_commit_refused_is_tried_again_on_the_new_base(cloud, table, at):
    k = MOVES[table] if at == "last" else at
    refused = Fault(
        "answer", at=k, among=updates(table, cloud.where), status=400, code="ConcurrentModificationException"
    )
    assert cloud.ingest(refused).status == "published"
    assert cloud.proxy.seen.fired
    assert not [r for r in cloud.proxy.seen.requests if r.method == "DELETE"], "an orphan stays where it is"
    cloud.whole()


def test_a_commit_refused_for_ever_fails_clean_and_the_next_run_goes_on(cloud):
    always = Fault("answer", among=lambda r: r.kind == "Glue.UpdateTable", status=400, times=10**6,
                   code="ConcurrentModificationException")  # fmt: skip
    catalog.make_lake(cloud.where)
    with pytest.raises(TrailhouseError, match="refused a commit 8 times"):
        cloud.ingest(always)
    assert not cloud.read().rows("events")
    cloud.ingest()
    cloud.whole()


@pytest.mark.parametrize("mode", ["drop", "fail"])
@pytest.mark.parametrize(("table", "at"), [("events", 1), ("events", 2), ("events", 3), ("ledger", 2), ("batches", 1)])
def test_a_commit_done_whose_answer_is_lost_is_known_as_done(cloud, table, at, mode):
    """F21, F22: the client sends it again by itself, and is refused by its own first."""
    catalog.make_lake(cloud.where)
    assert cloud.ingest(Fault(mode, at=at, among=updates(table, cloud.where))).status == "published"
    (lost,) = cloud.proxy.seen.fired
    again = [r for r in cloud.sent("Glue.UpdateTable") if r.body == lost.body]
    assert len(again) > 1, "the client repeats it"
    cloud.whole()


@pytest.mark.parametrize("mode", ["drop", "fail"])
def test_so_is_one_with_another_writer_on_top(cloud, monkeypatch, mode):
    """F23: the other commits between the lost answer and the look."""
    catalog.make_lake(cloud.where)
    other = catalog.make_lake(cloud.where)
    plainly, met = commits._looked, []

    def looked(is_done):
        if cloud.proxy.seen.fired and not met:
            met.append(True)
            with other.table("events").transaction() as transaction:
                transaction.update_snapshot({BATCH: "another"}).fast_append().commit()
        return plainly(is_done)

    monkeypatch.setattr(commits, "_looked", looked)
    monkeypatch.setattr(aws, "client", one_attempt(aws.client))
    moved = Fault(mode, at=3, among=updates("events", cloud.where))
    cloud.proxy.begin(moved)
    assert ingest(cloud.where, cloud.source).status == "published"
    assert met
    batches = [batch for _, batch in cloud.read().history("events") if batch]
    assert len(batches) == 2 and "another" in batches
    same_as_model(cloud.read(), [(f"logs/{k}", d) for k, d in cloud.objects.listed()])


def one_attempt(plainly):
    """Clients that repeat nothing by themselves."""

    def client(service, *access, **_):
        return plainly(service, *access[:1], attempts=1)

    return client


def test_where_the_outcome_is_unknown_and_nobody_answers_the_exit_says_so_and_the_next_run_finds_out(cloud):
    """F24. Nothing is cleaned up."""
    catalog.make_lake(cloud.where)
    with pytest.raises(UnknownOutcomeError) as raised:
        cloud.ingest(Fault("drop", at=3, among=updates("events", cloud.where), onwards=True))
    assert raised.value.exit_code == 6
    batch = cloud.read().history("events")[0][1]
    assert batch, "it was done"
    result = cloud.ingest()
    assert result.settled == [batch]
    cloud.whole()


def test_a_run_never_deletes_and_needs_no_right_to(cloud):
    """F30."""
    forbidden = Fault("answer", among=lambda r: r.method == "DELETE" or r.kind == "DeleteObjects", status=403,
                      code="AccessDenied", times=10**6)  # fmt: skip
    assert cloud.ingest(forbidden).status == "published"
    cloud.put(Bucket({key("more"): small().objects[key("a")]}))
    assert cloud.ingest(forbidden, clock=None).status in ("published", "nothing_to_do")
    assert not cloud.proxy.seen.fired


# ── reading (F9, F12, F14) ───────────────────────────────────────────────────────────────────────────────────────────


def reads(request: Request) -> bool:
    return request.kind == "GetObject log" or lists(request)


def lists(request: Request) -> bool:
    """Of the source, where PyArrow asks in this way whether a file of the lake is there."""
    return request.kind == "ListObjects" and request.query.get("prefix", [""])[0].startswith("logs/")


@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (429, "TooManyRequests"), (500, "InternalError"), (504, "GatewayTimeout")]
)
def test_a_third_of_all_reads_refused_costs_nothing(cloud, status, code):
    """F9."""
    fault = Fault("answer", among=reads, share=0.3, status=status, code=code)
    assert cloud.ingest(fault).status == "published"
    assert len(cloud.proxy.seen.fired) >= 3
    cloud.whole()


def test_all_reads_refused_is_pending_and_nothing_is_quarantined_or_skipped(cloud):
    logs = Fault("answer", among=lambda r: r.kind == "GetObject log", share=1.0)
    result = cloud.ingest(logs)
    assert (result.status, result.pending) == ("partial", len(small().objects) - 1)
    assert {p["reason"] for p in result.problems} == {"throttled"}
    assert not cloud.read().rows("quarantine") and not cloud.read().rows("ledger")
    assert cloud.ingest().pending == 0
    cloud.whole()


def test_a_listing_that_stalls_loses_no_object(cloud):
    """F17: refused at its second request, for good; the next run lists again."""
    result = cloud.ingest(Fault("answer", among=lists, times=10**6))
    assert result.status == "partial" and {p["reason"] for p in result.problems} == {"throttled"}
    cloud.ingest()
    cloud.whole()


@pytest.mark.parametrize("at", [0, 3, 9, 10, 60, -9, -8, -4, -1])
def test_a_byte_turned_over_anywhere_in_a_log_is_never_taken_for_damage(cloud, at):
    """F12: in the header, the body and the trailer of one file and another."""
    fault = Fault("corrupt", among=lambda r: r.kind == "GetObject log", share=0.3, bytes=at)
    assert cloud.ingest(fault).status == "published"
    assert len(cloud.proxy.seen.fired) >= 3
    cloud.whole()


# ── credentials (F31) ────────────────────────────────────────────────────────────────────────────────────────────────


def test_credentials_that_expire_for_one_source_leave_it_pending_and_the_other_goes_on(cloud, bucket):
    theirs = Bucket()
    theirs.put(key("theirs", "777788889999"), event(70, "777788889999"))
    cloud.put(theirs, "theirs")
    expired = Fault("answer", among=lambda r: "/theirs/AWSLogs" in r.path, share=1.0, status=400, code="ExpiredToken")
    result = cloud.ingest(expired, f"s3://{bucket}/theirs")
    assert (result.status, result.pending) == ("partial", 1)
    assert {p["reason"] for p in result.problems} == {"access"}
    assert len(cloud.proxy.seen.fired) == 2, "credentials are asked for anew once"
    cloud.whole()
    assert cloud.ingest(None, f"s3://{bucket}/theirs").objects == 1


@pytest.mark.parametrize("code", ["ExpiredToken", "AccessDenied"])
@pytest.mark.parametrize(
    "kind", ["UploadPart data", "UploadPart metadata", "Glue.UpdateTable", "CreateMultipartUpload plan"]
)
def test_credentials_that_expire_for_the_lake_end_the_run_with_what_to_do(cloud, kind, code):
    name = code if kind.startswith("Glue") or code == "AccessDenied" else "ExpiredToken"
    status = 400 if "Expired" in code else 403
    catalog.make_lake(cloud.where)
    fault = Fault("answer", among=lambda r: r.kind == kind, times=10**6, status=status, code=name)
    with pytest.raises((TrailhouseError, OSError)) as raised:
        cloud.ingest(fault)
    if not kind.endswith("data"):  # else a worker says it, and Spark passes it on
        assert isinstance(raised.value, TrailhouseError)
        assert ("renew" if "Expired" in code else "right is missing") in str(raised.value), raised.value
    assert len(cloud.proxy.seen.fired) <= 8, "what lasts is not tried for long"
    cloud.ingest()
    cloud.whole()


def test_a_run_outlives_the_credentials_that_it_began_with(cloud, s3, bucket, aws_env):
    """Each table that is opened asks anew: here for those of a user who may not read, so that it shows."""
    opened = catalog.make_lake(cloud.where)
    assert opened.table("events")
    s3.add_user(f"u{bucket}", "another")
    aws_env.setenv("AWS_ACCESS_KEY_ID", f"u{bucket}")
    aws_env.setenv("AWS_SECRET_ACCESS_KEY", "another")
    aws._CLIENTS.clear()
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        opened.table("events")
