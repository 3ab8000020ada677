"""`--result`: how a run ended, for a scheduler; one whole object, however it ended. And `settle`, which is for one too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import Contents, ingest
from tests.ingest.inline import INLINE
from trailhouse import cli, settings
from trailhouse.cli import outcome
from trailhouse.errors import TrailhouseError, UnknownOutcomeError
from trailhouse.ingest import run as ingesting
from trailhouse.lake import place, session

RULE = '[[expectation]]\nname = "nobody_is_root"\nseverity = "critical"\ncolumn = "identity_type"\nnot_in = ["Root"]\n'
ROOT = {"type": "Root", "principalId": "1", "accountId": "111122223333"}


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run a command in this process, without a JVM; what it wrote for the scheduler."""
    monkeypatch.setattr(session, "start", lambda *_: INLINE)
    monkeypatch.delenv("TRAILHOUSE_CONFIG", raising=False)
    there = tmp_path / "out" / "result.json"

    def run(*arguments: object) -> dict:
        there.unlink(missing_ok=True)
        code = cli._run([str(each) for each in (*arguments, "--result", there)])
        text = there.read_text()
        assert text.endswith("\n") and text.count("\n") == 1
        told = json.loads(text)
        assert told["exit_code"] == code
        capsys.readouterr()
        return told

    return run


def test_a_run_that_published_names_its_batches(call, lake, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    plan = call("ingest", logs, "--dry-run", "--lake", lake.location)
    assert (plan["command"], plan["status"]) == ("ingest", "done")
    assert (plan["result"]["objects"], plan["result"]["listed_wider"]) == (8, False), "a folder has no tiers"
    told = call("ingest", logs, "--lake", lake.location)
    assert told["result"]["batches"] == [b["batch_id"] for b in Contents(lake).rows("batches")]
    assert (told["exit_code"], told["error"]) == (0, "")


def test_a_refused_batch_is_named_with_what_failed_and_where_its_docs_are(call, lake, tmp_path):
    (tmp_path / "rules.toml").write_text(RULE)
    bucket = plain(4)
    bucket.put(key("root"), event(90, userIdentity=ROOT))
    logs = bucket.save(tmp_path / "logs")
    told = call("ingest", logs, "--lake", lake.location, "--quality-expectations", tmp_path / "rules.toml")
    assert (told["exit_code"], told["status"]) == (3, "refused")
    (refused,) = told["result"]["refusals"]
    assert refused["expectations"] == ["events.nobody_is_root"]
    assert refused["batch_id"] == Contents(lake).rows("batches")[0]["batch_id"]
    assert Path(refused["data_docs"]).is_file()


def test_a_run_that_fails_half_way_tells_what_it_published_and_what_was_refused(call, lake, tmp_path, monkeypatch):
    """Else nobody would ever be told of the held batch: the next run goes on without a word."""
    (tmp_path / "rules.toml").write_text(RULE)
    bucket = Bucket()
    for number, fields in enumerate(({}, {"userIdentity": ROOT}, {})):
        bucket.put(key(f"o{number}"), event(number, **fields))
    logs, done = bucket.save(tmp_path / "logs"), []
    write = ingesting.write

    def dies_at_the_third(*given, **more):
        done.append(given)
        if len(done) == 3:
            raise TrailhouseError("the disk is full")
        return write(*given, **more)

    monkeypatch.setattr(ingesting, "write", dies_at_the_third)
    bounds = ("--batch-objects", 1, "--quality-expectations", tmp_path / "rules.toml")
    told = call("ingest", logs, "--lake", lake.location, *bounds)
    assert (told["exit_code"], told["status"], told["error"]) == (1, "failed", "the disk is full")
    assert len(told["result"]["batches"]) == 1 and len(told["result"]["refusals"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "command"),
    [
        (["ingest", "--no-such-option"], 2, "ingest"),
        (["ingest"], 2, "ingest"),  # no source
        (["nonsense"], 2, ""),
        (["report", "run", "nonsense", "--lake", "nowhere"], 2, "report run"),
    ],
)
def test_wrong_usage_is_told_as_well(call, arguments, code, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = call(*arguments)
    assert (told["exit_code"], told["command"], told["status"]) == (code, command, "wrong_usage")
    assert told["error"]


@pytest.mark.parametrize(
    ("raised", "code", "status"),
    [
        (UnknownOutcomeError("who knows"), 6, "unknown"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("a bug"), 1, "failed"),
    ],
)
def test_every_other_end_is_told_too(call, lake, tmp_path, monkeypatch, raised, code, status):
    def ends(*_):
        raise raised

    monkeypatch.setattr(ingesting, "write", ends)
    told = call("ingest", plain(1).save(tmp_path / "logs"), "--lake", lake.location)
    assert (told["exit_code"], told["status"]) == (code, status)


def test_an_outcome_that_cannot_be_written_is_a_failure(lake, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    logs, nowhere = plain(1).save(tmp_path / "logs"), tmp_path / "file" / "x.json"
    arguments = ["ingest", str(logs), "--dry-run", "--lake", lake.location, "--result", str(nowhere)]
    assert cli._run(arguments) == 1
    assert "error: the outcome: can't write" in capsys.readouterr().err


def test_the_last_place_counts_and_nothing_after_two_dashes():
    assert outcome.place_of(["ingest", "--result", "a", "--result=b"]) == "b"
    assert outcome.place_of(["ingest", "--", "--result", "a"]) == ""
    assert outcome.place_of(["ingest", "--result"]) == ""


def test_outcomes_evidence_and_reports_go_to_a_bucket_as_well(s3, bucket, lake, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    ingest(lake, logs)
    where = f"s3://{bucket}/x"
    assert (
        cli._run(["verify", str(logs), "--lake", lake.location, "--evidence", where, "--result", f"{where}/v.json"])
        == 5
    )
    given = ["--all", "--out", f"{where}/reports", "--format", "csv", "--lake", lake.location]
    assert cli._run(["report", "run", *given, "--result", f"{where}/r.json"]) == 0
    found = {o["Key"]: o["Size"] for o in s3.client().list_objects_v2(Bucket=bucket)["Contents"]}
    assert {"x/evidence.json", "x/evidence.html", "x/v.json", "x/r.json", "x/reports/who_did_it.csv"} <= set(found)
    told = json.loads(s3.client().get_object(Bucket=bucket, Key="x/v.json")["Body"].read())
    assert (told["status"], told["result"]["evidence"]) == ("partial", where)
    with pytest.raises(TrailhouseError, match="can't write s3://not-there-at-all/x"):
        place.write("s3://not-there-at-all/x", b"")


# ── settle ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_settle_without_a_lake_or_anything_left_does_nothing(call, lake, tmp_path):
    told = call("settle", "--lake", lake.location)
    assert (told["exit_code"], told["result"]["status"]) == (0, "nothing_to_do")
    assert not Path(lake.location).exists(), "it makes no lake"
    ingest(lake, plain(4).save(tmp_path / "logs"))
    assert call("settle", "--lake", lake.location)["result"]["status"] == "nothing_to_do"


def test_settle_brings_to_an_end_what_a_killed_run_left(call, lake, tmp_path, monkeypatch):
    bucket = plain(8)
    logs = bucket.save(tmp_path / "logs")
    from trailhouse.ingest import publish

    class Killed(BaseException):
        pass

    def dies(*_):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(publish, "show", dies)
        ingest(lake, logs)
    (tmp_path / "logs").rename(tmp_path / "gone")  # it looks at no source
    told = call("settle", "--lake", lake.location)
    assert (told["exit_code"], told["result"]["status"]) == (0, "published")
    contents = Contents(lake)
    assert told["result"]["settled"] == [b["batch_id"] for b in contents.rows("batches")]
    assert len(contents.rows("events")) == 8 and contents.branches() == set()


def test_settings_of_airflow_are_no_options_of_a_command(lake, capsys):
    assert cli._run(["ingest", "x", "--lake", lake.location, "--airflow-retries", "5"]) == 2
    assert "No such option" in capsys.readouterr().err
    assert settings.load(None, {}, {}).airflow.retries == 3
