"""
How a run goes about its work: in bounded batches, without deleting, without paths that records made up.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import model
from tests.buckets import ACCOUNT, REGION, Bucket, event, key, plain
from tests.cases import load
from tests.ingest.contents import Contents, config_of, files, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from trailhouse.ingest import plan, run
from trailhouse.sources.values import Range


def test_a_batch_has_a_bound_of_objects_and_one_of_bytes(lake, tmp_path):
    bucket = plain(16)
    logs = bucket.save(tmp_path / "logs")
    most = max(len(d) for d in bucket.objects.values())
    result = ingest(lake, logs, bytes=2 * most)
    contents = Contents(lake)
    assert len(result.batches) >= len(bucket.objects) / 2
    assert all(b["bytes_in"] <= 2 * most for b in contents.rows("batches"))
    assert contents.published() == model.lake(bucket.listed()).published


def test_an_object_over_the_bound_has_a_batch_of_its_own(lake, tmp_path):
    bucket = plain(16)
    result = ingest(lake, bucket.save(tmp_path / "logs"), bytes=1)
    assert len(result.batches) == len(bucket.objects)


def test_many_batches_can_be_stopped_and_gone_on_with(lake, tmp_path, monkeypatch):
    """The first load of ten years: what is done is done."""
    bucket, plainly = plain(16), plan.write_down
    logs = bucket.save(tmp_path / "logs")

    def stops_at_the_third(batch, where, seen=[]):  # noqa: B006
        seen.append(batch)
        if len(seen) == 3:
            raise KeyboardInterrupt
        plainly(batch, where)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(plan, "write_down", stops_at_the_third)
        ingest(lake, logs, objects=2)
    contents = Contents(lake)
    assert len(contents.rows("ledger")) == 4
    holds_together(contents)
    result = ingest(lake, logs, objects=2)
    assert result.objects == len(bucket.objects) - 4
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


def test_progress_counts_up_to_all_objects(lake, tmp_path):
    told: list[tuple[int, int, int]] = []
    ingest(lake, plain(16).save(tmp_path / "logs"), tell=lambda *now: told.append(now), objects=3)
    assert told[-1][0] == told[-1][2] == 8
    assert [t[0] for t in told] == sorted(t[0] for t in told)


def test_a_plan_with_generations_is_written_down_before_any_work(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "write", lambda *_: (_ for _ in ()).throw(RuntimeError("stop here")))
    with pytest.raises(RuntimeError, match="stop here"):
        ingest(lake, plain(8).save(tmp_path / "logs"))
    assert [f for f in files(Path(lake.location)) if "/plans/" in f]


def test_a_dry_run_writes_nothing_at_all(lake, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    before = files(tmp_path)
    found, estimate = run.dry_run(config_of(lake, logs), datetime.now(UTC))
    assert files(tmp_path) == before and not Path(lake.location).exists()
    assert (len(found.new), found.new.bytes) == (8, sum((logs / k).stat().st_size for k in plain(8).objects))
    assert estimate["seconds"] > 0
    ingest(lake, logs)
    plain(16).save(logs)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    found, _ = run.dry_run(config_of(lake, logs), datetime.now(UTC))
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
    assert (len(found.new), found.known) == (8, 0)  # the same keys, now with more in them


def test_a_part_is_taken_in_alone_and_the_rest_later(lake, tmp_path):
    bucket = plain(16)
    logs = bucket.save(tmp_path / "logs")
    days = sorted({each.log.day for each in run.dry_run(config_of(lake, logs), datetime.now(UTC))[0].new})
    first = Range(last=days[0])
    planned = run.dry_run(config_of(lake, logs), datetime.now(UTC), first)[0].new
    result = ingest(lake, logs, only=first)
    assert 0 < result.objects == len(planned) < len(bucket.objects)
    assert {row["key_day"] for row in Contents(lake).rows("ledger")} == {days[0]}
    assert ingest(lake, logs, only=first).status == "nothing_to_do"
    assert ingest(lake, logs).objects == len(bucket.objects) - result.objects
    assert Contents(lake).published() == model.lake(bucket.listed()).published


def test_no_file_of_the_lake_is_ever_deleted_or_changed(lake, tmp_path, monkeypatch):
    bucket, there = plain(16), {}
    keys = sorted(bucket.objects)
    for number in range(4):
        ingest(lake, bucket.save(tmp_path / "logs", only=keys[: 2 * number + 2]))
        now = {
            f: (Path(lake.location) / f).stat()
            for f in files(Path(lake.location))
            if "catalog" not in f and "/listing/" not in f and not f.endswith("seals/newest.json")
        }
        assert there.keys() <= now.keys()
        assert all(now[f].st_mtime_ns == s.st_mtime_ns and now[f].st_size == s.st_size for f, s in there.items())
        there = now


SAFE = re.compile(r"[A-Za-z0-9_.=/-]+")
HOSTILE = [c for c in load.cases() if c.id in ("H33", "H34", "H35", "H37", "H38") and not c.keys]


def test_no_value_of_a_record_gets_into_a_path(lake, tmp_path):
    bucket = Bucket({key(c.name.replace("_", "")): c.bytes() for c in HOSTILE})
    evil = ["../../etc/passwd", "a/b", "%2e%2e", "x" * 300, "a=b", "\0", "\n", "..", "."]
    bucket.put(
        key("evil"), *(event(n, recipientAccountId=v, awsRegion=v, eventTime=v, eventID=v) for n, v in enumerate(evil))
    )
    ingest(lake, bucket.save(tmp_path / "logs"))
    made = files(Path(lake.location))
    assert all(SAFE.fullmatch(f) and ".." not in f for f in made), [f for f in made if not SAFE.fullmatch(f)]
    places = {f.split("/data/")[1].rpartition("/")[0] for f in made if "/events/data/" in f}
    grammar = r"account_id=(?:[0-9]{12}|_invalid)/region=(?:[a-z]{2,4}(?:-[a-z]+)+-[0-9]+|_invalid)/event_date=(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|null)"
    assert places and all(re.fullmatch(grammar, p) for p in places)
    assert not [p for p in tmp_path.rglob("*") if "passwd" in p.name]
    assert Contents(lake).published() == model.lake(bucket.listed()).published


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "strict"])
def test_ten_thousand_bogus_dates_make_one_partition(lake, tmp_path, fast):
    bucket = Bucket()
    bogus = [
        f"{year:04d}-{month:02d}-{day:02d}T00:00:00Z"
        for year in (*range(2100, 9999, 300), *range(1, 2013, 7))
        for month in range(1, 14)
        for day in (1, 31, 40)
    ]
    assert len(set(bogus)) >= 10_000
    bucket.put(key("bogus"), event(1), *(event(n, eventTime=when) for n, when in enumerate(bogus[:10_000], 2)))
    result = ingest(lake, bucket.save(tmp_path / "logs"), fast=fast)
    assert result.rows == 10_001
    places = {f.rpartition("/")[0] for f in files(Path(lake.location)) if "/events/data/" in f}
    assert len(places) <= 2
    holds_together(Contents(lake))


def test_the_ledger_has_what_somebody_needs_to_check_a_file_again(lake, tmp_path):
    import gzip
    import hashlib

    bucket = plain(8)
    ingest(lake, bucket.save(tmp_path / "logs"))
    for o in Contents(lake).rows("ledger"):
        data = bucket.objects[o["key"]]
        assert (o["size"], o["stored_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert (o["sha256"], o["inflated_bytes"]) == (
            hashlib.sha256(gzip.decompress(data)).hexdigest(),
            len(gzip.decompress(data)),
        )
        assert o["etag"] == o["stored_sha256"]
        assert (o["account_id"], o["region"]) == tuple(o["key"].split("/")[i] for i in (1, 3))


def test_the_clock_of_the_host_decides_nothing_about_what_is_new(lake, tmp_path):
    """F19: years back or ahead, what lies there is ingested once."""
    bucket = plain(16)
    keys = sorted(bucket.objects)
    for number, years in enumerate((0, -12, 30)):
        now = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=365 * years)
        ingest(lake, bucket.save(tmp_path / "logs", only=keys[: 3 * number + 2]), clock=lambda now=now: now)
    contents = Contents(lake)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


def test_files_of_other_services_are_skipped_and_counted(lake, tmp_path):
    bucket = plain(8)
    extra = {
        f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/03/01/x.json.gz": "digest",
        f"AWSLogs/{ACCOUNT}/Config/{REGION}/2026/3/1/ConfigHistory/x.json.gz": "foreign",
        "readme.txt": "unknown_name",
    }
    for where in extra:
        bucket.objects[where] = b"{}"
    result = run.ingest(run.Run(config_of(lake, bucket.save(tmp_path / "logs")), quiet, session=INLINE))
    assert (result.objects, result.skipped) == (8, {"digest": 1, "foreign": 1, "unknown_name": 1})
    assert {o["key"] for o in Contents(lake).rows("ledger")}.isdisjoint(extra)
