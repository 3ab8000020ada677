"""
What is expected of a batch: each kind of expectation, spoiled on purpose, refuses or warns as its severity says.

The lake's own invariants are spoiled in `test_gate`; here, what schemas, users and the days before expect.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import model
from tests.buckets import ABROAD, ACCOUNT, Bucket, event, key, plain
from tests.ingest.contents import DATA, Contents, holds_together, ingest
from trailhouse import settings
from trailhouse.errors import SettingsError
from trailhouse.ingest import audit, inspect, measure, publish
from trailhouse.lake import expectations


def expecting(folder: Path, *rules: str, severity: str = "critical", name: str = "ours") -> settings.Quality:
    file = folder / "expectations.toml"
    lines = [
        f'[[expectation]]\nname = "{name}{n or ""}"\nseverity = "{severity}"\n{rule}\n' for n, rule in enumerate(rules)
    ]
    file.write_text("\n".join(lines))
    return settings.Quality(expectations=str(file))


def failed(contents: Contents, severity: str | None = None) -> set[str]:
    return {
        f"{q['table_name']}.{q['name']}"
        for q in contents.rows("quality")
        if not q["success"] and severity in (None, q["severity"])
    }


# Rule of a user's own file -> a record that breaks it. `plain` breaks none of them.
RULES = {
    'column = "event_name"\nin = ["GetObject", "PutObject"]': event(90, eventName="DeleteTrail"),
    'column = "event_name"\nnot_in = ["DeleteTrail"]': event(90, eventName="DeleteTrail"),
    'column = "error_code"\nnull = true': event(90, errorCode="AccessDenied"),
    'column = "source_ip"\nnot_null = true': event(90, sourceIPAddress=None),
    'column = "user_agent"\nmatches = "aws-cli/.*"': event(90, userAgent="evil"),
    'column = "user_agent"\nnot_matches = ".*kali.*"': event(90, userAgent="aws-cli/2 kali linux"),
    'column = "event_time"\nmin = 2026-01-01': event(90, eventTime="2025-12-31T23:59:59Z"),
    'column = "event_date"\nmax = 2026-06-30': event(90, eventTime="2026-07-01T00:00:00Z"),
    'column = "read_only"\nin = [true]': event(90, readOnly=False),
    'column = "identity_type"\nnot_in = ["Root"]\nwhen = { column = "event_name", in = ["ConsoleLogin"] }': event(
        90, eventName="ConsoleLogin", userIdentity={"type": "Root", "accountId": ACCOUNT}
    ),
    'column = "event_name"\nnot_in = ["DeleteTrail"]\nmax_share = 0.05': event(90, eventName="DeleteTrail"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: " ".join(re.findall(r"\w+(?= =)", rule)))
def test_a_rule_that_rows_break_refuses_when_critical_and_the_mended_batch_passes(lake, tmp_path, rule):
    ingest(lake, plain(4).save(tmp_path / "before"))
    contents = Contents(lake)
    heads = {name: contents.heads()[name] for name in (*DATA, "quarantine")}
    quality = expecting(tmp_path, rule)
    bad = Bucket()
    bad.put(key("bad"), RULES[rule], *(event(n) for n in range(100, 110)))
    result = ingest(lake, bad.save(tmp_path / "logs"), quality=quality)
    assert result.status == "refused" and "events.ours failed" in result.refused[0]
    assert result.held == [b["batch_id"] for b in contents.rows("batches") if b["state"] == "held"]
    assert re.search(r"\(1 of \d+ rows break \w+ \w+; 1 rows\)", result.refused[0]), result.refused[0]
    assert {name: contents.heads()[name] for name in heads} == heads, "main moved"
    assert failed(contents, "critical") == {"events.ours"}
    good = Bucket()
    good.put(key("good"), *(event(n) for n in range(200, 210)))
    assert ingest(lake, good.save(tmp_path / "mended"), quality=quality).status == "published"
    holds_together(contents)


@pytest.mark.parametrize("rule", [next(iter(RULES)), list(RULES)[-1]], ids=["rows", "share"])
def test_the_same_rule_only_warns_as_a_warning(lake, tmp_path, rule):
    bad = plain(12)
    bad.put(key("bad"), RULES[rule])
    result = ingest(lake, bad.save(tmp_path / "logs"), quality=expecting(tmp_path, rule, severity="warning"))
    assert result.status == "published" and result.rows == 13
    found = [f for f in result.findings if f["name"] == "ours"]
    assert [(f["table"], f["rows"]) for f in found] == [("events", 1)]
    assert "events.ours" in failed(Contents(lake), "warning")


def test_a_share_holds_up_to_its_bound(lake, tmp_path):
    made = Bucket()
    made.put(key("some"), event(1, eventName="DeleteTrail"), *(event(n) for n in range(2, 21)))
    rule = 'column = "event_name"\nnot_in = ["DeleteTrail"]\nmax_share = '
    assert ingest(lake, made.save(tmp_path / "logs"), quality=expecting(tmp_path, rule + "0.05")).status == "published"


# What a record or an object says -> the finding. None of it may stop anybody.
SAID = {
    "a new eventVersion": ([event(90, eventVersion="2.01")], "events.event_version:in"),
    "a new eventCategory": ([event(90, eventCategory="Telepathy")], "events.event_category:in"),
    "a new eventType": ([event(90, eventType="AwsDream")], "events.event_type:in"),
    "another identity": ([event(90, userIdentity={"type": "Robot"})], "events.identity_type:in"),
    "an odd region": ([event(90, awsRegion="mars north")], "events.region:not_in"),
    "an odd account": ([event(90, recipientAccountId="evil")], "events.account_id:not_in"),
    "an unreadable time": ([event(90, eventTime="tomorrow")], "events.event_date:not_null"),
    "a time long ago": ([event(90, eventTime="1999-01-01T00:00:00Z")], "events.event_date:not_null"),
    "no name": ([event(90, eventName=None)], "events.event_name:not_null"),
    "an odd id": ([event(90, eventID="x")], "events.event_id:matches"),
    "unknown fields": ([event(90, brandNew={"a": 1})], "events.unknown_fields"),
    "another's account": ([event(90, account="999988887777")], "events.path_mismatch"),
    "a name twice": ([b'{"eventID":"x","eventID":"y"}'], "quarantine.share"),
    "two records of one id": ([event(90), event(90, eventName="PutObject")], "events.id_conflict"),
}


@pytest.mark.parametrize("what", SAID)
def test_what_a_record_says_only_warns(lake, tmp_path, what):
    records, finding = SAID[what]
    made = plain(8)
    made.put(key("said"), *records)
    result = ingest(lake, made.save(tmp_path / "logs"))
    contents = Contents(lake)
    assert result.status == "published"
    if what != "a name twice":
        assert finding in failed(contents), failed(contents)
    assert failed(contents, "critical") == set()
    assert contents.published() == model.lake(made.listed()).published
    holds_together(contents)


def test_an_ordinary_batch_has_no_findings(lake, tmp_path):
    result = ingest(lake, plain(24).save(tmp_path / "logs"))
    assert result.findings == []
    checks = Contents(lake).rows("quality")
    assert len(checks) > 20 and all(q["success"] for q in checks)


def test_one_account_of_twenty_plants_odd_records_and_nobody_waits(lake, tmp_path):
    """Point 7: whoever can call an API, or plant a file, costs at most his own record or file."""
    accounts = [f"{n:012d}" for n in range(100, 120)]
    made = Bucket()
    for number, account in enumerate(accounts):
        made.put(key("fine", account), *(event(1000 * number + n, account) for n in range(30)))
    odd = [record for records, _ in SAID.values() for record in records]
    made.put(key("odd", accounts[7]), *odd)
    made.objects[key("rotten", accounts[7])] = b"\x1f\x8b not a log"
    result = ingest(lake, made.save(tmp_path / "logs"), quality=settings.Quality(quarantined_percent=1))
    assert result.status == "published"
    contents = Contents(lake)
    assert contents.published() == model.lake(made.listed()).published
    shown = [r["account_id"] for r in contents.rows("events")]
    assert all(shown.count(account) >= 30 for account in accounts)
    assert failed(contents, "critical") == set() and len(failed(contents, "warning")) >= 10
    holds_together(contents)


# ── days before ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def few_rows_say_something(monkeypatch):
    monkeypatch.setattr(measure, "ROWS_NEEDED", 10)


def day(number: int, rows: int, errors: int = 0) -> Bucket:
    made = Bucket()
    at = f"2026/03/{number:02d}"
    failing = [event(number * 1000 + n, day=at, errorCode="AccessDenied") for n in range(errors)]
    made.put(key("d", day=at), *failing, *(event(number * 1000 + n, day=at) for n in range(errors, rows)))
    return made


def noon(number: int):
    return lambda: datetime(2026, 3, number, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "errors", "when", "found"),
    [
        (20, 0, 6, set()),
        (300, 0, 6, {"volume"}),
        (1, 0, 6, set()),  # today is not over
        (1, 0, 8, {"volume"}),
        (20, 12, 6, {"error_rate"}),
        (300, 200, 6, {"volume", "error_rate"}),
    ],
)
def test_a_day_far_from_the_days_before_it_is_a_finding(
    lake, tmp_path, few_rows_say_something, rows, errors, when, found
):
    for number in range(1, 6):
        assert ingest(lake, day(number, 20).save(tmp_path / str(number)), clock=noon(number)).findings == []
    result = ingest(lake, day(6, rows, errors).save(tmp_path / "6"), clock=noon(when))
    assert result.status == "published"
    assert {f["name"] for f in result.findings} == found


def test_a_day_that_comes_in_many_batches_is_one_day(lake, tmp_path, few_rows_say_something):
    for number in range(1, 5):
        ingest(lake, day(number, 20).save(tmp_path / str(number)), clock=noon(number))
    whole = day(5, 240)
    records = json.loads(gzip.decompress(next(iter(whole.objects.values()))))["Records"]
    for part in range(4):
        made = Bucket()
        made.put(key(f"part{part}", day="2026/03/05"), *records[part::4])
        result = ingest(lake, made.save(tmp_path / "5"), clock=noon(5))
    assert [f["name"] for f in result.findings] == ["volume"], "only the last part makes the day too large"


# ── a pass needs proof ───────────────────────────────────────────────────────────────────────────────────────────────


def held_by(lake, tmp_path, reason: str, **more: settings.Quality) -> None:
    result = ingest(lake, plain(8).save(tmp_path / "logs"), **more)
    assert result.status == "refused" and reason in result.refused[0], result.refused
    contents = Contents(lake)
    assert not any(contents.rows(name) for name in DATA)


def test_an_engine_that_breaks_down_is_no_pass(lake, tmp_path, monkeypatch, caplog):
    def breaks(*_):
        raise ZeroDivisionError("in the engine")

    monkeypatch.setattr(audit, "_judge", breaks)
    with caplog.at_level(logging.ERROR):
        held_by(lake, tmp_path, "quality.all_judged failed (0 of")
    assert "ZeroDivisionError" in caplog.text


def test_an_engine_that_does_not_come_back_is_no_pass(lake, tmp_path, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(audit, "_judge", lambda *_: over.wait(60) and ({}, {}))
    soon = settings.Quality(audit_timeout=timedelta(seconds=0.2))
    held_by(lake, tmp_path, "quality.all_judged failed (0 of", quality=soon)
    over.set()


def test_an_expectation_that_raises_is_no_pass(lake, tmp_path, monkeypatch):
    """It looks for a number that nobody measured."""
    plainly = measure._of_table
    monkeypatch.setattr(measure, "_of_table", lambda *given: plainly(*given)[1:])
    held_by(lake, tmp_path, "quality.all_judged failed")


def test_an_expectation_left_out_of_the_suite_is_no_pass(lake, tmp_path, monkeypatch):
    plainly = audit._judge
    monkeypatch.setattr(audit, "_judge", lambda measured, asked: plainly(measured, asked[1:]))
    held_by(lake, tmp_path, "quality.all_judged failed")


def test_an_expectation_of_an_unknown_kind_is_no_pass(lake, tmp_path, monkeypatch):
    plainly = audit._expectation

    def unknown(gx, each):
        made = plainly(gx, each)
        return (
            made
            if each.name != "unique"
            else gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query="SELECT nothing", meta={"id": each.id})
        )

    monkeypatch.setattr(audit, "_expectation", unknown)
    held_by(lake, tmp_path, "quality.all_judged failed")


def test_an_empty_suite_is_no_pass(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "wanted", lambda *_: ())
    held_by(lake, tmp_path, "quality.all_judged failed (0 of 0")


def test_a_verdict_without_checks_is_not_published(lake, tmp_path, monkeypatch):
    from dataclasses import replace

    plainly = publish.take_claim
    monkeypatch.setattr(
        publish, "take_claim", lambda opened, verdict, *rest: plainly(opened, replace(verdict, checks=()), *rest)
    )
    result = ingest(lake, plain(8).save(tmp_path / "logs"))
    assert result.status == "refused" and "no proof" in result.refused[0]
    assert not any(Contents(lake).rows(name) for name in DATA)


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_data_docs_are_kept_for_each_batch_with_no_value_of_a_record(lake, tmp_path, caplog):
    canary = "canary-4711"
    made = plain(8)
    made.put(
        key("said"),
        event(
            90, eventVersion=canary, eventName=canary, awsRegion=canary, userIdentity={"type": canary}, errorCode=canary
        ),
        event(91, eventID=canary),
        event(91, eventID=canary, eventName="<script>alert(1)</script>"),
        f'{{"eventID":"{canary}","eventID":"{canary}"}}',
    )
    quality = expecting(tmp_path, 'column = "event_name"\nin = ["GetObject"]', severity="warning")
    with caplog.at_level(logging.DEBUG, logger="trailhouse"):
        result = ingest(lake, made.save(tmp_path / "logs"), quality=quality)
    assert result.status == "published" and Path(result.data_docs).is_file()
    folder = Path(result.data_docs).parent
    pages = {path.relative_to(folder).as_posix(): path.read_text("utf-8", "replace") for path in folder.rglob("*.html")}
    assert "ours" in pages["index.html"] and "rows of events" not in pages["index.html"]
    for linked in re.findall(r'(?:href|src)="((?!https?:|#|data:)[^"]+)"', pages["index.html"]):
        assert (folder / linked).exists(), linked
    contents = Contents(lake)
    told = json.dumps([contents.rows(n) for n in ("quality", "batches", "ledger")], default=str)
    for where, said in {**pages, "tables": told, "result": str(result), "log": caplog.text}.items():
        assert canary not in said and "<script>alert" not in said, where
    assert len(failed(contents)) >= 6


def test_every_result_is_a_row_of_quality(lake, tmp_path):
    result = ingest(
        lake, plain(8).save(tmp_path / "logs"), quality=expecting(tmp_path, 'column = "region"\nnot_null = true')
    )
    contents = Contents(lake)
    told = [(q["table_name"], q["name"]) for q in contents.rows("quality") if q["batch_id"] == result.batch_id]
    own = {("events", name) for name in audit.invariants("events")} | {("ledger", name) for name in audit.OF_THE_LEDGER}
    schemas = {("events", each.name) for each in expectations.of_schema("events")}
    more = {("events", n) for n in ("volume", "error_rate", "ours")} | {
        ("quality", "all_judged"),
        ("quarantine", "share"),
    }
    assert set(told) == own | schemas | more | {("ledger", "changed_after_ingest")} and len(told) == len(set(told))


def test_a_large_partition_is_looked_at_in_parts_with_the_same_result(lake, tmp_path, monkeypatch):
    from tests.buckets import redelivered

    made = redelivered(3)
    monkeypatch.setattr(measure, "ROWS_IN_A_PART", 3)
    looks = []
    plainly = inspect.look
    monkeypatch.setattr(inspect, "look", lambda task: looks.append(task) or plainly(task))
    ingest(lake, made.save(tmp_path / "logs"), task_bytes=1)
    contents = Contents(lake)
    assert max(p.parts for task in looks for p in task.partitions) > 1
    assert contents.published() == model.lake(made.listed()).published
    holds_together(contents)


# ── the user's file ──────────────────────────────────────────────────────────────────────────────────────────────────

WRONG = {
    'column = "event_nam"\nin = ["a"]': "did you mean `event_name`",
    'column = "event_name"\nins = ["a"]': "unknown key `ins`: did you mean `in`",
    'column = "event_name"': "give exactly one of",
    'column = "event_name"\nin = ["a"]\nnull = true': "found in, null",
    'column = "event_name"\nin = "a"': "wants a list",
    'column = "event_name"\nin = []': "wants a list",
    'column = "event_name"\nin = [1]': "does not fit a column of type string",
    'column = "read_only"\nin = [1]': "does not fit a column of type boolean",
    'column = "event_name"\nmatches = "("': "can't be judged",
    'column = "event_date"\nmatches = "2026"': "a column of text",
    'column = "event_name"\nnot_null = false': "not_null = true",
    'table = "ledger"\ncolumn = "key"\nnot_null = true': "table must be one of",
    'column = "event_name"\nnot_null = true\nmax_share = 2': "max_share must be",
    'column = "event_name"\nnot_null = true\nwhen = "x"': "when must be a rule",
    'column = "parse_flags"\nnull = true': "no column 'parse_flags'",
    'column = "event_name"\nnot_null = true\nwhen = {}': "when must be a rule",
    'column = "event_name"\nmatches = "A)|(.*"': "can't be judged",
    'column = "event_name"\nnot_null = true\nwhen = { column = "event_name", matches = "A)|(.*" }': "can't be judged",
    'column = "record_index"\nmax = 99999999999999999999': "can't be judged",
    'column = "record_index"\nmax = 9999999999': "can't be judged",
    'column = "record_index"\nin = [99999999999999999999]': "can't be judged",
    'column = "event_date"\nmin = 2026-03-01T12:00:00': "wants a day",
    'column = "event_date"\nin = [2026-03-01, 2026-03-01T23:00:00-05:00]': "wants a day",
    'column = "event_time"\nmin = 0001-01-01T00:00:00+23:59': "before the first year",
    'column = "event_name"\nin = ' + "[" * 5000 + "]" * 5000: "nested too deeply",
    "severity = ": "not valid TOML",
}


@pytest.mark.parametrize("rule", WRONG, ids=lambda rule: rule[:80])
def test_what_can_not_be_meant_is_refused_before_any_work(lake, tmp_path, rule):
    logs = plain(4).save(tmp_path / "logs")
    with pytest.raises(SettingsError, match=re.escape(WRONG[rule])) as error:
        ingest(lake, logs, quality=expecting(tmp_path, rule))
    assert "expectations.toml" in str(error.value)
    assert not Path(lake.location).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[expectations]\na = 1", "unknown key `expectations`"),
        ("[expectation]\na = 1", "double brackets"),
        (
            '[[expectation]]\nname = "a"\ncolumn = "region"\nnull = true\n' * 2,
            "two expectations of table events are named `a`",
        ),
        ('[[expectation]]\ncolumn = "region"\nnot_in = ["x"]', "are named `region:not_in`"),
        ('[[expectation]]\nseverity = "bad"\ncolumn = "region"\nnull = true', "severity must be"),
    ],
)
def test_a_file_that_can_not_be_meant_is_refused(text, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        expectations.of_text(text, "mine.toml")


NAMES = ["<script>alert(1)</script>", "no trail; touch x #", "cost$", "", "a" * 101, "\\u001b[2Jx", "a\\nb", "x (flag)"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_a_page_or_a_shell_could_take_for_more_is_refused(name):
    with pytest.raises(SettingsError, match=r"1 to 100 letters, digits and _ [.] : - in quotes"):
        expectations.of_text(f'[[expectation]]\nname = "{name}"\ncolumn = "region"\nnot_null = true', "mine.toml")
    for odd in ("1", "false", '["a"]'):
        with pytest.raises(SettingsError, match="a name is"):
            expectations.of_text(f'[[expectation]]\nname = {odd}\ncolumn = "region"\nnot_null = true', "mine.toml")


def test_a_file_may_begin_with_a_byte_order_mark():
    (made,) = expectations.of_text('\ufeff[[expectation]]\ncolumn = "region"\nnot_null = true', "mine.toml")
    assert made.name == "region:not_null"


def test_a_name_of_our_own_is_refused_and_one_of_a_flag_is_not(lake, tmp_path):
    made = Bucket()
    made.put(key("a"), event(1, account="999988887777"))
    logs, rule = made.save(tmp_path / "logs"), 'column = "region"\nnot_null = true'
    with pytest.raises(SettingsError, match=r"`unique` in .* has the name of one of our own"):
        ingest(lake, logs, quality=expecting(tmp_path, rule, name="unique"))
    result = ingest(lake, logs, quality=expecting(tmp_path, rule, name="path_mismatch"))
    assert result.status == "published"
    assert [f["name"] for f in result.findings] == ["path_mismatch (flag)"]


def test_a_file_that_is_not_there_is_said(lake, tmp_path):
    with pytest.raises(SettingsError, match="can't be read"):
        ingest(lake, plain(4).save(tmp_path / "logs"), quality=settings.Quality(expectations="/nowhere.toml"))


def test_regions_abroad_are_no_finding(lake, tmp_path):
    made = Bucket()
    made.put(key("a", region=ABROAD), event(1, region=ABROAD))
    assert ingest(lake, made.save(tmp_path / "logs")).findings == []
