"""
A finding made small, and kept: as few records and bytes as still break the same rule, beside the outcome that is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests import model
from tests.cases import load, make
from tests.fuzz import check
from tests.fuzz.mutate import File
from tests.fuzz.tree import Members, read, records, written

TRIES = 400  # decodings that making one finding small may take
FOUND = load.HERE / "found"


def smallest(file: File, rule: str) -> File:
    """The smallest file found that breaks the same rule."""
    left = [TRIES]

    def breaks(data: bytes) -> bool:
        left[0] -= 1
        return left[0] >= 0 and check.first_wrong(replace(file, data=data)) == rule

    def packed(text: bytes) -> bytes:
        return make.gz(text)

    text = _text(file.data)
    if text is None or not breaks(packed(text)):  # it is the gzip that matters
        return replace(file, data=_fewer(file.data, breaks))
    text = _fewer_records(text, lambda text: breaks(packed(text)))
    return replace(file, data=packed(_fewer(text, lambda text: breaks(packed(text)))))


def _text(data: bytes) -> bytes | None:
    try:
        return model.inflate(data)[0]
    except model.Broken:
        return None


def _fewer_records(text: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """Without the records, and without the members of records, that don't matter."""
    tree = read(text)
    found = records(tree) if tree is not None else None
    if not found or not breaks(written(tree)):
        return text

    def with_records(kept: Sequence) -> bytes:
        found[:] = kept
        return written(tree)

    found[:] = shrunk(list(found), lambda kept: breaks(with_records(kept)))
    for number, record in enumerate(found):
        if isinstance(record, Members):

            def with_members(kept: Sequence, number: int = number) -> bytes:
                found[number] = Members(kept)
                return written(tree)

            found[number] = Members(shrunk(list(record), lambda kept: breaks(with_members(kept))))
    return written(tree)


def _fewer(data: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    return bytes(shrunk(list(data), lambda kept: breaks(bytes(kept))))


def shrunk(units: list, breaks: Callable[[list], bool]) -> list:
    """As few of the units, in order, as still break it: halves are left out, then quarters, down to single ones."""
    size = len(units)
    while size:
        at = 0
        while at < len(units):
            fewer = units[:at] + units[at + size :]
            if breaks(fewer):
                units = fewer
            else:
                at += size
        size //= 2
    return units


# --- kept ------------------------------------------------------------------------------------------------------------


def keep(file: File, rule: str) -> Path:
    """Write a finding as a case, with the outcome that the model tells."""
    name = f"{re.sub('[^a-z]+', '_', rule.lower()).strip('_')}_{file.number}"
    FOUND.mkdir(exist_ok=True)
    (FOUND / f"{name}.bin").write_bytes(file.data)
    (FOUND / f"{name}.toml").write_text(make.told(outcome(name, file.kind, file.data, f"found by the fuzzer: {rule}")))
    return FOUND / f"{name}.bin"


def outcome(name: str, kind: str, data: bytes, about: str) -> make.Case:
    """What must become of a file: rows and rejects by the model; flags of rows as the strict path tells them."""
    want = model.read(data, kind)
    whole = [bad.reason for bad in want.bad if bad.index is None]
    rejects = [(bad.index, bad.reason) for bad in want.bad if bad.index is not None]
    given = {"folder": kind, "records": want.records, "flags": sorted(want.flags), "rejects": rejects}
    return make.Case(name, about, data, reason="".join(whole), rows=_flagged(kind, data), **given)


def _flagged(kind: str, data: bytes) -> list[make.Row]:
    file = File(0, kind, data, ())
    try:
        rows = check.decode([file], "strict").rows.to_pylist()
    except check.Wrong:
        return []
    said = [(row["record_index"], row["parse_flags"] or []) for row in rows]
    return [make.row(i, *flags, strict_only=[f for f in flags if f == "dup_key"]) for i, flags in said if flags]


def pin() -> int:
    """Write the outcomes of all kept findings anew, after a rule was changed; the diff is to be read."""
    paths = sorted(FOUND.glob("*.toml"))
    for path in paths:
        case = load.case(path)
        path.write_text(make.told(outcome(path.stem, case.folder, case.bytes(), case.about)))
    return len(paths)
