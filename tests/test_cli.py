"""
The command line: exit codes, what goes to stdout and what to stderr, and that no value of a log can do anything there.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import model
from tests.buckets import ACCOUNT, Bucket, event, key, plain
from tests.ingest.contents import Contents, files, holds_together
from tests.ingest.inline import INLINE
from tests.ingest.test_pending import after_the_plan
from trailhouse import cli, settings
from trailhouse.ingest import inspect
from trailhouse.lake import session

ROOT = Path(__file__).resolve().parents[1]
FIELDS = {
    "batch_id",
    "status",
    "objects",
    "records",
    "rows",
    "duplicates",
    "quarantined",
    "pending",
    "bytes_in",
    "bytes_out",
    "list_calls",
    "seconds",
}


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command in this process, without a JVM: (exit code, stdout, stderr)."""
    monkeypatch.setattr(session, "start", lambda *_: INLINE)
    monkeypatch.delenv("TRAILHOUSE_CONFIG", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main([str(a) for a in arguments])
        return int(left.value.code or 0), *capsys.readouterr()

    return run


def last(out: str) -> dict:
    return json.loads(out.splitlines()[-1])


def where(folder: Path) -> settings.Lake:
    return settings.Lake(location=str(folder), catalog_uri=str(folder / "catalog.sqlite"))


# ── exit codes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_0_done_and_0_nothing_to_do(call, tmp_path):
    logs, lake = plain(8).save(tmp_path / "logs"), tmp_path / "lake"
    code, out, _ = call("ingest", logs, "--lake", lake, "--format", "json")
    assert code == 0 and len(out.splitlines()) == 1
    told = last(out)
    assert told.keys() >= FIELDS
    assert (told["status"], told["objects"], told["records"], told["rows"], told["pending"]) == (
        "published",
        8,
        8,
        8,
        0,
    )
    assert told["batch_id"] and told["bytes_in"] > 0 and told["bytes_out"] > 0
    code, out, _ = call("ingest", logs, "--lake", lake, "--format", "json")
    assert (code, last(out)["status"]) == (0, "nothing_to_do") and last(out).keys() >= FIELDS


@pytest.mark.parametrize("form", ["table", "json", "csv", "csv_raw"])
def test_nothing_but_the_result_goes_to_stdout(call, tmp_path, form):
    logs = plain(8).save(tmp_path / "logs")
    (logs / key("dangling")).symlink_to("nowhere")
    code, out, err = call("ingest", logs, "--lake", tmp_path / "lake", "--format", form)
    assert code == 5
    assert form != "table" or ("dangling" in err and "dangling" not in out)
    if form == "json":
        assert [json.loads(line) for line in out.splitlines()]
    if form.startswith("csv"):
        assert len(out.splitlines()) == 2


USAGE = [
    ["ingest", "{logs}", "--lake", "{lake}", "--batch-objects", "none"],
    ["ingest", "{logs}", "--lake", "{lake}", "--no-such-option"],
    ["ingest", "{logs}", "--lake", "{lake}", "--config", "{bad}"],
    ["ingest", "{logs}"],
    ["ingest", "--lake", "{lake}"],
    ["ingest", "{logs}/nowhere", "--lake", "{lake}"],
    ["ingest", "{logs}", "--lake", "s3://bucket/x"],
    ["ingest", "--dry-run", "--lake", "{lake}"],
    ["ingest", "{logs}", "--lake", "{lake}", "--from", "2026-03-02", "--to", "2026-03-01"],
    ["ingest", "{logs}", "--lake", "{lake}", "--from", "yesterday"],
    ["ingest", "{logs}", "--lake", "{lake}", "--account", "--lake=elsewhere"],
    ["ingest", "{logs}", "--lake", "{lake}", "--account", "١١١١٢٢٢٢٣٣٣٣"],
    ["sql", "SELECT 1", "--lake", "{lake}"],
    ["sql", "SELECT 1"],
    ["status", "--lake", "{lake}"],
    ["status", "--lake", "{lake}", "--format", "xml"],
    ["sql", "SELECT 1; SELECT 2", "--lake", "{there}"],
    ["sql", "DROP TABLE events", "--lake", "{there}"],
    ["sql", "SELEKT 1", "--lake", "{there}"],
    ["sql", "SELECT nothing FROM nowhere", "--lake", "{there}"],
    ["no-such-command"],
    [],
]


@pytest.mark.parametrize("arguments", USAGE, ids=lambda words: " ".join(words) or "nothing")
def test_2_wrong_usage_writes_nothing(call, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    logs = plain(8).save(tmp_path / "logs")
    (tmp_path / "bad.toml").write_text("[batch]\nobjekts = 3\n")
    call("ingest", logs, "--lake", tmp_path / "there", "--format", "json")
    before = files(tmp_path)
    names = {"logs": logs, "lake": tmp_path / "lake", "there": tmp_path / "there", "bad": tmp_path / "bad.toml"}
    code, out, err = call(*(a.format(**names) for a in arguments))
    assert code == 2, (code, out, err)
    assert (out == "" and err) or not arguments
    assert files(tmp_path) == before, "wrong usage left something behind"


def test_an_unknown_setting_is_named_with_the_nearest(call, tmp_path):
    (tmp_path / "bad.toml").write_text("[batch]\nobjekts = 3\n")
    _, _, err = call("ingest", tmp_path, "--lake", tmp_path / "lake", "--config", tmp_path / "bad.toml")
    assert "objekts" in err and "objects" in err


def test_3_refused_still_says_what_it_did(call, tmp_path, monkeypatch):
    monkeypatch.setattr(inspect, "look", lambda _: inspect.Seen())
    code, out, err = call("ingest", plain(8).save(tmp_path / "logs"), "--lake", tmp_path / "lake", "--format", "json")
    assert code == 3
    held = Contents(where(tmp_path / "lake")).rows("batches")[0]["batch_id"]
    assert held in err and "looked_at_all" in err and f"trailhouse batch rows {held}" in err
    assert last(out)["status"] == "refused" and last(out).keys() >= FIELDS


def test_5_partial_names_what_is_pending(call, tmp_path, monkeypatch):
    logs = plain(8).save(tmp_path / "logs")
    gone = sorted(plain(8).objects)[2]
    after_the_plan(monkeypatch, lambda: (logs / gone).unlink())
    code, out, _err = call("ingest", logs, "--lake", tmp_path / "lake", "--format", "json")
    assert code == 5
    told = last(out)
    assert (told["status"], told["pending"], told["objects"]) == ("partial", 1, 7)
    assert [(p["where"], p["reason"]) for p in told["problems"]] == [(gone, "missing")]


def test_dry_run_says_objects_bytes_and_requests(call, tmp_path):
    logs = plain(8).save(tmp_path / "logs")
    before = files(tmp_path)
    code, out, _ = call("ingest", logs, "--lake", tmp_path / "lake", "--dry-run", "--format", "json")
    told = last(out)
    assert code == 0 and files(tmp_path) == before and not (tmp_path / "lake").exists()
    assert (told["status"], told["objects"], told["get_calls"]) == ("planned", 8, 8)
    assert told["bytes_in"] == sum(map(len, plain(8).objects.values())) and "list_calls" in told


def test_a_range_is_looked_at_alone(call, tmp_path):
    logs = plain(16).save(tmp_path / "logs")
    dry = ("ingest", logs, "--lake", tmp_path / "lake", "--dry-run", "--format", "json")
    everything, one = last(call(*dry)[1])["objects"], last(call(*dry, "--account", ACCOUNT)[1])["objects"]
    assert (everything, one) == (8, 4)
    assert last(call(*dry, "--account", ACCOUNT, "--to", "2026-03-01")[1])["objects"] == 2
    assert last(call(*dry, "--from", "2100-01-01")[1])["objects"] == 0


def test_the_strict_path_makes_the_same_rows(call, tmp_path):
    logs = plain(16).save(tmp_path / "logs")
    for name, more in (("fast", []), ("strict", ["--no-fast-path"])):
        assert call("ingest", logs, "--lake", tmp_path / name, *more)[0] == 0
    assert (
        Contents(where(tmp_path / "fast")).without_lineage() == Contents(where(tmp_path / "strict")).without_lineage()
    )


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = {
    "escapes": "\x1b[2J\x1b]0;owned\x07\x1b]52;c;ZWNobw==\x07",
    "c1": "\x9b31mred\x85\x90q",
    "formula": "=cmd|' /C calc'!A0",
    "plus": "+1+1",
    "at": "@SUM(A1)",
    "minus": "-2+3",
    "wide": "\uff1d1+1",
    "tab": "\t=1+1",
    "space": " =1+1",
    "quote": '"=1+1"',
    "bidi": "abc\u202edcba\u2066x",
    "newline": "one\ntwo\r\nERROR published OK",
    "separator": "a\u2028b\u2029c",
    "zero": "a\u200bb\ufeffc",
    "nul": "a\0b",
    "over": "visible\rhidden\b\b\b",
    "markup": "[red]x[/red] :smile: [link=file:///etc]y[/link]",
}


@pytest.fixture
def haunted(call, tmp_path) -> Path:
    """A lake of hostile user agents, and a quarantine of them."""
    made = Bucket()
    made.put(key("a"), *(event(n, userAgent=v, eventName=v, errorCode=v) for n, v in enumerate(HOSTILE.values())))
    made.put(key("b"), *(json.dumps({"eventID": v, "x": v})[:-1] + ',"x":1}' for v in HOSTILE.values()))
    assert call("ingest", made.save(tmp_path / "logs"), "--lake", tmp_path / "lake")[0] == 0
    return tmp_path / "lake"


UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def test_a_table_shows_hostile_values_and_does_nothing(call, haunted):
    code, out, _ = call(
        "sql", "SELECT event_id, user_agent, event_name FROM events ORDER BY event_id", "--lake", haunted
    )
    assert code == 0 and not UNSAFE.search(out)
    assert len(out.splitlines()) == len(HOSTILE) + 2, "a value made a line of its own"
    assert "[red]x[/red]" in out and ":smile:" in out


def test_csv_holds_no_formula_and_one_row_per_record(call, haunted):
    import csv
    import io

    code, out, _ = call("sql", "SELECT user_agent FROM events ORDER BY event_id", "--lake", haunted, "--format", "csv")
    cells = [row[0] for row in csv.reader(io.StringIO(out, newline=""))][1:]
    assert code == 0 and len(cells) == len(HOSTILE)
    for name, cell in zip(HOSTILE, cells, strict=True):
        assert not re.match(r"[\s\"']*[=+\-@\t\r\n\uff1d]", cell) or cell.startswith("'"), (name, cell)
    raw = call("sql", "SELECT user_agent FROM events ORDER BY event_id", "--lake", haunted, "--format", "csv_raw")[1]
    assert [row[0] for row in csv.reader(io.StringIO(raw, newline=""))][1:] == list(HOSTILE.values())


def test_json_is_ascii_and_exact(call, haunted):
    out = call("sql", "SELECT user_agent FROM events ORDER BY event_id", "--lake", haunted, "--format", "json")[1]
    assert out.isascii() and [json.loads(line)["user_agent"] for line in out.splitlines()] == list(HOSTILE.values())


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_status_shows_nothing_that_acts(call, haunted, form):
    code, out, err = call("status", "--lake", haunted, "--format", form)
    assert code == 0 and not UNSAFE.search(out.replace("\r\n", "\n")) and not err
    if form == "json":
        assert last(out)["quarantine"] == [{"reason": "dup_key", "found": len(HOSTILE), "objects": 1}]


def test_a_message_shows_a_hostile_query_harmlessly(call, haunted):
    code, _, err = call("sql", "SELECT \x1b[2J FROM events", "--lake", haunted)
    assert code == 2 and not UNSAFE.search(err)


def test_a_query_that_nobody_could_read_is_wrong_usage(call, haunted, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SELECT '\xff'"), "utf-8"))
    for query in ("-", "SELECT '\udcff'"):
        code, out, err = call("sql", query, "--lake", haunted)
        assert (code, out) == (2, "") and "no text in UTF-8" in err
    code, out, err = call("sql", "SELECT " + "(" * 3000 + "1" + ")" * 3000, "--lake", haunted)
    assert (code, out) == (2, "") and "nested too deeply" in err


def test_the_query_may_come_from_stdin(call, haunted, monkeypatch):
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT count(*) AS n\nFROM events -- all"))
    assert last(call("sql", "-", "--lake", haunted, "--format", "json")[1]) == {"n": len(HOSTILE)}


@pytest.mark.parametrize("command", [[], *([name] for name in sorted(cli.trailhouse.commands))], ids=str)
def test_the_help_of_every_command_has_an_example(call, command):
    code, out, _ = call(*command, "--help")
    assert code == 0 and re.search(r"Examples?:\n +trailhouse ", out)
    assert command == [] or f"trailhouse {command[0]}" in out.split("Example")[1]


# ── processes of their own ───────────────────────────────────────────────────────────────────────────────────────────


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "jobs")} | more


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from trailhouse.cli import main; main()", *map(str, arguments)]


def test_sql_starts_no_jvm(call, tmp_path):
    assert call("ingest", plain(8).save(tmp_path / "logs"), "--lake", tmp_path / "lake")[0] == 0
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
    java.chmod(0o755)
    env = environment(PATH=f"{java.parent}:{os.environ['PATH']}", JAVA_HOME=str(tmp_path))
    script = "import sys; from trailhouse import cli\ntry: cli.main()\nfinally: print(*(n for n in ('pyspark', 'py4j') if n in sys.modules), file=sys.stderr)"
    for arguments in (["sql", "SELECT count(*) AS n FROM events", "--format", "json"], ["status", "--format", "json"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments, "--lake", tmp_path / "lake"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("{") and done.stderr.strip() == "" and not (tmp_path / "started").exists()


def listening(*arguments: object) -> list[str]:
    """A command that hears an interrupt also where a shell's background job, as the tests may be, has them ignored."""
    executable, option, script, *rest = command(*arguments)
    return [executable, option, f"import signal; signal.signal(2, signal.default_int_handler); {script}", *rest]


class Child:
    """A real run in a process group of its own, as a terminal starts it: signals go to driver, JVM and workers."""

    def __init__(self, folder: Path, batch_objects: int) -> None:
        self.bucket, self.lake = plain(200), folder / "lake"
        logs = self.bucket.save(folder / "logs")
        self.command = listening(
            "ingest", logs, "--lake", self.lake, "--batch-objects", batch_objects, "--format", "json"
        )
        self.process = subprocess.Popen(
            self.command,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, there: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while not there() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def until_written(self) -> None:
        self.until(lambda: list(self.lake.rglob("data/*/*/*/*.parquet")))

    def members(self) -> list[str]:
        """The command of every living process of the group."""
        said = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-g", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [line for line in said.stdout.splitlines() if "<defunct>" not in line]

    def signal(self, number: int) -> str:
        """Send it to the whole group; what was said on stderr by the end."""
        os.killpg(self.process.pid, number)
        return self.process.communicate(timeout=60)[1]

    def ends_well_when_run_again(self) -> None:
        done = subprocess.run(self.command, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1 and last(done.stdout)["status"] == "published"
        contents = Contents(where(self.lake))
        assert contents.published() == model.lake(self.bucket.listed()).published
        holds_together(contents)


@pytest.mark.spark
def test_130_on_interrupt_with_everything_whole(tmp_path):
    child = Child(tmp_path, batch_objects=2)
    child.until_written()
    err = child.signal(signal.SIGINT)
    assert child.process.returncode == 130, (child.process.returncode, err)
    assert "run the same command again" in err and "Traceback" not in err
    assert Contents(where(child.lake)).published() <= model.lake(child.bucket.listed()).published
    child.ends_well_when_run_again()


@pytest.mark.spark
def test_an_interrupt_while_the_jvm_starts_leaves_no_jvm(tmp_path):
    child = Child(tmp_path, batch_objects=2)
    child.until(lambda: any("SparkSubmit" in line for line in child.members()))
    err = child.signal(signal.SIGINT)
    assert child.process.returncode == 130 and "Traceback" not in err, (child.process.returncode, err)
    child.until(lambda: not child.members())
    assert child.members() == []


@pytest.mark.spark
def test_killed_in_the_middle_of_spark_the_next_run_goes_on(tmp_path):
    child = Child(tmp_path, batch_objects=3)
    child.until_written()
    child.signal(signal.SIGKILL)
    child.ends_well_when_run_again()
