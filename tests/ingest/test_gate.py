"""
The gate: a batch with a broken invariant is refused and held, and says which; nothing of it is seen; the rest goes on.

Each test breaks one thing that ingest relies on, and the right check must refuse. The broken thing stands for a bug.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from inspect import stack as inspect_stack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

from tests import model
from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import DATA, Contents, config_of, files, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from trailhouse.errors import TrailhouseError
from trailhouse.ingest import inspect, publish, rewrite, run, task
from trailhouse.lake import catalog, commits, readback, write
from trailhouse.lake.write import write_rows
from trailhouse.upkeep import batches

BAD_RECORD = b'{"eventID":"x","eventID":"y"}'


def good_and_bad() -> Bucket:
    made = plain(8)
    made.put(key("rotten"), event(90), BAD_RECORD)
    made.objects[key("broken")] = b"\x1f\x8b nothing"
    return made


def of_events(rows: pa.Table) -> bool:
    return (
        "event_id" in rows.column_names
        and "record_index" in rows.column_names
        and "raw_sha256" not in rows.column_names
    )


# ── sabotages: each takes the place of `write.write_rows` or of another step ─────────────────────────────────────────


def loses_the_last_row(rows, metadata, io):
    return write_rows(rows.slice(0, rows.num_rows - 1) if of_events(rows) else rows, metadata, io)


def writes_a_row_twice(rows, metadata, io):
    return write_rows(pa.concat_tables([rows, rows.slice(0, 1)]) if of_events(rows) else rows, metadata, io)


def writes_a_row_twice_at_first(rows, metadata, io):
    """In the task; the rewrite of files with twins is sound."""
    double = of_events(rows) and "object" not in rows.column_names and not in_rewrite()
    return write_rows(pa.concat_tables([rows, rows.slice(0, 1)]) if double else rows, metadata, io)


def in_rewrite() -> bool:
    return any(frame.function == "rewrite" for frame in inspect_stack())


def swaps_a_row_for_another(rows, metadata, io):
    """As many rows as before, but one of them stands twice and another not at all."""
    if of_events(rows) and rows.num_rows > 1:
        rows = pa.concat_tables([rows.slice(0, rows.num_rows - 1), rows.slice(0, 1)])
    return write_rows(rows, metadata, io)


def loses_quarantined(rows, metadata, io):
    return write_rows(rows.slice(0, 0) if "raw_sha256" in rows.column_names else rows, metadata, io)


def loses_quarantined_objects(rows, metadata, io):
    if "raw_sha256" in rows.column_names:
        rows = rows.filter(pa.compute.is_valid(rows["record_index"]))
    return write_rows(rows, metadata, io)


def puts_a_file_into_another_partition(rows, metadata, io):
    made = write_rows(rows, metadata, io)
    if of_events(rows):
        for file in made:
            file.partition[1] = "eu-north-1"
    return made


def dates_a_row_by_another_day(rows, metadata, io):
    if of_events(rows):
        at = rows.column_names.index("event_date")
        days = rows["event_date"].cast(pa.int32()).to_pylist()
        days[0] += 1
        rows = rows.set_column(at, rows.field(at), pa.array(days, pa.int32()).cast(pa.date32()))
    return write_rows(rows, metadata, io)


def counts_rows_wrong(rows, metadata, io):
    made = write_rows(rows, metadata, io)
    if of_events(rows):
        made[0]._data[4] += 1  # record_count
        assert made[0].record_count == rows.num_rows + 1 or len(made) > 1
    return made


def writes_another_schema(rows, metadata, io):
    made = write_rows(rows, metadata, io)
    if of_events(rows):
        path = made[0].file_path.removeprefix("file://")
        kept = pa.parquet.ParquetFile(path).read()
        pa.parquet.write_table(
            kept.rename_columns(
                [
                    "user_agent" if n == "source_ip" else "source_ip" if n == "user_agent" else n
                    for n in kept.column_names
                ]
            ),
            path,
        )
    return made


def truncates(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def turns_bytes_over(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:10] + bytes(each ^ 255 for each in data[10:60]) + data[60:])


def damages(harm: Callable[[Path], object], of: Callable[[pa.Table], bool]) -> Any:
    """A writer whose first file of a table does not stay what it was."""

    def writes(rows, metadata, io):
        made = write_rows(rows, metadata, io)
        if of(rows):
            harm(Path(made[0].file_path.removeprefix("file://")))
        return made

    writes.__name__ = f"{harm.__name__}_{of.__name__}"
    return writes


def of_quarantine(rows: pa.Table) -> bool:
    return "raw_sha256" in rows.column_names


WRITERS = [
    (loses_the_last_row, {"accounting"}),
    (writes_a_row_twice, {"accounting", "unique"}),
    (writes_a_row_twice_at_first, {"accounting", "unique"}),
    (swaps_a_row_for_another, {"accounting", "unique"}),
    (loses_quarantined, {"accounting"}),
    (loses_quarantined_objects, {"accounting"}),
    (puts_a_file_into_another_partition, {"partition"}),
    (dates_a_row_by_another_day, {"partition"}),
    (counts_rows_wrong, {"schema", "looked_at_all"}),
    (writes_another_schema, {"schema"}),
    *(
        (damages(harm, of), {"schema"})
        for harm in (truncates, turns_bytes_over, Path.unlink)
        for of in (of_events, of_quarantine)
    ),
]


@pytest.mark.parametrize(("sabotage", "checks"), WRITERS, ids=lambda each: each.__name__ if callable(each) else "")
def test_what_a_writer_does_wrong_is_refused(lake, tmp_path, monkeypatch, sabotage, checks):
    logs = good_and_bad().save(tmp_path / "logs")
    refused = refused_by(lake, logs, monkeypatch, lambda m: m.setattr(write, "write_rows", sabotage))
    assert refused[0] in checks


def refused_by(lake, logs: Path, monkeypatch, sabotage: Callable[[Any], None], **bounds) -> list[str]:
    """The checks that refused a run with the sabotage in place; all that must hold of any refusal is asked here."""
    first = Bucket({key("before"): plain(16).objects[key("p0")]})
    ingest(lake, first.save(logs.parent / "first"))
    contents = Contents(lake)
    shown, there = {name: contents.rows(name) for name in (*DATA, "quarantine")}, files(Path(lake.location))
    with monkeypatch.context() as patched:
        sabotage(patched)
        result = ingest(lake, logs, **bounds)
    assert result.status == "refused" and (result.batches, result.rows) == ([], 0)
    assert {name: contents.rows(name) for name in (*DATA, "quarantine")} == shown, (
        "something of the refused batch is visible"
    )
    assert there <= files(Path(lake.location))
    (held,) = [b for b in contents.rows("batches") if b["state"] == "held"]
    failed = [
        q["name"]
        for q in contents.rows("quality")
        if q["batch_id"] == held["batch_id"] and q["severity"] == "critical" and not q["success"]
    ]
    says_what_and_how_to_look(lake, result.refused[0], held["batch_id"], failed)
    after_a_refusal(lake, logs, contents, held["batch_id"])
    return failed


def says_what_and_how_to_look(lake, message: str, batch_id: str, failed: list[str]) -> None:
    assert failed and batch_id in message and failed[0] in message
    opened = catalog.open_lake(lake)
    name = re.search(rf"batch rows {batch_id} --expectation (\S+) --lake {lake.location};", message)[1]
    assert f"batch show {batch_id} --lake {lake.location};" in message and name.partition(".")[2] == failed[0]
    checks = batches.story(opened, batch_id).checks
    assert failed[0] in {each["name"] for each in checks if not each["success"]}
    batches.rows(opened, batch_id, name, (), 5)  # there may be none: what was lost can't be shown


def after_a_refusal(lake, logs: Path, contents: Contents, batch_id: str) -> None:
    """Its objects are held and not planned again; what comes later goes in; nothing of the refused batch ever does."""
    ledger = contents.rows("ledger")
    held = {o["key"] for o in ledger if o["state"] == "held"}
    assert held and {o["batch_id"] for o in ledger if o["state"] == "held"} == {batch_id}
    assert ingest(lake, logs).status == "nothing_to_do"
    later = Bucket()
    later.put(key("later"), event(500), event(501))
    result = ingest(lake, later.save(logs))
    assert (result.status, result.objects, result.rows) == ("published", 1, 2)
    holds_together(contents)
    assert all(r["batch_id"] != batch_id for name in DATA for r in contents.rows(name))


def test_a_damaged_file_that_holds_twins_is_refused_and_not_failed_over(lake, tmp_path, monkeypatch):
    """The audit reads key columns of it; to take the twins out it would be read whole, at every run."""

    def rots(path: Path) -> None:
        group = pa.parquet.read_metadata(path).row_group(0)
        chunks = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
        data = bytearray(path.read_bytes())
        chunk = chunks["request_parameters"]
        data[(chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size - 1] ^= 255
        path.write_bytes(data)

    made = Bucket()
    made.put(key("a"), event(700))
    made.put(key("b"), event(700), event(701))
    logs = made.save(tmp_path / "logs")
    refused = refused_by(
        lake, logs, monkeypatch, lambda m: m.setattr(write, "write_rows", damages(rots, of_events)), task_bytes=1
    )
    assert "schema" in refused


def test_what_can_not_be_shown_of_a_damaged_file_is_said_and_its_objects_can_be_read_anew(
    lake, tmp_path, monkeypatch, caplog
):
    bucket = plain(2)
    logs = bucket.save(tmp_path / "logs")
    with monkeypatch.context() as patched:
        patched.setattr(write, "write_rows", damages(truncates, of_events))
        assert ingest(lake, logs).status == "refused"
    opened = catalog.open_lake(lake)
    batch_id = Contents(lake).rows("batches")[0]["batch_id"]
    _, shown = batches.rows(opened, batch_id, "events.schema", (), 5)
    assert shown.num_rows == 1 and "is gone or damaged: none of its 1 rows can be shown" in caplog.text
    going = run.Run(config_of(lake, logs), quiet, session=INLINE)
    assert batches.retry(going, batch_id).status == "refused", "the file is what it is"
    forced = batches.release(going, batch_id, "never mind", force=True)
    assert forced.status == "refused" and "discard it, then retry it" in forced.refused[0], "nobody could read it"
    batches.discard(going, batch_id, "damaged")
    assert batches.retry(going, batch_id).status == "freed"
    assert ingest(lake, logs).status == "published"
    assert Contents(lake).published() == model.lake(bucket.listed()).published
    holds_together(Contents(lake))


@pytest.mark.parametrize("harm", [truncates, Path.unlink])
def test_a_damaged_account_of_a_staged_batch_costs_another_reading(lake, tmp_path, monkeypatch, harm):
    """The ledger's staged file: without it nobody knows what the batch is, and nothing of it is visible."""
    bucket = plain(2)
    logs = bucket.save(tmp_path / "logs")
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(publish, "take_claim", lambda *_: (_ for _ in ()).throw(SystemExit))
        ingest(lake, logs)
    for path in Path(lake.location).rglob("ledger/data/**/*.parquet"):
        harm(path)
    assert ingest(lake, logs).status == "published"
    assert Contents(lake).published() == model.lake(bucket.listed()).published
    holds_together(Contents(lake))
    assert not Contents(lake).branches()


def test_a_published_file_that_is_damaged_is_named(lake, tmp_path):
    """What is new can't be compared with it: nothing goes on there, and the one who can mend it is told what."""
    logs = plain(2).save(tmp_path / "logs")
    ingest(lake, logs)
    (path, *_) = Path(lake.location).rglob("events/data/**/*.parquet")
    sound = path.read_bytes()
    truncates(path)
    Bucket({where.replace("_p", "_q"): data for where, data in plain(2).objects.items()}).save(logs)
    with pytest.raises(TrailhouseError, match=rf"published file .*{path.name} is gone or damaged"):
        ingest(lake, logs)
    path.write_bytes(sound)
    assert ingest(lake, logs).status == "published"
    holds_together(Contents(lake))


def test_a_store_that_does_not_answer_for_a_while_is_no_damage(lake, tmp_path, monkeypatch):
    """The run fails, and the next one publishes what that one staged."""
    bucket = plain(8)
    logs = bucket.save(tmp_path / "logs")

    def interrupted(*_):
        raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")

    with monkeypatch.context() as patched:
        patched.setattr(readback.write, "open_file", interrupted)
        patched.setattr(readback, "_bytes", interrupted)
        with pytest.raises(TrailhouseError, match="NETWORK_CONNECTION"):
            ingest(lake, logs)
    assert ingest(lake, logs).status == "published"
    assert Contents(lake).published() == model.lake(bucket.listed()).published


def miscounts(what: str):
    plainly = task.work

    def work(given):
        done = plainly(given)
        done.outcomes[0] = replace(done.outcomes[0], **{what: getattr(done.outcomes[0], what) + 1})
        return done

    return work


@pytest.mark.parametrize("what", ["records", "rows", "duplicates", "quarantined"])
def test_accounting_that_does_not_add_up_is_refused(lake, tmp_path, monkeypatch, what):
    logs = good_and_bad().save(tmp_path / "logs")
    assert refused_by(lake, logs, monkeypatch, lambda m: m.setattr(task, "work", miscounts(what))) == ["accounting"]


@pytest.mark.parametrize(
    "look", [lambda _: inspect.Seen(), lambda each: replace_counts(inspect_look(each))], ids=["nothing", "not all"]
)
def test_an_audit_that_looked_at_nothing_or_not_at_all_of_it_refuses(lake, tmp_path, monkeypatch, look):
    logs = good_and_bad().save(tmp_path / "logs")
    assert "looked_at_all" in refused_by(lake, logs, monkeypatch, lambda m: m.setattr(inspect, "look", look))


inspect_look = inspect.look


def replace_counts(seen):
    seen.looked_at.subtract({"events": 1})
    return seen


def test_a_batch_that_takes_published_rows_away_is_refused(lake, tmp_path, monkeypatch):
    def overwrites(table, added, said, branch, is_done):
        table.refresh()
        head = table.metadata.refs[branch].snapshot_id
        with (
            table.transaction() as transaction,
            transaction.update_snapshot(dict(said.notes), branch=branch).overwrite() as update,
        ):
            if branch != commits.MAIN and table.name()[-1] == "events":
                for old in table.scan(snapshot_id=head).plan_files():
                    update.delete_data_file(old.file)
            for file in added:
                update.append_data_file(file)

    logs = good_and_bad().save(tmp_path / "logs")
    assert "no_shrink" in refused_by(lake, logs, monkeypatch, lambda m: m.setattr(commits, "_append", overwrites))


def test_duplicates_that_can_not_be_taken_out_are_refused_by_unique(lake, tmp_path, monkeypatch):
    """The audit finds twins of two tasks and has their files written again: a rewrite that leaves them in must not pass for bad luck."""

    def leaves(given):
        io = catalog.file_io(given.lake)
        rows = write.open_file(given.twins.file, io).read()
        return write.write_rows(rows, write.from_text(given.metadata[given.twins.table]), io)

    made = Bucket()
    made.put(key("a"), event(700))
    made.put(key("b"), event(700), event(701))
    logs = made.save(tmp_path / "logs")
    assert (
        refused_by(lake, logs, monkeypatch, lambda m: m.setattr(rewrite, "rewrite", leaves), task_bytes=1)[0]
        == "unique"
    )


def test_an_audit_that_breaks_down_publishes_nothing(lake, tmp_path, monkeypatch):
    bucket = good_and_bad()
    logs = bucket.save(tmp_path / "logs")

    def breaks(_):
        raise ZeroDivisionError("a bug in a check")

    with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
        patched.setattr(inspect, "look", breaks)
        ingest(lake, logs)
    contents = Contents(lake)
    assert not any(contents.rows(name) for name in (*DATA, "quarantine", "ledger", "batches"))
    ingest(lake, logs)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)


def test_what_came_onto_the_branch_after_the_audit_is_not_published(lake, tmp_path, monkeypatch):
    """F42: exactly the audited snapshot is published."""
    bucket = good_and_bad()
    logs = bucket.save(tmp_path / "logs")
    plainly, met = publish.take_claim, []

    def late(opened, verdict, reason):
        met.append(True)
        ready = next(t for t in verdict.staged.tables if t.table == "events")
        added = commits.added_files(opened.table("events"), ready.snapshot)
        table = opened.table("events")
        with (
            table.transaction() as transaction,
            transaction.update_snapshot(branch=ready.branch).fast_append() as update,
        ):
            for file in added:
                update.append_data_file(file)
        return plainly(opened, verdict, reason)

    monkeypatch.setattr(publish, "take_claim", late)
    assert ingest(lake, logs).status == "published" and met
    contents = Contents(lake)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)
    assert not contents.branches()


@pytest.mark.parametrize("name", ["events", "quarantine", "ledger"])
def test_a_branch_that_is_taken_away_under_the_claim_takes_nothing_with_it(lake, tmp_path, monkeypatch, name):
    """As a run may do that slept since before it staged the same batch."""
    bucket = good_and_bad()
    logs = bucket.save(tmp_path / "logs")
    plainly = publish.take_claim

    def late(opened, verdict, reason):
        plainly(opened, verdict, reason)
        commits.drop_branch(opened, name, commits.BRANCH + verdict.staged.batch_id)

    monkeypatch.setattr(publish, "take_claim", late)
    assert ingest(lake, logs).status == "published"
    contents = Contents(lake)
    assert contents.published() == model.lake(bucket.listed()).published
    holds_together(contents)
    assert not contents.branches()


# ── the others go on ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def one_rotten_batch(monkeypatch, where: str):
    """Loses a row of the batch that holds one object."""
    plainly = task.work

    def work(given):
        done = plainly(given)
        if any(o.key == where for o in given.objects):
            done.outcomes[:] = [replace(o, rows=o.rows + 1) for o in done.outcomes]
        return done

    with monkeypatch.context() as patched:
        patched.setattr(task, "work", work)
        yield


@pytest.mark.parametrize("number", [0, 3, 7])
def test_the_batches_beside_a_refused_one_are_published(lake, tmp_path, monkeypatch, number):
    bucket = plain(16)
    rotten = sorted(bucket.objects)[number]
    with one_rotten_batch(monkeypatch, rotten):
        result = ingest(lake, bucket.save(tmp_path / "logs"), objects=2)
    assert (
        result.status == "refused" and len(result.refused) == 1 and len(result.batches) == len(bucket.objects) // 2 - 1
    )
    contents = Contents(lake)
    (held,) = [b["batch_id"] for b in contents.rows("batches") if b["state"] == "held"]
    good = {o["key"] for o in contents.rows("ledger") if o["state"] == "done"}
    assert len(good) == len(bucket.objects) - 2 and rotten not in good
    assert contents.published() == model.lake([(k, d) for k, d in bucket.listed() if k in good]).published
    assert held in {o["batch_id"] for o in contents.rows("ledger") if o["key"] == rotten}
    holds_together(contents)


def test_a_held_batch_says_in_the_ledger_what_it_would_have_been(lake, tmp_path, monkeypatch):
    bucket = plain(4)
    with one_rotten_batch(monkeypatch, sorted(bucket.objects)[0]):
        assert ingest(lake, bucket.save(tmp_path / "logs")).refused
    contents = Contents(lake)
    (row,) = contents.rows("batches")
    assert row["state"] == "held" and json.loads(row["snapshots"]).keys() == {"events", "ledger"}
    assert {o["state"] for o in contents.rows("ledger")} == {"held"}
    assert contents.branches(), "the evidence is kept"


def test_a_refusal_that_was_killed_half_way_is_finished_and_the_run_goes_on(lake, tmp_path, monkeypatch):
    """Killed between the verdict and its being written down: the next run holds the batch, and does its own work."""

    class Killed(BaseException):
        pass

    def dies(*_):
        raise Killed

    bucket = plain(8)
    logs = bucket.save(tmp_path / "logs")
    with (
        monkeypatch.context() as patched,
        one_rotten_batch(monkeypatch, sorted(bucket.objects)[0]),
        pytest.raises(Killed),
    ):
        patched.setattr(publish, "hold", dies)
        ingest(lake, logs)
    later = Bucket()
    later.put(key("later"), event(500))
    assert ingest(lake, later.save(tmp_path / "logs")).status == "refused"
    contents = Contents(lake)
    assert {o["state"] for o in contents.rows("ledger") if o["key"] in bucket.objects} == {"held"}
    assert [r["event_id"] for r in contents.rows("events")] == [event(500)["eventID"]], "a batch held back an other one"


def test_no_value_of_a_record_stands_in_a_verdict(lake, tmp_path, monkeypatch):
    """P26: counts and ids, never values."""
    made = Bucket()
    made.put(key("a"), event(1, userAgent="canary-7f3a", eventName="Canary-7f3a"), event(1, userAgent="canary-7f3a"))
    with one_rotten_batch(monkeypatch, key("a")):
        result = ingest(lake, made.save(tmp_path / "logs"))
    contents = Contents(lake)
    told = json.dumps([contents.rows(n) for n in ("quality", "batches", "ledger")], default=str) + str(result)
    assert result.refused and "7f3a" not in told.lower()
