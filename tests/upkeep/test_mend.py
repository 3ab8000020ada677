"""
Mending: objects decoded anew, their rows replaced and no others; the quarantine emptied of what can be read now.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests import model
from tests.buckets import ABROAD, NEXT_DAY, OTHER, event, key, log, plain
from tests.ingest.contents import DATA, Contents, config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from tests.upkeep.dying import at_some_commits
from trailhouse import settings
from trailhouse.decode import derive
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.ingest import anew, publish, restate, run, settle
from trailhouse.ingest.values import Result
from trailhouse.lake import catalog, lock, schema, tidy
from trailhouse.limits import Limits
from trailhouse.sources.values import Range
from trailhouse.upkeep import mend, rollback

LINEAGE = {"batch_id", "settled_at", "quarantined_at"}


class Fed:
    """A lake fed in two batches, of two accounts and two days, with twins across them."""

    def __init__(self, lake: settings.Lake, folder: Any, limits: Limits | None = None) -> None:
        self.lake, self.contents, self.logs = lake, Contents(lake), folder / "logs"
        self.limits = limits or Limits()
        self.made = plain(6)
        self.made.put(key("other", OTHER), event(100, OTHER), event(101, OTHER))
        self.feed()
        self.made.put(key("w-tomorrow", day=NEXT_DAY), event(200, day=NEXT_DAY), event(201, day=NEXT_DAY))
        self.made.put(key("w-beside"), event(301), event(302))
        self.made.put(key("x-twin"), event(1), event(300), b'{"eventID":"x","eventID":"y"}')
        self.made.put(key("y-abroad", OTHER, "us-west-2"), event(101, OTHER), event(400, OTHER, ABROAD))
        self.made.objects[key("z-rotten")] = b"\x1f\x8b no log"
        self.feed()
        self.before = self.rows()

    def feed(self) -> None:
        self.made.save(self.logs)
        ingest(self.lake, self.logs, limits=self.limits)

    def going(self, **more: Any) -> run.Run:
        return run.Run(config_of(self.lake, self.logs, **({"limits": self.limits} | more)), quiet, session=INLINE)

    def redecode(self, reason: str = "", **which: Any) -> Any:
        result, _ = mend.redecode(self.going(), Range(**which), every=True, reason=reason)
        return result

    def anew(self, *keys: str) -> Result:
        """The same of some objects."""
        lake, result = catalog.open_lake(self.lake), Result()
        told = [row for row in self.contents.rows("ledger") if row["key"] in keys]
        anew.anew(self.going(), lake, told, anew.Wish("redecode"), result)
        result.conclude()
        return result

    def rows(self) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
        """Every row by what it is of, but for which batch said it."""
        found = {}
        for name in (*DATA, "quarantine", "ledger"):
            columns = ("source", "key" if name in ("quarantine", "ledger") else "source_object", "record_index")
            rows = self.contents.rows(name)
            found[name] = {
                tuple(row.get(c) for c in columns): {k: v for k, v in row.items() if k not in LINEAGE} for row in rows
            }
            assert len(found[name]) == len(rows)
        return found

    def batches(self) -> dict[str, str]:
        return {row["key"]: row["batch_id"] for row in self.contents.rows("ledger")}


@pytest.fixture
def fed(lake, tmp_path) -> Fed:
    return Fed(lake, tmp_path)


@pytest.fixture
def changed(monkeypatch) -> None:
    """The decoder of another release: it sees agents in capitals."""
    plainly = derive.derive

    def derived(*given: Any) -> pa.Table:
        rows = plainly(*given)
        number = rows.column_names.index("user_agent")
        return rows.set_column(number, rows.field(number), pc.utf8_upper(rows["user_agent"]))

    monkeypatch.setattr(derive, "derive", derived)


def whole(fed: Fed) -> None:
    """All that was delivered is there, once; what agents look like is for the decoder to say."""
    assert ids(fed.contents.published()) == ids(model.lake(fed.made.listed()).published)
    holds_together(fed.contents)
    assert fed.contents.branches() == set()


def ids(published: Counter) -> Counter:
    return Counter((*row[:4], row[5]) for row in published.elements())


def told_in(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# ── redecode ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("which", "asked"),
    [
        ({"accounts": (OTHER,)}, lambda key: f"/{OTHER}/" in key),
        ({"first": date(2026, 3, 2)}, lambda key: "/2026/03/02/" in key),
        ({"last": date(2026, 3, 1)}, lambda key: "/2026/03/01/" in key),
        ({}, lambda key: True),
    ],
)
def test_only_the_rows_that_were_asked_for_change(fed, changed, which, asked):
    batches = fed.batches()
    result = fed.redecode(**which)
    assert result.status == "published" and result.objects == sum(map(asked, batches))
    now = fed.rows()
    for name, rows in fed.before.items():
        assert now[name].keys() == rows.keys()
        for place, row in rows.items():
            if name == "events" and asked(place[1]):
                assert now[name][place] == row | {"user_agent": row["user_agent"].upper()}
            else:
                assert now[name][place] == row
    assert {key for key, batch in fed.batches().items() if batch != batches[key]} == set(filter(asked, batches))
    whole(fed)
    assert ingest(fed.lake, fed.logs).status == "nothing_to_do"


def test_what_this_release_has_decoded_is_left_alone(fed, call):
    result, up_to_date = mend.redecode(fed.going(), Range())
    assert (result.status, up_to_date) == ("nothing_to_do", len(fed.made.objects))
    table = fed.contents.table("batches")
    told = table.scan().to_arrow()
    old = pa.array(["0.0.9", *told["version"].to_pylist()[1:]])
    table.overwrite(told.set_column(told.column_names.index("version"), told.field("version"), old))
    result, up_to_date = mend.redecode(fed.going(), Range())
    assert result.objects + up_to_date == len(fed.made.objects) and result.objects
    assert mend.redecode(fed.going(), Range())[0].status == "nothing_to_do", "an interrupted run goes on"
    whole(fed)


def test_batches_are_bounded(fed, changed):
    going = fed.going(objects=2)
    result, _ = mend.redecode(going, Range(), every=True)
    assert len(result.batches) == -(-len(fed.made.objects) // 2)
    whole(fed)


def test_what_can_not_be_read_now_stays(fed, changed):
    gone, other = fed.logs / key("other", OTHER), fed.logs / key("x-twin")
    gone.unlink()
    other.write_bytes(log(event(999)))
    result = fed.redecode()
    assert result.status == "partial" and result.pending == 2
    assert {p["reason"] for p in result.problems} == {"missing", "changed"}
    now = fed.rows()
    for name, rows in fed.before.items():
        for place, row in rows.items():
            if place[1] in (key("other", OTHER), key("x-twin")):
                assert now[name][place] == row
    whole(fed)


def test_fewer_records_are_refused_unless_there_is_a_reason(fed, monkeypatch, call):
    with monkeypatch.context() as tighter:
        tighter.setattr(fed, "limits", Limits(records=1))
        result = fed.redecode(accounts=(OTHER,))
        assert result.status == "refused" and "ledger.fewer" in result.refused[0]
        assert fed.rows() == fed.before and fed.contents.branches() == set()
        holds_together(fed.contents)
        states = Counter(row["state"] for row in fed.contents.rows("batches"))
        assert states == {"published": 2, "refused": 1}
        assert fed.redecode("they were test data", accounts=(OTHER,)).status == "published"
    assert fed.rows() != fed.before
    assert fed.redecode(accounts=(OTHER,)).status == "published"
    whole(fed)


def test_another_generation_of_an_object_stays(fed, changed):
    """A bucket may bring back what an object was; only the one that lies there can be read anew."""
    fed.made.put(key("w-beside"), event(301), event(302), event(303))
    fed.feed()
    for name in ("events", "ledger"):  # so that both generations lie in one file
        table = fed.contents.table(name)
        table.overwrite(table.scan().to_arrow())
    result = fed.anew(key("w-beside"))
    assert (result.status, result.pending, result.objects) == ("partial", 1, 1)
    mine = {row["event_id"]: row for row in fed.contents.rows("events") if row["source_object"] == key("w-beside")}
    agents = {int(event_id[:8], 16): row["user_agent"] for event_id, row in mine.items()}
    assert agents == {301: "aws-cli/2.15", 302: "aws-cli/2.15", 303: "AWS-CLI/2.15"}
    holds_together(fed.contents)


def test_killed_at_any_commit_it_is_whole(tmp_path, changed, monkeypatch):
    for _, fed in at_some_commits(tmp_path, Fed, lambda fed: fed.redecode(accounts=(OTHER,)), monkeypatch):
        assert ingest(fed.lake, fed.logs).status in ("nothing_to_do", "published")
        agents = {row["user_agent"] for row in fed.contents.rows("events") if f"/{OTHER}/" in row["source_object"]}
        assert len(agents) == 1, "half of it is done"
        whole(fed)
        assert fed.redecode(accounts=(OTHER,)).status == "published"
        assert {r["user_agent"] for r in fed.contents.rows("events") if f"/{OTHER}/" in r["source_object"]} == {
            "AWS-CLI/2.15"
        }
        whole(fed)


@pytest.fixture
def unlocked(monkeypatch) -> None:
    """As where the catalog is a server: runs of other machines are kept apart by their commits alone."""
    from contextlib import nullcontext

    monkeypatch.setattr(lock, "alone", lambda _: nullcontext())


def test_another_that_says_the_same_anew_meanwhile_wins(fed, changed, unlocked, monkeypatch):
    plainly = settle._staged

    def staged(run, lake, written):
        monkeypatch.setattr(settle, "_staged", plainly)
        fed.redecode(accounts=(OTHER,))
        return plainly(run, lake, written)

    monkeypatch.setattr(settle, "_staged", staged)
    with pytest.raises(settle.OvertakenError):
        fed.redecode(accounts=(OTHER,))
    ingest(fed.lake, fed.logs)
    whole(fed)


def test_twins_that_come_in_meanwhile_are_told(fed, changed, unlocked, monkeypatch):
    """An ingest between what gives way and what comes: compared anew with all that is there."""
    plainly = settle._measured

    def measured(run, lake, staged, written):
        monkeypatch.setattr(settle, "_measured", plainly)
        fed.made.put(key("zz-late", OTHER), event(100, OTHER), event(500, OTHER))
        fed.feed()
        return plainly(run, lake, staged, written)

    monkeypatch.setattr(settle, "_measured", measured)
    fed.redecode(accounts=(OTHER,))
    whole(fed)


@pytest.mark.parametrize("table", ["events", "quarantine", "ledger"])
def test_a_compaction_under_the_claim_is_given_way_to_anew(fed, changed, unlocked, monkeypatch, table):
    plainly = publish.show

    def show(lake, ready, batch_id):
        monkeypatch.setattr(publish, "show", plainly)
        compacted = lake.table(table)
        compacted.overwrite(compacted.scan().to_arrow())
        plainly(lake, ready, batch_id)

    monkeypatch.setattr(publish, "show", show)
    assert fed.redecode().status == "published"
    now = fed.rows()
    for place, row in fed.before["events"].items():
        assert now["events"][place] == row | {"user_agent": row["user_agent"].upper()}
    whole(fed)


def test_after_a_compaction_rows_of_others_stay(fed, changed):
    for name in ("events", "quarantine", "ledger"):
        table = fed.contents.table(name)
        table.overwrite(table.scan().to_arrow())
    assert fed.anew(key("x-twin"), key("other", OTHER)).status == "published"
    now = fed.rows()
    for place, row in fed.before["events"].items():
        mine = place[1] in (key("x-twin"), key("other", OTHER))
        agent = row["user_agent"].upper() if mine else row["user_agent"]
        assert now["events"][place] == row | {"user_agent": agent}
    whole(fed)


@pytest.mark.parametrize("spoilt", ["lost", "changed", "stays"])
def test_what_gives_way_is_audited(fed, changed, monkeypatch, spoilt):
    """A writer that is wrong about which rows stay: nothing of it is seen."""
    table = fed.contents.table("events")
    table.overwrite(table.scan().to_arrow())  # so that files hold rows of several objects
    before = fed.rows()
    plainly = restate._is_of

    def wrong(rows, name, objects):
        is_of = plainly(rows, name, objects)
        if name != "events" or not pc.any(is_of).as_py():
            return is_of
        if spoilt == "stays":
            return pa.chunked_array([[False] * (len(is_of) - 1) + [True]])
        return pa.chunked_array([[True] * len(is_of)])

    def cleared(*given):
        if spoilt == "changed":
            with monkeypatch.context() as patched:
                patched.setattr(schema, "as_now", lambda _, rows: _capital(rows))
                return clear(*given)
        with monkeypatch.context() as patched:
            patched.setattr(restate, "_is_of", wrong)
            return clear(*given)

    clear = restate.clear
    monkeypatch.setattr(restate, "clear", cleared)
    result = fed.anew(key("x-twin"))
    assert result.status == "refused", result
    assert any(word in result.refused[0] for word in ("gave_way", "unique"))
    assert fed.rows() == before and fed.contents.branches() == set()


def _capital(rows: pa.Table) -> pa.Table:
    if "event_name" not in rows.column_names or ("raw" in rows.column_names and "shape" not in rows.column_names):
        return rows
    number = rows.column_names.index("event_name")
    return rows.set_column(number, rows.field(number), pc.utf8_upper(rows["event_name"]))


def test_the_command(fed, changed, call):
    lake = ("--lake", fed.lake.location)
    mine = sum(f"/{OTHER}/" in each for each in fed.made.objects)
    code, out, _ = call("redecode", "--account", OTHER, "--every", "--dry-run", *lake, "--format", "json")
    told = json.loads(out)
    assert code == 0 and told["status"] == "planned" and told["objects"] == mine and fed.rows() == fed.before
    assert call("redecode", "--from", "yesterday", *lake)[0] == 2
    code, _, err = call("redecode", "--account", OTHER, *lake)
    assert code == 0 and f"{mine} objects were up to date" in err
    code, out, _ = call("redecode", "--account", OTHER, "--every", *lake, "--format", "json")
    assert code == 0 and json.loads(out)["objects"] == mine
    whole(fed)


# ── quarantine ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_set_aside_is_grouped_and_shown(fed, call):
    lake = ("--lake", fed.lake.location)
    code, out, _ = call("quarantine", "list", *lake, "--format", "json")
    told = {row["reason"]: row for row in told_in(out)}
    assert code == 0 and told.keys() == {"dup_key", "gzip_truncated"}
    assert (told["dup_key"]["what"], told["dup_key"]["rows"]) == ("records", 1)
    assert (told["gzip_truncated"]["what"], told["gzip_truncated"]["objects"]) == ("objects", 1)
    code, out, _ = call("quarantine", "show", "--reason", "dup_key", *lake, "--format", "json")
    (row,) = told_in(out)
    assert code == 0 and row["key"] == key("x-twin") and row["record_index"] == 2
    assert call("quarantine", "list", "--account", "999999999999", *lake, "--format", "json")[1] == ""


def test_what_is_no_better_stays_as_it_is(fed, call):
    batches = fed.batches()
    result = mend.retry(fed.going(), Range())
    assert result.status == "nothing_to_do" and fed.batches() == batches and fed.rows() == fed.before
    with pytest.raises(UsageError, match="nothing in quarantine"):
        mend.retry(fed.going(), Range(), ["nonsense"])
    assert call("quarantine", "retry", "--reason", "nonsense", "--lake", fed.lake.location)[0] == 2


LONG = {"requestParameters": {"text": "x" * 4000}}


@pytest.mark.parametrize(
    ("reason", "limits", "records"),
    [
        ("record_size", Limits(record_bytes=1000), [event(1), event(700, **LONG)]),
        ("record_limit", Limits(records=2), [event(700 + n) for n in range(3)]),
        ("inflated_limit", Limits(inflated_bytes=9000), [event(700, **LONG), event(701, **LONG), event(702, **LONG)]),
        ("size_limit", Limits(stored_bytes=900), [event(700 + n, userAgent=f"{n * 7919:040x}") for n in range(40)]),
        (
            "partition_limit",
            Limits(partitions=2),
            [event(700 + n, awsRegion=f"eu-west-{n}") for n in range(3)],
        ),
    ],
)
def test_a_limit_that_was_too_tight(lake, tmp_path, reason, limits, records):
    fed = Fed(lake, tmp_path, limits)
    fed.made.put(key("v-mended"), *records)
    fed.feed()
    assert reason in {row["reason"] for row in fed.contents.rows("quarantine")}
    fed.limits = Limits()
    result = mend.retry(fed.going(), Range(), [reason])
    assert result.status == "published" and not result.refused
    assert reason not in {row["reason"] for row in fed.contents.rows("quarantine")}
    assert {r["record_index"] for r in fed.contents.rows("events") if r["source_object"] == key("v-mended")} >= set(
        range(1, len(records))
    )
    whole(fed)


@pytest.mark.parametrize("reason", ["internal:KeyError", "limit_memory", "poison"])
def test_a_fault_of_ours_that_was_mended(lake, tmp_path, monkeypatch, reason):
    from trailhouse.ingest import task

    with monkeypatch.context() as broken:
        if reason == "poison":
            broken.setattr("trailhouse.ingest.task.work", task.poisoned)
        else:
            error = KeyError("x") if "Key" in reason else MemoryError()

            def raises(*_: object) -> None:
                raise error

            broken.setattr(derive, "derive", raises)
        fed = Fed(lake, tmp_path)
    reasons = {row["reason"] for row in fed.contents.rows("quarantine")}
    assert reason in reasons
    assert mend.retry(fed.going(), Range()).status == "published"
    assert {row["reason"] for row in fed.contents.rows("quarantine")} == {"dup_key", "gzip_truncated"}
    whole(fed)


def test_what_came_as_a_twin_meanwhile_is_a_duplicate(lake, tmp_path):
    fed = Fed(lake, tmp_path, Limits(records=2))
    fed.made.put(key("v-late"), event(700), event(701), event(702))
    fed.made.put(key("v-early"), event(701))
    fed.feed()
    fed.limits = Limits()
    assert mend.retry(fed.going(), Range()).duplicates == 1
    whole(fed)


def cut_short(share: float, *records: Any) -> bytes:
    data = gzip.compress(b'{"Records":[' + b",".join(json.dumps(r).encode() for r in records) + b"]}", 1, mtime=0)
    return data[: int(len(data) * share)]


@pytest.mark.parametrize("share", [0.99, 0.6])
def test_of_an_object_that_was_cut_short_the_whole_records_are_salvaged(fed, call, share):
    records = [event(800 + n, userAgent=f"{n * 7919:040x}") for n in range(50)]
    fed.made.objects[key("v-cut")] = cut_short(share, *records)
    fed.feed()
    assert mend.retry(fed.going(), Range()).status == "nothing_to_do", "not unasked"
    result = mend.retry(fed.going(), Range(), salvage=True)
    assert result.status == "published" and result.objects == 1
    rows = {r["event_id"]: r for r in fed.contents.rows("events") if r["source_object"] == key("v-cut")}
    assert 10 < len(rows) <= 50 and {r["record_index"] for r in rows.values()} == set(range(len(rows)))
    assert set(rows) == {r["eventID"] for r in records[: len(rows)]}
    assert all("salvaged" in r["parse_flags"] for r in rows.values())
    (told,) = [o for o in fed.contents.rows("ledger") if o["key"] == key("v-cut")]
    assert (told["state"], told["reason"], told["rows"]) == ("quarantined", "gzip_truncated", len(rows))
    assert "salvaged" in told["flags"]
    assert key("v-cut") in {q["key"] for q in fed.contents.rows("quarantine")}, "what is lost stays told"
    holds_together(fed.contents)
    lake = ("--lake", fed.lake.location)
    code, out, _ = call("quarantine", "retry", "--reason", "gzip_truncated", "--salvage", *lake, "--format", "json")
    assert code == 0 and json.loads(out)["status"] == "nothing_to_do"


def test_a_bad_record_within_what_is_salvaged_is_set_aside_too(fed):
    records = [event(800 + n, userAgent=f"{n * 7919:040x}") for n in range(50)]
    data = b'{"Records":[{"eventID":"x","eventID":"y"},' + b",".join(json.dumps(r).encode() for r in records) + b"]}"
    fed.made.objects[key("v-cut")] = gzip.compress(data, mtime=0)[:-20]
    fed.feed()
    assert mend.retry(fed.going(), Range(), salvage=True).quarantined == 1
    mine = [q for q in fed.contents.rows("quarantine") if q["key"] == key("v-cut")]
    assert {(q["reason"], q["record_index"]) for q in mine} == {("gzip_truncated", None), ("dup_key", 0)}
    holds_together(fed.contents)


def test_a_retry_killed_at_any_commit_is_whole(tmp_path, monkeypatch):
    def make(where, folder):
        fed = Fed(where, folder, Limits(records=2))
        fed.made.put(key("v-late"), event(700), event(701), event(702))
        fed.feed()
        fed.limits = Limits()
        return fed

    for _, fed in at_some_commits(tmp_path, make, lambda fed: mend.retry(fed.going(), Range()), monkeypatch):
        ingest(fed.lake, fed.logs)
        holds_together(fed.contents)
        if "record_limit" in {q["reason"] for q in fed.contents.rows("quarantine")}:
            assert mend.retry(fed.going(), Range()).status == "published"
        whole(fed)


def test_a_lake_without_a_table_of_batches_is_told(tmp_path, call):
    code, _, err = call("quarantine", "list", "--lake", tmp_path / "nothing")
    assert code == 2 and "there is no lake" in err


def test_a_retry_of_what_was_too_large_can_be_taken_back(lake, tmp_path):
    fed = Fed(lake, tmp_path, Limits(stored_bytes=900))
    fed.made.put(key("v-large"), *(event(700 + n, userAgent=f"{n * 7919:040x}") for n in range(40)))
    fed.feed()
    before = fed.rows()
    fed.limits = Limits()
    assert mend.retry(fed.going(), Range(), ["size_limit"]).status == "published"
    rollback.rollback(fed.going(), rollback.Back(last=1), "not yet")
    assert fed.rows() == before
    holds_together(fed.contents)
    assert mend.retry(fed.going(), Range(), ["size_limit"]).status == "published"
    whole(fed)


def test_what_was_salvaged_is_decoded_anew_as_that(fed, changed):
    fed.made.objects[key("v-cut")] = cut_short(0.6, *(event(800 + n, userAgent=f"{n:040x}") for n in range(50)))
    fed.feed()
    mend.retry(fed.going(), Range(), salvage=True)
    before = fed.rows()
    assert fed.redecode().status == "published"
    assert fed.rows()["events"].keys() == before["events"].keys()
    holds_together(fed.contents)


def test_rows_that_another_engine_deleted_do_not_come_back(fed, monkeypatch):
    monkeypatch.setattr(tidy, "has_deletes", lambda table: table.name()[-1] == "events")
    with pytest.raises(TrailhouseError, match="delete files"):
        fed.redecode(accounts=(OTHER,))
    monkeypatch.undo()
    assert fed.rows() == fed.before and fed.contents.branches() == set()


def test_an_empty_quarantine_is_nothing_to_do(lake, tmp_path):
    logs = plain(2).save(tmp_path / "logs")
    ingest(lake, logs)
    assert mend.retry(run.Run(config_of(lake, logs), quiet, session=INLINE), Range()).status == "nothing_to_do"
