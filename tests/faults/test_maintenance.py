"""
Maintenance that is killed, beside writers that sleep, and on S3 with both catalogs: run again, the lake is whole.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.buckets import OTHER, Bucket, event, key
from tests.children import ended
from tests.faults import doomed, races, sweep
from tests.faults.oracle import Read
from tests.faults.proxy import Fault
from tests.ingest.contents import DATA, OPS, holds_together, ingest
from tests.upkeep.fed import Fed, Kept, maintained
from trailhouse import faults, settings
from trailhouse.errors import TrailhouseError
from trailhouse.lake import catalog, commits

# Everything that may go goes: a test has no days to wait.
ALL = {
    "quiet_for": timedelta(seconds=0), "snapshots_after": timedelta(seconds=0), "orphans_after": timedelta(seconds=0),
    "snapshots_kept": 1, "metadata_kept": 1,
}  # fmt: skip
FLAGS = (
    "--maintain-quiet-for", "0s", "--maintain-snapshots-after", "0s", "--maintain-orphans-after", "0s",
    "--maintain-snapshots-kept", "1", "--maintain-metadata-kept", "1", "--allow-young",
)  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Kept:
    return Kept(tmp_path_factory.mktemp("fed"))


@pytest.fixture(scope="module")
def context():
    with sweep.processes() as made:
        yield made


def job(lake: settings.Lake, told: Path, *flags: str, **more) -> doomed.Job:
    return doomed.Job(("maintain", "--lake", lake.location, *FLAGS, *flags), told, **more)


def run(context, it: doomed.Job) -> int:
    child = context.Process(target=doomed.run, args=(it,))
    child.start()
    return ended(child)


def with_leftovers(kept: Kept):
    """The lake, with a branch that a killed run has left and a file that nobody knows."""
    fed = kept.anew()
    over = fed.contents.rows("batches")[0]["batch_id"]
    lake = catalog.open_lake(fed.where)
    lake.table("events").manage_snapshots().create_branch(commits.head(lake.table("events")), f"stage_{over}").commit()
    Path(lake.table("events").location(), "data", "nobodys.parquet").write_bytes(b"x")
    return fed


def test_a_maintenance_comes_to_every_point(kept, context, tmp_path):
    fed = with_leftovers(kept)
    for only in ("manifests", "compact,refs,snapshots,orphans"):
        it = job(fed.where, tmp_path / "told", "--only", only, trace=tmp_path / "trace")
        assert run(context, it) == 0, (tmp_path / "told").read_text()
    hits = set((tmp_path / "trace").read_text().split())
    assert set(faults.POINTS_OF_MAINTENANCE) <= hits, "a point that no run comes to guards nothing"


HITS = [f"{point}:1" for point in faults.POINTS_OF_MAINTENANCE]
HITS += ["files_swapped:3", "snapshots_forgotten:4", "files_deleted:3", "pointer_swapped:2", "metadata_file:9"]
HITS += ["manifest_list:5", "manifests_regrouped:2"]
CASES = [f"{hit}:{when}" for hit in HITS for when in sweep.WHEN]
SAMPLE = int(os.environ.get("TRAILHOUSE_KILLS", "4"))  # of them; a minute and a half for all
SEED = random.SystemRandom().randrange(10**6)


def test_killed_at_a_point_and_run_again_the_lake_is_whole_and_small(kept, context, tmp_path):
    print(f"seed {SEED}")
    for point in random.Random(SEED).sample(CASES, min(SAMPLE, len(CASES))):
        killed_at(point, with_leftovers(kept), context, tmp_path / "told")


def killed_at(point: str, fed: Fed, context, told: Path) -> None:
    before = fed.rows()
    it = job(fed.where, told, *(("--only", "manifests") if "manifests" in point else ()), fault=point)
    assert run(context, it) == sweep.KILLED, f"{point}: {told.read_text()}"
    assert fed.rows() == before, f"{point}, killed"
    for steps in ((), ("orphans",)):  # the second takes away what was needed by what the first has taken away
        report = maintained(fed.where, *steps, now=datetime.now(UTC) + timedelta(hours=1), allow_young=True, **ALL)
        assert report.status in ("maintained", "nothing_to_do") and not report.problems, point
    assert fed.rows() == before, point
    fed.is_whole()
    assert len(fed.files()) == 4
    live = {file for name in (*DATA, *OPS) for file in fed.files(name)}
    assert {path for path in fed.stored() if path.endswith(".parquet")} == live, point
    assert ingest(fed.where, fed.folder).status == "nothing_to_do", point


@pytest.mark.parametrize("guarded", [True, False], ids=["with the guard", "without it"])
def test_a_writer_that_sleeps_finds_its_files_when_they_are_younger_than_the_guard(kept, context, tmp_path, guarded):
    """F29. Without the guard they are gone: so it is the guard that keeps them."""
    fed = kept.anew()
    fed.made.put(key("late", OTHER), event(900, OTHER))
    source = str(fed.made.save(fed.folder))
    asleep = partial(races.sleep_at, "table_staged", 1)
    writing = doomed.Job(("ingest", source, "--lake", fed.where.location), tmp_path / "writer", before=asleep)
    child = context.Process(target=doomed.run, args=(writing,))
    child.start()
    try:
        assert races._sleeps(child.pid)
        bounds = ALL if not guarded else {**ALL, "orphans_after": timedelta(hours=24)}
        now = datetime.now(UTC) + timedelta(hours=1)
        maintained(fed.where, now=now, allow_young=not guarded, **bounds)
    finally:
        os.kill(child.pid, signal.SIGCONT)
    code = ended(child)
    if not guarded:
        assert code != 0, "its files were deleted under it"
        return
    assert code == 0, (tmp_path / "writer").read_text()
    assert "00000384" in {row["event_id"][:8] for row in fed.contents.rows("events")}
    fed.is_whole()


# ── in a bucket ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("which", ["sqlite", "glue"])
def test_on_s3_rows_stay_and_what_nothing_needs_is_deleted_many_at_once(
    which, proxy, cloud_lake, bucket, s3, tmp_path, glue_server
):
    """And where the right to delete is missing (F30), that is said, and the lake is whole."""
    where = cloud_lake
    if which == "sqlite":
        where = replace(cloud_lake, catalog="sqlite", catalog_uri=str(tmp_path / "catalog.sqlite"))
    read = Read(where, {
        "s3.endpoint": s3.url, "s3.access-key-id": s3.env()["AWS_ACCESS_KEY_ID"], "s3.region": "us-east-1",
        "s3.secret-access-key": s3.env()["AWS_SECRET_ACCESS_KEY"], "glue.endpoint": glue_server.url,
        "glue.region": "us-east-1", "glue.access-key-id": "x", "glue.secret-access-key": "x",
    })  # fmt: skip
    logs, client = Bucket(), s3.client()
    for number in range(2):
        logs.put(key(f"more{number}"), event(300 + number), event(310 + number), b'{"eventID":"x","eventID":"y"}')
        assert ingest(where, logs.save(tmp_path / "logs")).status == "published"
    before = rows_of(read)
    client.put_object(Bucket=bucket, Key="warehouse/beside the tables", Body=b"not ours to delete")
    names = ("events", "quarantine")
    more = {"now": datetime.now(UTC) + timedelta(hours=1), "allow_young": True, "tables": names, **ALL}
    proxy.begin(
        Fault("answer", among=lambda r: r.kind == "DeleteObjects", status=403, code="AccessDenied", times=10**6)
    )
    with pytest.raises(TrailhouseError, match="a right is missing"):
        maintained(where, **more)
    assert rows_of(read) == before
    proxy.begin()
    report = maintained(where, "orphans", **more)
    deletes = [r.kind for r in proxy.seen.requests if r.kind.startswith("DeleteObject")]
    assert deletes == ["DeleteObjects"] * 2 and all(told.deleted > 3 for told in report.tables)
    assert rows_of(read) == before
    holds_together(read.again())
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="warehouse/")
    stored = {f"s3://{bucket}/{o['Key']}" for page in pages for o in page.get("Contents", ())}
    live = {task.file.file_path for name in names for task in read.again().table(name).scan().plan_files()}
    assert {path for path in stored if path.endswith(".parquet") and any(f"/{name}/" in path for name in names)} == live
    assert f"s3://{bucket}/warehouse/beside the tables" in stored
    assert ingest(where, tmp_path / "logs").status == "nothing_to_do"


def rows_of(read: Read) -> dict[str, Counter[str]]:
    read = read.again()
    return {name: Counter(repr(sorted(row.items(), key=str)) for row in read.rows(name)) for name in (*DATA, *OPS)}
