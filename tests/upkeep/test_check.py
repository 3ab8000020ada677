"""
Damage of every kind to every kind of file: found, named, and told by the exit code; a lake that nobody touched has none.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.buckets import Bucket, event, key
from tests.faults.corpus import small
from tests.ingest.contents import Contents, config_of, ingest, quiet
from tests.ingest.inline import INLINE
from tests.old_lakes import opened
from tests.upkeep.test_batches import call, refused
from trailhouse import settings, show
from trailhouse.ingest import run
from trailhouse.lake import catalog, files, listing, readback, schema, seals
from trailhouse.upkeep import batches, check, check_files, check_tables
from trailhouse.upkeep.damage import ADVICE, DAMAGE, Report

__all__ = ["call", "refused"]  # fixtures
SEED = random.SystemRandom().randrange(10**6)
WHERE = {"head": (0.0, 0.1), "body": (0.1, 0.9), "tail": (0.9, 1.0)}


class Checked:
    """A lake of two batches, that tests damage and put right again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lake"
        self.logs = folder / "logs"
        self.lake = settings.Lake(location=str(self.folder), catalog_uri=str(self.folder / "catalog.sqlite"))
        ingest(self.lake, small().save(self.logs))
        more = Bucket()
        more.put(key("more"), event(30), event(31))
        ingest(self.lake, more.save(self.logs))
        self.table = Contents(self.lake).table("events")

    def look(self, **asked: bool) -> Report:
        return look(self.lake, self.logs, **asked)

    def files(self, what: str) -> list[Path]:
        """Those that are told of: the newest first."""
        table, snapshot = self.table, self.table.current_snapshot()
        assert snapshot is not None
        own = self.folder / "_trailhouse"
        found = {
            "data file": [Path(task.file.file_path) for task in table.scan().plan_files()],
            "metadata file": [Path(table.metadata_location)],
            "earlier metadata file": [Path(each.metadata_file) for each in table.metadata.metadata_log],
            "manifest list": [Path(each.manifest_list) for each in reversed(table.metadata.snapshots)],
            "manifest": [Path(each.manifest_path) for each in snapshot.manifests(table.io)],
            "plan": sorted(own.glob("plans/*")),
            "page": sorted(own.glob("quality/*/index.html")),
            "earlier seal": sorted(own.glob("seals/*.json.gz"))[:-1],
            "seal": sorted(own.glob("seals/*.json.gz"))[-1:],
            "pointer to the newest seal": [own / "seals" / "newest.json"],
            "source object": [self.logs / key("a"), self.logs / key("b", "444455556666")],
        }[what]
        assert found and all(path.is_file() for path in found), what
        return found


FILES = (
    *("data file", "metadata file", "earlier metadata file", "manifest list", "manifest", "plan", "page"),
    *("earlier seal", "seal", "pointer to the newest seal", "source object"),
)


def look(where: settings.Lake, *sources: object, **asked: bool) -> Report:
    return check.check(run.Run(config_of(where, *sources), quiet, session=INLINE), check.Asked(**asked))


@pytest.fixture(scope="module")
def checked(tmp_path_factory) -> Checked:
    return Checked(tmp_path_factory.mktemp("checked"))


@pytest.fixture
def rng() -> random.Random:
    print(f"seed {SEED}")
    return random.Random(SEED)


@contextmanager
def put_right(path: Path) -> Iterator[None]:
    """Whatever the test does to a file is undone."""
    data, about = (path.read_bytes(), path.stat()) if path.exists() else (None, None)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if data is not None and about is not None:
            path.write_bytes(data)
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def told(report: Report) -> set[tuple[str, str]]:
    """Damage, by its kind and the last part of its path."""
    return {(each.kind, each.path.rpartition("/")[2]) for each in report.findings if each.kind in KINDS}


KINDS = ("missing", "extra", "changed", "unreadable", "inconsistent")


def test_a_lake_that_nobody_touched_has_no_finding(checked):
    for asked in ({}, {"deep": True}, {"deep": True, "sources": True}):
        report = checked.look(**asked)
        assert report.status == "sound" and not report.counts, report.findings
    assert report.skipped == {"digest": 1}
    assert report.looked_at["objects listed"] == len(
        small().objects
    )  # the digest is one of them, and there is one more


@pytest.mark.parametrize("place", WHERE)
@pytest.mark.parametrize("what", FILES)
def test_a_bit_that_turned_over_is_found(checked, what, place, rng):
    path = rng.choice(checked.files(what))
    with put_right(path):
        data = bytearray(path.read_bytes())
        least, most = (int(part * len(data)) for part in WHERE[place])
        at = rng.randrange(least, max(most, least + 1))
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        report = checked.look(deep=True, sources=what == "source object")
    found = {kind for kind, name in told(report) if name == path.name}
    if what == "pointer to the newest seal" and not found:  # it names another, which is not there, or not so
        found = {kind for kind, _ in told(report)}
    assert report.status == "damaged" and found & {"changed", "unreadable", "missing"}, (path, at, report.findings)


def test_what_no_file_can_be_called_is_missing(checked):
    """A bit that turns over in a manifest list may make such a path of one that was sound."""
    io = catalog.file_io(checked.lake)
    for path in (f"{checked.folder}/a\0b", "no-such-scheme://a/b"):
        opened = check_tables.Opened(io, {})
        assert opened.read(path, "manifest", "events") is None
        assert [(each.kind, each.path) for each in opened.findings] == [("missing", path)]
        assert readback.read_back(path, io, lambda file: file.read()) is None
    there = check_files.listed([f"{checked.folder}/a\0b"])
    assert [each.kind for each in there.findings] == ["unchecked"]


def test_metadata_that_names_other_columns_is_found_and_stops_nothing(checked):
    path = checked.files("metadata file")[0]
    with put_right(path):
        data = path.read_bytes()
        assert b'"region"' in data
        path.write_bytes(data.replace(b'"region"', b'"regiOn"'))
        report = checked.look(deep=True)
    assert report.status == "damaged" and ("changed", path.name) in told(report), report.findings


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_was_deleted_is_found(checked, what):
    path = checked.files(what)[0]
    with put_right(path):
        path.unlink()
        report = checked.look(sources=what == "source object")
    assert report.status == "damaged" and ("missing", path.name) in told(report), report.findings


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_was_added_is_found(checked, what):
    path = checked.files(what)[0]
    added = path.with_name(_another(path.name))
    time.sleep(0.01)  # since the run that it could be thought to be of
    with put_right(added):
        shutil.copy(path, added)
        if what == "source object":
            os.utime(added, (0, 0))  # else it is new, and the next run reads it
        report = checked.look(sources=what == "source object")
    assert report.status == "damaged" and ("extra", added.name) in told(report), report.findings


def _another(name: str) -> str:
    """A name of the same form."""
    if name == "newest.json":
        return "newer.json"
    if "_a.json" in name:
        return name.replace("_a.json", "_aa.json")
    return f"{name[:7]}{'2' if name[7] != '2' else '3'}{name[8:]}"


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_was_replaced_by_another_of_its_kind_is_found(checked, what):
    path = checked.files(what)[0]
    others = [each for each in checked.files(what)[1:] if each.read_bytes() != path.read_bytes()]
    other = others[0] if others else checked.files("earlier seal" if "seal" in what else "earlier metadata file")[0]
    with put_right(path):
        shutil.copyfile(other, path)
        report = checked.look(deep=True, sources=what == "source object")
    assert report.status == "damaged" and path.name in {name for _, name in told(report)}, report.findings


@pytest.mark.parametrize("name", schema.TABLES)
def test_damage_to_the_metadata_of_any_table_is_found_and_the_rest_is_looked_at(checked, name):
    path = Path(catalog.pointer(catalog.connect(checked.lake), name))
    with put_right(path):
        path.write_bytes(b"{" + path.read_bytes()[1:].replace(b"snapshot", b"sn\0pshot"))
        report = checked.look(deep=True, sources=True)
    assert told(report) == {("changed", path.name)}, report.findings
    assert report.looked_at["files read whole"] > 20


def test_rows_that_were_changed_in_a_file_of_the_same_size_are_found(checked):
    """A sound file, with sound checksums, in place of another: the seal tells, and the ledger does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = checked.files("data file")[0]
    with put_right(path):
        rows = pq.ParquetFile(path).read()
        size = path.stat().st_size
        named = pa.array(["DeleteTrai"] * rows.num_rows)
        changed = rows.set_column(rows.column_names.index("event_name"), rows.schema.field("event_name"), named)
        pq.write_table(changed, path, compression="zstd", store_schema=False, write_page_checksum=True)
        data = path.read_bytes()
        path.write_bytes(data[: size - 8].ljust(size - 8, b"\0") + data[-8:])
        report = checked.look(deep=True)
    assert path.name in {name for _, name in told(report)}


def test_damage_has_an_exit_code_and_a_first_screen(checked, call):
    lake = ("--lake", checked.folder)
    code, out, _ = call("check", *lake)
    assert code == 0 and out.startswith("sound: looked at 13 tables")
    path = checked.files("data file")[0]
    with put_right(path):
        path.unlink()
        code, out, _ = call("check", *lake)
        assert code == 4 and out.startswith("damaged: ") and "restore it" in out and path.name in out
        code, out, _ = call("check", "--format", "json", "--limit", "1", *lake)
        said = json.loads(out)
        assert (code, said["status"], said["counts"]["missing"], len(said["findings"])) == (4, "damaged", 1, 1)
        code, out, _ = call("check", "--format", "csv", *lake)
        assert code == 4 and out.splitlines()[0] == '"kind","what","table","path","expected","found"'


def test_what_to_do_fits_into_its_cell():
    assert max(map(len, ADVICE.values())) <= show.CELL_WIDTH and set(DAMAGE) == set(KINDS)


def test_what_can_not_be_meant_is_refused(checked, call):
    assert call("check", "--seal", "--lake", checked.folder)[0] == 2
    assert call("check", checked.logs, "--lake", checked.folder)[0] == 2
    assert call("check", "--lake", checked.folder / "nowhere")[0] == 2


def test_it_writes_nothing(checked, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("it writes")

    monkeypatch.setattr(files.KeepingFileIO, "new_output", refuse)
    before = {path: path.stat().st_mtime_ns for path in checked.folder.rglob("*")}
    assert checked.look(deep=True, sources=True).status == "sound"
    assert before == {path: path.stat().st_mtime_ns for path in checked.folder.rglob("*")}


def test_sums_that_disagree_are_found(checked, monkeypatch):
    """The ledger forgets an object: every file is whole, and the rows are nobody's."""
    from pyiceberg.expressions import EqualTo

    from trailhouse.lake import commits

    folder = checked.folder.parent
    shutil.copytree(folder, folder / "copy")
    moved = folder / "kept"
    checked.folder.rename(moved)
    try:
        shutil.copytree(moved, checked.folder)
        commits.replace(catalog.open_lake(checked.lake), "ledger", EqualTo("key", key("more")), (), commits.mark("x"))
        quick = checked.look()
        assert {(each.kind, each.table) for each in quick.findings if each.kind in KINDS} == {
            ("inconsistent", "events"), ("inconsistent", "batches"),
        }  # fmt: skip
        deep = checked.look(deep=True)
        assert any(each.path.endswith(key("more")) and each.found == "2 in events" for each in deep.findings)
    finally:
        shutil.rmtree(checked.folder)
        moved.rename(checked.folder)


def test_what_is_held_or_given_up_is_a_fact_and_no_damage(refused):
    report = look(refused.lake, refused.logs, deep=True, sources=True)
    assert report.status == "sound" and report.counts["held"] == 1, report.findings
    batches.discard(refused.going, refused.batch_id, "a drill")
    report = look(refused.lake, refused.logs, deep=True, sources=True)
    assert report.status == "sound" and report.counts["held"] == 1, report.findings


def test_a_lake_from_before_seals_is_sound_and_can_be_sealed(tmp_path):
    lake = opened("v1", tmp_path)
    report = look(lake, deep=True)
    assert report.status == "sound" and report.counts["unsealed"] > 50, report.findings
    assert sum(each.kind == "older" and each.found == "nothing" for each in report.findings) == 6
    assert report.counts["unfinished"]
    assert look(lake, deep=True, seal=True).status == "sound"
    report = look(lake, deep=True)
    assert report.status == "sound" and not report.counts["unsealed"], report.findings
    metadata = sorted(Path(lake.location).glob("trailhouse/events/metadata/*.metadata.json"))[0]
    metadata.write_bytes(metadata.read_bytes().replace(b"zstd", b"gzip"))
    assert ("changed", metadata.name) in told(look(lake, deep=True))


def test_whatever_a_command_keeps_beside_the_tables_is_no_damage(lake, tmp_path):
    ingest(lake, small().save(tmp_path / "logs"))
    with seals.kept(lake):
        path = Path(catalog.write_file(lake, "another/command.json", b"{}"))
    assert not look(lake, deep=True).counts
    path.write_bytes(b"[]")
    assert ("changed", "command.json") in told(look(lake, deep=True))


def test_what_could_not_be_looked_at_is_no_damage(checked, monkeypatch):
    plainly = listing.listed

    def listed(folder: str):
        if folder.endswith("/insight_events"):
            raise PermissionError("Permission denied")
        return plainly(folder)

    monkeypatch.setattr(listing, "listed", listed)
    report = checked.look()
    assert report.status == "unchecked" and report.counts == {"unchecked": 1}


def test_an_object_that_came_since_is_new(checked):
    path = checked.logs / key("new")
    with put_right(path):
        made = Bucket()
        made.put(key("new"), event(77))
        made.save(checked.logs)
        report = checked.look(sources=True)
    assert report.status == "sound" and report.counts == {"new": 1}


def test_days_bound_what_is_compared(checked):
    from datetime import date

    going = run.Run(config_of(checked.lake, checked.logs), quiet, session=INLINE)
    late = check.check(going, check.Asked(sources=True, until=date(2026, 2, 1)))
    assert late.status == "sound" and late.looked_at["objects listed"] == 1


def test_seals_that_two_runs_wrote_at_once_are_no_damage(lake, tmp_path):
    """The pointer goes to the later one; the earlier is whole, and nobody names it."""
    ingest(lake, small().save(tmp_path / "logs"))
    pointer = Path(seals.folder(lake)) / seals.NEWEST
    before = pointer.read_bytes()
    for name in ("one", "two"):
        pointer.write_bytes(before)
        made = Bucket()
        made.put(key(name), event(50 + len(name)))
        ingest(lake, made.save(tmp_path / name))
    report = look(lake, deep=True)
    assert report.status == "sound" and set(report.counts) == {"beside"}, report.findings
