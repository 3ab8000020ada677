"""
Several runs on one lake: in the end the tables are those of one run, whatever came in between.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tests import model
from tests.buckets import Bucket, event, key, redelivered
from tests.ingest.contents import Contents, holds_together, ingest
from tests.ingest.test_kills import children
from trailhouse.errors import TrailhouseError
from trailhouse.lake import catalog, claim, commits, lock

__all__ = ["children"]


@pytest.mark.parametrize("overlap", ["the same objects", "other objects", "half of them"])
def test_runs_at_once_end_with_the_tables_of_one(children, lake, tmp_path, overlap):
    """P8, in processes of their own that start together."""
    catalog.make_lake(lake)
    _together(children, lake, tmp_path, overlap)


def test_runs_at_once_may_both_be_the_first(children, lake, tmp_path):
    _together(children, lake, tmp_path, "other objects")


def _together(children, lake, tmp_path, overlap) -> None:
    from tests.ingest import doomed

    bucket = redelivered(7)
    keys = sorted(bucket.objects)
    parts = {
        "the same objects": [keys] * 3,
        "other objects": [keys[n::3] for n in range(3)],
        "half of them": [keys[:20], keys[10:], keys[::2]],
    }
    logs = [bucket.save(tmp_path / f"logs{n}", only=some) for n, some in enumerate(parts[overlap])]
    logs = [logs[0]] * 3 if overlap == "the same objects" else logs
    barrier = children.Barrier(len(logs))
    started = [
        children.Process(target=doomed.race, args=(lake, [str(each)], barrier, tmp_path / "told", {"objects": 8}))
        for each in logs
    ]
    for child in started:
        child.start()
    for child in started:
        child.join(90)
    told = (tmp_path / "told").read_text() if (tmp_path / "told").exists() else ""
    assert [child.exitcode for child in started] == [0] * len(logs), told
    contents = Contents(lake)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)
    assert {ingest(lake, each).status for each in logs} == {"nothing_to_do"}


# ── catalogs that are servers have no lock: runs meet between any two commits ────────────────────────────────────────


def mixed(number: int, kind: str = "CloudTrail") -> Bucket:
    made = Bucket()
    records = [event(number, kind="x"), event(number + 1), b"[]", event(1)]
    made.put(key(f"mixed{number}", kind=kind), *records)
    made.objects[key(f"broken{number}", kind=kind)] = b"\x1f\x8b nothing"
    return made


def join(*buckets: Bucket) -> Bucket:
    return Bucket({k: d for b in buckets for k, d in b.objects.items()})


STEPS = ("stage", "stage ledger", "quality", "claim", "events", "quarantine", "ledger", "batches")
KINDS = ("CloudTrail", "CloudTrail-Insight", "the same")


@pytest.mark.parametrize(("before", "kind"), [(b, k) for b in STEPS for k in KINDS])
def test_another_run_comes_in_between(lake, tmp_path, monkeypatch, before, kind):
    """At each step of publishing another run does all of its work; who fails clean is run again."""
    monkeypatch.setattr(lock, "alone", lambda where: nullcontext())
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    same = kind == "the same"
    mine, other = mixed(10), mixed(10) if same else mixed(20, kind)
    ours, theirs = mine.save(tmp_path / "logs"), (tmp_path / "logs") if same else other.save(tmp_path / "theirs")
    met: list[str] = []
    seen: list[str] = []

    def comes(step: str) -> None:
        if step == before and not met:
            met.append(step)
            try:
                seen.append(ingest(lake, theirs).status)
            except TrailhouseError as error:
                seen.append(str(error))

    hooked(monkeypatch, comes)
    for _ in range(3):
        try:
            ingest(lake, ours)
        except TrailhouseError:
            continue
        break
    assert met == [before]
    for folder in (theirs, ours, theirs):
        ingest(lake, folder)
    contents = Contents(lake)
    bucket = join(mine, other)
    want = model.lake(bucket.listed())
    assert contents.published() == want.published
    assert len(contents.rows("quarantine")) == sum(want.reasons.values())
    holds_together(contents)
    assert not contents.branches()


def hooked(monkeypatch, comes) -> None:
    """Calls `comes` with the step that is about to be taken."""
    move, append, plainly, take = commits.publish, commits.append_once, commits.stage, claim.take

    def claiming(opened, ready):
        comes("claim")
        return take(opened, ready)

    def publishing(opened, ready, **more):
        comes(ready.table)
        return move(opened, ready, **more)

    def appending(opened, name, *rest, **more):
        comes(name)
        return append(opened, name, *rest, **more)

    def staging(opened, name, *rest, **more):
        comes("stage")
        comes(f"stage {name}")
        return plainly(opened, name, *rest, **more)

    monkeypatch.setattr(commits, "publish", publishing)
    monkeypatch.setattr(commits, "append_once", appending)
    monkeypatch.setattr(claim, "take", claiming)
    monkeypatch.setattr(commits, "stage", staging)


def test_no_branch_is_left_of_a_batch_that_is_done(lake, tmp_path):
    bucket = Bucket()
    bucket.put(key("a"), event(1))
    ingest(lake, bucket.save(tmp_path / "logs"))
    bucket.put(key("b"), event(1))
    assert ingest(lake, bucket.save(tmp_path / "logs")).duplicates == 1
    assert not Contents(lake).branches()


def test_a_run_that_waits_for_another_does_its_work_afterwards(children, lake, tmp_path):
    """The lock of a catalog in a file goes with its holder, also when it is killed."""
    from tests.ingest import doomed

    bucket = mixed(10)
    logs = bucket.save(tmp_path / "logs")
    child = children.Process(target=doomed.run, args=(lake, [str(logs)], 16, tmp_path / "told", {}))
    child.start()
    child.join(60)
    assert child.exitcode != 0
    ingest(lake, logs)
    assert Contents(lake).published() == model.lake(bucket.listed()).published
