"""Listing and reading a bucket on a real S3 server: every layout, tiers with LIST requests counted, pinned reads."""

from __future__ import annotations

import json
import pickle
import threading
from concurrent.futures import wait
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from trailhouse.settings import Listing as Every
from trailhouse.settings import Source
from trailhouse.sources import listing, state
from trailhouse.sources.aws import Access, client
from trailhouse.sources.bucket import Bucket, Calls
from trailhouse.sources.listing import Listing, ListingState, Scan, list_source, look, part, source_id
from trailhouse.sources.objects import Fetched, Pending, ToRead, fetch, reader_for
from trailhouse.sources.state import Scope
from trailhouse.sources.values import Range

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = date(2026, 11, 21)
ORG = "o-abcdefghij"
ACCOUNTS = ("111122223333", "444455556666")


def key(
    day: date = TODAY,
    head: str = "AWSLogs/",
    account: str = ACCOUNTS[0],
    kind: str = "CloudTrail",
    region: str = "us-east-1",
    tail: str = "AbCdEfGh12345678",
) -> str:
    file = f"{account}_{kind}_{region}_{day:%Y%m%d}T0005Z_{tail}.json.gz"
    return f"{head}{account}/{kind}/{region}/{day:%Y/%m/%d}/{file}"


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


class Log:
    """A bucket, and a listing that remembers."""

    def __init__(self, server: Any, bucket: str) -> None:
        self.s3, self.bucket = server.client(), bucket
        self.state: ListingState | None = None

    def put(self, *keys: str) -> None:
        for each in keys:
            self.s3.put_object(Bucket=self.bucket, Key=each, Body=b"" if each.endswith("/") else b"x")

    def list(self, now: datetime = NOW, prefix: str = "", **source: Any) -> Listing:
        listing = list_source(Source(url=f"s3://{self.bucket}/{prefix}", **source), self.state, Every(), now)
        self.state = ListingState.from_json(listing.new_state.to_json()) if listing.new_state else None
        return listing


@pytest.fixture
def log(s3: Any, bucket: str) -> Log:
    return Log(s3, bucket)


def keys(listing: Listing) -> list[str]:
    return [found.key for found in listing.found]


HEADS = ("AWSLogs/", f"AWSLogs/{ORG}/", f"{ORG}/AWSLogs/", f"{ORG}/AWSLogs/{ORG}/", "a/b/c/d/AWSLogs/")


def test_a_first_listing_finds_every_layout_and_counts_the_rest(log: Log) -> None:
    wanted = [key(head=head, kind=kind) for head in HEADS for kind in ("CloudTrail", "CloudTrail-Insight")]
    log.put(
        *wanted, key(kind="CloudTrail-Digest"), "README.md", f"AWSLogs/{ACCOUNTS[0]}/Config/x/y.json", "AWSLogs/folder/"
    )
    listing = log.list()
    assert sorted(keys(listing)) == sorted(wanted)
    assert listing.skipped == {"digest": 1, "unknown_name": 1, "foreign": 1, "folder": 1}
    assert (listing.list_calls, listing.complete, listing.problems) == (1, True, ())
    assert listing.source == f"s3://{log.bucket}" == source_id(Source(url=f"s3://{log.bucket}/x/y"))
    found = listing.found[0]
    assert len(found.etag) == 32
    assert found.size == 1
    assert found.modified is not None


def test_a_prefix_is_a_folder(log: Log) -> None:
    log.put(key(head="logs/AWSLogs/"), key(head="logs2/AWSLogs/"))
    assert keys(log.list(prefix="logs")) == [key(head="logs/AWSLogs/")]


def test_keys_come_back_exactly(log: Log) -> None:
    """Undone once: a `%2F` in a key is three characters, and a `+` no space."""
    odd = [key(head=f"{prefix}/AWSLogs/") for prefix in ("a b+c", "100%", "x%2Fy", "ünï\u202e日本", "q?=&#;'\"<>")]
    log.put(*odd)
    listing = log.list()
    assert sorted(keys(listing)) == sorted(odd)
    got = list(
        fetch([ToRead(f.key, f.etag, f.size) for f in listing.found], reader_for(Source(url=f"s3://{log.bucket}")))
    )
    assert [type(one) for one in got] == [Fetched] * len(odd)


def test_more_than_a_page_is_listed_in_order(log: Log) -> None:
    log.put(*(key(tail=f"{number:016d}") for number in range(1001)))
    listing = log.list()
    assert len(set(keys(listing))) == 1001
    assert listing.list_calls == 2


def test_later_runs_list_only_the_newest_days_of_each_feed(log: Log) -> None:
    feeds = [(account, region) for account in ACCOUNTS for region in ("us-east-1", "eu-west-1")]
    log.put(*(key(ago(days), account=account, region=region) for days in range(20) for account, region in feeds))
    assert len(log.list().found) == 80
    soon = log.list(NOW + timedelta(minutes=5))
    assert (len(soon.found), soon.list_calls, soon.complete) == (4, 4, False)
    log.put(
        key(ago(1), tail="late000000000000"),
        key(ago(5), tail="late000000000000"),
        key(ago(15), tail="late000000000000"),
    )
    assert len(log.list(NOW + timedelta(minutes=10)).found) == 4
    hour = log.list(NOW + timedelta(hours=1))  # yesterday, and a search for new feeds
    assert key(ago(1), tail="late000000000000") in keys(hour)
    assert len(hour.found) == 9
    assert hour.list_calls == 4 + 6  # the bucket, AWSLogs, two accounts, their kind folders
    assert log.list(NOW + timedelta(hours=1, minutes=5)).list_calls == 4
    assert key(ago(5), tail="late000000000000") in keys(log.list(NOW + timedelta(hours=6)))
    assert key(ago(15), tail="late000000000000") in keys(log.list(NOW + timedelta(days=7)))


def test_a_new_day_is_listed_whatever_the_clock_says(log: Log) -> None:
    log.put(key())
    log.list()
    tomorrow = key(TODAY + timedelta(days=1))
    log.put(tomorrow, key(TODAY, tail="zzzzzzzzzzzzzzzz"), key(TODAY, tail="0000000000000000"))
    assert sorted(keys(log.list(NOW + timedelta(minutes=5)))) == sorted(
        [key(), key(TODAY, tail="zzzzzzzzzzzzzzzz"), key(TODAY, tail="0000000000000000"), tomorrow]
    )


def test_an_object_planted_in_the_future_hides_nothing(log: Log) -> None:
    log.put(key(), key(date(2099, 12, 31)))
    log.list()
    log.put(key(tail="next000000000000"))
    assert key(tail="next000000000000") in keys(log.list(NOW + timedelta(minutes=5)))


@pytest.mark.parametrize(
    "fresh",
    [key(ago(30), account=ACCOUNTS[1]), key(ago(30), region="us-gov-west-1"), key(ago(30), kind="CloudTrail-NetworkActivity"),
     key(ago(30), head=f"AWSLogs/{ORG}/"), key(ago(30), head="new/deep/AWSLogs/")],
)  # fmt: skip
def test_a_new_feed_is_discovered_and_listed_from_its_first_day(log: Log, fresh: str) -> None:
    log.put(key(), key(kind="CloudTrail-Digest"), f"AWSLogs/{ACCOUNTS[0]}/Config/us-east-1/2026/1/1/x.json")
    log.list()
    log.put(fresh)
    assert fresh not in keys(log.list(NOW + timedelta(minutes=5)))
    assert fresh in keys(log.list(NOW + timedelta(hours=1)))
    assert fresh in keys(log.list(NOW + timedelta(hours=1, minutes=5)))  # and remembered: its newest day


def test_a_source_inside_a_feed_or_of_flat_files_is_always_listed_whole(log: Log) -> None:
    log.put(key(), key(ago(9)), "case/" + key().rpartition("/")[2])
    for _ in range(2):
        inside = log.list(prefix=f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/us-east-1/2026")
        assert (len(inside.found), inside.complete) == (2, True)
        flat = log.list(prefix="case", layout="flat")
        assert (keys(flat), flat.complete) == (["case/" + key().rpartition("/")[2]], True)


def ranged(log: Log, only: Range, prefix: str = "", **source: Any) -> tuple[list[str], Listing]:
    scan = Scan(part(Source(url=f"s3://{log.bucket}/{prefix}", **source), only))
    found = [each.key for each in scan]
    return found, scan.result()


def test_a_part_is_listed_by_its_days_and_accounts_alone(log: Log) -> None:
    wanted = [
        key(ago(n), head=head, kind=kind)
        for n in (3, 4)
        for head in HEADS[:2]
        for kind in ("CloudTrail", "CloudTrail-Insight")
    ]
    others = [key(ago(n), account=account) for n in (2, 5) for account in ACCOUNTS] + [key(ago(3), account=ACCOUNTS[1])]
    log.put(*wanted, *others)
    log.list()
    log.put(*(key(ago(n), tail=f"late{number:012d}") for number in range(3) for n in (2, 5)))
    found, listing = ranged(log, Range((ACCOUNTS[0],), ago(4), ago(3)))
    assert sorted(found) == sorted(wanted)
    assert (listing.complete, listing.new_state, listing.problems) == (False, None, ())
    # Root, AWSLogs/, the organization and the account twice, four kinds, four feeds; the other account isn't looked into.
    assert listing.list_calls == 1 + 1 + 1 + 2 + 4 + 4


@pytest.mark.parametrize("only", [Range(first=ago(4)), Range(last=ago(4)), Range(first=ago(4), last=ago(4))], ids=str)
def test_a_part_is_the_same_part_whatever_the_source_is(log: Log, only: Range) -> None:
    log.put(*(key(ago(n)) for n in range(8)), *("case/" + key(ago(n)).rpartition("/")[2] for n in range(8)))
    days = [ago(n) for n in range(8) if (only.first or date.min) <= ago(n) <= (only.last or date.max)]
    for prefix in (
        "AWSLogs",
        f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/us-east-1",
        f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/us-east-1/2026",
    ):
        assert sorted(ranged(log, only, prefix)[0]) == sorted(key(day) for day in days)
    assert len(ranged(log, only, "case", layout="flat")[0]) == len(days)


def test_the_days_of_a_part_are_not_read_past(log: Log) -> None:
    log.put(*(key(ago(n), tail=f"{number:016d}") for n in range(3) for number in range(700)))
    assert len(ranged(log, Range(first=ago(2), last=ago(2)), f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/us-east-1")[0]) == 700
    _, listing = ranged(log, Range(first=ago(2), last=ago(2)), f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/us-east-1")
    assert listing.list_calls == 1, "2,100 keys are three pages; the day is over on the first"


def test_a_listing_in_pieces_finds_each_object_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [f"{number:012d}" for number in range(5)]
    feeds = [f"AWSLogs/{account}/CloudTrail/us-east-1/" for account in accounts]
    between = [f"{feed}between" for feed in feeds]
    log.put(*(key(ago(n), account=account) for n in range(3) for account in accounts), *feeds, *between, "a", "z")
    whole = log.list()
    assert log.state is not None and log.state.objects == 27
    monkeypatch.setattr(state, "PIECE", 5)
    again = log.list(NOW + timedelta(days=8))
    assert again.list_calls == 5 and again.complete
    assert sorted(again.found, key=str) == sorted(whole.found, key=str)
    assert again.skipped == whole.skipped == {"folder": 5, "unknown_name": 7}
    assert log.state.feeds == dict.fromkeys(feeds, TODAY)


def test_a_state_of_another_prefix_says_nothing(log: Log) -> None:
    log.put(key(head="a/AWSLogs/"), key(head="b/AWSLogs/"))
    log.list(prefix="a")
    assert len(log.list(NOW + timedelta(minutes=5)).found) == 2


def test_whoever_stops_early_moves_no_mark(log: Log) -> None:
    log.put(*(key(tail=f"{number:016d}") for number in range(30)))
    scan = Scan(look(Source(url=f"s3://{log.bucket}"), None, Every(), NOW))
    stream = iter(scan)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="before its end"):
        scan.result()


def test_a_bucket_that_is_not_there_is_a_problem_of_that_source(log: Log) -> None:
    listing = list_source(Source(url="s3://no-such-bucket-here"), None, Every(), NOW)
    assert [(problem.source, problem.reason) for problem in listing.problems] == [
        ("s3://no-such-bucket-here", "missing_bucket")
    ]
    assert not listing.complete
    assert listing.new_state is not None
    assert listing.new_state.done == {}


def test_denied_places_are_problems_and_their_marks_stay(log: Log, s3: Any, aws_env: pytest.MonkeyPatch) -> None:
    log.put(key(), key(account=ACCOUNTS[1]))
    log.list()
    before = log.state
    s3.add_user("limited", "limited-secret")
    for name, value in s3.env("limited", "limited-secret").items():
        aws_env.setenv(name, value)
    from trailhouse.sources import aws

    aws._CLIENTS.clear()
    denied = log.list(NOW + timedelta(hours=1))
    assert {problem.reason for problem in denied.problems} == {"access"}
    assert len(denied.problems) == 3  # two feeds and the search
    assert log.state == before
    got = list(fetch([ToRead(key(), "", 1)], reader_for(Source(url=f"s3://{log.bucket}"))))
    assert [one.reason for one in got if isinstance(one, Pending)] == ["access"]
    allow_reading(log, "limited")
    assert len(log.list(NOW + timedelta(hours=1)).found) == 2


def allow_reading(log: Log, user: str) -> None:
    where = f"arn:aws:s3:::{log.bucket}"
    allowed = {"Effect": "Allow", "Principal": {"AWS": [user]}, "Action": ["s3:ListBucket"], "Resource": [where]}
    reads = {**allowed, "Action": ["s3:GetObject"], "Resource": [f"{where}/*"]}
    log.s3.put_bucket_policy(
        Bucket=log.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed, reads]})
    )


def test_an_object_replaced_after_the_listing_is_not_read(log: Log) -> None:
    log.put(key(), key(ago(1)))
    found = log.list().found
    log.s3.put_object(Bucket=log.bucket, Key=key(), Body=b"y")  # the same size
    log.s3.delete_object(Bucket=log.bucket, Key=key(ago(1)))
    reader = reader_for(Source(url=f"s3://{log.bucket}"))
    reader = pickle.loads(pickle.dumps(reader))  # as it travels to a worker
    got = {one.object.key: one for one in fetch([ToRead(f.key, f.etag, f.size) for f in found], reader)}
    assert {k: one.reason for k, one in got.items() if isinstance(one, Pending)} == {
        key(): "changed",
        key(ago(1)): "missing",
    }
    (again,) = log.list(NOW + timedelta(hours=1)).found
    (read,) = fetch([ToRead(again.key, again.etag, again.size)], reader)
    assert isinstance(read, Fetched)
    assert (read.data, read.etag) == (b"y", again.etag)


def test_the_reader_of_a_listing_never_waits_for_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that are looked into faster than he asks for the next."""
    monkeypatch.setattr(listing.s3, "split", lambda *_: ([], []))
    with listing._Workers(Bucket("b"), Calls()) as workers:
        plainly = workers._pool.submit

        def at_once(*asked: Any) -> Any:
            wait([started := plainly(*asked)])
            return started

        monkeypatch.setattr(workers._pool, "submit", at_once)
        threading.Timer(5, workers._stop.set).start()
        workers.start(Scope("discover", str(number)) for number in range(4 * listing.THREADS))
        assert not workers._stop.is_set(), "it waited"
        assert len(list(workers.answers())) == 4 * listing.THREADS


def test_a_client_is_made_once_per_process_and_access(s3: Any) -> None:
    assert client("s3") is client("s3")
    assert client("s3", Access(region="eu-west-1")) is not client("s3")
    assert client("s3", Access(region="eu-west-1")).meta.region_name == "eu-west-1"
