"""
What becomes of a refused batch: seen, released, tried again, given up; killed at any commit of it, the next run ends it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests import model
from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import DATA, Contents, config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from tests.upkeep.dying import at_some_commits
from trailhouse import cli, settings
from trailhouse.errors import UsageError
from trailhouse.ingest import measure, run
from trailhouse.ingest.values import Result
from trailhouse.lake import catalog
from trailhouse.upkeep import batches

RULE = '[[expectation]]\nname = "no_trail_is_deleted"\nseverity = "critical"\ncolumn = "event_name"\nnot_in = ["DeleteTrail"]\n'


class Refused:
    """A lake with one batch published, and one held by a rule of the user's."""

    def __init__(self, lake: settings.Lake, folder: Path) -> None:
        self.lake, self.contents, self.file = lake, Contents(lake), folder / "expectations.toml"
        self.file.write_text(RULE)
        self.logs = plain(8).save(folder / "logs")
        ingest(lake, self.logs, quality=self.quality)
        self.made = plain(8)
        self.made.put(key("bad"), event(90, eventName="DeleteTrail"), event(91), b'{"eventID":"x","eventID":"y"}')
        self.made.objects[key("rotten")] = b"\x1f\x8b no log"
        self.made.save(self.logs)
        result = ingest(lake, self.logs, quality=self.quality)
        assert result.status == "refused"
        self.batch_id = next(b["batch_id"] for b in self.contents.rows("batches") if b["state"] == "held")

    @property
    def quality(self) -> settings.Quality:
        return settings.Quality(expectations=str(self.file))

    @property
    def going(self) -> run.Run:
        return run.Run(config_of(self.lake, self.logs, quality=self.quality), quiet, session=INLINE)

    def ingest(self) -> Result:
        return ingest(self.lake, self.logs, quality=self.quality)

    def state(self) -> tuple[str, str | None]:
        (told,) = [b for b in self.contents.rows("batches") if b["batch_id"] == self.batch_id]
        return told["state"], told["reason"]

    def is_whole(self) -> None:
        """All that was delivered is visible, once."""
        assert self.contents.published() == model.lake(self.made.listed()).published
        assert {o["state"] for o in self.contents.rows("ledger")} == {"done", "quarantined"}
        assert self.contents.branches() == set()
        holds_together(self.contents)

    def is_out(self) -> None:
        """Nothing of the batch is visible, and its objects are held, once."""
        assert all(r["batch_id"] != self.batch_id for name in (*DATA, "quarantine") for r in self.contents.rows(name))
        held = Counter(o["key"] for o in self.contents.rows("ledger") if o["state"] == "held")
        assert held == {key("bad"): 1, key("rotten"): 1}
        holds_together(self.contents)


@pytest.fixture
def refused(lake, tmp_path) -> Refused:
    return Refused(lake, tmp_path)


def test_a_held_batch_is_listed_told_and_its_rows_can_be_looked_at(refused):
    lake = catalog.open_lake(refused.lake)
    assert [b["state"] for b in batches.listed(lake)] == ["held", "published"]
    assert [b["batch_id"] for b in batches.listed(lake, "held")] == [refused.batch_id]
    story = batches.story(lake, refused.batch_id)
    assert story.checks[0]["name"] == "no_trail_is_deleted" and Path(story.data_docs).is_file()
    expected = refused.going.expectations()
    shown, rows = batches.rows(lake, refused.batch_id, "events.no_trail_is_deleted", expected, 10)
    assert [row["event_name"] for row in rows.to_pylist()] == ["DeleteTrail"] and "event_name" in shown
    assert batches.rows(lake, refused.batch_id, "events", expected, 10)[1].num_rows == 2
    assert batches.rows(lake, refused.batch_id, "events", expected, 1)[1].num_rows == 1
    with pytest.raises(UsageError, match=r"known are events[.]account_id:not_in"):
        batches.rows(lake, refused.batch_id, "events.dup_key", expected, 10)
    assert batches.rows(lake, refused.batch_id, "quarantine.dup_key", expected, 10)[1].num_rows == 1
    assert batches.rows(lake, refused.batch_id, "ledger.accounting", expected, 10)[1].num_rows == 2
    assert batches.rows(lake, refused.batch_id, "insight_events", expected, 10)[1].num_rows == 0


def test_a_released_batch_is_published_with_the_reason(refused):
    result = batches.release(refused.going, refused.batch_id, "it was a drill", force=False)
    assert (result.status, result.refused) == ("published", [])
    assert refused.state() == ("published", "it was a drill")
    refused.is_whole()
    assert any(not q["success"] and q["severity"] == "critical" for q in refused.contents.rows("quality"))
    assert refused.ingest().status == "nothing_to_do"


def test_a_batch_tried_again_is_held_again_until_it_passes(refused):
    for _ in range(2):
        assert batches.retry(refused.going, refused.batch_id).status == "refused"
        assert refused.state() == ("held", None)
        refused.is_out()
    refused.file.write_text(RULE.replace("critical", "warning"))
    assert batches.retry(refused.going, refused.batch_id).status == "published"
    assert refused.state() == ("published", None)
    refused.is_whole()


def test_a_discarded_batch_stays_out_until_it_is_tried_again(refused):
    batches.discard(refused.going, refused.batch_id, "test data")
    assert refused.state() == ("discarded", "test data")
    assert refused.ingest().status == "nothing_to_do"
    refused.is_out()
    assert refused.contents.branches() == set()
    refused.file.write_text(RULE.replace("critical", "warning"))
    freed = batches.retry(refused.going, refused.batch_id)
    assert (freed.status, freed.objects) == ("freed", 2)
    assert refused.ingest().objects == 2
    refused.is_whole()


def test_later_batches_go_on_beside_a_held_one_and_it_is_settled_on_what_is_there_then(refused):
    """Meanwhile its good record comes a second time, in another object."""
    refused.made.put(key("again"), event(91), event(92))
    refused.made.save(refused.logs)
    assert refused.ingest().rows == 2
    batches.release(refused.going, refused.batch_id, "seen", force=False)
    refused.is_whole()
    (row,) = [b for b in refused.contents.rows("batches") if b["batch_id"] == refused.batch_id]
    assert (row["rows"], row["duplicates"], row["quarantined"], row["quarantined_objects"]) == (1, 1, 1, 1)


def test_what_breaks_the_lake_itself_is_released_by_force_alone(refused, monkeypatch):
    plainly = measure._accounting

    def miscounts(*given):
        from dataclasses import replace

        return replace(plainly(*given), value=1, rows=1)

    monkeypatch.setattr(measure, "_accounting", miscounts)
    result = batches.release(refused.going, refused.batch_id, "I know", force=False)
    assert result.status == "refused" and "--force" in result.refused[0]
    assert refused.state() == ("held", None)
    refused.is_out()
    assert batches.release(refused.going, refused.batch_id, "I know", force=True).status == "published"
    refused.is_whole()


@pytest.mark.parametrize("verb", ["release", "retry", "discard"])
def test_a_batch_that_is_not_held_is_left_alone(refused, verb):
    published = next(b["batch_id"] for b in refused.contents.rows("batches") if b["state"] == "published")
    more = {"release": ("why", False), "retry": (), "discard": ("",)}[verb]
    for batch_id, said in ((published, "is published"), ("nobody", "there is no batch nobody")):
        with pytest.raises(UsageError, match=said):
            getattr(batches, verb)(refused.going, batch_id, *more)
    refused.is_out()


def test_a_release_wants_a_reason(refused):
    with pytest.raises(UsageError, match="--reason"):
        batches.release(refused.going, refused.batch_id, "  ", force=False)


def test_a_release_killed_at_any_commit_is_brought_to_its_end(tmp_path, monkeypatch):
    def verb(refused):
        batches.release(refused.going, refused.batch_id, "drill", False)

    for _, refused in at_some_commits(tmp_path, Refused, verb, monkeypatch):
        refused.ingest()
        if refused.state()[0] == "held":  # it died before anything was said
            batches.release(refused.going, refused.batch_id, "drill", False)
        if refused.state()[0] == "freed":  # what it had staged is gone: read again, and judged as if for the first time
            refused.file.write_text(RULE.replace("critical", "warning"))
            refused.ingest()
        for held in [b["batch_id"] for b in refused.contents.rows("batches") if b["state"] == "held"]:
            batches.release(refused.going, held, "drill", False)
        refused.is_whole()


def test_a_discard_killed_at_any_commit_can_be_done_again(tmp_path, monkeypatch):
    def verb(refused):
        batches.discard(refused.going, refused.batch_id, "")

    for _, refused in at_some_commits(tmp_path, Refused, verb, monkeypatch):
        assert refused.ingest().status in ("nothing_to_do", "published")
        if refused.state()[0] == "held":
            batches.discard(refused.going, refused.batch_id, "")
        assert refused.state()[0] == "discarded"
        refused.is_out()


def test_a_retry_of_a_discarded_batch_killed_at_any_commit_loses_nothing(tmp_path, monkeypatch):
    def verb(refused):
        batches.discard(refused.going, refused.batch_id, "")
        batches.retry(refused.going, refused.batch_id)

    for _, refused in at_some_commits(tmp_path, Refused, verb, monkeypatch):
        refused.file.write_text(RULE.replace("critical", "warning"))
        for _ in range(3):
            refused.ingest()
            if refused.state()[0] in ("held", "discarded"):
                batches.retry(refused.going, refused.batch_id)
        refused.ingest()
        refused.is_whole()


# ── the command line ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def call(capsys, monkeypatch):
    from trailhouse.lake import session

    monkeypatch.setattr(session, "start", lambda *_: INLINE)

    def do(*arguments: object) -> tuple[int, str, str]:
        code = cli._run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return do


def test_the_commands(refused, call):
    lake, batch = ("--lake", refused.lake.location), refused.batch_id
    own = ("--quality-expectations", refused.file)
    code, out, _ = call("batch", "list", "--state", "held", *lake, "--format", "csv")
    assert code == 0 and batch in out and len(out.splitlines()) == 2
    code, out, err = call("batch", "show", batch, *lake)
    assert code == 0 and "no_trail_is_deleted" in out and "index.html" in err
    told = json.loads(call("batch", "show", batch, *lake, "--format", "json")[1])
    assert told["batch"]["state"] == "held" and told["checks"][0]["success"] is False
    which = ("--expectation", "events.no_trail_is_deleted", *own)
    code, out, _ = call("batch", "rows", batch, *which, "--columns", "event_name,read_only", *lake, "--format", "csv")
    assert code == 0 and out.replace('"', "").splitlines() == ["event_name,read_only", "DeleteTrail,true"]
    assert call("batch", "rows", batch, *which, "--columns", "nothing", *lake)[0] == 2
    assert call("batch", "rows", batch, "--expectation", "nowhere", *lake)[0] == 2
    code, out, err = call("batch", "retry", batch, *own, *lake, "--format", "json")
    assert code == 3 and json.loads(out)["status"] == "refused" and "batch rows" in err
    assert call("batch", "release", batch, *lake)[0] == 2, "without a reason"
    code, out, _ = call("batch", "release", batch, "--reason", "drill", *own, *lake, "--format", "json")
    assert code == 0 and json.loads(out)["status"] == "published"
    assert call("batch", "discard", batch, *lake)[0] == 2
    refused.is_whole()


def test_what_a_held_row_says_can_not_command_a_terminal(lake, tmp_path, call):
    file = tmp_path / "expectations.toml"
    file.write_text(RULE)
    made = Bucket()
    made.put(key("bad"), event(1, eventName="DeleteTrail", eventSource="\x1b[2J=cmd\u202e"))
    ingest(lake, made.save(tmp_path / "logs"), quality=settings.Quality(expectations=str(file)))
    batch = Contents(lake).rows("batches")[0]["batch_id"]
    for form in ("table", "json"):
        _, out, _ = call("batch", "rows", batch, "--lake", lake.location, "--format", form)
        assert "\x1b" not in out and "\u202e" not in out and "DeleteTrail" in out
