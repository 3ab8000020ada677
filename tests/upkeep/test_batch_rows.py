"""
What a refusal tells to type shows the rows, for each kind of expectation; what can't be meant is refused.
"""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import Contents
from tests.ingest.test_quality import RULES, expecting
from tests.upkeep.test_batches import RULE
from trailhouse import settings
from trailhouse.ingest import audit, refusal
from trailhouse.upkeep import batches

SAID = re.compile(r"See why: trailhouse (?P<show>.*?)(?:; its rows: trailhouse (?P<rows>.*?))?; then ")


def bad() -> Bucket:
    """Breaks each rule of RULES, and has flags and a quarantined record."""
    made = plain(4)
    records = [{**record, "eventID": f"{n:08x}-0000-4000-8000-000000000001"} for n, record in enumerate(RULES.values())]
    made.put(key("bad"), *records, event(90), event(90, eventName="PutObject"), b'{"eventID":"x","eventID":"y"}')
    made.put(key("strange"), event(91, account="999988887777"))
    return made


def told(call, *arguments: object) -> list[dict]:
    """The rows that a command shows."""
    code, out, err = call(*arguments, "--format", "json")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_what_a_refusal_tells_to_type_shows_the_rows_of_each_kind(lake, tmp_path, call):
    file = expecting(tmp_path, *RULES).expectations
    logs = bad().save(tmp_path / "logs")
    assert call("ingest", logs, "--lake", lake.location, "--quality-expectations", file)[0] == 3
    contents = Contents(lake)
    (held,) = contents.rows("batches")
    failed = [q for q in contents.rows("quality") if not q["success"]]
    assert len([q for q in failed if q["name"].startswith("ours")]) == len(RULES) and len(failed) > len(RULES) + 3
    config = settings.Settings(lake, quality=settings.Quality(expectations=file))
    for each in failed:
        name = f"{each['table_name']}.{each['name']}"
        typed = shlex.split(refusal.command("rows", held["batch_id"], config, name))
        assert len(told(call, *typed[1:])) == min(each["rows"] or 20, 20), name
    invariants = [f"{t}.{n}" for t in ("events", "quarantine") for n in audit.invariants(t)]
    warnings = [
        name for name in audit.WARNINGS if name != "ledger.changed_after_ingest"
    ]  # which is about no object here
    for name in [*invariants, *(f"ledger.{n}" for n in audit.OF_THE_LEDGER), *warnings]:
        assert told(call, *shlex.split(refusal.command("rows", held["batch_id"], config, name))[1:]), name


def test_the_command_that_ingest_prints_works_as_it_stands(tmp_path, call):
    """Whatever the folders are called, wherever the catalog lies, and with the rules that the batch was judged by."""
    folder = tmp_path / "it's a $lake; no"
    file = tmp_path / "our rules.toml"
    file.write_text(RULE)
    made = Bucket()
    made.put(key("bad"), event(1, eventName="DeleteTrail"), event(2))
    where = ("--lake", folder, "--lake-database", "mine", "--lake-catalog-uri", tmp_path / "else where.sqlite")
    code, _, err = call("ingest", made.save(tmp_path / "logs"), *where, "--quality-expectations", file)
    assert code == 3
    said = SAID.search(err)
    assert said, err
    assert [row["event_name"] for row in told(call, *shlex.split(said["rows"]))] == ["DeleteTrail"]
    assert call(*shlex.split(said["show"]))[0] == 0


@pytest.mark.parametrize(
    ("changed", "flags"),
    [
        ({}, []),
        ({"catalog": "glue", "location": "s3://lakes/one"}, ["--lake-catalog", "glue"]),
        ({"catalog_uri": "/elsewhere.sqlite"}, ["--lake-catalog-uri", "/elsewhere.sqlite"]),
        ({"partition": "bucket", "buckets": 8}, ["--lake-partition", "bucket", "--lake-buckets", "8"]),
    ],
)
def test_every_option_of_the_lake_that_is_not_the_usual_is_told(changed, flags):
    given = {"location": "/a lake", "catalog_uri": "/a lake/catalog.sqlite"} | changed
    if changed.get("catalog") == "glue":
        given["catalog_uri"] = ""
    typed = shlex.split(refusal.command("show", "b", settings.Settings(settings.Lake(**given))))
    assert typed == ["trailhouse", "batch", "show", "b", "--lake", given["location"], *flags]


def test_where_the_audit_itself_fails_no_rows_are_promised(lake, tmp_path, call, monkeypatch):
    monkeypatch.setattr(audit, "_judge", lambda *_: ({}, {}))
    code, _, err = call("ingest", plain(4).save(tmp_path / "logs"), "--lake", lake.location)
    assert code == 3
    said = SAID.search(err)
    assert said, err
    assert said["rows"] is None and call(*shlex.split(said["show"]))[0] == 0
    batch_id = Contents(lake).rows("batches")[0]["batch_id"]
    code, _, err = call("batch", "rows", batch_id, "--expectation", "quality.all_judged", "--lake", lake.location)
    assert code == 2 and "about the audit itself" in err and f"batch show {batch_id}" in err


def test_names_that_nothing_has_are_refused_with_those_that_are_known(refused, call):
    lake, batch = ("--lake", refused.lake.location), refused.batch_id
    code, out, err = call("batch", "rows", batch, "--expectation", "events.no_such_thing", *lake)
    assert (code, out) == (2, "") and "known are events.account_id:not_in, " in err
    assert "events.no_trail_is_deleted" in err
    code, out, err = call("batch", "rows", batch, "--expectation", "events.no_trail_is_deleted", *lake)
    assert (code, out) == (2, "") and "--quality-expectations" in err
    code, out, err = call("batch", "rows", batch, "--expectation", "quarantine.dup_key (flag)", *lake)
    assert code == 0 and "dup_key" in out


def test_a_flag_that_a_rule_has_the_name_of_is_told_apart(lake, tmp_path, call):
    file = expecting(tmp_path, 'column = "event_name"\nin = ["GetObject"]', severity="warning", name="path_mismatch")
    made = Bucket()
    made.put(key("a"), event(1, account="999988887777"), event(2, eventName="PutObject"))
    own = ("--lake", lake.location, "--quality-expectations", file.expectations)
    assert call("ingest", made.save(tmp_path / "logs"), *own)[0] == 0
    batch_id = Contents(lake).rows("batches")[0]["batch_id"]
    rows = told(call, "batch", "rows", batch_id, "--expectation", "events.path_mismatch (flag)", *own)
    assert [row["event_name"] for row in rows] == ["GetObject"]
    rows = told(call, "batch", "rows", batch_id, "--expectation", "events.path_mismatch", *own)
    assert [row["event_name"] for row in rows] == ["PutObject"]


def test_the_ledger_of_a_held_batch_says_held(refused, call):
    rows = told(call, "batch", "rows", refused.batch_id, "--expectation", "ledger", "--lake", refused.lake.location)
    assert [row["state"] for row in rows] == ["held", "held"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--state", "heldd"), "'heldd' is not one of"),
        (("list", "--limit", "0"), "not in the range x>=1"),
        (("rows", "BATCH", "--limit", "-1"), "not in the range x>=1"),
        (("rows", "BATCH", "--columns", "actor,actor"), "actor is named twice"),
        (("rows", "BATCH", "--columns", "actor,no\x1b"), "no column no"),
    ],
)
def test_what_can_not_be_meant_is_refused(refused, call, arguments, said):
    given = [refused.batch_id if each == "BATCH" else each for each in arguments]
    code, out, err = call("batch", *given, "--lake", refused.lake.location)
    assert (code, out) == (2, "") and said in err


def test_csv_is_one_table_and_commands_no_terminal(refused, call):
    batches.release(refused.going, refused.batch_id, "\x1b[2J drill", force=False)
    lake = ("--lake", refused.lake.location)
    code, out, _ = call("batch", "show", refused.batch_id, *lake, "--format", "csv")
    assert code == 0 and out.startswith('"table_name","name"')
    assert {line.count('","') >= 4 for line in out.splitlines()} == {True}
    code, out, _ = call("batch", "list", *lake, "--format", "csv")
    assert "\x1b" not in out and "␛[2J drill" in out
    assert "\x1b[2J drill" in call("batch", "list", *lake, "--format", "csv_raw")[1]
