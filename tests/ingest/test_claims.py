"""
Two runs of the same objects, or a run and a person, that come between each other's steps; with no lock, as on Glue.

Whatever comes first, each object is settled once, each record is visible once, and what was refused is not visible.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import pytest

from tests import model
from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import DATA, Contents, config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.ingest import audit, publish, run, settle
from trailhouse.lake import catalog, claim, commits, lock
from trailhouse.upkeep import batches


@pytest.fixture(autouse=True)
def no_lock(monkeypatch):
    monkeypatch.setattr(lock, "alone", lambda where: nullcontext())
    monkeypatch.setattr(commits, "PAUSE", 0.001)


class KilledError(BaseException):
    """Nothing that anybody catches."""


class Stops:
    """Places where a thread waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._events: dict[tuple[str, str], tuple[threading.Event, threading.Event]] = {}
        self.ended: dict[str, object] = {}
        self._threads: dict[str, threading.Thread] = {}

    def before(self, place: object, name: str, *who: str) -> None:
        """These threads are to stop before they call it, the first time."""
        plainly = getattr(place, name)
        for each in who:
            self._events[each, name] = (threading.Event(), threading.Event())

        def stopped(*given, **more):
            reached, go = self._events.get((threading.current_thread().name, name), (None, None))
            if reached and not reached.is_set():
                reached.set()
                assert go.wait(60)
            return plainly(*given, **more)

        self._monkeypatch.setattr(place, name, stopped)

    def start(self, who: str, work) -> None:
        def worked() -> None:
            try:
                self.ended[who] = work()
            except BaseException as error:
                self.ended[who] = error

        self._threads[who] = threading.Thread(target=worked, name=who)
        self._threads[who].start()

    def until(self, who: str, name: str) -> None:
        """Until it has come there."""
        assert self._events[who, name][0].wait(60)

    def go(self, who: str, name: str) -> None:
        self._events[who, name][1].set()

    def over(self, who: str) -> object:
        self._threads[who].join(60)
        return self.ended[who]


@pytest.fixture
def stops(monkeypatch) -> Stops:
    return Stops(monkeypatch)


def without_rows() -> Bucket:
    """Nothing in it comes to a row: a rotten object, an empty one, a record that is refused."""
    made = Bucket({key("rotten"): b"\x1f\x8b no log"})
    made.put(key("empty"))
    made.put(key("bad"), b'{"eventID":"x","eventID":"y"}')
    return made


def all_there(lake: settings.Lake, made: Bucket) -> None:
    contents = Contents(lake)
    holds_together(contents)
    want = model.lake(made.listed())
    assert contents.published() == want.published
    assert len(contents.rows("quarantine")) == sum(want.reasons.values())
    assert not contents.branches()


@pytest.mark.parametrize("made", [without_rows(), plain(4)], ids=["without rows", "with rows"])
@pytest.mark.parametrize("stop", ["record", "take_claim", "show", "tell", "let_go"])
def test_two_runs_that_planned_the_same_objects(lake, tmp_path, stops, made, stop):
    """Both have planned before either has staged; one stops at a step of publishing while the other does all of its work."""
    logs = made.save(tmp_path / "logs")
    catalog.make_lake(lake)
    stops.before(settle, "settle", "A", "B")
    stops.before(publish, stop, "A")
    for who in "AB":
        stops.start(who, lambda: ingest(lake, logs))
        stops.until(who, "settle")
    stops.go("A", "settle")
    stops.until("A", stop)
    stops.go("B", "settle")
    stops.over("B")
    stops.go("A", stop)
    stops.over("A")
    assert any(getattr(ended, "status", "") == "published" for ended in stops.ended.values()), stops.ended
    assert all(isinstance(e, TrailhouseError) or e.status == "published" for e in stops.ended.values()), stops.ended
    all_there(lake, made)
    assert ingest(lake, logs).status == "nothing_to_do"


@pytest.mark.parametrize("stop", ["take_claim", "show", "tell", "let_go"])
def test_a_run_that_dies_while_another_has_planned_the_same(lake, tmp_path, stops, monkeypatch, stop):
    made = plain(4)
    logs = made.save(tmp_path / "logs")
    catalog.make_lake(lake)
    stops.before(settle, "settle", "A", "B")
    plainly = getattr(publish, stop)

    def dies(*given):
        if threading.current_thread().name == "A":
            raise KilledError
        return plainly(*given)

    monkeypatch.setattr(publish, stop, dies)
    for who in "AB":
        stops.start(who, lambda: ingest(lake, logs))
        stops.until(who, "settle")
    stops.go("A", "settle")
    assert isinstance(stops.over("A"), KilledError)
    stops.go("B", "settle")
    stops.over("B")
    ingest(lake, logs)
    all_there(lake, made)


@pytest.mark.parametrize("first", ["A", "B"])
def test_objects_without_rows_from_two_sources(lake, tmp_path, stops, first):
    """Neither touches a table of the lake: still each is compared with the other, and audited as it becomes visible."""
    both, parts = Bucket(), {}
    for number, who in enumerate("AB"):
        made = Bucket()
        made.put(key(f"bad{who}"), b'{"eventID":"x","eventID":"y"}', event(number))
        both.objects |= made.objects
        parts[who] = made.save(tmp_path / who)
    catalog.make_lake(lake)
    stops.before(publish, "take_claim", "A", "B")
    for who in "AB":
        stops.start(who, lambda who=who: ingest(lake, parts[who]))
        stops.until(who, "take_claim")
    for who in (first, "AB".replace(first, "")):
        stops.go(who, "take_claim")
        assert stops.over(who).status == "published"
    all_there(lake, both)


# ── what is held ─────────────────────────────────────────────────────────────────────────────────────────────────────


def refusing(monkeypatch, *who: str) -> None:
    """For these threads, something critical fails."""
    plainly = audit.audit

    def refuses(*given):
        verdict = plainly(*given)
        if threading.current_thread().name not in who:
            return verdict
        first, *rest = verdict.checks
        return replace(verdict, checks=(replace(first, severity="critical", success=False), *rest))

    monkeypatch.setattr(audit, "audit", refuses)


def going(lake, logs) -> run.Run:
    return run.Run(config_of(lake, logs), quiet, session=INLINE)


def test_who_refuses_a_batch_that_another_has_published_is_too_late(lake, tmp_path, stops, monkeypatch):
    made = plain(4)
    logs = made.save(tmp_path / "logs")
    stops.before(publish, "hold", "A")
    refusing(monkeypatch, "A")
    stops.start("A", lambda: ingest(lake, logs))
    stops.until("A", "hold")
    assert ingest(lake, logs).status == "published"
    stops.go("A", "hold")
    assert stops.over("A").status == "published"
    all_there(lake, made)
    assert [b["state"] for b in batches.listed(catalog.open_lake(lake))] == ["published"]


def test_two_runs_that_refuse_the_same_objects_hold_them_once(lake, tmp_path, stops, monkeypatch):
    made = plain(4)
    logs = made.save(tmp_path / "logs")
    catalog.make_lake(lake)
    stops.before(settle, "settle", "A", "B")
    stops.before(publish, "hold", "A", "B")
    refusing(monkeypatch, "A", "B", "MainThread")
    for who in "AB":
        stops.start(who, lambda: ingest(lake, logs))
        stops.until(who, "settle")
    for step in ("settle", "hold"):
        for who in "AB":
            stops.go(who, step)
            if step == "settle":
                stops.until(who, "hold")
            else:
                stops.over(who)
    held = [b["batch_id"] for b in Contents(lake).rows("batches")]
    assert len(held) == 1
    assert batches.release(going(lake, logs), held[0], "it is fine", force=True).status == "published"
    all_there(lake, made)


def test_who_discards_what_another_has_released_is_told(lake, tmp_path, monkeypatch):
    made = plain(4)
    logs = made.save(tmp_path / "logs")
    refusing(monkeypatch, "MainThread")
    (batch_id,) = ingest(lake, logs).held
    plainly, met = publish.discard, []

    def discard(*given):
        if not met:
            met.append(batches.release(going(lake, logs), batch_id, "it is fine", force=True).status)
        return plainly(*given)

    monkeypatch.setattr(publish, "discard", discard)
    with pytest.raises(UsageError, match="is published meanwhile"):
        batches.discard(going(lake, logs), batch_id, "it is bad")
    assert met == ["published"]
    all_there(lake, made)


# ── what has the claim is published whole ────────────────────────────────────────────────────────────────────────────


def two_tables(first: str) -> Bucket:
    made = plain(2)
    made.put(key(f"insight{first}", kind="CloudTrail-Insight"), event(12, eventCategory="Insight"))
    return made


def dies_after(monkeypatch, table: str) -> None:
    plainly = publish.show

    def show(lake, ready, batch_id):
        plainly(lake, ready, batch_id)
        if ready.table == table:
            raise KilledError

    monkeypatch.setattr(publish, "show", show)


def rule(folder, **of: str) -> settings.Quality:
    """A file of expectations that no batch here passes."""
    file = folder / "expectations.toml"
    file.write_text(
        '[[expectation]]\nname = "no_trail_is_deleted"\nseverity = "critical"\ncolumn = "event_name"\n'
        'not_in = ["DeleteTrail"]\n'
    )
    return settings.Quality(expectations=str(file), **of)


def test_what_is_visible_in_part_is_not_judged_anew(lake, tmp_path, monkeypatch):
    """Somebody adds a rule between the death of a run and the next."""
    made = two_tables("")
    made.put(key("bad"), event(90, eventName="DeleteTrail"))
    logs = made.save(tmp_path / "logs")
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        dies_after(patched, "events")
        ingest(lake, logs)
    (batch_id,) = (b["batch_id"] for b in batches.listed(catalog.open_lake(lake)))
    with pytest.raises(UsageError, match="on its way to readers"):
        batches.discard(going(lake, logs), batch_id, "too late")
    result = ingest(lake, logs, quality=rule(tmp_path))
    assert (result.status, result.settled, result.refused) == ("published", [batch_id], [])
    all_there(lake, made)


def test_a_twin_can_not_come_in_between_two_tables(lake, tmp_path, monkeypatch):
    """A run dies after the first table; a batch that was held is released, with a twin of a row of the second."""
    other = Bucket()
    other.put(key("bad"), event(90, eventName="DeleteTrail"))
    other.put(key("twin", kind="CloudTrail-Insight"), event(12, eventCategory="Insight"))
    theirs = other.save(tmp_path / "theirs")
    (held,) = ingest(lake, theirs, quality=rule(tmp_path)).held
    made = two_tables("")
    logs = made.save(tmp_path / "logs")
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        dies_after(patched, "events")
        ingest(lake, logs)
    assert batches.release(going(lake, theirs), held, "a drill", force=False).status == "published"
    assert ingest(lake, logs).status == "nothing_to_do"
    contents = Contents(lake)
    holds_together(contents)
    assert Counter(r["event_id"] for r in contents.rows("insight_events")) == {event(12)["eventID"]: 1}
    assert not contents.branches()


def test_a_compaction_under_the_claim_makes_no_batch_unaudited(lake, tmp_path, monkeypatch):
    """Main of a table moves when the batch has the claim already: the same files are attached anew, and audited."""
    made = plain(4)
    ingest(lake, plain(2).save(tmp_path / "before"))
    plainly, met = claim.take, []

    def take(opened, ready):
        plainly(opened, ready)
        table = opened.table("events")
        table.overwrite(table.scan().to_arrow())
        met.append(True)

    monkeypatch.setattr(claim, "take", take)
    assert ingest(lake, made.save(tmp_path / "logs")).status == "published"
    assert met
    contents = Contents(lake)
    assert sorted(r["event_id"] for r in contents.rows("events")) == sorted(event(n)["eventID"] for n in range(1, 5))
    shown = {name: {snapshot for snapshot, batch in contents.history(name) if batch} for name in DATA}
    audited = {q["snapshot_id"] for q in contents.rows("quality") if q["name"] == "unique" and q["success"]}
    assert shown["events"] <= audited
    assert not contents.branches()


# ── what is unfinished ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unfinished_batch_can_be_discarded_and_its_objects_are_read_again(lake, tmp_path, monkeypatch):
    made = plain(4)
    logs = made.save(tmp_path / "logs")
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(publish, "record", lambda *_: (_ for _ in ()).throw(KilledError))
        ingest(lake, logs)
    (told,) = batches.listed(catalog.open_lake(lake))
    assert told["state"] == "unfinished"
    assert batches.story(catalog.open_lake(lake), told["batch_id"]).batch["state"] == "unfinished"
    batches.discard(going(lake, logs), told["batch_id"], "")
    assert not batches.listed(catalog.open_lake(lake))
    assert ingest(lake, logs).status == "published"
    all_there(lake, made)
