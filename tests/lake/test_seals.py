"""
Seals: what is written and what is audited has one, however a run ends; they hang together, and cost an idle run nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from tests.buckets import plain
from tests.ingest.contents import Contents, ingest
from trailhouse import settings
from trailhouse.ingest import inspect, publish
from trailhouse.lake import catalog, commits, files, pointers, seals


def kept(where: settings.Lake) -> list[dict]:
    folder = Path(seals.folder(where))
    return [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(folder.glob(f"*{seals.ENDED}"))]


def test_every_file_of_a_run_is_sealed_as_it_lies_there(lake, tmp_path):
    ingest(lake, plain(8).save(tmp_path / "logs"))
    told = {path: seal for each in kept(lake) for path, seal in each["files"].items()}
    there = {
        path.relative_to(lake.location).as_posix(): path
        for path in Path(lake.location).rglob("*")
        if path.is_file() and not path.name.startswith("catalog.") and "seals" not in path.parts
    }
    assert told.keys() == there.keys()
    for name, path in there.items():
        data = path.read_bytes()
        assert told[name] == [len(data), hashlib.sha256(data).hexdigest()], name


def test_each_names_the_one_before_it_and_the_pointer_the_last(lake, tmp_path):
    logs = tmp_path / "logs"
    for events in (4, 8, 12):
        ingest(lake, plain(events).save(logs))
    newest = json.loads(Path(seals.folder(lake), seals.NEWEST).read_text())
    link, passed = [newest["name"], newest["sha256"]], []
    while link:
        data = Path(seals.folder(lake), f"{link[0]}{seals.ENDED}").read_bytes()
        assert hashlib.sha256(data).hexdigest() == link[1]
        passed.append(link[0])
        link = json.loads(gzip.decompress(data))["before"]
    assert sorted(passed) == [each["name"] for each in kept(lake)] and len(passed) >= 3


def test_of_a_file_that_was_written_over_the_last_seal_counts(lake):
    for data in (b"first", b"second"):
        with seals.kept(lake):
            with seals.kept(lake):
                catalog.write_file(lake, "quality/b/index.html", data)
            path = catalog.write_file(lake, "quality/b/index.html", data + b" and again")
    chain = seals.read(lake, catalog.file_io(lake))
    assert not chain.doubts and chain.seals == {path: files.seal_of(b"second and again")}


def test_a_run_with_nothing_to_do_seals_nothing(lake, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    ingest(lake, logs)
    before = sorted(path.name for path in Path(seals.folder(lake)).iterdir())
    assert ingest(lake, logs).status == "nothing_to_do"
    assert sorted(path.name for path in Path(seals.folder(lake)).iterdir()) == before


def test_what_workers_wrote_is_sealed_by_the_audit_s_look(lake, tmp_path):
    """In a cluster, no process but the workers has written data files: their look tells of every byte."""
    ingest(lake, plain(8).save(tmp_path / "logs"))
    contents = Contents(lake)
    paths = [task.file.file_path for task in contents.table("events").scan().plan_files()]
    (row,) = contents.rows("batches")
    partitions = tuple(inspect.Partition("events", ((path, 1, ()),), ()) for path in paths)
    seen = inspect.look(inspect.Look(lake, row["batch_id"], partitions))
    assert seen.seals == {path: files.seal_of(Path(path).read_bytes()) for path in paths}


def test_a_run_that_fails_has_sealed_what_it_wrote(lake, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "take_claim", fail)
    with pytest.raises(KeyboardInterrupt):
        ingest(lake, plain(8).save(tmp_path / "logs"))
    told = {path for each in kept(lake) for path in each["files"]}
    assert any("/events/data/" in path for path in told) and any("/ledger/metadata/" in path for path in told)


def test_a_seal_that_can_not_be_written_fails_no_run(lake, tmp_path, monkeypatch, caplog):
    plainly = seals._put

    def put(where: settings.Lake, name: str, data: bytes) -> None:
        if not name.endswith(seals.BEGUN):
            raise OSError("no room")
        plainly(where, name, data)

    monkeypatch.setattr(seals, "_put", put)
    assert ingest(lake, plain(8).save(tmp_path / "logs")).status == "published"
    assert not kept(lake) and "could not be sealed (no room)" in caplog.text


def test_what_is_written_over_by_every_run_is_not_sealed(lake):
    with seals.kept(lake), files.unrecorded():
        catalog.write_file(lake, "listing/x.json", b"{}")
    assert not Path(seals.folder(lake)).exists()


def test_what_ends_in_gz_is_stored_as_it_was_written(lake):
    """Arrow compresses by the name, unless told not to."""
    where = catalog.write_file(lake, "plans/x.json.gz", gzip.compress(b"{}"))
    assert gzip.decompress(Path(where).read_bytes()) == b"{}"


def test_files_of_a_refused_commit_are_sealed_as_well(lake):
    made = catalog.make_lake(lake)
    with seals.kept(lake):
        commits.append_once(made, "events", (), commits.mark("once"))
    assert len(kept(lake)) == 1 and kept(lake)[0]["files"]


def test_a_seal_that_comes_late_makes_nobody_miss_what_is_gone(lake):
    catalog.make_lake(lake)
    path = f"{pointers.warehouse(lake)}/trailhouse/events/metadata/00001-x.metadata.json"
    with seals.kept(lake):
        files.note({path: files.Seal(1, "0" * 64)})
        with files.unrecorded():
            seals.tell_gone(lake, [path])
    chain = seals.read(lake, catalog.file_io(lake))
    assert path in chain.gone and path not in chain.seals
