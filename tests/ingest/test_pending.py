"""
What can't be read now costs nothing and stays on the list: the run says so, and the next run takes it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests import model
from tests.buckets import Bucket, event, key, plain, text
from tests.cases.make import records
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse.ingest import plan, publish
from trailhouse.lake import catalog
from trailhouse.upkeep import batches


def after_the_plan(monkeypatch, act) -> None:
    """Does something once, between the listing and the reading."""
    plainly, done = plan.write_down, []

    def write_down(*given):
        plainly(*given)
        if not done:
            done.append(True)
            act()

    monkeypatch.setattr(plan, "write_down", write_down)


def removed(path: Path) -> None:
    path.unlink()


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def rewritten(path: Path) -> None:
    data = path.read_bytes()
    os.utime(path, ns=(1, 1))
    path.write_bytes(data[:-1])


def replaced_at_the_same_size(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(10**18, 10**18))


def endless(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "happens", [removed, folder_in_its_place, rewritten, replaced_at_the_same_size, endless], ids=lambda f: f.__name__
)
def test_an_object_that_changes_between_listing_and_reading_is_pending(lake, tmp_path, monkeypatch, happens):
    bucket = plain(8)
    logs, victim = bucket.save(tmp_path / "logs"), sorted(bucket.objects)[3]
    with monkeypatch.context() as patched:
        after_the_plan(patched, lambda: happens(logs / victim))
        result = ingest(lake, logs)
    assert (result.status, result.pending, result.objects) == ("partial", 1, len(bucket.objects) - 1)
    assert [p["where"] for p in result.problems] == [victim]
    contents = Contents(lake)
    rest = {k: d for k, d in bucket.objects.items() if k != victim}
    assert contents.published() == model.lake(list(rest.items())).published
    assert victim not in {o["key"] for o in contents.rows("ledger")}
    assert [b["pending"] for b in contents.rows("batches")] == [1]
    holds_together(contents)
    if (logs / victim).is_dir():
        shutil.rmtree(logs / victim)
    else:
        (logs / victim).unlink(missing_ok=True)
    bucket.save(logs)
    again = ingest(lake, logs)
    assert (again.status, again.objects, again.pending) == ("published", 1, 0)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


def test_where_nothing_can_be_read_there_is_no_batch(lake, tmp_path, monkeypatch):
    bucket = Bucket({key("a"): plain(8).objects[key("p0")]})
    logs = bucket.save(tmp_path / "logs")
    with monkeypatch.context() as patched:
        after_the_plan(patched, lambda: (logs / key("a")).unlink())
        result = ingest(lake, logs)
    assert (result.status, result.pending, result.batches, result.batch_id) == ("partial", 1, [], None)
    assert not Contents(lake).rows("batches")
    assert ingest(lake, bucket.save(logs)).objects == 1


def test_a_folder_that_can_not_be_listed_is_said(lake, tmp_path):
    bucket = plain(8)
    logs = bucket.save(tmp_path / "logs")
    (logs / "AWSLogs" / "loop").symlink_to("loop")
    broken = logs / key("dangling")
    broken.symlink_to(logs / "nowhere")
    result = ingest(lake, logs)
    assert result.status == "partial" and result.problems
    assert Contents(lake).published() == model.lake(bucket.listed()).published


def test_a_file_that_was_only_touched_is_not_read_again(lake, tmp_path):
    bucket = plain(8)
    logs = bucket.save(tmp_path / "logs")
    ingest(lake, logs)
    for where in bucket.objects:
        os.utime(logs / where, ns=(10**18, 10**18))
    assert ingest(lake, logs).status == "nothing_to_do"


@pytest.mark.parametrize("size", ["same", "other"])
def test_a_file_replaced_after_ingest_is_a_generation_of_its_own_and_a_finding(lake, tmp_path, size):
    bucket = Bucket()
    where = key("a")
    bucket.objects[where] = records(
        *map(text, (event(1), event(2), event(3)))
    )  # not compressed: lengths are what they look
    logs = bucket.save(tmp_path / "logs")
    ingest(lake, logs)
    before = (logs / where).stat().st_size
    bucket.objects[where] = records(*map(text, (event(1), event(2), event(4), *([] if size == "same" else [event(5)]))))
    bucket.save(logs)
    os.utime(logs / where, ns=(10**18, 10**18))
    assert ((logs / where).stat().st_size == before) is (size == "same")
    result = ingest(lake, logs)
    new = 1 if size == "same" else 2
    assert (result.rows, result.duplicates) == (new, 2)
    assert [(f["name"], f["rows"]) for f in result.findings] == [("changed_after_ingest", 1)]
    contents = Contents(lake)
    assert len({o["etag"] for o in contents.rows("ledger") if o["key"] == where}) == 2
    assert len(contents.rows("events")) == 3 + new
    holds_together(contents)
    assert ingest(lake, logs).status == "nothing_to_do"


def test_that_finding_is_kept_in_quality(lake, tmp_path):
    bucket = Bucket()
    where = bucket.put(key("a"), event(1))
    ingest(lake, bucket.save(tmp_path / "logs"))
    bucket.put(where, event(2), event(3))
    ingest(lake, bucket.save(tmp_path / "logs"))
    assert "changed_after_ingest" in {q["name"] for q in Contents(lake).rows("quality")}


def test_that_finding_outlives_the_run_that_made_it(lake, tmp_path, monkeypatch):
    """Killed before anything is published: the run that settles the batch has only what is staged."""

    class Killed(BaseException):
        pass

    def dies(*_):
        raise Killed

    bucket = Bucket()
    where = bucket.put(key("a"), event(1))
    logs = bucket.save(tmp_path / "logs")
    ingest(lake, logs)
    bucket.put(where, event(1), event(2))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(publish, "take_claim", dies)
        ingest(lake, bucket.save(logs))
    result = ingest(lake, logs)
    assert [(f["name"], f["rows"]) for f in result.findings] == [("changed_after_ingest", 1)]
    contents = Contents(lake)
    assert {tuple(o["flags"] or ()) for o in contents.rows("ledger")} == {(), ("changed_after_ingest",)}
    _, rows = batches.rows(catalog.open_lake(lake), result.settled[0], "ledger.changed_after_ingest", (), 5)
    assert rows["key"].to_pylist() == [where]
    holds_together(contents)
