"""
Two runs that bring the same batch to an end at the same moment: its rows are there once.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.buckets import Bucket, event, key
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse.ingest import publish
from trailhouse.lake import catalog, commits


def twice_open(lake, tmp_path, name):
    """A lake with one event, opened by two; and files of a table, to commit again."""
    bucket = Bucket()
    bucket.put(key("a"), event(1))
    ingest(lake, bucket.save(tmp_path / "logs"))
    ours, theirs = catalog.make_lake(lake), catalog.make_lake(lake)
    return ours, theirs, commits.added_files(ours.table(name), commits.head(ours.table(name)))


@pytest.mark.parametrize("name", ["batches", "quality"])
def test_what_two_runs_append_under_one_mark_is_there_once(lake, tmp_path, monkeypatch, name):
    """The other comes in after this one has asked whether it was done, and before it commits."""
    ours, theirs, files = twice_open(lake, tmp_path, name)
    plainly, met = ours.catalog.commit_table, []

    def commit(table, requirements, updates):
        if not met:
            met.append(True)
            commits.append_once(theirs, name, files, commits.mark("a-mark"))
        return plainly(table, requirements, updates)

    monkeypatch.setattr(ours.catalog, "commit_table", commit)
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    commits.append_once(ours, name, files, commits.mark("a-mark"))
    assert met
    assert Counter(mark for _, mark in Contents(lake).history(name))["a-mark"] == 1


def test_so_is_a_batch_that_both_settle(lake, tmp_path, monkeypatch):
    """At the last row of a batch that a dead run has left."""
    bucket = Bucket()
    bucket.put(key("a"), event(1))
    logs = bucket.save(tmp_path / "logs")
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(publish, "_batch_row", lambda *_: (_ for _ in ()).throw(SystemExit))
        ingest(lake, logs)
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    plainly, met = commits.append_once, []

    def append(opened, name, *what):
        if name == "batches" and not met:
            met.append(True)
            plainly(catalog.make_lake(lake), name, *what)
        return plainly(opened, name, *what)

    monkeypatch.setattr(commits, "append_once", append)
    ingest(lake, logs)
    assert met
    contents = Contents(lake)
    holds_together(contents)
    assert not contents.branches()


@pytest.mark.parametrize("name", ["events", "ledger"])
def test_staging_goes_on_where_another_run_has_staged_meanwhile(lake, tmp_path, monkeypatch, name):
    """The two touch branches of their own; still the number of the second's snapshot is taken by then."""
    ours, theirs, files = twice_open(lake, tmp_path, name)
    plainly, met = ours.catalog.commit_table, []

    def commit(table, requirements, updates):
        if len(met) == 1:  # the first makes the branch
            commits.stage(theirs, name, files, commits.mark("their-batch"))
        met.append(True)
        return plainly(table, requirements, updates)

    monkeypatch.setattr(ours.catalog, "commit_table", commit)
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    ready = commits.stage(ours, name, files, commits.mark("our-batch"))
    assert len(met) > 2
    assert commits.staged(theirs, name, "our-batch") == ready
    assert commits.staged(theirs, name, "their-batch")
