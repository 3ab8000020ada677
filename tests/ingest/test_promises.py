"""
Promises that are easily broken by a change that looks harmless; each has a sabotage of its own in `tools/sabotages.py`.
"""

from __future__ import annotations

import logging
import os
import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

from tests import model
from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import DATA, OPS, Contents, files, holds_together, ingest, same_as_model
from trailhouse.errors import TrailhouseError
from trailhouse.ingest import stage
from trailhouse.lake import catalog, commits, write
from trailhouse.lake.files import Written

TWICE = b'{"eventID":"x","eventID":"y"}'
BROKEN = b"\x1f\x8b nothing"


def test_every_reason_is_a_finding(lake, tmp_path):
    """P31: quarantine is no hiding place. What is in it stands in the result and in `quality`, by reason, with its count."""
    bucket = Bucket({key("broken"): BROKEN})
    bucket.put(key("a"), event(1), TWICE, b"3", b"[]")
    result = ingest(lake, bucket.save(tmp_path / "logs"))
    want = {"dup_key": 1, "not_object": 2, "gzip_header": 1}
    assert {
        f["name"]: f["rows"] for f in result.findings if f["table"] == "quarantine" and f["name"] != "share"
    } == want
    contents = Contents(lake)
    written = [q for q in contents.rows("quality") if q["table_name"] == "quarantine" and q["severity"] == "warning"]
    assert {q["name"]: q["rows"] for q in written if q["name"] in want} == want
    assert (result.quarantined, result.quarantined_objects) == (3, 1)
    same_as_model(contents, bucket.listed())
    holds_together(contents)


def test_no_value_of_a_record_is_told(lake, tmp_path, caplog, capsys):
    """P26: neither in the log, nor in the result, nor in any table but those of the records themselves."""
    caplog.set_level(logging.DEBUG)
    secret = "canary-5d1e"
    bucket = Bucket()
    said = {
        name: f"{secret}-{name}"
        for name in ("eventName", "userAgent", "eventID", "awsRegion", "errorMessage", "novelty")
    }
    bucket.put(key("a"), event(1, **said), event(1, **said, requestID=secret), event(2, userIdentity=secret))
    bucket.put(
        key("b"),
        event(1, **said),
        TWICE.replace(b"x", secret.encode()),
        f'"{secret}"'.encode(),
        event(3, resources=secret),
    )
    bucket.objects[key("c")] = BROKEN + secret.encode()
    result = ingest(lake, bucket.save(tmp_path / "logs"), task_bytes=1)
    assert result.conflicts and result.quarantined and result.findings
    told = [str(result), *(f"{r.name} {r.getMessage()}" for r in caplog.records), *capsys.readouterr()]
    told += [str(Contents(lake).rows(name)) for name in ("quality", "batches", "ledger")]
    assert not [line for line in told if secret in line.lower()]
    assert any("published" in line for line in told), "nothing was told at all"


@pytest.mark.parametrize("late", ["p0", "p3", "p7"])
def test_a_file_that_comes_late_is_found_whatever_its_time_and_name(lake, tmp_path, late):
    """B1 to B6: what is new is a set difference. A cursor over times or over names would pass a latecomer by."""
    bucket = plain(16)
    (last,) = (where for where in bucket.objects if f"_{late}." in where)
    logs = bucket.save(tmp_path / "logs", only=[where for where in bucket.objects if where != last])
    ingest(lake, logs)
    twin = last.replace(f"_{late}.", f"_0{late}.")
    bucket.put(twin, event(700), event(701))
    bucket.save(logs)
    for where in (last, twin):
        os.utime(logs / where, (1_500_000_000, 1_500_000_000))
    result = ingest(lake, logs)
    assert (result.status, result.objects) == ("published", 2)
    contents = Contents(lake)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


class Unclosable:
    """A file that takes everything, and says at its end that it could not: as a full disk or an upload's last part does."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        raise OSError("the last part was not taken")


def test_a_file_that_can_not_be_closed_is_not_written(lake, tmp_path, monkeypatch):
    """B24: closing is the write. A data file whose close fails belongs to no table."""
    bucket = plain(8)
    logs, plainly = bucket.save(tmp_path / "logs"), Written.create

    def create(self, overwrite=False):
        made = plainly(self, overwrite)
        return Unclosable(made) if "/events/data/" in self.location and self.location.endswith(".parquet") else made

    with monkeypatch.context() as patched:
        patched.setattr(Written, "create", create)
        with pytest.raises(TrailhouseError, match="last part"):
            ingest(lake, logs)
    contents = Contents(lake)
    assert not any(contents.rows(name) for name in (*DATA, "ledger", "batches"))
    ingest(lake, logs)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


def test_a_file_that_is_written_again_stays_where_it_is(lake, tmp_path, monkeypatch):
    """Nothing but maintenance deletes: what a rewrite replaces is an orphan, since another try may still need it."""
    made: list[str] = []
    plainly = Written.create

    def create(self, overwrite=False):
        made.append(self.location.removeprefix("file://"))
        return plainly(self, overwrite)

    monkeypatch.setattr(Written, "create", create)
    bucket = Bucket()
    bucket.put(key("a"), event(1), event(2))
    bucket.put(key("b"), event(2), event(3))
    result = ingest(lake, bucket.save(tmp_path / "logs"), task_bytes=1)
    there = files(Path(lake.location))
    data = [Path(path).relative_to(lake.location).as_posix() for path in made if path.endswith(".parquet")]
    assert (result.rows, result.duplicates) == (3, 1)
    assert len([path for path in data if "/events/data/" in path]) == 3, "nothing was written again"
    assert set(data) <= there


def test_no_mark_is_set_before_what_it_speaks_of(lake, tmp_path, monkeypatch):
    """B30: after each single commit, whatever the ledger calls done is there, and `batches` speaks of what the ledger knows."""
    plainly, wrong, seen = SqlCatalog.commit_table, [], []

    def commit(self, table, *given):
        done = plainly(self, table, *given)
        seen.append(table.name()[-1])
        wrong.extend(f"after commit {len(seen)}, to {seen[-1]}: {each}" for each in _spoken_too_early(Contents(lake)))
        return done

    bucket = Bucket({key("broken"): BROKEN})
    bucket.put(key("a"), event(1), event(2), TWICE)
    bucket.put(key("insight", kind="CloudTrail-Insight"), event(201, eventCategory="Insight"))
    logs = bucket.save(tmp_path / "logs")
    catalog.make_lake(lake)
    monkeypatch.setattr(SqlCatalog, "commit_table", commit)
    assert ingest(lake, logs).status == "published"
    assert {"events", "insight_events", "quarantine", "ledger", "batches"} <= set(seen)
    assert not wrong


def _spoken_too_early(contents: Contents) -> list[str]:
    ledger = contents.rows("ledger")
    rows = Counter(row["source_object"] for name in DATA for row in contents.rows(name))
    held = Counter(row["key"] for row in contents.rows("quarantine"))
    early = [
        o["key"] for o in ledger if rows[o["key"]] < o["rows"] or held[o["key"]] < o["quarantined"] + bool(o["reason"])
    ]
    known = Counter(o["batch_id"] for o in ledger)
    return early + [b["batch_id"] for b in contents.rows("batches") if known[b["batch_id"]] < b["objects"]]


MOST = 40  # more commits than a run of one batch has


@pytest.mark.parametrize("error", [OSError, CommitFailedException], ids=lambda each: each.__name__)
def test_a_commit_whose_answer_is_lost_is_not_made_twice(lake, tmp_path, monkeypatch, error):
    """B25 to B27: the k-th commit is made and its answer lost, or turned into a no, for every fourth k. It is looked up, never repeated blindly."""
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    plainly = SqlCatalog.commit_table
    bucket = Bucket({key("broken"): BROKEN})
    bucket.put(key("a"), event(1), event(2), TWICE)
    bucket.put(key("insight", kind="CloudTrail-Insight"), event(201, eventCategory="Insight"))
    logs = bucket.save(tmp_path / "logs")
    first = random.SystemRandom().randrange(4)
    print(f"every fourth commit, from {first} on")
    for at in range(first, MOST, 4):
        where = lake.__class__(location=f"{lake.location}{at}", catalog_uri=f"{lake.location}{at}/catalog.sqlite")
        ingest(where, Bucket({key("first"): plain(8).objects[key("p0")]}).save(tmp_path / "first"))
        count = [0]

        def commit(self, *given, count=count, at=at):
            done = plainly(self, *given)
            count[0] += 1
            if count[0] == at + 1:
                raise error("no answer came")
            return done

        with monkeypatch.context() as patched:
            patched.setattr(SqlCatalog, "commit_table", commit)
            try:
                result = ingest(where, logs)
            except TrailhouseError as gave_up:
                raise AssertionError(f"commit {at}: {gave_up}") from gave_up
        assert result.status == "published", (at, result.refused)
        _each_batch_once(Contents(where), at)
        if count[0] <= at:
            break
    assert 10 < at < MOST - 1


def _each_batch_once(contents: Contents, at: int) -> None:
    assert (
        ingest(contents.where, contents.rows("ledger")[-1]["source"].removeprefix("file://")).status == "nothing_to_do"
    )
    for name in (*DATA, *OPS):
        batches = Counter(batch for _, batch in contents.history(name) if batch)
        assert set(batches.values()) <= {1}, f"commit {at}: {name} holds {batches}"
    holds_together(contents)


def refused(lake, logs: Path) -> set[str]:
    """The checks that refuse a run, of which nothing is seen."""
    result = ingest(lake, logs)
    contents = Contents(lake)
    assert result.status == "refused" and not any(contents.rows(name) for name in DATA)
    return {q["name"] for q in contents.rows("quality") if q["severity"] == "critical" and not q["success"]}


def test_rows_that_name_another_batch_are_refused(lake, tmp_path, monkeypatch):
    """Lineage is the way back to the source: a row that lies about it could never be told from a planted one."""
    plainly = write.write_rows

    def of_another_batch(rows, metadata, io):
        if "record_index" in rows.column_names and "raw_sha256" not in rows.column_names:
            at = rows.column_names.index("batch_id")
            rows = rows.set_column(at, "batch_id", pa.repeat("another", rows.num_rows))
        return plainly(rows, metadata, io)

    monkeypatch.setattr(write, "write_rows", of_another_batch)
    assert refused(lake, plain(8).save(tmp_path / "logs")) == {"lineage"}


def test_a_file_that_is_attached_twice_is_refused(lake, tmp_path, monkeypatch):
    plainly = commits._append

    def twice(table, added, batch_id, branch, is_done):
        rows = branch != commits.MAIN and table.name()[-1] == "events"
        return plainly(table, [*added, *added[:1]] if rows else added, batch_id, branch, is_done)

    monkeypatch.setattr(commits, "_append", twice)
    assert "files" in refused(lake, plain(8).save(tmp_path / "logs"))


def test_a_ledger_that_says_something_else_is_refused(lake, tmp_path, monkeypatch):
    """What the run counted and what the ledger is about to say of it are two things until they are compared."""
    plainly = stage.ledger_rows

    def of_other_bytes(*given):
        made = plainly(*given)
        made[0]["sha256"] = "0" * 64
        return made

    monkeypatch.setattr(stage, "ledger_rows", of_other_bytes)
    assert refused(lake, plain(8).save(tmp_path / "logs")) == {"ledger"}
