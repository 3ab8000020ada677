"""
How results look: a table for people, JSON and CSV for what comes after.

Knows terminals and spreadsheets, and that every value may come from an attacker: a user agent can hold escape
sequences, a name can hold a formula. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import base64
import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Literal, Self, TextIO

from rich import box
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

Format = Literal["table", "json", "csv", "csv_raw"]
FORMATS: tuple[Format, ...] = ("table", "json", "csv", "csv_raw")

CELL_WIDTH = 80  # display cells of one value in a table; the rest is counted in a mark


def show(rows: Iterable[Sequence[object]], columns: Sequence[str], form: Format, stream: TextIO) -> None:
    """
    Write rows.

    `table` cuts long values, `json` is one object per line, `csv` is safe to open in a spreadsheet and to print, and
    `csv_raw` holds the values unchanged, for machines.
    """
    if form == "table":
        _table(rows, columns, stream)
        return
    if form == "json":
        names = distinct(columns)
        lines: Iterator[str] = (_json(dict(zip(names, row, strict=True))) + "\n" for row in rows)
    else:
        lines = _csv_lines(rows, columns, safe=form == "csv", visible=stream.isatty())
    stream.writelines(_encodable(line, stream) for line in lines)


def distinct(columns: Sequence[str]) -> list[str]:
    """The names, each once: a second `n` is `n_2`, so that neither hides the other."""
    made: list[str] = []
    for name in columns:
        tried, number = name, 1
        while tried in made or (number > 1 and tried in columns):
            number += 1
            tried = f"{name}_{number}"
        made.append(tried)
    return made


def show_one(result: Mapping[str, object], form: Format, stream: TextIO) -> None:
    """Write one result, such as what a run did: a line of JSON or CSV, or a table with a line per field."""
    if form == "table":
        _table(((name, _plain(value)) for name, value in result.items()), ("", ""), stream)
    else:
        show([tuple(result.values())], tuple(result), form, stream)


def tell(lines: Iterable[str], stream: TextIO) -> None:
    """Write lines that are harmless already; what the stream's encoding lacks is spelt out."""
    stream.writelines(_encodable(f"{line}\n", stream) for line in lines)


def escape_terminal(text: str, limit: int | None = None) -> str:
    """
    The text with everything visible that a terminal would act on or not show: `␛`, `⟦202E⟧`.

    With a limit, cut at so many characters, and the mark says how many are missing (for keys in messages).
    """
    more = ""
    if limit is not None and len(text) > limit:
        text, more = text[:limit], f"…(+{len(text) - limit})"
    if not text.isprintable() or _UNSEEN.search(text):
        text = "".join(_visible(char) for char in text)
    return text + more


def fit(text: str, width: int) -> str:
    """The text made harmless, and cut or filled to exactly so many cells of a terminal, for pictures."""
    safe = escape_terminal(text[: 4 * width])
    return set_cell_size(safe, width) if cell_len(safe) <= width else set_cell_size(safe, width - 1) + "…"


# Printable by Python's count and yet without a width: joiners, fillers, variation selectors, tags.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufffc\U0001bca0-\U0001bca3\U000e0000-\U000e0fff]"
)


def _visible(char: str) -> str:
    if char == "\x7f":
        return "␡"
    if char < " ":
        return chr(0x2400 + ord(char))
    return char if char.isprintable() and not _UNSEEN.match(char) else f"⟦{ord(char):04X}⟧"


def escape_formula(text: str) -> str:
    """The text with a `'` in front if a spreadsheet could take it for a formula. Quoting alone doesn't stop that."""
    return f"'{text}" if _FORMULA.match(text) else text


# A formula's first character, also behind what a spreadsheet strips before it looks: spaces, quotes, marks without
# width.
_FORMULA = re.compile(
    "[\\s\"'`\u2018-\u201f\u200b-\u200f\u2060\ufeff\uff02\uff07\x00]*?[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20\u2212\ufe62-\ufe66\ufe6b]"
)


def _table(rows: Iterable[Sequence[object]], columns: Sequence[str], stream: TextIO) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_header=any(columns))
    shown = [list(row) for row in rows]
    for at, name in enumerate(columns):
        numeric = bool(shown) and all(row[at] is None or _is_number(row[at]) for row in shown)
        table.add_column(Text(_cell(name)), justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        table.add_row(*(Text(_cell(value)) for value in row))
    # Into a pipe there is no width to fit, and a wrapped line would be no line.
    width = None if stream.isatty() else (CELL_WIDTH + 30) * max(1, len(columns))
    console = Console(file=stream, width=width, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    text = "\n".join(line.rstrip() for line in capture.get().splitlines())
    stream.write(_encodable(f"{text}\n", stream))


def _cell(value: object) -> str:
    text = escape_terminal(as_text(value))
    kept = text[: 4 * CELL_WIDTH]  # by characters first: marks that combine have no width, however many
    if cell_len(kept) > CELL_WIDTH:
        kept = chop_cells(kept, CELL_WIDTH)[0]
    return kept if len(kept) == len(text) else f"{kept}…(+{len(text) - len(kept)})"


def _csv_lines(rows: Iterable[Sequence[object]], columns: Sequence[str], safe: bool, visible: bool) -> Iterator[str]:
    """RFC 4180. Text is always quoted and numbers never, so that `000123` and `-5` keep their kind; NULL is empty."""

    def cell(value: object) -> str:
        if value is None:
            return ""
        text = as_text(value)
        if _is_number(value):
            return text
        text = escape_formula(text) if safe else text
        # Also in a pipe: who reads it prints it in the end.
        return '"' + (escape_terminal(text) if safe or visible else text).replace('"', '""') + '"'

    yield ",".join(cell(name) for name in columns) + "\r\n"
    for row in rows:
        yield ",".join(cell(value) for value in row) + "\r\n"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def as_text(value: object) -> str:
    """A value as text, the same in a table and in CSV."""
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, list | dict) else str(plain)


def _plain(value: object) -> object:
    """A value in JSON's own types. Times are UTC throughout the lake, with a zone or without, and say so."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z" if value.tzinfo else value.isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return str(value)


def _json(result: Mapping[str, object]) -> str:
    """One line, in ASCII: what is not printable is escaped by JSON itself."""
    return json.dumps({str(name): _plain(value) for name, value in result.items()}, ensure_ascii=True, allow_nan=False)


def _encodable(text: str, stream: TextIO) -> str:
    """What the stream's encoding lacks is spelt out: no value may break the output."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class Progress:
    """
    How far a long run is, on stderr only: a live line on a terminal, else a plain line now and then.

    Use as a context; call `update` with totals so far as often as convenient.
    """

    def __init__(
        self, total: int | None = None, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total, self._clock = total, clock
        self._stream = stream if stream is not None else sys.stderr
        self._begun = self._said = clock()
        self._live: Live | None = None
        if self._stream.isatty():
            console = Console(file=self._stream, markup=False, highlight=False)
            self._live = Live(
                Text(""),
                console=console,
                transient=True,
                refresh_per_second=4,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def listed(self, objects: int) -> None:
        """How many have been found so far, before any work."""
        self._begun = self._clock()  # the rate is that of the work
        self._tell(f"listing: {objects:,} objects so far", self._begun)

    def update(self, objects: int, records: int, total: int | None = None) -> None:
        """What has been done since the start; a new total where one has become known."""
        self._total = self._total if total is None else total
        now = self._clock()
        self._tell(self._line(objects, records, now - self._begun), now)

    def _tell(self, line: str, now: float) -> None:
        if self._live:
            self._live.update(Text(line))
        elif now - self._said >= _QUIET:
            self._said = now
            self._stream.write(line + "\n")
            self._stream.flush()

    def _line(self, objects: int, records: int, elapsed: float) -> str:
        of = f" of {self._total:,}" if self._total is not None else ""
        rate = f", {records / elapsed:,.0f} records/s" if elapsed > 0 else ""
        return f"{objects:,}{of} objects, {records:,} records{rate}{self._left(objects, elapsed)}"

    def _left(self, objects: int, elapsed: float) -> str:
        if not self._total or not objects or objects > self._total:
            return ""
        return f", {timedelta(seconds=round(elapsed / objects * (self._total - objects)))} left"


_QUIET = 10.0  # seconds between two plain lines: a scheduler's log keeps each
