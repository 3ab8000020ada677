"""`trailhouse coverage`: what it shows, writes and keeps, its exit code, and that no name does anything in a terminal."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest

from tests.buckets import ACCOUNT, OTHER
from tests.ingest.contents import Contents, ingest
from tests.test_cli import UNSAFE, call, where
from tests.upkeep.deliveries import BEGAN, HOUR, Feed, without_an_hour
from trailhouse.lake import catalog
from trailhouse.upkeep import accounts
from trailhouse.upkeep.accounts import Account
from trailhouse.upkeep.findings import WORDS

__all__ = ["call"]  # a fixture
NAME = "Web \x1b[2Jshop\u202e <script>"


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """A lake of three days of a folder with two accounts, one of which lacks an hour and has a file that is no log."""
    folder = tmp_path_factory.mktemp("coverage")
    made = without_an_hour()
    made.objects[Feed(OTHER).key(BEGAN + 40 * HOUR, "bad")] = b"\x1f\x8b no log"
    lake = where(folder / "lake")
    ingest(lake, made.save(folder / "logs"))
    accounts.keep(lake, [Account(OTHER, NAME)], datetime.now(UTC), dry_run=False)
    return folder / "lake"


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """Of a hundred columns."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_it_shows_a_picture_and_each_finding_in_a_line(call, holed):
    code, out, err = call("coverage", "--lake", holed)
    assert (code, err) == (0, "") and not UNSAFE.search(out)
    lines = out.splitlines()
    assert lines[0] == "2026-02-26 to 2026-03-04, UTC"
    (picture,) = (line for line in lines if line.startswith(f"{OTHER} Web ␛[2Jshop⟦202E⟧ <script>"))
    assert re.search(r"·+█+o█+q█+$", picture)
    assert [line.partition(": ")[0] for line in lines[-2:]] == ["hole", "quarantined"]
    assert lines[-2].startswith(f"hole: {OTHER} (Web ␛[2Jshop⟦202E⟧ <script>) us-east-1 CloudTrail: an hour without")
    assert "from 2026-03-03 06:00 to 2026-03-03 07:00" in lines[-2] and "Look at: " in lines[-2]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 0),
        (["--fail-on", "silent,late"], 0),
        (["--fail-on", "hole"], 5),
        (["--fail-on", "silent, quarantined"], 5),
        (["--fail-on", "hole", "--account", ACCOUNT], 0),
        (["--fail-on", "hole", "--region", "us-east-1"], 5),
        (["--fail-on", "hole", "--since", "2026-03-04"], 0),
        (["--fail-on", "silent", "--as-of", "2026-03-09T00:00"], 5),
        (["--fail-on", "silent", "--as-of", "2026-03-09T00:00", "--coverage-silent-after", "30d"], 0),
    ],
    ids=str,
)
def test_it_fails_on_what_it_is_told_to(call, holed, arguments, code):
    assert call("coverage", "--lake", holed, "--no-store", *arguments)[0] == code


@pytest.mark.parametrize(
    "arguments",
    [["--fail-on", "everything"], ["--since", "yesterday"], ["--as-of", "then"], ["--days", "0"], ["--by", "day"],
     ["--since", "2026-03-04", "--until", "2026-03-01"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_said_in_words(call, holed, arguments):
    code, out, err = call("coverage", "--lake", holed, *arguments)
    assert (code, out) == (2, "") and err


def test_rows_are_for_machines_and_findings_beside_them(call, holed):
    code, out, err = call("coverage", "--lake", holed, "--format", "json", "--days", "2")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(rows) == 96 and {row["name"] for row in rows} == {NAME, None}
    assert {row["state"] for row in rows} == {"full", "hole", "quarantined"}
    assert [line.partition(":")[0] for line in err.splitlines()] == ["hole", "quarantined"]
    out = call("coverage", "--lake", holed, "--format", "csv", "--days", "2")[1]
    assert len(list(csv.reader(io.StringIO(out, newline="")))) == 97


def test_findings_alone_are_rows_too(call, holed):
    out = call("coverage", "--lake", holed, "--findings", "--format", "json")[1]
    told = [json.loads(line) for line in out.splitlines()]
    assert [(each["what"], each["account_id"], each["name"]) for each in told] == [
        ("hole", OTHER, NAME), ("quarantined", OTHER, NAME)
    ]  # fmt: skip
    assert told[0]["since"] == "2026-03-03T06:00:00Z"


def test_what_it_found_can_be_asked_in_sql_and_not_where_it_must_not_be_kept(call, holed, tmp_path):
    lake = tmp_path / "lake"
    ingest(where(lake), holed.parent / "logs")
    assert call("coverage", "--lake", lake, "--no-store")[0] == 0
    assert Contents(where(lake)).rows("coverage") == []
    for _ in range(2):
        assert call("coverage", "--lake", lake, "--account", OTHER)[0] == 0
    asked = "SELECT state, count(*) AS hours, sum(objects) AS objects FROM coverage GROUP BY 1 ORDER BY 1"
    out = call("sql", asked, "--lake", lake, "--format", "json")[1]
    assert [tuple(json.loads(line).values()) for line in out.splitlines()] == [
        ("full", 142, 142), ("hole", 1, 0), ("quarantined", 1, 2)
    ]  # fmt: skip
    assert len(Contents(where(lake)).history("coverage")) == 2


def test_an_account_is_shown_feed_by_feed(call, holed):
    out = call("coverage", "--lake", holed, "--account", OTHER, "--no-store")[1]
    assert re.search(rf"^{OTHER} us-east-1 +·", out, re.MULTILINE) and ACCOUNT not in out


def test_an_output_without_utf_8_has_plain_marks(call, holed, monkeypatch):
    import sys

    written = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", written)
    call("coverage", "--lake", holed, "--no-store")
    written.seek(0)
    said = written.read()
    assert "█" not in said and re.search(r"\.+#+o#+q#+\n", said)


def test_colours_are_for_terminals_alone(call, holed, monkeypatch):
    import sys

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    def shown() -> str:
        made = Terminal()
        monkeypatch.setattr(sys, "stdout", made)
        call("coverage", "--lake", holed, "--no-store")
        return made.getvalue()

    assert "\x1b[31mo\x1b[0m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown()


def test_the_page_has_the_picture_and_the_findings(call, holed, tmp_path):
    page = tmp_path / "coverage.html"
    assert call("coverage", "--lake", holed, "--html", page, "--no-store")[0] == 0
    text = page.read_text("utf-8")
    assert '<td class="hole" title="2026-03-03 06:00: hole, 0 objects, 0 records">o</td>' in text
    assert "Findings (2)" in text and f"{OTHER} Web ␛[2Jshop⟦202E⟧ &lt;script&gt;" in text
    code, _, err = call("coverage", "--lake", holed, "--html", tmp_path / "none" / "x.html")
    assert code == 1 and "the page can't be written" in err


def test_the_real_page_opens_in_a_browser(call, holed, tmp_path, chromium):
    page = tmp_path / "coverage.html"
    call("coverage", "--lake", holed, "--html", page, "--no-store")
    opened = chromium.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(page.as_uri())
    assert opened.locator("td.hole").count() == 1 and opened.locator(".findings tbody tr").count() == 2
    assert "<script>" in opened.locator(".map").inner_text() and said == []
    opened.close()


def test_the_words_of_the_option_are_those_of_the_findings():
    from trailhouse.cli import coverage

    (option,) = (each for each in coverage.params if each.name == "fail_on")
    assert option.type.known == WORDS


def test_a_lake_older_than_the_tables_is_shown(call, holed, tmp_path):
    lake = tmp_path / "lake"
    ingest(where(lake), holed.parent / "logs")
    opened = catalog.open_lake(where(lake))
    for name in ("coverage", "accounts", "pending"):
        opened.catalog.drop_table(opened.name(name))
    assert call("coverage", "--lake", lake, "--no-store", "--fail-on", "hole")[0] == 5
    assert opened.find("coverage") is None
    assert call("coverage", "--lake", lake)[0] == 0 and opened.find("coverage") is not None
