"""
The reference reader: what any object must yield, told slowly and obviously.

Shares nothing with the product but the written rules (docs/hostile-inputs.md): no import from trailhouse, no Spark, no
Arrow. It answers which records an object has, which of them are rows and which are quarantined and why, and what a whole lake of
objects publishes. It says nothing about columns or about flags of rows; those are pinned in `tests/cases`.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STORED_BYTES = 64 * 2**20
INFLATED_BYTES = 200 * 2**20
RECORDS = 500_000
RECORD_BYTES = 4 * 2**20
DEEPEST = 64  # levels of a record; what lies deeper is kept and never parsed
HEADER_BYTES = 4096  # of a gzip member; CloudTrail writes 10

INVALID = "_invalid"
TABLES = {
    "CloudTrail": "events",
    "CloudTrail-NetworkActivity": "events",
    "CloudTrail-Insight": "insight_events",
    "CloudTrail-Aggregated": "aggregated_events",
}
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+")
KEY = re.compile(
    r"(?:(?P<prefix>.+)/)?AWSLogs/(?:(?P<org>o-[a-z0-9]{10,32})/)?(?P<account>[0-9]{12})/"
    r"(?P<kind>CloudTrail(?:-(?:Insight|NetworkActivity|Aggregated|Digest))?)/(?P<region>[a-z]{2,4}(?:-[a-z]+)+-[0-9]+)/"
    r"[0-9]{4}/[0-9]{2}/[0-9]{2}/[^/]+",
    re.DOTALL,
)


class Broken(Exception):
    """The object as a whole can't be read; the first argument is the reason."""


class NotJson(Exception):
    """A text is no JSON, read generously: raw control bytes and bad UTF-8 are let pass inside strings."""


# --- gzip ------------------------------------------------------------------------------------------------------------


def inflate(data: bytes, limit: int = INFLATED_BYTES) -> tuple[bytes, set[str]]:
    """The JSON text in an object, out of up to two layers of gzip, and the object's flags so far."""
    flags: set[str] = set()
    if not data:
        raise Broken("empty_file")
    if not starts_as_gzip(data):
        return data, {"plain"}
    for _ in range(2):
        data, padded = members(data, limit)
        if padded:
            flags.add("trailing_padding")
        if not data:
            raise Broken("empty_file")
        if data[:2] != b"\x1f\x8b":
            return data, flags
    raise Broken("nested_gzip")


def starts_as_gzip(data: bytes) -> bool:
    return data[:2] == b"\x1f\x8b" or data == b"\x1f"


def members(data: bytes, limit: int) -> tuple[bytes, bool]:
    """All members of a gzip stream as one, and whether zeros follow it."""
    parts, size = [], 0
    while True:
        part, data = member(data, limit - size)
        parts.append(part)
        size += len(part)
        if not data:
            return b"".join(parts), False
        if not data.strip(b"\0"):
            return b"".join(parts), True
        if not starts_as_gzip(data):
            raise Broken("trailing_data")


def member(data: bytes, limit: int) -> tuple[bytes, bytes]:
    """One member and what comes after it."""
    body = data[header_size(data) :]
    engine = zlib.decompressobj(-15)
    try:
        out = engine.decompress(body, limit + 1)
    except zlib.error:
        raise Broken("gzip_data") from None
    if len(out) > limit:
        raise Broken("inflated_limit")
    if not engine.eof:
        raise Broken("gzip_truncated")
    trailer, rest = engine.unused_data[:8], engine.unused_data[8:]
    if len(trailer) < 8:
        raise Broken("gzip_truncated")
    crc, size = struct.unpack("<II", trailer)
    if crc != zlib.crc32(out) or size != len(out) & 0xFFFFFFFF:
        raise Broken("gzip_crc")
    return out, rest


def header_size(data: bytes) -> int:
    if len(data) < 10:
        raise Broken("gzip_truncated")
    method, flags = data[2], data[3]
    if method != 8 or flags & 0xE0:
        raise Broken("gzip_header")
    at = 10
    if flags & 4:
        if len(data) < at + 2:
            raise Broken("gzip_truncated")
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for bit in (8, 16):
        if flags & bit:
            end = data.find(b"\0", at)
            if end < 0 and len(data) <= HEADER_BYTES:
                raise Broken("gzip_truncated")
            at = len(data) if end < 0 else end + 1
    if flags & 2:
        if len(data) < at + 2:
            raise Broken("gzip_truncated")
        if data[at : at + 2] != (zlib.crc32(data[:at]) & 0xFFFF).to_bytes(2, "little"):
            raise Broken("gzip_header")
        at += 2
    if at > HEADER_BYTES:
        raise Broken("gzip_header")
    if at > len(data):
        raise Broken("gzip_truncated")
    return at


# --- the frame -------------------------------------------------------------------------------------------------------

SPACE = b" \t\n\r"


def elements(text: bytes, aggregated: bool = False) -> tuple[list[bytes], set[str]]:
    """The texts of the records in a document, and the object's flags so far."""
    flags = set()
    if text.startswith(b"\xef\xbb\xbf"):
        text, flags = text[3:], {"bom"}  # and so it is UTF-8, whatever follows
    elif text[:2] in (b"\xff\xfe", b"\xfe\xff") or re.match(rb"\0\0\xfe\xff|[{\[]\0|\0{1,3}[{\[]", text[:4]):
        raise Broken("encoding")  # UTF-16 or UTF-32
    at = past_space(text, 0)
    if text[at : at + 1] not in (b"{", b"["):
        raise Broken("not_gzip_json")
    if text[at : at + 1] == b"[":
        found, end = split_array(text, at)
        past_end(text, end)
        if not aggregated:
            raise Broken("envelope:bare_array")
        return found, flags
    names, found, end = split_envelope(text, at)
    if b"Records" in names:
        past_end(text, end)
        if names.count(b"Records") > 1:
            raise Broken("dup_records")
        if found is None:
            raise Broken("envelope")
        return found, flags | ({"extra_members"} if len(names) > 1 else set())
    rest = past_space(text, end)
    if rest < len(text):
        raise Broken("envelope:ndjson")
    if aggregated and names:
        return [text[at:end]], flags
    raise Broken("envelope:bare_object")


def past_end(text: bytes, end: int) -> None:
    if past_space(text, end) < len(text):
        raise Broken("trailing_data")


def past_space(text: bytes, at: int) -> int:
    while at < len(text) and text[at] in SPACE:
        at += 1
    return at


def split_envelope(text: bytes, at: int) -> tuple[list[bytes], list[bytes] | None, int]:
    """Names of the members of the object at `at`, the elements of `Records` where that is an array, and the object's end."""
    names: list[bytes] = []
    found: list[bytes] | None = None
    at = past_space(text, at + 1)
    if text[at : at + 1] == b"}":
        return names, found, at + 1
    while True:
        if text[at : at + 1] != b'"':
            raise Broken("envelope")
        end = value_end(text, at)
        names.append(decoded_name(text[at:end]))
        at = past_space(text, end)
        if text[at : at + 1] != b":":
            raise Broken("envelope")
        at = past_space(text, at + 1)
        if names[-1] == b"Records" and text[at : at + 1] == b"[":
            again, end = split_array(text, at)
            found = again if found is None else found
        else:
            end = value_end(text, at)
            frame_value(text[at:end])
        at = past_space(text, end)
        mark = text[at : at + 1]
        if mark == b"}":
            return names, found, at + 1
        if mark != b",":
            raise Broken("envelope")
        at = past_space(text, at + 1)


def frame_value(text: bytes) -> None:
    """A value beside `Records` must be sound JSON in sound UTF-8, and no deeper than a record may be."""
    try:
        _, deepest = parse(text)
    except NotJson:
        raise Broken("envelope") from None
    if deepest > DEEPEST:
        raise Broken("envelope")
    sound_utf8(text)


def sound_utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise Broken("utf8") from None


def decoded_name(text: bytes) -> bytes:
    try:
        node, _ = parse(text)
    except NotJson:
        raise Broken("envelope") from None
    sound_utf8(text)
    return node[1].encode()


def split_array(text: bytes, at: int) -> tuple[list[bytes], int]:
    """Cut the array at `at` at its own commas. Knows strings and depth, not kinds of brackets: each slice is parsed alone later."""
    found = []
    at = past_space(text, at + 1)
    if text[at : at + 1] == b"]":
        return found, at + 1
    while True:
        end = value_end(text, at, until=b",]")
        piece = text[at:end].rstrip(SPACE)
        if not piece:
            raise Broken("envelope")
        found.append(piece)
        if text[end : end + 1] == b"]":
            return found, end + 1
        at = past_space(text, end + 1)


def value_end(text: bytes, at: int, until: bytes = b"") -> int:
    """
    Where the value that starts at `at` ends: one character at a time, with three things to remember.

    With `until`, where the first of those marks stands that is neither in a string nor inside brackets.
    """
    in_string = escaped = False
    depth = 0
    start = at
    while at < len(text):
        char = text[at]
        if in_string:
            if escaped:
                escaped = False
            elif char == 0x5C:
                escaped = True
            elif char == 0x22:
                in_string = False
                if depth == 0 and not until:
                    return at + 1
        elif until and depth == 0 and char in until:
            return at
        elif char == 0x22:
            in_string = True
        elif char in b"[{":
            depth += 1
        elif char in b"]}":
            if depth == 0:
                break
            depth -= 1
            if depth == 0 and not until:
                return at + 1
        elif depth == 0 and not until and char in b", \t\n\r":
            break
        at += 1
    if in_string or depth or until or at == start:
        raise Broken("envelope")
    return at


# --- JSON ------------------------------------------------------------------------------------------------------------

TOKEN = re.compile(
    rb'[ \t\n\r]*+(?:(?P<string>"(?:[^"\\]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    rb"|(?P<word>true|false|null)|(?P<mark>[\[\]{},:]))"
)
Node = tuple  # (kind, value, start, end): kind "string" | "number" | "word" | "array" | "object"


def tokens(text: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    at = 0
    while match := TOKEN.match(text, at):
        kind = match.lastgroup
        yield kind, match[kind], match.start(kind), match.end()
        at = match.end()
    if past_space(text, at) < len(text):
        raise NotJson(at)
    yield "end", b"", at, at


def parse(text: bytes) -> tuple[Node, int]:
    """
    A text as a tree of nodes, strings decoded, numbers as written, duplicate keys kept; and how deep it is.

    A stack instead of recursion, so that no depth is too deep. `want` is what may come next.
    """
    stack: list[tuple[str, list, list, int]] = []
    want, deepest, key, node = "value", 0, None, None
    for kind, token, start, end in tokens(text):
        node = None
        if want in ("value", "value or ]") and kind in ("string", "number", "word"):
            node = (kind, decode_string(token) if kind == "string" else token, start, end)
        elif want in ("value", "value or ]") and token in (b"{", b"[") and kind == "mark":
            stack.append(("object" if token == b"{" else "array", [], [], start))
            deepest = max(deepest, len(stack))
            want = "key or }" if token == b"{" else "value or ]"
            continue
        elif want in ("key", "key or }") and kind == "string":
            stack[-1][2].append(decode_string(token))
            want = ":"
            continue
        elif want == ":" and token == b":" and kind == "mark":
            want = "value"
            continue
        elif want == "next" and token == b"," and kind == "mark":
            want = "key" if stack[-1][0] == "object" else "value"
            continue
        elif kind == "mark" and stack and token == (b"}" if stack[-1][0] == "object" else b"]") and want in CLOSERS:
            of, values, keys, began = stack.pop()
            node = (of, list(zip(keys, values, strict=True)) if of == "object" else values, began, end)
        elif kind == "end" and want == "end":
            return key, deepest
        else:
            raise NotJson(start)
        if stack:
            stack[-1][1].append(node)
            want = "next"
        else:
            key, want = node, "end"
    raise NotJson("end")


CLOSERS = ("next", "key or }", "value or ]")
ESCAPE = re.compile(rb'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
SHORT = {b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9, b'"': 34, b"\\": 92, b"/": 47}


def decode_string(token: bytes) -> str:
    """
    What a string says, in a spelling that tells everything apart: code points as they are, a backslash doubled,
    half a surrogate pair as `\\ud800`, a byte that is no UTF-8 as `\\xff`.
    """
    inner = token[1:-1]
    if b"\\" not in inner:
        try:
            return inner.decode()
        except UnicodeDecodeError:
            return plain(inner)
    out, at, high = [], 0, None  # high: the first half of a pair, waiting for its second
    for match in ESCAPE.finditer(inner):
        if match.start() > at:
            high = flush(out, high)
            out.append(plain(inner[at : match.start()]))
        at = match.end()
        code = int(match[1], 16) if match[1] else SHORT[match[2]]
        if high is not None and 0xDC00 <= code < 0xE000:
            out.append(chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)))
            high = None
            continue
        high = flush(out, high)
        if 0xD800 <= code < 0xDC00:
            high = code
        elif 0xDC00 <= code < 0xE000:
            out.append(f"\\u{code:04x}")
        else:
            out.append("\\\\" if code == 92 else chr(code))
    flush(out, high)
    out.append(plain(inner[at:]))
    return "".join(out)


def flush(out: list[str], high: int | None) -> None:
    if high is not None:
        out.append(f"\\u{high:04x}")


def plain(part: bytes) -> str:
    text = part.decode("utf-8", "surrogateescape")
    return (
        "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)
        if not part.isascii()
        else text
    )


def canonical(text: bytes) -> str:
    """Keys sorted, white space out, numbers as written, strings by what they say."""
    out: list[str] = []
    todo: list[Node | str] = [sound(text)]
    while todo:
        node = todo.pop()
        if isinstance(node, str):
            out.append(node)
        elif node[0] == "string":
            out.append(quoted(node[1]))
        elif node[0] in ("number", "word", "text"):
            out.append(node[1].decode("latin-1"))
        elif node[0] == "array":
            out.append("[")
            todo.append("]")
            for i, item in enumerate(reversed(node[1])):
                if i:
                    todo.append(",")
                todo.append(item)
        else:
            out.append("{")
            todo.append("}")
            for i, (key, item) in enumerate(sorted(node[1], key=lambda member: member[0])[::-1]):
                if i:
                    todo.append(",")
                todo += [item, quoted(key) + ":"]
    return "".join(out)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'  # a backslash is doubled already


# --- records ---------------------------------------------------------------------------------------------------------


MOMENT = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?P<t>[T ])(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)
BASIC = re.compile(r"\A([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})((?:\.[0-9]{1,9})?Z)\Z")


@dataclass(frozen=True)
class Record:
    """A record that is a row."""

    index: int
    slice: bytes
    members: dict[str, Node] = field(repr=False, compare=False)
    account_id: str
    region: str
    event_id: str | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.slice).hexdigest()

    def day(self, kind: str) -> str | None:
        """The UTC day of the record, None where it can't be told or can't be CloudTrail's."""
        window = self.members.get("timeWindow")
        if window and levels(self.slice[window[2] : window[3]]) >= DEEPEST:
            window = None
        aggregated = kind == "CloudTrail-Aggregated"
        if aggregated:
            node = dict(window[1]).get("windowStart") if window and window[0] == "object" else None
        else:
            node = self.members.get("eventTime")
        text = node[1] if node and node[0] == "string" else ""
        found = MOMENT.fullmatch(BASIC.sub(r"\1-\2-\3T\4:\5:\6\7", text) if aggregated else text)
        if not found or not (aggregated or (found["t"] == "T" and found["zone"])):
            return None
        try:
            moment = datetime.fromisoformat(f"{found['date']}T{found['time']}")
            zone = found["zone"] or "Z"
            if zone != "Z":
                if zone[1:3] > "23" or zone[4:6] > "59":
                    return None
                ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
                moment = moment - ahead if zone[0] == "+" else moment + ahead
        except (ValueError, OverflowError):
            return None
        return moment.date().isoformat() if 2013 <= moment.year < 2100 else None

    def text(self, name: str) -> bytes | None:
        """The exact text of a member of the record."""
        node = self.members.get(name)
        return None if node is None else self.slice[node[2] : node[3]]


@dataclass(frozen=True)
class Bad:
    """A record, or with index None an object, that goes to quarantine."""

    index: int | None
    reason: str
    slice: bytes = field(repr=False)


@dataclass(frozen=True)
class Read:
    rows: list[Record]
    bad: list[Bad]
    records: int
    flags: set[str]

    @property
    def identities(self) -> Counter:
        return Counter((r.account_id, r.region, r.event_id, r.sha256) for r in self.rows)


def read(data: bytes, kind: str = "CloudTrail", *, stored: int = STORED_BYTES, inflated: int = INFLATED_BYTES,
         records: int = RECORDS, record_bytes: int = RECORD_BYTES) -> Read:  # fmt: skip
    """What one object yields."""
    try:
        if len(data) > stored:
            raise Broken("size_limit")
        text, flags = inflate(data, inflated)
        if len(text) > inflated:
            raise Broken("inflated_limit")
        slices, more = elements(text, aggregated=kind == "CloudTrail-Aggregated")
        if len(slices) > records:
            raise Broken("record_limit")
    except Broken as broken:
        return Read([], [Bad(None, broken.args[0], data)], 0, set())
    found = [one(i, piece, kind, record_bytes) for i, piece in enumerate(slices)]
    return Read(
        [r for r in found if isinstance(r, Record)], [r for r in found if isinstance(r, Bad)], len(found), flags | more
    )


def one(index: int, piece: bytes, kind: str, limit: int) -> Record | Bad:
    if len(piece) > limit:
        return Bad(index, "record_size", piece)
    try:
        node = sound(piece)
    except NotJson:
        return Bad(index, "json", piece)
    if node[0] != "object":
        return Bad(index, "not_object", piece)
    if not node[1]:
        return Bad(index, "empty_record", piece)
    members = dict(node[1])
    if len(members) < len(node[1]):
        return Bad(index, "dup_key", piece)
    shallow = {name: each for name, each in members.items() if levels(piece[each[2] : each[3]]) < DEEPEST}
    return Record(index, piece, members, *partition(shallow, kind))


def sound(piece: bytes) -> Node:
    """A record's tree. A member that is too deep need not be JSON inside: it is a node "text", of which brackets match."""
    try:
        return parse(piece)[0]
    except NotJson:
        if levels(piece) <= DEEPEST or piece[:1] != b"{":
            raise
    members, at = [], 1
    while True:
        at = past_space(piece, at)
        end = end_of_value(piece, at)
        key, at = parse(piece[at:end])[0], past_space(piece, end)
        if key[0] != "string" or piece[at : at + 1] != b":":
            raise NotJson(at)
        at = past_space(piece, at + 1)
        end = end_of_value(piece, at)
        text = piece[at:end]
        deep = levels(text) >= DEEPEST and text[:1] in (b"{", b"[")
        node = ("text", text, at, end) if deep else (*parse(text)[0][:2], at, end)
        members.append((key[1], node))
        at = past_space(piece, end)
        if piece[at:] == b"}":
            return ("object", members, 0, len(piece))
        if piece[at : at + 1] != b",":
            raise NotJson(at)
        at += 1


def end_of_value(text: bytes, at: int) -> int:
    try:
        return value_end(text, at)
    except Broken:
        raise NotJson(at) from None


def levels(text: bytes) -> int:
    """How deep the brackets of a text go, whatever lies between them; NotJson where they don't match."""
    open_ones: list[bytes] = []
    deepest = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', text, re.DOTALL):
        if token[0] in b"[{":
            open_ones.append(token[0])
            deepest = max(deepest, len(open_ones))
        elif token[0] in b"]}" and (not open_ones or open_ones.pop() + token[0] not in (b"[]", b"{}")):
            raise NotJson(token.start())
    if open_ones:
        raise NotJson("end")
    return deepest


def partition(members: dict[str, Node], kind: str) -> tuple[str, str, str | None]:
    """Account, region and event id: from the record alone, and from nothing that is too deep to be read."""
    aggregated = kind == "CloudTrail-Aggregated"
    account = string(members.get("accountId" if aggregated else "recipientAccountId"))
    identity = members.get("userIdentity")
    if account is None and identity is not None and identity[0] == "object" and TABLES[kind] == "events":
        account = string(dict(identity[1]).get("accountId"))
    region = string(members.get("awsRegion"))
    event_id = string(members.get("eventId" if aggregated else "eventID"))
    return (
        account if account and re.fullmatch("[0-9]{12}", account) else INVALID,
        region if region and len(region) <= 32 and REGION.fullmatch(region) else INVALID,
        stored(event_id) if event_id else None,
    )


def stored(text: str) -> str:
    """A text as a column holds it: a backslash is one again, and what is no text stays written out (H23, H24)."""
    return text.replace("\\\\", "\\")


def string(node: Node | None) -> str | None:
    return node[1] if node is not None and node[0] == "string" else None


# --- the lake --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """What became of one object: `records == rows + duplicates + quarantined`."""

    records: int
    rows: int
    duplicates: int
    quarantined: int
    conflicts: int
    reason: str | None  # why the whole object was quarantined
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Lake:
    published: Counter  # (table, account, region, event id, sha256 of the canonical form, conflict)
    objects: dict[str, Counts]
    reasons: Counter  # reason words of everything quarantined


def lake(objects: list[tuple[str, bytes]]) -> Lake:
    """
    What one batch of log objects publishes. Keys that are no log file are left out.

    The key has the day in it, since twins are told within a partition. Same key and same canonical form: one row, of the smallest (object key, index). Same key, other content: both stay and the
    later carries `id_conflict`. Without an event id the key is the hash of the bytes.
    """
    seen: dict[tuple, set[str]] = {}
    published: Counter = Counter()
    counts: dict[str, Counts] = {}
    reasons: Counter = Counter()
    for key, data in sorted(objects, key=lambda o: o[0]):
        match = KEY.fullmatch(key)
        if not match or match["kind"] not in TABLES:
            continue
        got = read(data, match["kind"])
        rows = duplicates = conflicts = 0
        for record in got.rows:
            identity = (
                TABLES[match["kind"]],
                record.account_id,
                record.region,
                record.day(match["kind"]),
                record.event_id or f"sha256:{record.sha256}",
            )
            form = hashlib.sha256(canonical(record.slice).encode("utf-8", "surrogatepass")).hexdigest()
            known = seen.setdefault(identity, set())
            if form in known:
                duplicates += 1
                continue
            published[(*identity[:3], record.event_id, form, bool(known))] += 1
            conflicts += bool(known)
            rows += 1
            known.add(form)
        reasons.update(bad.reason for bad in got.bad)
        whole = [bad.reason for bad in got.bad if bad.index is None]
        counts[key] = Counts(
            got.records,
            rows,
            duplicates,
            len(got.bad) - len(whole),
            conflicts,
            whole[0] if whole else None,
            tuple(sorted(got.flags)),
        )
    return Lake(published, counts, reasons)
