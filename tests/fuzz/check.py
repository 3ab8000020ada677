"""
What must hold of any file: asked of each way to decode it, alone and in company, with the model as second opinion.

A file is decoded alone, by the native kernel where there is one, else on the fast path, timed and weighed; then with its
neighbours on each way. So that it is decoded three times, and a fourth where there is a kernel, and each time has to say
the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from tests import model
from tests.decode.one import WAYS
from tests.fuzz.mutate import File
from trailhouse import decode as decoding
from trailhouse.decode import Account, Decoded, Delivered
from trailhouse.decode.rebuild import record

# Of one file: what the processor may take and what Arrow keeps for itself, and some for each megabyte of text.
SECONDS, SECONDS_PER_MB = 5.0, 5.0
BYTES, BYTES_PER_BYTE = 96 * 2**20, 60

HANGS = 60  # seconds after which a file counts as one that never ends
ACCOUNT, REGION = "111122223333", "us-east-1"
PLACE = re.compile(r"[0-9]{12}|_invalid"), re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+|_invalid")


class Wrong(Exception):
    """What does not hold; the first argument is a rule in few words, the second says more."""

    def __str__(self) -> str:
        return ": ".join(map(str, self.args))


@dataclass(frozen=True)
class Finding:
    """A file of which something does not hold."""

    file: File
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}\n    {self.file}"


def look(files: Sequence[File]) -> Iterator[Finding]:
    """Try some files, alone and then together, and say what does not hold."""
    alone: dict[int, Decoded] = {}
    for number, file in enumerate(files):
        try:
            alone[number] = by_itself(file)
        except Wrong as wrong:
            yield _finding(file, wrong)
    tables: dict[str, list[int]] = {}
    for number in alone:
        tables.setdefault(model.TABLES[files[number].kind], []).append(number)
    for numbers in tables.values():
        yield from _together([files[n] for n in numbers], [alone[n] for n in numbers])


def _finding(file: File, wrong: Wrong) -> Finding:
    rule, *detail = map(str, wrong.args)
    return Finding(file, rule, " ".join(detail))


def first_wrong(file: File) -> str | None:
    """The rule that a file breaks, tried alone and in a company of itself."""
    return next((finding.rule for finding in look([file, file])), None)


# --- alone -----------------------------------------------------------------------------------------------------------


def by_itself(file: File) -> Decoded:
    """Decode a file as it is decoded here and hold it to its bounds and to the model. Raises Wrong."""
    size = len(file.data) + _inflated(file.data)
    with _bounds(size):
        decoded = decode([file], "native" if "native" in WAYS else "fast")
    agrees(file, decoded)
    return decoded


def decode(files: Sequence[File], way: str) -> Decoded:
    try:
        return decoding.decode([(file.data, delivered(file)) for file in files], **WAYS[way])
    except Wrong:
        raise
    except Exception as error:
        raise Wrong(f"decode raised {type(error).__name__}", str(error)[:200]) from error


def delivered(file: File) -> Delivered:
    key = f"AWSLogs/{ACCOUNT}/{file.kind}/{REGION}/2026/03/01/{file.number}.json.gz"
    return Delivered("s3://logs", key, file.kind, ACCOUNT, REGION)


def _inflated(data: bytes) -> int:
    try:
        return len(model.inflate(data)[0])
    except model.Broken:
        return 0


@contextmanager
def _bounds(size: int) -> Iterator[None]:
    """Time and memory, and an end to what would not end by itself."""
    began, before = time.process_time(), _resident("VmRSS", reset=True)
    with _alarm():
        yield
    took, more = time.process_time() - began, _resident("VmHWM") - before
    if took > SECONDS + SECONDS_PER_MB * size / 2**20:
        raise Wrong("time", f"{took:.1f} s for {size} bytes")
    if more > BYTES + BYTES_PER_BYTE * size:
        raise Wrong("memory", f"{more / 2**20:.0f} MB for {size} bytes")


@contextmanager
def _alarm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise Wrong("time", f"no end after {HANGS} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _resident(name: str, reset: bool = False) -> int:
    """This process's memory in bytes, now or at its highest since the reset; 0 where the system does not tell."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    except (OSError, TypeError):
        return 0


# --- the model -------------------------------------------------------------------------------------------------------


def agrees(file: File, decoded: Decoded) -> None:
    """Hold what a file became to what the model says of it, record by record."""
    want, (got,) = model.read(file.data, file.kind), decoded.accounts
    rows = decoded.rows.to_pylist()
    _adds_up(got, len(rows))
    _same("reasons", _reasons(got, want), [(bad.index, word(bad.reason, bad.slice)) for bad in want.bad])
    _same("records", got.records, want.records)
    if not (want.bad and want.bad[0].index is None):
        _same("object flags", sorted(got.flags), sorted(want.flags))
        text, _ = model.inflate(file.data)
        _same("hash of the text", (got.sha256, got.inflated_bytes), (hashlib.sha256(text).hexdigest(), len(text)))
    for reject, bad in zip(got.rejects, want.bad, strict=True):
        _same("rejected bytes", (reject.size, reject.sha256), (len(bad.slice), hashlib.sha256(bad.slice).hexdigest()))
        if not bad.slice.startswith(reject.raw) or bool(reject.raw) != bool(bad.slice):
            raise Wrong("rejected bytes", f"of {bad.index} are others")
    for row, one in zip(rows, want.rows, strict=True):
        _row(file, row, one)


def _adds_up(got: Account, rows: int) -> None:
    whole = [reject for reject in got.rejects if reject.position is None]
    if whole:
        _same("records = rows + quarantined", (got.records, got.rows, rows, len(got.rejects)), (0, 0, 0, 1))
    else:
        _same("records = rows + quarantined", (got.rows, got.records), (rows, rows + len(got.rejects)))


def _reasons(got: Account, want: model.Read) -> list[tuple[int | None, str]]:
    slices = {bad.index: bad.slice for bad in want.bad}
    return [(reject.position, word(reject.reason, slices.get(reject.position, b""))) for reject in got.rejects]


# Words for what is broken as a whole. Of two defects either may be named; which word one alone has is pinned in the cases.
ALIKE = {
    **dict.fromkeys(("envelope", "utf8", "encoding", "trailing_data", "not_gzip_json", "dup_records"), "document"),
    **dict.fromkeys(("gzip_data", "gzip_crc", "gzip_truncated", "gzip_header"), "gzip"),
}


def word(reason: str, of: bytes) -> str:
    word = reason.partition(":")[0]
    if word == "json" and of[:1] == b"[" and of.count(b"[") + of.count(b"{") > model.DEEPEST:
        return "not_object"  # an array that may be too deep to be looked into
    return ALIKE.get(word, word)


def _row(file: File, row: dict, one: model.Record) -> None:
    table, at = model.TABLES[file.kind], f"record {one.index}"
    _same("place in the file", row["record_index"], one.index)
    _same(
        "identity",
        (row["account_id"], row["region"], row["event_id"] or None),
        (one.account_id, one.region, one.event_id),
        at,
    )
    day = one.day(file.kind)
    _same("day", row["event_date"], day and date.fromisoformat(day), at)
    _same("flag of the day", "time" in (row["parse_flags"] or ()), day is None, at)
    if not PLACE[0].fullmatch(row["account_id"]) or not PLACE[1].fullmatch(row["region"]):
        raise Wrong("partition", at)
    _same(
        "content hash",
        row["content_hash"],
        int.from_bytes(hashlib.sha256(one.slice).digest()[:8], "big", signed=True),
        at,
    )
    try:
        rebuilt = model.canonical(record(row, table))
    except Exception as error:
        raise Wrong(f"rebuilding raised {type(error).__name__}", f"{at}: {error}"[:200]) from error
    if rebuilt != model.canonical(one.slice) or row["raw"] not in (None, one.slice):
        raise Wrong("lossless", at)
    if "\ufffd".encode() not in one.slice and b"\\ufffd" not in one.slice.lower():
        replaced = [name for name, said in row.items() if isinstance(said, str) and "\ufffd" in said]
        _same("nothing replaced", replaced, [], at)


def _same(rule: str, got: object, want: object, at: str = "") -> None:
    if got != want:
        raise Wrong(rule, f"{at} {_short(got)}, not {_short(want)}".strip())


def _short(said: object) -> str:
    text = json.dumps(said, default=str)
    return text if len(text) < 300 else f"{text[:200]}…{text[-90:]}"


# --- in company ------------------------------------------------------------------------------------------------------


def _together(files: list[File], alone: list[Decoded]) -> Iterator[Finding]:
    """The same files in one call, on each way, say what each said alone."""
    for way in WAYS:
        try:
            with _alarm():
                together = decode(files, way)
        except Wrong as wrong:
            yield from _who(files, wrong, way)
            return
        numbers = together.objects.to_pylist()
        for number, (file, one) in enumerate(zip(files, alone, strict=True)):
            try:
                first = numbers.index(number) if number in numbers else 0
                rows = together.rows.slice(first, numbers.count(number))
                says_the_same(one, rows, together.accounts[number], way)
            except Wrong as wrong:
                yield _finding(file, wrong)


def _who(files: list[File], wrong: Wrong, way: str) -> Iterator[Finding]:
    """Of files that can't be decoded together, those that can't be decoded alone, or else all."""
    guilty = False
    for file in files:
        try:
            decode([file], way)
        except Wrong as by_itself:
            guilty = True
            yield _finding(file, by_itself)
    if not guilty:
        yield Finding(files[-1], f"together: {wrong.args[0]}", f"with {[file.number for file in files]}: {wrong}")


_COMPANY = {"fast": "in company", "strict": "both paths", "native": "native kernel"}


def says_the_same(alone: Decoded, rows: pa.Table, account: Account, way: str) -> None:
    """Whether two readings of a file are the same; the strict one alone may see a key twice inside a subtree."""
    word = _COMPANY[way]
    _same(f"{word}: account", _told(account), _told(alone.accounts[0]))
    if alone.rows.equals(rows):
        return
    if not alone.rows.drop_columns(["parse_flags"]).equals(rows.drop_columns(["parse_flags"])):
        differ = [name for name in rows.column_names if not alone.rows[name].equals(rows[name])]
        raise Wrong(f"{word}: rows", f"differ in {', '.join(differ)}")
    for index, (one, other) in enumerate(
        zip(alone.rows["parse_flags"].to_pylist(), rows["parse_flags"].to_pylist(), strict=True)
    ):
        more = set(other or ()) ^ set(one or ())
        if more and (way != "strict" or more != {"dup_key"} or "dup_key" in (one or ())):
            raise Wrong(f"{word}: flags", f"row {index}: {one} alone, {other}")


def _told(account: Account) -> tuple[object, ...]:
    rejects = [(r.reason, r.position, r.size, r.sha256, r.raw.hex()) for r in account.rejects]
    return (account.rows, rejects, account.records, account.flags, account.sha256, account.inflated_bytes)
