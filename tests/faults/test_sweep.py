"""
The short form of the sweeps: a seeded part of what `make faults` tries.
"""

from __future__ import annotations

import random

import pytest

from tests.faults import sweep
from tests.faults.corpus import small
from tests.faults.oracle import Read, Watcher, complaints, content
from tests.faults.proxy import Request
from tests.ingest.contents import ingest
from trailhouse import faults
from trailhouse.ingest import publish
from trailhouse.lake import catalog, commits

SEED = random.SystemRandom().randrange(10**6)


@pytest.fixture
def rng() -> random.Random:
    print(f"seed {SEED}")
    return random.Random(SEED)


def test_killed_at_a_fault_point_the_next_run_ends_as_if_nothing_had_happened(tmp_path, rng):
    for outcome in sweep.sweep_points(tmp_path, rng, sample=6):
        assert outcome.fired and not outcome.complaints, outcome


@pytest.mark.usefixtures("s3_server")
def test_whatever_happens_to_a_request_the_next_run_ends_as_if_nothing_had_happened(tmp_path, rng):
    for outcome in sweep.sweep_requests(tmp_path, rng, full=False, only=3):
        assert outcome.fired and not outcome.complaints, outcome


def test_the_watcher_sees_what_no_audit_speaks_for(lake, tmp_path, monkeypatch):
    logs = small().save(tmp_path / "logs")
    with monkeypatch.context() as patched:
        patched.setattr(publish, "record", lambda *_: None)
        ingest(lake, logs)
    with Watcher(Read(lake)) as watcher:
        pass
    assert {complaint.split()[2] for complaint in watcher.complaints} == {"events", "insight_events", "quarantine"}


def test_the_oracle_sees_a_row_that_is_lost_or_doubled_and_a_branch_that_is_left(lake, tmp_path):
    bucket = small()
    ingest(lake, bucket.save(tmp_path / "logs"))
    want = content(Read(lake))
    assert not complaints(Read(lake), want, bucket)
    opened = catalog.make_lake(lake)
    shown = opened.table("events")
    commits.append_once(opened, "events", commits.added_files(shown, commits.head(shown)), commits.mark("x"))
    opened.table("ledger").manage_snapshots().create_branch(commits.head(opened.table("ledger")), "stage_x").commit()
    found = "\n".join(complaints(Read(lake), want, bucket))
    assert "too many" in found and "left behind: ledger/stage_x" in found
    opened.table("quarantine").delete()
    assert "quarantine: 2 rows lost" in "\n".join(complaints(Read(lake), want, bucket))


def test_the_sweep_over_points_has_each_before_and_after(rng):
    hits = ["audit", "decoded", "decoded", "decoded"]
    cases = {case.point for case in sweep.points(hits, rng)}
    assert {"audit:1:before", "audit:1:after", "decoded:1:before", "decoded:3:after"} <= cases


def test_the_sweep_over_requests_has_every_kind_in_every_mode(rng):
    paths = ["/b/x-m0.avro", "/b/snap-1.avro", "/b/x-m0.avro", "/b/data/x.parquet"]
    seen = [Request("s3", method, path, {}, b"") for path in paths for method in ("PUT", "GET")]
    named = {case.name.partition(" ")[2] for case in sweep.requests(seen, rng, full=False)}
    kinds = ("manifest", "manifest list", "data")
    assert named == {f"PutObject {kind}: {mode}" for kind in kinds for mode in sweep.MODES}
    assert len(sweep.requests(seen, rng, full=True)) == 4 * len(sweep.MODES)


def test_no_point_is_left_out_of_all_sweeps():
    from tests.faults import test_held

    assert set(sweep.ONLY_HERE) | {test_held.POINT} <= set(faults.POINTS)
