"""
Rollback: the lake as it was when a batch was over; what is taken back is read again, or held; killed anywhere, whole.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests import model
from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import DATA, Contents, config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from tests.upkeep.dying import at_some_commits
from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.ingest import publish, run, settle, stage, takeback
from trailhouse.lake import catalog, claim, commits, lock
from trailhouse.sources.values import Range
from trailhouse.upkeep import batches, mend, rollback


def deliveries() -> list[Bucket]:
    """
    One after another, with twins, a conflict, bad records and a bad object in what comes later.

    In the order of their keys, so that which of two twins stays is the same when they come together.
    """
    first, second, third = plain(6), Bucket(), Bucket()
    second.put(key("x-twin"), event(1), event(30), event(2, eventName="PutObject"), b'{"eventID":"x","eventID":"y"}')
    second.objects[key("x-rotten")] = b"\x1f\x8b no log"
    third.put(key("z-late"), event(30), event(40), event(41))
    return [first, second, third]


class Fed:
    """A lake with a batch of each delivery."""

    def __init__(self, lake: settings.Lake, folder: Any, parts: int = 3) -> None:
        self.lake, self.contents, self.logs = lake, Contents(lake), folder / "logs"
        self.made = Bucket()
        self.then: list[dict[str, Any]] = []
        self.ids: list[str] = []
        for part in deliveries()[:parts]:
            self.made.objects |= part.objects
            part.save(self.logs)
            self.ids += ingest(lake, self.logs).batches
            self.then.append(self.rows())

    def going(self) -> run.Run:
        return run.Run(config_of(self.lake, self.logs), quiet, session=INLINE)

    def back(self, reason: str = "wrong", hold: bool = False, **far: Any) -> Any:
        return rollback.rollback(self.going(), rollback.Back(**far), reason, hold)

    def rows(self) -> dict[str, Any]:
        """Everything but when it was done."""
        return {name: rows_of(self.contents, name) for name in (*DATA, "quarantine", "ledger")}

    def states(self) -> list[str]:
        known = {b["batch_id"]: b["state"] for b in self.contents.rows("batches")}
        return [known[each] for each in self.ids]


def rows_of(contents: Contents, name: str) -> Counter:
    return Counter(json.dumps(row, default=repr, sort_keys=True) for row in contents.rows(name))


def bare(contents: Contents) -> dict[str, Any]:
    """The tables and the ledger, but for what names a run."""
    names = ("batch_id", "settled_at", "quarantined_at")
    told = {
        name: Counter(
            json.dumps({k: v for k, v in row.items() if k not in names}, default=repr, sort_keys=True)
            for row in contents.rows(name)
        )
        for name in ("ledger", "quarantine")
    }
    return told | {"data": contents.without_lineage(), "published": contents.published()}


@pytest.fixture
def fed(lake, tmp_path) -> Fed:
    return Fed(lake, tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    fed = Fed(where, folder)
    return bare(fed.contents) | {"folder": str(folder)}


def same(fed: Fed, undisturbed: dict[str, Any], folder: Any) -> None:
    for name in ("data", "published"):
        assert bare(fed.contents)[name] == undisturbed[name]
    for name in ("ledger", "quarantine"):
        here = Counter(each.replace(str(folder), "") for each in bare(fed.contents)[name].elements())
        there = Counter(each.replace(undisturbed["folder"], "") for each in undisturbed[name].elements())
        assert {_unstamped(each) for each in here} == {_unstamped(each) for each in there}
    holds_together(fed.contents)
    assert fed.contents.branches() == set()


def _unstamped(row: str) -> str:
    return json.dumps({k: v for k, v in json.loads(row).items() if k != "modified"}, sort_keys=True)


@pytest.mark.parametrize("stays", [2, 1, 0])
def test_every_state_can_be_had_again(fed, stays):
    to = fed.ids[stays - 1] if stays else rollback.START
    _, told = fed.back(to=to)
    assert [each["batch_id"] for each in told] == fed.ids[stays:][::-1]
    assert fed.rows() == (fed.then[stays - 1] if stays else {name: Counter() for name in fed.rows()})
    assert fed.states() == ["published"] * stays + ["rolled_back"] * (3 - stays)
    holds_together(fed.contents)
    assert fed.contents.branches() == set()


@pytest.mark.parametrize("last", [1, 2, 3])
def test_rolled_back_and_ingested_it_is_as_if_nothing_had_happened(fed, undisturbed, tmp_path, last):
    result, _ = fed.back(last=last)
    assert result.status == "rolled_back"
    again = ingest(fed.lake, fed.logs)
    assert again.objects == sum(len(part.objects) for part in deliveries()[3 - last :])
    same(fed, undisturbed, tmp_path)
    assert ingest(fed.lake, fed.logs).status == "nothing_to_do"


def test_twice_in_a_row(fed, undisturbed, tmp_path):
    fed.back(last=1)
    fed.back(last=1)
    assert fed.rows() == fed.then[0]
    ingest(fed.lake, fed.logs)
    fed.back(to=fed.ids[0])
    assert fed.rows() == fed.then[0]
    ingest(fed.lake, fed.logs)
    same(fed, undisturbed, tmp_path)


def test_what_is_held_waits_until_it_is_let_go(fed, undisturbed, tmp_path):
    fed.back(last=1, hold=True)
    assert fed.states()[-1] == "discarded"
    held = [o["key"] for o in fed.contents.rows("ledger") if o["state"] == "held"]
    assert held == [key("z-late")]
    assert ingest(fed.lake, fed.logs).status == "nothing_to_do"
    batches.retry(fed.going(), fed.ids[-1])
    assert ingest(fed.lake, fed.logs).objects == 1
    same(fed, undisturbed, tmp_path)


def test_what_was_said_anew_is_said_as_before(fed):
    mend.redecode(fed.going(), Range(), every=True)
    assert fed.rows() != fed.then[-1]
    fed.back(to=fed.ids[-1])
    assert fed.rows() == fed.then[-1]
    holds_together(fed.contents)


def test_objects_that_a_batch_taken_back_had_said_anew_first_are_read_again(fed, undisturbed, tmp_path):
    mend.redecode(fed.going(), Range(), every=True)
    fed.back(to=fed.ids[0])
    assert fed.rows() == fed.then[0]
    ingest(fed.lake, fed.logs)
    same(fed, undisturbed, tmp_path)


def test_the_days_before_forget_what_was_taken_back(fed):
    lake = catalog.open_lake(fed.lake)
    before = publish.days_since(lake, date(2020, 1, 1))
    fed.back(to=rollback.START)
    after = publish.days_since(lake, date(2020, 1, 1))
    assert sum(rows for rows, _ in before.values()) > 0 and not after


def test_held_batches_stay_held(lake, tmp_path):
    from tests.upkeep.test_batches import Refused

    refused = Refused(lake, tmp_path)
    first = next(b["batch_id"] for b in refused.contents.rows("batches") if b["state"] == "published")
    rollback.rollback(refused.going, rollback.Back(last=1), "wrong")
    assert {o["state"] for o in refused.contents.rows("ledger")} == {"held"}
    refused.ingest()
    batches.release(refused.going, refused.batch_id, "a drill", force=False)
    assert first not in {o["batch_id"] for o in refused.contents.rows("ledger")}
    assert refused.contents.published() == model.lake(refused.made.listed()).published
    holds_together(refused.contents)


def test_a_released_batch_taken_back_is_read_again(lake, tmp_path):
    from tests.upkeep.test_batches import Refused

    refused = Refused(lake, tmp_path)
    batches.release(refused.going, refused.batch_id, "a drill", force=False)
    rollback.rollback(refused.going, rollback.Back(last=1), "no drill after all")
    assert all(o["batch_id"] != refused.batch_id for o in refused.contents.rows("ledger"))
    assert refused.ingest().status == "refused"
    holds_together(refused.contents)


def test_killed_at_any_commit_it_is_whole(tmp_path, undisturbed, monkeypatch):
    def verb(fed: Fed) -> None:
        fed.back(last=2)

    for place, fed in at_some_commits(tmp_path, lambda where, folder: Fed(where, folder), verb, monkeypatch):
        ingest(fed.lake, fed.logs)  # brings it to its end, or finds that it never began
        assert fed.states() in (["published"] * 3, ["published", "rolled_back", "rolled_back"])
        same(fed, undisturbed, place)


def test_what_was_not_claimed_is_forgotten(fed, monkeypatch):
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(claim, "take", dies)
        fed.back(last=1)
    assert fed.contents.branches()
    assert ingest(fed.lake, fed.logs).status == "nothing_to_do"
    assert fed.rows() == fed.then[-1] and fed.contents.branches() == set()


@pytest.fixture
def unlocked(monkeypatch) -> None:
    """As where the catalog is a server: runs of other machines are kept apart by their commits alone."""
    monkeypatch.setattr(lock, "alone", lambda _: nullcontext())


def test_what_was_claimed_is_brought_to_its_end_by_whoever_comes_by(fed, undisturbed, tmp_path, monkeypatch):
    plainly = claim.take

    def dies(*given: object) -> None:
        plainly(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(claim, "take", dies)
        fed.back(last=1)
    assert fed.rows() == fed.then[-1], "nothing is visible yet"
    ingest(fed.lake, fed.logs)
    assert fed.states() == ["published", "published", "rolled_back"]
    same(fed, undisturbed, tmp_path)


def test_a_run_that_slept_through_it_brings_nothing_back(fed, unlocked, monkeypatch):
    """It had the claim, another brought its batch to its end, and that was taken back: then it wakes."""
    more = Bucket()
    more.put(key("zombie"), event(50), b"no record")
    more.save(fed.logs)
    plainly, slept = publish.show, []

    def show(lake, ready, batch_id):
        if not slept:
            slept.append(ready.table)
            settle.finish(fed.going(), lake)
            fed.back(last=1)
        plainly(lake, ready, batch_id)

    monkeypatch.setattr(publish, "show", show)
    ingest(fed.lake, fed.logs)
    assert slept
    assert fed.rows() == fed.then[-1]
    holds_together(fed.contents)


def test_a_batch_in_between_is_not_taken_back_unasked(fed, unlocked, monkeypatch):
    plainly = takeback.take

    def take(lake, undo):
        if len(fed.contents.rows("batches")) == 3:
            more = Bucket()
            more.put(key("between"), event(60))
            more.save(fed.logs)
            monkeypatch.setattr(takeback, "take", plainly)
            ingest(fed.lake, fed.logs)
        plainly(lake, undo)

    monkeypatch.setattr(takeback, "take", take)
    with pytest.raises(TrailhouseError, match="nothing was taken back"):
        fed.back(last=1)
    assert fed.states() == ["published"] * 3
    assert fed.contents.branches() == set()
    holds_together(fed.contents)


def test_a_compaction_under_the_claim_changes_nothing(fed, monkeypatch):
    plainly = publish.show

    def show(lake, ready, batch_id):
        monkeypatch.setattr(publish, "show", plainly)
        for name in ("events", "ledger"):
            table = lake.table(name)
            table.overwrite(table.scan().to_arrow())
        plainly(lake, ready, batch_id)

    monkeypatch.setattr(publish, "show", show)
    fed.back(last=1)
    assert fed.rows() == fed.then[1]


def test_what_history_has_lost_can_not_be_had(fed):
    lake = catalog.open_lake(fed.lake)
    table = lake.table("events")
    gone = [each.snapshot_id for each in commits.history(table) if commits.batch_of(each) == fed.ids[0]]
    table.maintenance.expire_snapshots().by_ids(gone).commit()
    with pytest.raises(UsageError, match="no longer kept"):
        fed.back(to=rollback.START)
    with pytest.raises(UsageError, match="no longer kept"):
        fed.back(last=2)
    fed.back(last=1)
    assert fed.rows() == fed.then[1]


def test_whoever_brings_it_to_its_end_too_writes_nothing_down_twice(fed, unlocked, monkeypatch):
    plainly = publish.let_go

    def let_go(lake, batch_id):
        monkeypatch.setattr(publish, "let_go", plainly)
        standing = claim.standing(lake)
        publish.tell(lake, stage.promised(standing), datetime.now(UTC) + timedelta(seconds=5))
        plainly(lake, batch_id)

    monkeypatch.setattr(publish, "let_go", let_go)
    fed.back(last=1)
    states = Counter(b["state"] for b in fed.contents.rows("batches"))
    assert states == {"published": 2, "rolled_back": 1, "rollback": 1}


def test_what_is_staged_only_is_not_there_to_be_taken_back(fed, undisturbed, tmp_path, monkeypatch):
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    more = Bucket()
    more.put(key("zz-staged"), event(70))
    more.save(fed.logs)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(claim, "take", dies)
        ingest(fed.lake, fed.logs)
    assert [each["batch_id"] for each in fed.back(last=1)[1]] == [fed.ids[-1]]
    (fed.logs / key("zz-staged")).unlink()
    lake = catalog.open_lake(fed.lake)
    for batch_id in commits.unsettled(lake, stage.ORDER):
        publish.forget(lake, batch_id)
    ingest(fed.lake, fed.logs)
    same(fed, undisturbed, tmp_path)


def test_what_another_writer_did_is_not_undone(fed):
    table = fed.contents.table("events")
    table.delete("event_name = 'GetObject'")
    before = fed.rows()
    with pytest.raises(UsageError, match="another writer"):
        fed.back(last=1)
    assert fed.rows() == before


def test_the_command(fed, call):
    lake = ("--lake", fed.lake.location)
    code, out, err = call("rollback", "--last", "1", "--dry-run", *lake, "--format", "json")
    assert code == 0 and json.loads(out)["batches"][0]["batch_id"] == fed.ids[-1] and fed.rows() == fed.then[-1]
    assert call("rollback", "--last", "1", *lake)[0] == 2, "without a reason"
    assert call("rollback", "--reason", "x", *lake)[0] == 2, "not how far"
    assert call("rollback", "--to", "nonsense", "--reason", "x", *lake)[0] == 2
    assert call("rollback", "--last", "9", "--reason", "x", *lake)[0] == 2
    code, out, err = call("rollback", "--to", fed.ids[1], "--reason", "a \x1b[2J test", *lake)
    assert code == 0 and fed.ids[-1] in out and "1 batches were taken back" in err
    code, out, _ = call("batch", "list", *lake)
    assert "rolled_back" in out and "rollback" in out and "\x1b" not in out
    code, _, err = call("rollback", "--to", fed.ids[1], "--reason", "x", *lake)
    assert code == 0 and "nothing to do" in err
