"""
The table `pending` holds what was found and not settled: no more after it is, no less after a run that died.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.buckets import ACCOUNT, REGION, Bucket, event, key, plain
from tests.children import ended, forked_from
from tests.ingest.contents import Contents, ingest
from tests.ingest.test_pending import after_the_plan
from tests.ingest.test_s3_lake import at, cloud, read
from trailhouse.ingest import stage, waiting
from trailhouse.ingest.backlog import Backlog
from trailhouse.ingest.values import Object, Outcome, PendingObject
from trailhouse.lake import catalog, commits, rows, write
from trailhouse.sources.keys import LogKey

__all__ = ["cloud"]  # a fixture

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = "s3://logs"


def keys_in(lake) -> list[str]:
    return [row["key"] for row in Contents(lake).rows("pending")]


def commits_of(lake) -> int:
    return len(Contents(lake).history("pending"))


def one_waits(lake, tmp_path, monkeypatch):
    """What was there, its folder, and the object that was taken away between the plan and the reading."""
    bucket = plain(8)
    logs, victim = bucket.save(tmp_path / "logs"), sorted(bucket.objects)[3]
    with monkeypatch.context() as patched:
        after_the_plan(patched, (logs / victim).unlink)
        ingest(lake, logs)
    return bucket, logs, victim


def test_what_could_not_be_read_is_a_row_until_it_is_read(lake, tmp_path, monkeypatch):
    bucket = plain(8)
    logs, victim = bucket.save(tmp_path / "logs"), sorted(bucket.objects)[3]
    for tries in (1, 2):
        with monkeypatch.context() as patched:
            bucket.save(logs)
            after_the_plan(patched, (logs / victim).unlink)
            ingest(lake, logs, clock=lambda tries=tries: NOW + timedelta(hours=tries))
        (row,) = Contents(lake).rows("pending")
        assert (row["key"], row["reason"], row["tries"]) == (victim, "missing", tries)
    assert (row["since"], row["last_tried"]) == (datetime(2026, 3, 2, 13), datetime(2026, 3, 2, 14))
    assert (row["source"], row["size"], row["etag"]) == (logs.as_uri(), len(bucket.objects[victim]), "")
    assert (row["account_id"], row["region"], row["kind"]) == tuple(victim.split("/")[n] for n in (1, 3, 2))
    assert row["key_day"].isoformat().replace("-", "/") in victim
    assert ingest(lake, bucket.save(logs)).objects == 1
    assert keys_in(lake) == []


def test_where_nothing_waits_nothing_is_committed(lake, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    ingest(lake, logs)
    ingest(lake, logs)
    assert commits_of(lake) == 1  # the empty one that the table began with


def test_while_nothing_waits_no_row_is_read(lake, tmp_path, monkeypatch):
    logs = plain(8).save(tmp_path / "logs")
    ingest(lake, logs)
    monkeypatch.setattr(waiting.Table, "scan", None)
    waiting.follow(catalog.open_lake(lake), planned(), (), (), NOW)


def test_an_object_that_is_deleted_where_it_lay_waits_no_longer(lake, tmp_path, monkeypatch):
    _, logs, victim = one_waits(lake, tmp_path, monkeypatch)
    assert keys_in(lake) == [victim]
    ingest(lake, logs)
    assert keys_in(lake) == []


def test_killed_between_publishing_and_the_table_the_next_run_puts_it_right(lake, tmp_path, monkeypatch):
    from tests.faults import doomed

    bucket, logs, victim = one_waits(lake, tmp_path, monkeypatch)
    bucket.save(logs)
    job = doomed.Job(("ingest", str(logs), "--lake", lake.location), tmp_path / "told", fault="pending_told:1:before")
    with forked_from("tests.faults.doomed") as children:
        child = children.Process(target=doomed.run, args=(job,))
        child.start()
        assert ended(child) == -9
    assert victim in {o["key"] for o in Contents(lake).rows("ledger")} and keys_in(lake) == [victim]
    assert ingest(lake, logs).status == "nothing_to_do"
    assert keys_in(lake) == []


def test_a_place_that_could_not_be_listed_settles_nothing(lake, tmp_path, monkeypatch):
    """A folder that is unreadable for a while looks as if its files were gone."""
    _, logs, victim = one_waits(lake, tmp_path, monkeypatch)
    (logs / key("dangling")).symlink_to(logs / "nowhere")
    ingest(lake, logs)
    assert keys_in(lake) == [victim]


# ── what was not listed this time ────────────────────────────────────────────────────────────────────────────────────


def found(name: str, etag: str = "e1") -> Object:
    log = LogKey("", "", ACCOUNT, "CloudTrail", REGION, date(2026, 3, 1), name.rpartition("/")[2])
    return Object(0, SOURCE, name, etag, 10, datetime(2026, 3, 1, 10, tzinfo=UTC), log)


def planned(*objects: Object) -> Backlog:
    made = Backlog()
    made.add(objects)
    return made


def denied(each: Object) -> PendingObject:
    return PendingObject(each.source_id, each.key, "access", "AccessDenied")


def settle(lake: catalog.Lake, each: Object) -> None:
    """As a run that published the object and died before it came to the table."""
    told = stage.ledger_rows([Outcome(each, each.etag, "", "", 0, (), 1, 1, 0, 0, 0, None)], "b", NOW)
    files = write.write_rows(rows.table_of("ledger", told), lake.table("ledger").metadata, catalog.file_io(lake.where))
    commits.append_once(lake, "ledger", files, commits.mark(f"{each.key}{each.etag}"))


@pytest.fixture
def waits(lake) -> catalog.Lake:
    """Two objects of a bucket wait."""
    opened = catalog.make_lake(lake)
    each = [found("logs/a"), found("logs/b")]
    waiting.follow(opened, planned(*each), [denied(e) for e in each], (), NOW)
    return opened


def test_what_was_not_listed_this_time_goes_on_waiting(lake, waits):
    waiting.follow(waits, planned(found("logs/c")), (), (), NOW)
    waiting.follow(waits, planned(), (), [(SOURCE, "other/"), ("s3://else", "")], NOW)
    assert keys_in(lake) == ["logs/a", "logs/b"] and commits_of(lake) == 2


def test_what_a_run_settled_that_died_is_told_by_the_ledger(lake, waits):
    settle(waits, found("logs/a"))
    settle(waits, found("logs/b", "another generation"))
    waiting.follow(waits, planned(), (), (), NOW)
    assert keys_in(lake) == ["logs/b"]


def test_what_was_tried_and_is_not_pending_is_settled(lake, waits):
    waiting.follow(waits, planned(found("logs/a")), (), (), NOW)
    assert keys_in(lake) == ["logs/b"]


def test_where_a_place_was_listed_whole_what_is_not_there_any_more_waits_no_longer(lake, waits):
    waiting.follow(waits, planned(), (), [(SOURCE, "logs/")], NOW)
    assert keys_in(lake) == []


def test_a_local_file_is_known_by_its_size_and_time(lake, waits):
    local = found("logs/d", "")
    waiting.follow(waits, planned(local), [denied(local)], (), NOW)
    settle(waits, replace(local, etag="sha"))
    waiting.follow(waits, planned(), (), (), NOW)
    assert keys_in(lake) == ["logs/a", "logs/b"]


def test_a_late_object_of_a_bucket_waits_until_its_folder_is_read(cloud, s3, monkeypatch):
    """Its day is listed again only because it waits: see `plan.remember`."""
    client, source, url, where = cloud
    bucket = plain(8)
    bucket.upload(client, source)
    ingest(where, url, clock=at())
    late = Bucket()
    late.put(key("late", day="2026/02/25"), event(99))
    late.upload(client, source)
    with monkeypatch.context() as patched:
        after_the_plan(patched, lambda: client.delete_object(Bucket=source, Key=key("late", day="2026/02/25")))
        ingest(where, url, clock=at(hours=7))
    assert [r["key"] for r in read(where, s3).rows("pending")] == list(late.objects)
    late.upload(client, source)
    assert ingest(where, url, clock=at(hours=7.1)).objects == 1
    assert read(where, s3).rows("pending") == []
