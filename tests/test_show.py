"""Results on a terminal, in a spreadsheet, and in a pipe: whatever the values hold."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from trailhouse.show import CELL_WIDTH, Progress, escape_formula, escape_terminal, show, show_one

ANY_TEXT = st.text(alphabet=st.characters(), max_size=60)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(rows: list[tuple[object, ...]], columns: list[str], form: str, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO(newline="")
    show(rows, columns, form, stream)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain, ünïcode, 日本", "plain, ünïcode, 日本"),
        ("\x1b[2J", "␛[2J"),
        ("a\r\nERROR published OK", "a␍␊ERROR published OK"),
        ("\x7f\x9b\x07", "␡⟦009B⟧␇"),
        ("evil\u202egnp.exe", "evil⟦202E⟧gnp.exe"),
        ("a\u200bb\u2028c\ufeff\u034f\ufe0f", "a⟦200B⟧b⟦2028⟧c⟦FEFF⟧⟦034F⟧⟦FE0F⟧"),
        ("\ud800", "⟦D800⟧"),
        ("admin\u3164", "admin⟦3164⟧"),  # printable by Python's count, and yet nothing to see
    ],
)
def test_what_a_terminal_would_act_on_becomes_visible(text: str, seen: str) -> None:
    assert escape_terminal(text) == seen


def test_a_long_key_in_a_message_is_cut_and_says_so() -> None:
    assert escape_terminal("k" * 1024, limit=10) == "kkkkkkkkkk…(+1014)"


@given(
    st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=4),
    ANY_TEXT,
    st.booleans(),
    st.sampled_from(["table", "json", "csv"]),
)
@settings(max_examples=150, deadline=None)
def test_no_control_character_reaches_a_terminal(
    rows: list[tuple[object, ...]], name: str, tty: bool, form: str
) -> None:
    out = shown(rows, [name, f"{name}2"], form, Terminal() if tty else None)
    assert out.replace("\r\n", "\n").replace("\n", "").isprintable()


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT, st.integers()), max_size=5))
@settings(deadline=None)
def test_csv_comes_back_as_it_was(rows: list[tuple[object, ...]]) -> None:
    def bare(text: str) -> str:
        return text.encode("utf-8", "backslashreplace").decode()

    def safe(text: str) -> str:
        return escape_terminal(escape_formula(text))

    for form, written in (("csv", safe), ("csv_raw", bare)):
        out = list(csv.reader(io.StringIO(shown(rows, ["a", "b", "n"], form), newline="")))
        assert out[1:] == [[written(c) if isinstance(c, str) else str(c) for c in row] for row in rows]


@given(ANY_TEXT, ANY_TEXT)
def test_escaping_formulas_keeps_different_values_different(one: str, other: str) -> None:
    assert (escape_formula(one) == escape_formula(other)) == (one == other)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rx", "\nx", "＝1", "＋1", "－1", "＠x", " =1", '"=1', "' =1", "\ufeff=1",
     "=cmd|' /C calc'!A0", "\u00a0=HYPERLINK(1)"],
)  # fmt: skip
def test_a_formula_is_defused_and_quoted(text: str) -> None:
    line = shown([(text,)], ["a"], "csv").split("\r\n", 1)[1]
    assert line.startswith("\"'")
    assert shown([(text,)], ["a"], "csv_raw").split("\r\n", 1)[1].startswith('"' + text.replace('"', '""'))


@pytest.mark.parametrize(
    "text", ["000123456789", "1E10", "2026-01-01", "a=b", "user@example.com", "'quoted'", "", "arn:aws:x"]
)
def test_what_is_no_formula_stays_text_unchanged(text: str) -> None:
    assert shown([(text,)], ["a"], "csv") == f'"a"\r\n"{text}"\r\n'


def test_numbers_stay_numbers_and_null_is_not_the_empty_text() -> None:
    assert shown([(-5, -0.5, Decimal(3), None, "", True)], list("abcdef"), "csv").endswith(
        '\r\n-5,-0.5,3,,"","true"\r\n'
    )


def test_json_is_one_line_per_result_and_keeps_types() -> None:
    row = (
        "a\n\u2028\x7f",
        1,
        2.5,
        True,
        None,
        datetime(2026, 1, 2, 3, 4),
        date(2026, 1, 2),
        ["x", 1],
        b"\x00",
        float("nan"),
    )
    out = shown([row, row], list("abcdefghij"), "json")
    assert out.count("\n") == 2
    assert out.isascii()
    assert list(json.loads(out.splitlines()[0]).values()) == [
        "a\n\u2028\x7f", 1, 2.5, True, None, "2026-01-02T03:04:00Z", "2026-01-02", ["x", 1], "AA==", "nan",
    ]  # fmt: skip


def test_times_with_a_zone_are_shown_in_utc() -> None:
    assert json.loads(shown([(datetime(2026, 1, 2, tzinfo=UTC),)], ["t"], "json")) == {"t": "2026-01-02T00:00:00Z"}


def test_a_table_cuts_long_values_visibly_by_display_cells() -> None:
    out = shown([("日" * 1000, "\u0301" * 5000, "[bold]x[/bold] :smile:")], ["wide", "marks", "markup"], "table")
    assert "日" * (CELL_WIDTH // 2) + "…(+960)" in out
    assert "…(+4680)" in out
    assert "[bold]x[/bold] :smile:" in out
    assert len(out.splitlines()) == 3


def test_a_table_lines_up_wide_characters() -> None:
    out = shown([("日本", 1), ("ab", 22)], ["name", "count"], "table")
    assert len({cell_len(line) for line in out.splitlines()[2:]}) == 1


def test_an_encoding_that_lacks_a_character_breaks_nothing() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1", newline="")
    show([("日",)], ["a"], "table", stream)
    show([("日",)], ["a"], "csv", stream)
    stream.flush()
    assert raw.getvalue().count(b"\\u65e5") == 2


def test_one_result_is_a_line_of_json_or_a_table_of_fields() -> None:
    stream = io.StringIO()
    show_one({"status": "published", "objects": 3}, "json", stream)
    assert stream.getvalue() == '{"status": "published", "objects": 3}\n'
    stream = io.StringIO()
    show_one({"status": "published", "objects": 3}, "table", stream)
    assert [line.split() for line in stream.getvalue().splitlines()] == [["status", "published"], ["objects", "3"]]


def test_progress_in_a_pipe_is_a_plain_line_every_ten_seconds_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with Progress(100, clock=lambda: now) as progress:
        for step in range(31):
            now = float(step)
            progress.update(objects=step, records=step * 1000)
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.splitlines() == [
        "10 of 100 objects, 10,000 records, 1,000 records/s, 0:01:30 left",
        "20 of 100 objects, 20,000 records, 1,000 records/s, 0:01:20 left",
        "30 of 100 objects, 30,000 records, 1,000 records/s, 0:01:10 left",
    ]


def test_progress_of_a_listing_is_told_and_counts_for_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with Progress(clock=lambda: now) as progress:
        for step in range(21):
            now = float(step)
            progress.listed(step * 1_000_000)
        now = 30.0
        progress.update(objects=10, records=1000, total=20)
    assert capsys.readouterr().err.splitlines() == [
        "listing: 10,000,000 objects so far",
        "listing: 20,000,000 objects so far",
        "10 of 20 objects, 1,000 records, 100 records/s, 0:00:10 left",
    ]


def test_progress_on_a_terminal_is_a_live_line_and_never_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    with Progress(10, stream) as progress:
        progress.update(5, 50)
        assert progress._live is not None
        progress._live.refresh()
    assert "5 of 10 objects, 50 records" in stream.getvalue()
    assert capsys.readouterr().out == ""


def test_columns_of_one_name_are_both_there():
    stream = io.StringIO()
    show([(1, 2, 3, 4)], ("n", "n", "n_2", "n"), "json", stream)
    assert json.loads(stream.getvalue()) == {"n": 1, "n_3": 2, "n_2": 3, "n_4": 4}
