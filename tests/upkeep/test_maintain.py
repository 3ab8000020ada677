"""
Maintenance changes no row: what is gathered, what is left alone, and who is waited for.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from pyiceberg.expressions import EqualTo
from pyiceberg.types import StringType

from tests.buckets import DAY, OTHER, event, key
from tests.ingest.contents import ingest
from tests.upkeep.fed import LATER, Fed, earlier, maintained
from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.ingest import publish
from trailhouse.lake import catalog, claim, commits, lease, tidy
from trailhouse.upkeep import compact, expire, gather, maintain

FED = ("events", "ledger", "quarantine", "quality", "batches")


def of(report, table: str):
    return next(told for told in report.tables if told.table == table)


def test_rows_stay_and_files_bytes_and_manifests_get_fewer(fed):
    before, one_day = fed.rows(), EqualTo("event_date", DAY.replace("/", "-"))
    reads = len(list(fed.contents.table("events").scan(one_day).plan_files()))
    report = maintained(fed.where)
    assert (report.status, report.problems) == ("maintained", [])
    assert fed.rows() == before
    fed.is_whole()
    for name in FED:
        told = of(report, name)
        assert told.after.files < told.before.files == told.gathered, name
        assert told.after.bytes < told.before.bytes and told.after.manifests < told.before.manifests, name
        assert told.after.files == told.into == len(fed.files(name)), name
    assert len(list(fed.contents.table("events").scan(one_day).plan_files())) < reads
    assert maintained(fed.where, "compact", "manifests").status == "nothing_to_do"


def test_ingest_goes_on_after_it_and_knows_what_is_there(fed):
    maintained(fed.where, snapshots_kept=1)
    assert ingest(fed.where, fed.folder).status == "nothing_to_do"
    fed.made.put(key("twin", OTHER), earlier(2, DAY, OTHER), event(77, OTHER))
    result = ingest(fed.where, fed.made.save(fed.folder))
    assert (result.status, result.rows, result.duplicates) == ("published", 1, 1)
    fed.feed(1)
    maintained(fed.where, snapshots_kept=1)
    fed.is_whole()


def test_a_dry_run_says_what_will_be_done_and_does_nothing(fed):
    place = Path(fed.where.location)
    fed.age()
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    planned = maintained(fed.where, dry_run=True)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    done = maintained(fed.where)
    assert (planned.status, done.status) == ("planned", "maintained")
    for name in FED:
        said, did = of(planned, name), of(done, name)
        assert (said.gathered, said.into, said.gathered_bytes) == (did.gathered, did.into, did.gathered_bytes)
        assert said.before == did.before and said.after is None


def test_a_partition_that_is_still_fed_is_left_alone(fed):
    files = set(fed.files())
    end_of_first = datetime(2026, 3, 2, tzinfo=UTC)
    long_quiet = {"quiet_for": timedelta(0), "tables": ("events",)}
    for closed_after, gathered in ((timedelta(days=1), 0), (timedelta(hours=23), 8)):
        report = maintained(
            fed.where, dry_run=True, now=end_of_first + timedelta(hours=23), closed_after=closed_after, **long_quiet
        )
        assert of(report, "events").gathered == 0, "its files came later than that"
        now = datetime.now(UTC)
        since = now - end_of_first - timedelta(hours=23)
        report = maintained(fed.where, dry_run=True, now=now, closed_after=since + closed_after, **long_quiet)
        assert of(report, "events").gathered == gathered
    added = [snapshot.timestamp_ms for snapshot in fed.contents.table("events").metadata.snapshots]
    for seen, gathered in (
        (added[-1] - 1, 0),
        (added[-1] + 1, 16),
    ):  # before the last file came to each partition, after
        now = datetime.fromtimestamp(seen / 1000, UTC)
        report = maintained(fed.where, dry_run=True, now=now, quiet_for=timedelta(0), tables=("events",))
        assert of(report, "events").gathered == gathered
    assert set(fed.files()) == files


def test_a_table_without_days_is_gathered_but_for_what_is_young(fed):
    report = maintained(fed.where, now=datetime.now(UTC), quiet_for=timedelta(hours=1))
    assert of(report, "batches").gathered == of(report, "events").gathered == 0
    assert of(maintained(fed.where), "batches").gathered == 4


def test_where_accounts_are_hashed_it_is_the_same(lake, tmp_path):
    fed = Fed(replace(lake, partition="bucket", buckets=2), tmp_path / "logs").feed(2)
    before = fed.rows()
    told = of(maintained(fed.where), "events")
    assert told.after.files == told.into < told.before.files == told.gathered
    assert maintained(fed.where, "manifests", tables=("ledger",)).status == "nothing_to_do"
    assert fed.rows() == before
    fed.is_whole()


def test_an_interrupt_leaves_everything_whole(fed, call, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = fed.rows()
    monkeypatch.setattr(tidy, "swap", interrupted)
    code, _, err = call("maintain", "--maintain-quiet-for", "1s", "--lake", fed.where.location)
    assert code == 130 and "everything is whole" in err
    assert lease.held(catalog.open_lake(fed.where), datetime.now(UTC)) is None
    assert fed.rows() == before


def test_rows_of_no_day_are_gathered_too(lake, tmp_path):
    fed = Fed(lake, tmp_path / "logs")
    for number in range(2):
        fed.made.put(key(f"odd{number}"), event(number, eventTime="never"))
        ingest(lake, fed.made.save(fed.folder))
    before = fed.rows()
    assert of(maintained(lake), "events").gathered == 2
    assert fed.rows() == before and len(fed.files()) == 1


def test_files_that_are_large_enough_stay_and_the_target_is_kept(fed):
    size = max(task.file.file_size_in_bytes for task in fed.contents.table("events").scan().plan_files())
    report = maintained(fed.where, "compact", tables=("events",), target_bytes=size, small_percent=10)
    assert report.status == "nothing_to_do"
    report = maintained(fed.where, "compact", tables=("events",), target_bytes=2 * size, small_percent=100)
    assert of(report, "events").into == 8, "two by two"


def test_what_is_gathered_is_sorted_and_has_filters(fed):
    maintained(fed.where, "compact", tables=("events",))
    for file in fed.files():
        read = pq.ParquetFile(file)
        times = read.read(columns=["event_time"])["event_time"].to_pylist()
        assert times == sorted(times) and len(times) in (4, 8)
        of_group = read.metadata.row_group(0)
        columns = {of_group.column(n).path_in_schema: of_group.column(n) for n in range(of_group.num_columns)}
        filtered = {name for name, column in columns.items() if column.bloom_filter_offset is not None}
        assert filtered == {"event_id", "source_ip"}, "nobody has an access key"
        known = read.read(columns=["event_id"])["event_id"][0].as_py()
        for value, excluded in ((known, False), ("no-such-event", True)):
            probed = duckdb.execute(
                "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, 'event_id', ?)", [file, value]
            )
            assert probed.fetchall() == [(excluded,)]


def test_a_file_that_lacks_a_column_of_today_is_gathered_by_the_columns_ids(fed):
    before = fed.rows()["events"]
    with catalog.open_lake(fed.where).table("events").update_schema() as update:
        update.add_column("came_later", StringType())
        update.rename_column("event_name", "called")
    maintained(fed.where, "compact", tables=("events",))
    rows = fed.contents.rows("events")
    assert {row.pop("came_later") for row in rows} == {None}
    renamed = [{("event_name" if name == "called" else name): value for name, value in row.items()} for row in rows]
    assert sorted(json.dumps(row, default=repr, sort_keys=True) for row in renamed) == sorted(before.elements())


def test_a_damaged_file_costs_its_group_alone_and_is_named(fed):
    damaged = next(file for file in sorted(fed.files()) if f"account_id={OTHER}" in file)
    data = bytearray(Path(damaged).read_bytes())
    data[len(data) // 3] ^= 0x55
    Path(damaged).write_bytes(data)
    report = maintained(fed.where, "compact", tables=("events",))
    assert report.problems == [{"where": damaged, "reason": "damaged"}] and report.status == "partial"
    assert of(report, "events").gathered == 12 and len(fed.files()) == 3 + 4


@pytest.mark.parametrize("how", ["lost", "doubled", "changed"])
def test_nothing_is_replaced_by_what_is_not_the_same(fed, monkeypatch, how):
    plainly, files = gather._in_row_groups, set(fed.files())

    def wrong(pieces):
        for rows in plainly(pieces):
            if how == "lost":
                yield rows.slice(1)
            elif how == "doubled":
                yield from (rows, rows.slice(0, 1))
            else:
                at = rows.column_names.index("user_agent")
                yield rows.set_column(at, rows.field(at), [["x"] * rows.num_rows])

    monkeypatch.setattr(gather, "_in_row_groups", wrong)
    with pytest.raises(TrailhouseError, match="Nothing was replaced"):
        maintained(fed.where, "compact", tables=("events",))
    assert set(fed.files()) == files


def test_what_another_has_replaced_meanwhile_is_left_to_it(fed, monkeypatch):
    before, plainly, met = fed.rows(), tidy.swap, []

    def swap(lake, name, swaps, said):
        if not met:
            met.append(True)
            maintained(fed.where, "compact", tables=("events",))
        return plainly(lake, name, swaps, said)

    monkeypatch.setattr(tidy, "swap", swap)
    monkeypatch.setattr(lease, "take", lambda *_: True)
    assert maintained(fed.where, "compact", tables=("events",)).status == "nothing_to_do"
    assert fed.rows() == before and len(fed.files()) == 4


def test_an_append_in_between_stays(fed, monkeypatch):
    plainly, met = tidy.swap, []

    def swap(lake, name, swaps, said):
        if not met:
            met.append(fed.feed(1))
        return plainly(lake, name, swaps, said)

    monkeypatch.setattr(tidy, "swap", swap)
    maintained(fed.where, "compact", tables=("events",))
    assert len(fed.files()) == 4 + 4
    fed.is_whole()


def test_a_commit_that_was_refused_is_made_on_what_is_there_then(fed, monkeypatch):
    """Another branch of the table, and main itself, move between the look and the commit."""
    before, lake = fed.rows(), catalog.open_lake(fed.where)
    plainly, left = type(lake.catalog).commit_table, ["main", "other"]

    def commit(self, table, requirements, updates):
        if left and table.name()[-1] == "events":
            branch = left.pop()
            if branch == "other":
                lake.table("events").manage_snapshots().create_branch(
                    commits.head(lake.table("events")), "other"
                ).commit()
            with lake.table("events").transaction() as transaction:
                transaction.update_snapshot(branch=branch).fast_append().commit()
        return plainly(self, table, requirements, updates)

    monkeypatch.setattr(type(lake.catalog), "commit_table", commit)
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    maintained(fed.where, "compact", tables=("events",))
    assert not left and fed.rows() == before and len(fed.files()) == 4


def test_who_goes_first_is_waited_for_and_a_dead_one_is_not(fed, monkeypatch):
    lake, waited = catalog.open_lake(fed.where), []
    assert lease.take(lake, "first", LATER)
    monkeypatch.setattr(lease.time, "sleep", waited.append)
    with pytest.raises(TrailhouseError, match="first goes first"):
        maintained(fed.where, "compact", tables=("events",))
    assert len(waited) == lease.LONGEST and len(fed.files()) == 16
    assert maintained(fed.where, "compact", now=LATER + lease.LASTS, tables=("events",)).status == "maintained"
    assert lease.held(lake, LATER) is None, "it was given back"


def test_a_batch_that_has_the_claim_is_brought_to_its_end_first(fed, monkeypatch):
    class KilledError(BaseException):
        """Nothing that anybody catches."""

    def dies(*_):
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(publish, "show", dies)
        fed.feed(1)
    lake = catalog.open_lake(fed.where)
    assert claim.holder(lake)
    maintained(fed.where)
    assert not claim.holder(lake)
    assert len(fed.contents.rows("batches")) == 5
    fed.is_whole()


def test_small_manifests_become_few_and_each_tells_of_days_that_lie_together(fed, monkeypatch):
    before, table = fed.rows(), fed.contents.table("events")
    assert len(tidy.manifests(table)) == 4
    monkeypatch.setattr(expire, "MANIFEST_BYTES", 2 * max(m.manifest_length for m in tidy.manifests(table)) + 2)
    report = maintained(fed.where, "manifests", tables=("events",))
    assert of(report, "events").manifests == 4
    table = fed.contents.table("events")
    days = [(m.partitions[2].lower_bound, m.partitions[2].upper_bound) for m in tidy.manifests(table)]
    assert len(days) == 2 and all(low == high for low, high in days), days
    assert fed.rows() == before
    fed.feed(1)
    fed.is_whole()


def test_the_command_tells_what_it_did(fed, call):
    assert tuple(maintain.STEPS) == sys.modules["trailhouse.cli.maintain"].STEPS
    place = ("--lake", fed.where.location)
    for arguments, said in (
        (("--only", "compact,nothing"), "nothing is no step"),
        (("--table", "nothing"), "there is no table nothing"),
        (("--maintain-orphans-after", "1h"), "--allow-young"),
    ):
        code, _, err = call("maintain", *arguments, *place)
        assert code == 2 and said in err
    code, out, _ = call("maintain", "--dry-run", *place)
    assert code == 0 and "planned" in out and "events" in out
    young = ("--maintain-quiet-for", "1s", "--format", "json")
    code, out, _ = call("maintain", "--only", "compact", "--table", "events", *young, *place)
    told = json.loads(out)
    assert code == 0 and told["status"] == "maintained"
    (events,) = told["tables"]
    assert (events["gathered"], events["into"], events["after"]["files"]) == (16, 4, 4)
    code, out, _ = call("maintain", "--only", "compact", "--format", "csv", *place)
    assert code == 0 and out.startswith('"table","gathered"')


def test_the_guard_of_orphans_is_not_lowered_by_mistake(fed):
    with pytest.raises(UsageError, match="--allow-young"):
        maintained(fed.where, orphans_after=timedelta(hours=23))
    assert maintained(fed.where, dry_run=True, allow_young=True, orphans_after=timedelta(hours=23)).status == "planned"


def test_a_round_is_no_larger_than_was_said(fed):
    table = catalog.open_lake(fed.where).table("events")
    bounds = settings.Maintain()
    groups = compact.groups(table, bounds, LATER)
    assert [len(each) for each in compact._rounds(groups, 2 * max(g.bytes for g in groups))] == [2, 2]
    report = maintained(fed.where, "compact", tables=("events",), commit_bytes=1)
    assert of(report, "events").after.snapshots - of(report, "events").before.snapshots == 4
    assert replace(bounds, min_files=5) and not compact.groups(table, replace(bounds, min_files=5), LATER)
