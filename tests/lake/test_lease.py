"""
The lake's lease: one has it at a time, the dead let go of it by and by, and who keeps losing takes it.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.buckets import Bucket, event, key
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse.lake import catalog, commits, lease

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def opened(lake):
    return catalog.make_lake(lake)


def test_one_has_it_until_he_gives_it_back(opened):
    assert lease.held(opened, NOW) is None
    assert lease.take(opened, "a", NOW)
    assert not lease.take(opened, "b", NOW)
    assert lease.take(opened, "a", NOW), "again is no harm"
    lease.give_back(opened, "b")
    assert lease.held(opened, NOW).holder == "a", "nobody gives back what another has"
    lease.give_back(opened, "a")
    assert lease.held(opened, NOW) is None
    assert lease.take(opened, "b", NOW)


def test_what_a_dead_holder_has_runs_out(opened):
    assert lease.take(opened, "dead", NOW)
    assert not lease.take(opened, "b", NOW + lease.LASTS - timedelta(seconds=1))
    assert lease.take(opened, "b", NOW + lease.LASTS + timedelta(seconds=1))
    assert not lease.take(opened, "dead", NOW + lease.LASTS + timedelta(seconds=2)), "it slept"


@pytest.mark.parametrize("before", ["free", "run out", "half made"])
def test_of_many_who_take_it_at_once_one_has_it(lake, opened, before):
    if before == "run out":
        lease.take(opened, "dead", NOW - 2 * lease.LASTS)
    if before == "half made":
        table = opened.table(lease.TABLE)
        table.manage_snapshots().create_branch(commits.head(table), lease.BRANCH).commit()
    lakes = [catalog.open_lake(lake) for _ in range(4)]
    barrier, got = threading.Barrier(len(lakes)), []

    def take(number: int) -> None:
        barrier.wait()
        if lease.take(lakes[number], str(number), NOW):
            got.append(str(number))

    threads = [threading.Thread(target=take, args=(n,)) for n in range(len(lakes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = lease.held(opened, NOW)
    assert got == ([last.holder] if last else [])


def test_between_looking_and_signing_another_may_have_signed(lake, opened, monkeypatch):
    """The compare-and-swap is the catalog's: he who looked first and signs last is refused."""
    lease.take(opened, "dead", NOW - 2 * lease.LASTS)
    other, plainly, met = catalog.open_lake(lake), opened.catalog.commit_table, []

    def commit(*given):
        if not met:
            met.append(lease.take(other, "other", NOW))
        return plainly(*given)

    monkeypatch.setattr(opened.catalog, "commit_table", commit)
    assert not lease.take(opened, "me", NOW)
    assert met == [True] and lease.held(opened, NOW).holder == "other"


def test_who_keeps_losing_takes_it_and_gives_it_back(lake, tmp_path, monkeypatch):
    """Another writer, who looks at the lease before he commits, comes in between each time until then."""
    bucket = Bucket()
    bucket.put(key("a"), event(1))
    ingest(lake, bucket.save(tmp_path / "logs"))
    bucket.put(key("b"), event(2))
    plainly, stood = commits.publish, []

    def publish(opened, ready, **more):
        if ready.table == "events":
            holder = lease.held(opened, datetime.now(UTC))
            stood.append(holder.holder if holder else None)
            if not holder:
                with opened.table("events").transaction() as transaction:
                    transaction.update_snapshot().fast_append().commit()
        return plainly(opened, ready, **more)

    monkeypatch.setattr(commits, "publish", publish)
    result = ingest(lake, bucket.save(tmp_path / "logs"))
    assert stood == [None] * lease.LOSSES + [result.batch_id]
    contents = Contents(lake)
    assert not contents.branches(), "it was given back"
    assert len(contents.rows("events")) == 2 and len(contents.rows("batches")) == 2
    holds_together(contents)


def test_where_nobody_lets_go_it_goes_on_without(lake, opened, monkeypatch):
    assert lease.take(opened, "mean", datetime.now(UTC))
    monkeypatch.setattr(lease, "PATIENCE", 2)
    monkeypatch.setattr(lease.time, "sleep", lambda _: None)
    with lease.Turn(opened, "meek", lambda: datetime.now(UTC)) as turn:
        for _ in range(lease.LOSSES + 1):
            turn.lost()
    assert lease.held(opened, datetime.now(UTC)).holder == "mean"
