"""
What is deleted: files that nothing refers to and that are old. Where that can't be told, nothing.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyiceberg.table import StaticTable

from tests.ingest.contents import BATCH
from tests.upkeep.fed import LATER, Fed, maintained
from trailhouse.errors import TrailhouseError
from trailhouse.lake import catalog, listing, remove
from trailhouse.upkeep import batches, orphans


def stray(fed: Fed, table: str, name: str, days: float) -> str:
    """A file that no commit tells of, as old as that."""
    path = Path(fed.contents.table(table).location().removeprefix("file://")) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nobody's")
    fed.age(days, {str(path)})
    return str(path)


def orphaned(fed: Fed, **more):
    return maintained(fed.where, "orphans", metadata_kept=1000, **more)


def test_what_nothing_refers_to_goes_when_it_is_old_and_nothing_else_does(fed):
    fed.age()
    before, rows = fed.stored(), fed.rows()
    old = {
        stray(fed, "events", "data/account_id=1/region=x/event_date=2026-03-01/00000-a.parquet", 3.1),
        stray(fed, "ledger", "metadata/snap-1-0-a.avro", 3.1),
        stray(fed, "quarantine", "data/deep/down/in it.parquet", 400),
    }
    young = {stray(fed, "events", "data/account_id=1/b.parquet", 2.9), stray(fed, "batches", "metadata/x-m0.avro", 0)}
    report = orphaned(fed)
    assert fed.stored() == before | young
    assert {told.table: told.deleted for told in report.tables if told.deleted} == {
        "events": 1,
        "ledger": 1,
        "quarantine": 1,
    }
    assert not any(Path(path).exists() for path in old)
    assert orphaned(fed).status == "nothing_to_do"
    assert fed.rows() == rows


def test_age_is_told_by_the_store_and_no_clock_of_ours_makes_files_older(fed):
    path = stray(fed, "events", "data/a.parquet", 0)
    orphaned(fed, now=LATER + timedelta(days=3650))
    assert Path(path).exists()


def references(fed: Fed) -> dict[str, str]:
    """One file of each kind that others are found by; of the table that is looked at last, too."""
    table = fed.contents.table("batches")
    snapshot = table.current_snapshot()
    location = str(catalog.open_lake(fed.where).table("batches").metadata_location)
    older = sorted(str(path) for path in Path(location).parent.glob("*.metadata.json"))[-2]
    manifest = snapshot.manifests(table.io)[0].manifest_path
    (file, *_) = fed.files("batches")
    return {"metadata": older, "list": snapshot.manifest_list, "manifest": manifest, "data": file}


@pytest.mark.parametrize("how", ["gone", "empty", "cut", "garbled"])
@pytest.mark.parametrize("which", ["metadata", "list", "manifest"])
def test_where_a_reference_cant_be_read_nothing_is_deleted_and_it_is_named(fed, which, how):
    path = Path(references(fed)[which].removeprefix("file://"))
    data = path.read_bytes()
    strays = [stray(fed, "events", "data/a.parquet", 30), stray(fed, "batches", "data/a.parquet", 30)]
    if how == "gone" and which == "metadata":
        path = Path(catalog.open_lake(fed.where).table("batches").metadata_location)
        data = path.read_bytes()
        plainly = catalog.open_lake(fed.where).table("batches")
        path.unlink()
        with pytest.raises(TrailhouseError, match=path.name):
            orphans.look(plainly, 1000, LATER)
        return
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"empty": b"", "cut": data[: len(data) // 2], "garbled": data[:40] + os.urandom(len(data) - 40)}[how]
        )
    with pytest.raises(TrailhouseError, match=path.name):
        orphaned(fed)
    assert all(Path(each).exists() for each in strays)
    path.write_bytes(data)
    orphaned(fed)
    assert not any(Path(each).exists() for each in strays)


def test_where_a_data_file_is_gone_nothing_is_deleted(fed):
    path = Path(references(fed)["data"].removeprefix("file://"))
    kept = stray(fed, "events", "data/a.parquet", 30)
    path.unlink()
    with pytest.raises(TrailhouseError, match=path.name):
        orphaned(fed)
    assert Path(kept).exists()


def test_where_the_listing_spells_places_otherwise_nothing_is_deleted(fed, monkeypatch):
    """Else everything would look like an orphan."""
    fed.age()
    before, plainly = fed.stored(), listing.listed

    def spelt(folder):
        for each in plainly(folder):
            yield listing.Stored("file://" + each.path, each.size, each.modified)

    monkeypatch.setattr(orphans, "listed", spelt)
    with pytest.raises(TrailhouseError, match="not among the files"):
        orphaned(fed)
    assert fed.stored() == before


def test_the_newest_metadata_files_stay_and_what_they_refer_to(fed):
    lake = catalog.open_lake(fed.where)
    folder = Path(lake.table("events").location()) / "metadata"
    snapshots = {each.snapshot_id for each in lake.table("events").metadata.snapshots}
    maintained(fed.where, "snapshots", "orphans", metadata_kept=3, snapshots_kept=1)
    left = sorted(path.name for path in folder.glob("*.metadata.json"))
    at = int(Path(lake.table("events").metadata_location).name[:5])
    assert [int(name[:5]) for name in left] == [at - 2, at - 1, at]
    fed.age()
    maintained(fed.where, "orphans", metadata_kept=3)
    for name in left:
        old = StaticTable.from_metadata(str(folder / name))
        for each in old.metadata.snapshots:
            assert old.scan(snapshot_id=each.snapshot_id).to_arrow().num_rows <= 24
    oldest = StaticTable.from_metadata(str(folder / left[0]))
    assert snapshots == {each.snapshot_id for each in oldest.metadata.snapshots}


def test_a_metadata_file_whose_writer_sleeps_right_before_its_commit_stays_with_what_it_refers_to(fed):
    location = Path(catalog.open_lake(fed.where).table("events").metadata_location)
    to_come = location.with_name(f"{int(location.name[:5]) + 1:05d}-to-come.metadata.json")
    to_come.write_bytes(location.read_bytes())
    fed.age(30)
    orphaned(fed)
    assert to_come.exists()
    maintained(fed.where, "compact", "orphans", metadata_kept=1000)
    assert not to_come.exists(), "another was faster: no catalog shows it any more"


def test_a_metadata_file_that_was_torn_when_its_writer_died_is_no_reference(fed):
    location = Path(catalog.open_lake(fed.where).table("events").metadata_location)
    number = int(location.name[:5])
    torn = [stray(fed, "events", f"metadata/{number + ahead:05d}-torn.metadata.json", 30) for ahead in (0, 1)]
    lost = location.with_name(f"{number:05d}-lost.metadata.json")  # another was faster
    lost.write_bytes(location.read_bytes())
    fed.age(30, {str(lost)})
    orphaned(fed)
    assert not any(Path(path).exists() for path in (*torn, lost)) and location.exists()
    fed.is_whole()


def test_plans_and_pages_of_old_batches_go_but_those_of_held_ones(refused):
    own = Path(catalog.own_folder(refused.lake))
    fed = Fed(refused.lake, refused.logs)
    (own / "listing").mkdir(exist_ok=True)
    (own / "listing" / "feeds.json").write_text("{}")
    fed.age(91, {str(path) for path in own.rglob("*") if path.is_file()})
    states = {row["batch_id"]: row["state"] for row in refused.contents.rows("batches")}
    listings = {path.name for path in (own / "listing").iterdir()}
    report = maintained(refused.lake, "orphans")
    assert report.pages > 1 and report.pages_bytes > report.pages
    for batch_id, state in states.items():
        files = [path for path in own.rglob("*") if path.is_file() and batch_id in str(path)]
        assert bool(files) == (state == "held"), files
    assert {path.name for path in (own / "listing").iterdir()} == listings
    batches.discard(refused.going, refused.batch_id, "it may be wanted yet")
    assert maintained(refused.lake, "orphans").pages == 0


def test_what_cant_be_deleted_is_told_and_the_others_go(fed):
    here, folder = stray(fed, "events", "data/a.parquet", 30), Path(fed.where.location) / "a-folder"
    folder.mkdir()
    failed = remove.remove([here, str(folder), str(folder / "gone already")])
    assert failed.keys() == {str(folder)} and not Path(here).exists()


def test_what_was_deleted_before_a_kill_is_no_harm(fed, monkeypatch):
    strays = [stray(fed, "events", f"data/{name}.parquet", 30) for name in "abc"]
    monkeypatch.setattr(remove, "AT_ONCE", 1)
    plainly = remove.remove

    def dies(paths):
        if paths == [strays[1]]:
            raise KeyboardInterrupt
        return plainly(paths)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(remove, "remove", dies)
        orphaned(fed)
    assert [Path(each).exists() for each in strays] == [False, True, True]
    orphaned(fed)
    assert not any(Path(each).exists() for each in strays)
    fed.is_whole()


def test_a_writer_that_sleeps_finds_its_files_again(fed):
    """F29: its data files are up, nothing tells of them, and a cleanup comes by."""
    from trailhouse.ingest import settle

    plainly, told = settle.settle, []

    def sleeps(run, lake, written, wish=None):
        told.append(maintained(fed.where, snapshots_kept=1, metadata_kept=1))
        return plainly(run, lake, written, wish)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("trailhouse.ingest.run.settle.settle", sleeps)
        fed.feed(1)
    assert told and told[0].status == "maintained"
    fed.is_whole()
    assert len(fed.contents.rows("batches")) == 5


def test_marks_of_maintenance_are_no_batchs(fed):
    maintained(fed.where)
    table = fed.contents.table("events")
    said = [s.summary.additional_properties.get(BATCH, "") for s in table.metadata.snapshots if s.summary]
    assert any(mark.startswith("maintain ") for mark in said)
    assert datetime.now(UTC) < LATER
