"""
A newer release and an older lake: it is upgraded, read, gone on with; the older release then only reads. What another
writer changed stops every run before it writes, and is named.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.types import LongType, StringType

from tests.buckets import Bucket, event, key, plain
from tests.children import ended, forked_from
from tests.ingest.contents import Contents, config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from tests.lake import newer
from tests.old_lakes import opened
from tests.upkeep.test_batches import call
from tests.upkeep.test_check import look
from trailhouse import settings
from trailhouse.ask import local
from trailhouse.errors import UsageError
from trailhouse.ingest import run
from trailhouse.lake import catalog, drift, iceberg, schema
from trailhouse.upkeep import batches, upgrade

__all__ = ["call"]  # a fixture


@pytest.fixture
def doctored() -> Iterator[None]:
    """The next release: `events` has a column more, in the middle, `quarantine` a wider one, and there is one table more."""
    with next_release():
        yield


@contextmanager
def next_release() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        newer.doctor(patched.setattr)
        yield
    newer.forget()


@pytest.fixture
def old(tmp_path) -> settings.Lake:
    return opened("v1", tmp_path)


def state(where: settings.Lake) -> dict[str, object]:
    """Pointers of all tables: what changes with every commit."""
    lake = catalog.connect(where)
    return {name: catalog.pointer(lake, name) for name in schema.TABLES if lake.find(name)}


def test_a_lake_of_today_needs_nothing(lake):
    catalog.make_lake(lake)
    before = state(lake)
    assert upgrade.upgrade(lake, dry_run=False) == upgrade.Upgrade((), iceberg.SCHEMA_VERSION, False)
    assert state(lake) == before


@pytest.mark.usefixtures("doctored")
def test_a_dry_run_says_what_would_be_done_and_does_nothing(old, call):
    before = state(old)
    code, out, _ = call("upgrade", "--dry-run", "--lake", old.location)
    assert code == 0 and state(old) == before
    assert "ALTER TABLE trailhouse.events ADD COLUMN mood string COMMENT 'How it''s felt.' AFTER event_name;" in out
    assert "ALTER TABLE trailhouse_ops.quarantine ALTER COLUMN record_index TYPE long;" in out
    assert "ALTER TABLE trailhouse.events SET TBLPROPERTIES ('write.metadata.metrics.column.mood' = 'counts');" in out
    assert (
        f"ALTER TABLE trailhouse_ops.batches SET TBLPROPERTIES ('trailhouse.schema-version' = '{newer.NEXT}');" in out
    )
    assert "CREATE TABLE trailhouse_ops.notes (note_id string);" in out
    said = json.loads(call("upgrade", "--dry-run", "--format", "json", "--lake", old.location)[1])
    assert said["status"] == "planned" and said["schema_version"] == newer.NEXT and len(said["statements"]) > 10


@pytest.mark.usefixtures("doctored")
def test_an_older_lake_is_read_and_not_written_to_before_it_is_upgraded(old, tmp_path):
    told = json.loads(Path(old.location, "told.json").read_text())
    assert local.ask(old, "SELECT count(*) FROM events").rows == [(told["rows"]["events"],)]
    before = state(old)
    with pytest.raises(UsageError, match=r"trailhouse\.events: column mood is missing.*run `trailhouse upgrade`"):
        ingest(old, plain(8).save(tmp_path / "logs"))
    assert state(old) == before
    report = look(old)
    assert not report.damaged and report.counts["older"]


@pytest.mark.usefixtures("doctored")
def test_an_older_lake_is_upgraded_read_and_gone_on_with(old, tmp_path):
    told = json.loads(Path(old.location, "told.json").read_text())
    rows = Contents(old).rows("events")
    assert upgrade.upgrade(old, dry_run=False).done
    assert not upgrade.upgrade(old, dry_run=False).statements, "once is enough"
    assert_upgraded(old)
    now = Contents(old).rows("events")
    assert {row.pop(name) for row in now for name in ("mood", "event_time_text")} == {None} and now == rows
    asked = "SELECT count(*), count(mood) FROM events"
    assert local.ask(old, asked).rows == [(told["rows"]["events"], 0)]
    made = Bucket()
    made.put(key("new"), event(1), event(300, mood="fine"))  # one of them is there already
    logs = made.save(tmp_path / "new")
    result = ingest(old, logs)  # and ends what the older release had staged and not published
    assert len(result.settled) == 1 and (result.rows, result.duplicates) == (1, 1), result
    assert local.ask(old, "SELECT event_id FROM events WHERE mood = 'fine'").rows[0][0][:8] == "0000012c"
    going = run.Run(config_of(old, logs), quiet, session=INLINE)
    assert batches.release(going, told["held"], "it was a drill", force=False).status == "published"
    holds_together(Contents(old))
    report = look(old, deep=True)
    assert not report.damaged, report.findings


def assert_upgraded(where: settings.Lake) -> None:
    lake = catalog.open_lake(where)
    for name in schema.TABLES:
        table = lake.table(name)
        assert not drift.of(table, schema.table(name)), name
        assert table.properties[iceberg.VERSION] == newer.NEXT
        assert [field.field_id for field in table.schema().fields] == [c.id for c in schema.table(name).columns]


def test_the_older_release_reads_the_newer_lake_and_does_not_write_to_it(old, tmp_path):
    with next_release():
        upgrade.upgrade(old, dry_run=False)
    before = state(old)
    logs = plain(8).save(tmp_path / "logs")
    for write in (
        lambda: ingest(old, logs),
        lambda: upgrade.upgrade(old, dry_run=False),
        lambda: catalog.open_lake(old),
    ):
        with pytest.raises(UsageError, match="newer release"):
            write()
    assert state(old) == before
    counted = local.ask(old, "SELECT count(*), count(event_name) FROM events").rows
    assert counted[0][0] == len(Contents(old).rows("events"))


@pytest.fixture(scope="module")
def children() -> Iterator[multiprocessing.context.BaseContext]:
    with forked_from("tests.lake.newer") as context:
        yield context


def test_killed_anywhere_it_goes_on(old, children):
    """Each time it dies one step later, on the same lake."""
    points = [f"table_upgraded:{at}:{when}" for at in (1, 2) for when in ("before", "after")]
    for point in (*points, "table_made:9:before"):
        child = children.Process(target=newer.upgrade_and_die, args=(old, point))
        child.start()
        assert ended(child) == -signal.SIGKILL, point
    with next_release():
        upgrade.upgrade(old, dry_run=False)
        assert_upgraded(old)
        assert not look(old).damaged


def foreign(where: settings.Lake, change: str) -> None:
    """What another writer does to a table."""
    table = catalog.open_lake(where).table("events")
    with table.update_schema(allow_incompatible_changes=True) as update:
        match change:
            case "adds":
                update.add_column("theirs", StringType())
            case "drops":
                update.delete_column("user_agent")
            case "renames":
                update.rename_column("user_agent", "agent")
            case "retypes":
                update.delete_column("user_agent")
                update.add_column("user_agent", LongType())
            case "moves":
                update.move_first("user_agent")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("adds", r"trailhouse\.events: column theirs \(string\) was added"),
        ("drops", r"trailhouse\.events: column user_agent is missing"),
        ("renames", r"trailhouse\.events: column user_agent was renamed to agent"),
        ("retypes", r"trailhouse\.events: column user_agent is another"),
        ("moves", r"trailhouse\.events: its columns are in another order"),
    ],
)
def test_what_another_writer_changed_stops_a_run_before_it_writes(lake, tmp_path, change, named):
    catalog.make_lake(lake)
    foreign(lake, change)
    before = state(lake)
    why = "run `trailhouse upgrade`" if change == "drops" else "Another writer changed them"
    with pytest.raises(UsageError, match=f"{named}.*{why}"):
        ingest(lake, plain(8).save(tmp_path / "logs"))
    assert state(lake) == before
    found = [each.found for each in look(lake).findings if each.kind == "changed"]
    assert any(re.search(named, each) for each in found), found
    if change == "drops":  # its rows are in the files still, under its id
        assert upgrade.upgrade(lake, dry_run=False).done and look(lake).status == "sound"
        return
    with pytest.raises(UsageError, match=named):
        upgrade.upgrade(lake, dry_run=False)


def test_a_file_of_an_older_form_is_one_of_the_table():
    columns = schema.arrow_schema("events").names
    form = tuple(name for name in columns if name != "user_agent")
    read = pa.schema([schema.arrow_schema("events").field(name) for name in form])
    assert schema.is_of("events", read, [form]) and not schema.is_of("events", read)
    other = read.set(0, pa.field(read.names[0], pa.int64()))
    assert not schema.is_of("events", other, [form])
