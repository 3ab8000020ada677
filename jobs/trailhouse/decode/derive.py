"""
Columns that follow from others: what lies inside `userIdentity` and its like, times, the actor, the partition.

Values repeat within an object, so each different text is read once and its result taken for every row that has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.decode import actor, times
from trailhouse.decode.clean import clean
from trailhouse.decode.columns import Columns
from trailhouse.decode.layout import Inner, Layout
from trailhouse.decode.parse import Parsed
from trailhouse.decode.values import Delivered
from trailhouse.lake import schema

INVALID = "_invalid"
ACCOUNT = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+")
REGION_LENGTH = 32  # a longer one fits the grammar and breaks a path

# Fields that AWS leaves out when they are too large, saying so in their place.
CAN_BE_OMITTED = ("request_parameters", "response_elements", "additional_event_data", "service_event_details")


def derive(columns: Columns, parsed: Sequence[Parsed], layout: Layout, delivered: Sequence[Delivered]) -> pa.Table:
    """The rows of some objects, every column of their table but the batch filled."""
    rows = _Rows(columns, layout)
    for inner in layout.inner.values():
        rows.read_inside(inner)
    for column in layout.table.columns:
        if column.type == "timestamp" and column.path:
            rows.read_times(column)
    rows.place(delivered)
    rows.look_for_omissions(parsed)
    rows.arrays["record_index"] = columns.index
    rows.arrays["source"] = pa.array([d.source for d in delivered]).take(columns.objects)
    rows.arrays["source_object"] = pa.array([d.key for d in delivered]).take(columns.objects)
    rows.arrays["batch_id"] = pa.nulls(len(rows.numbers), pa.string())
    rows.arrays["parse_flags"] = rows.flag_lists()
    return pa.table([rows.arrays[f.name] for f in rows.schema], schema=rows.schema)


Rows = npt.NDArray[np.intp]


class _Rows:
    """The growing columns of some objects, with the flags of their rows."""

    def __init__(self, columns: Columns, layout: Layout) -> None:
        self.layout = layout
        self.schema = schema.arrow_schema(layout.table.name)
        self.arrays: dict[str, pa.Array] = {name: _whole(columns.table[name]) for name in columns.table.column_names}
        self.flags = columns.flags
        self.numbers = columns.objects

    def flag(self, rows: Iterable[int], word: str) -> None:
        for row in rows:
            self.flags.setdefault(row, set()).add(word)

    def flag_where(self, mask: pa.Array, word: str) -> None:
        if pc.any(mask).as_py():
            self.flag(pc.indices_nonzero(mask).to_pylist(), word)

    def flag_lists(self) -> pa.Array:
        if not self.flags:
            return pa.nulls(len(self.numbers), schema.arrow_types()["list<string>"])
        lists = [sorted(self.flags[row]) if row in self.flags else None for row in range(len(self.numbers))]
        return pa.array(lists, schema.arrow_types()["list<string>"])

    def each(
        self, array: pa.Array, read: Callable[[str | None], tuple[Any, str]], rows: Rows | None = None
    ) -> tuple[pa.Array, list[Any]]:
        """
        Read each different text once; flag the rows whose text earns a word. Returns places and results.

        The texts are those of some rows, where these are given.
        """
        encoded = array.dictionary_encode(null_encoding="encode")
        results: list[Any] = []
        earned: dict[str, list[int]] = {}
        for number, text in enumerate(encoded.dictionary.to_pylist()):
            result, words = read(text)
            results.append(result)
            for word in words.split(",") if words else ():
                earned.setdefault(word, []).append(number)
        for word, numbers in earned.items():
            marked = np.zeros(len(results), np.bool_)
            marked[numbers] = True
            places = np.flatnonzero(marked[encoded.indices.to_numpy()])
            self.flag((places if rows is None else rows[places]).tolist(), word)
        return encoded.indices, results

    def read_inside(self, inner: Inner) -> None:
        """The columns inside one top-level field, and the actor where that field is the identity."""
        parent = self.arrays[inner.parent.name]
        mistyped = f"type:{inner.parent.path[0]}"
        if bad := [row for row, flags in self.flags.items() if mistyped in flags]:
            keep = np.ones(len(parent), np.bool_)
            keep[bad] = False
            parent = pc.if_else(pa.array(keep), parent, pa.scalar(None, pa.string()))
        places, leaves = self.each(parent, lambda text: _leaves(text, inner))
        for column, values in zip(inner.columns, zip(*leaves, strict=True) if leaves else (), strict=False):
            kind = pa.string() if column.type == "timestamp" else column.arrow
            self.arrays[column.name] = _spread(pa.array(values, kind), places)
        if not leaves:
            for column in inner.columns:
                self.arrays[column.name] = pa.nulls(0, pa.string() if column.type == "timestamp" else column.arrow)
        if inner.parent.name == "user_identity":
            self._resolve_actors(inner, places, leaves)

    def _resolve_actors(self, inner: Inner, places: pa.Array, leaves: list[tuple[Any, ...]]) -> None:
        names = [c.name for c in inner.columns]
        actors = [actor.resolve(dict(zip(names, values, strict=True))) for values in leaves]
        for number, name in enumerate(actor.Actor._fields):
            self.arrays[name] = _spread(pa.array([a[number] for a in actors], pa.string()), places)

    def read_times(self, column: schema.Column) -> None:
        """Text becomes a time; a spelling that the time does not give back stays in `extra`."""
        texts = self.arrays[column.name]
        main = column.name == "event_time"
        word = "time" if main else f"type:{'.'.join(column.path)}"
        micros, sure = times.read_canonical(texts)
        if main:
            sure &= (micros >= times.EARLIEST) & (micros < times.LATEST)

        def read(text: str | None) -> tuple[int | None, str]:
            found = times.read(text, strict=column.path == ("eventTime",)) if text is not None else None
            if found is not None and not (times.in_range(found) if main else times.is_date(found)):
                found = None
            return found, word if found is None and (main or text is not None) else ""

        is_read = sure.copy()
        if not sure.all():
            rest = np.flatnonzero(~sure)
            places, moments = self.each(texts.take(pa.array(rest)), read, rest)
            found = pa.array(moments, pa.int64()).take(places)
            micros[rest], is_read[rest] = found.fill_null(0).to_numpy(), found.is_valid().to_numpy(zero_copy_only=False)
        self.arrays[column.name] = pa.array(micros, pa.int64(), mask=~is_read).view(column.arrow)
        if len(column.path) == 1:
            self._keep_spelling(column, texts, sure)
        if main:
            self.arrays["event_time_text"] = texts
            days = (micros // times.DAY).astype(np.int32)
            self.arrays["event_date"] = pa.array(days, pa.int32(), mask=~is_read).view(pa.date32())

    def _keep_spelling(self, column: schema.Column, texts: pa.Array, sure: times.Bools) -> None:
        odd = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False) & ~sure).tolist()
        if not odd:
            return
        extra = self.arrays["extra"].to_pylist()
        for row in odd:
            said = msgspec.json.encode(texts[row].as_py()).decode()
            member = f"{msgspec.json.encode(column.path[0]).decode()}:{said}"
            extra[row] = "{" + member + "}" if extra[row] is None else "{" + member + "," + extra[row][1:]
        self.arrays["extra"] = pa.array(extra, pa.string())

    def place(self, delivered: Sequence[Delivered]) -> None:
        """The partition, from the record alone; and whether the object's key says the same."""
        accounts, regions = self.arrays["recipient_account_id"], self.arrays["aws_region"]
        if "identity_account_id" in self.arrays:
            accounts = pc.coalesce(accounts, self.arrays["identity_account_id"])
        self.arrays["account_id"] = self._valid(accounts, is_account, "account")
        self.arrays["region"] = self._valid(regions, is_region, "region")
        for name in ("account_id", "region"):
            place, said = self.arrays[name], pa.array([getattr(d, name) for d in delivered]).take(self.numbers)
            self.flag_where(pc.and_(pc.not_equal(place, INVALID), pc.not_equal(place, said)), "path_mismatch")
        ids = self.arrays["event_id"]
        self.flag_where(pc.fill_null(pc.equal(ids, ""), True), "no_id")

    def _valid(self, array: pa.Array, fits: Callable[[str], bool], word: str) -> pa.Array:
        def read(text: str | None) -> tuple[str, str]:
            return (text, "") if text is not None and fits(text) else (INVALID, word)

        places, values = self.each(array, read)
        return pa.array(values, pa.string()).take(places)

    def look_for_omissions(self, parsed: Sequence[Parsed]) -> None:
        """Flag the rows in which AWS left a field out for its size."""
        if not any(each.omissions for each in parsed):
            return
        columns = [self.arrays[name] for name in CAN_BE_OMITTED if name in self.arrays]
        suspects = (row for row, number in enumerate(self.numbers.to_pylist()) if parsed[number].omissions)
        self.flag([row for row in suspects if any(_is_omitted(c[row].as_py()) for c in columns)], "omitted")


def is_account(text: str) -> bool:
    """Whether a text is an account id: twelve ASCII digits."""
    return ACCOUNT.fullmatch(text) is not None


def is_region(text: str) -> bool:
    """Whether a text fits the grammar of region names, in every AWS partition."""
    return len(text) <= REGION_LENGTH and REGION.fullmatch(text) is not None


def _spread(values: pa.Array, places: pa.Array) -> pa.Array:
    """Of each row its value; many columns have none at all."""
    return pa.nulls(len(places), values.type) if values.null_count == len(values) else values.take(places)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _is_omitted(text: str | None) -> bool:
    if text is None or not text.startswith("{") or not ('"omitted"' in text or 'too large"' in text):
        return False
    try:
        value = msgspec.json.decode(clean(text.encode())[0])
    except (msgspec.DecodeError, RecursionError):
        return False
    return str(value.get("omitted")).lower() == "true" or str(value.get("reason")).endswith("too large")


def _leaves(text: str | None, inner: Inner) -> tuple[tuple[Any, ...], str]:
    """The values of the columns inside a text, and the flags it earns."""
    if text is None:
        return (None,) * len(inner.columns), ""
    try:
        found = inner.leaves(inner.decoder.decode(text))
        flags: list[str] = []
    except (msgspec.DecodeError, RecursionError):
        found, flags = _lenient_leaves(text, inner)
    values = [_as_told(column, value, flags) for column, value in zip(inner.columns, found, strict=True)]
    return tuple(values), ",".join(flags)


def _as_told(column: schema.Column, value: Any, flags: list[str]) -> Any:
    """A boolean that AWS spells as text, as the boolean it means."""
    if column.spelled != "text" or not isinstance(value, str):
        return value
    meant = {"true": True, "false": False}.get(value.lower())
    if meant is None:
        flags.append(f"type:{'.'.join(column.path)}")
    return meant


def _lenient_leaves(text: str, inner: Inner) -> tuple[tuple[Any, ...], list[str]]:
    """The same where some value is not of its type, or a number that no machine holds: it alone is left empty."""
    parent = clean(text.encode())[0]
    values: list[Any] = []
    flags: list[str] = []
    for column in inner.columns:
        value, flag = _leaf(parent, column)
        values.append(value)
        if flag and flag not in flags:
            flags.append(flag)
    return tuple(values), flags


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")
_WANTED: dict[str, tuple[type, ...]] = {"string": (str,), "timestamp": (str,), "boolean": (bool,), "double": ()}


def _leaf(parent: bytes, column: schema.Column) -> tuple[Any, str]:
    text: bytes | msgspec.Raw = parent
    for depth, step in enumerate(column.path[1:], 1):
        try:
            text = _MEMBERS.decode(text).get(step, _NULL)
        except (msgspec.DecodeError, RecursionError):
            return None, f"type:{'.'.join(column.path[:depth])}"
        if bytes(text) == b"null":
            return None, ""
    mistyped = f"type:{'.'.join(column.path)}"
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None, mistyped
    if column.type == "double" and isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value), ""
        except OverflowError:
            return None, mistyped
    wanted = (bool, str) if column.spelled == "text" else _WANTED[column.type]
    return (value, "") if isinstance(value, wanted) else (None, mistyped)
