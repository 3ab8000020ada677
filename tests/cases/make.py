"""
The hostile inputs, each beside what must become of it; docs/hostile-inputs.md lists them.

    python -m tests.cases.make          writes them to this folder (a test holds that the folder is what this makes)

One function a row of the catalogue, named by its id. A case is `<id>_<name>.toml`: the outcome; and `<id>_<name>.bin`: the
object's bytes. Inputs that are too big for the repository are made when the test runs; their outcome names the maker in `MAKERS`.
Accounts, names and addresses are made up. Gzip members are written by hand (stored blocks), so that no version of zlib matters.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
ACCOUNT, REGION = "111122223333", "us-east-1"
DEEPEST = 64  # levels a record may have


@dataclass(frozen=True)
class Row:
    """What is known of one row. `columns` are exact values; `null` must be NULL; `raw`: the record's own bytes are kept."""

    index: int
    flags: list[str]
    strict_only_flags: list[str]  # the fast path need not see these
    columns: dict
    null: list[str]
    lengths: dict[str, int]
    raw: bool | None


@dataclass(frozen=True)
class Case:
    """An input and its outcome. A row that is not listed has no flags."""

    name: str
    about: str
    data: bytes | None = None
    maker: str = ""
    folder: str = "CloudTrail"
    limits: dict[str, int] = field(default_factory=dict)
    records: int = 0
    flags: list[str] = field(default_factory=list)
    reason: str = ""
    rejects: list[tuple[int, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    keys: list[dict] = field(default_factory=list)
    elsewhere: str = ""


def row(index, *flags, strict_only=(), null=(), lengths=None, raw=None, **columns) -> Row:
    return Row(index, sorted(flags), list(strict_only), columns, list(null), lengths or {}, raw)


def whole(name, about, data, reason, **more) -> Case:
    """A case in which the object goes to quarantine."""
    return Case(name, about, data, reason=reason, **more)


# --- the material ----------------------------------------------------------------------------------------------------


def event(n: int = 1, **fields: str | bytes | None) -> bytes:
    """A sound record; `fields` are JSON texts that replace, add, or with None drop one."""
    texts = {
        "eventVersion": '"1.08"',
        "userIdentity": f'{{"type":"IAMUser","accountId":"{ACCOUNT}","userName":"dana"}}',
        "eventTime": '"2026-03-01T10:00:00Z"',
        "eventName": '"GetObject"',
        "awsRegion": f'"{REGION}"',
        "requestParameters": '{"b":"c"}',
        "eventID": f'"e-{n}"',
        "readOnly": "true",
        "recipientAccountId": f'"{ACCOUNT}"',
        **fields,
    }
    members = [
        json.dumps(k).encode() + b":" + (v.encode() if isinstance(v, str) else v)
        for k, v in texts.items()
        if v is not None
    ]
    return b"{" + b",".join(members) + b"}"


def records(*events: bytes) -> bytes:
    return b'{"Records":[' + b",".join(events) + b"]}"


def beside(*hostile: bytes) -> bytes:
    """Hostile records from index 1, a good one before and a good one after: P5."""
    return gz(records(event(901), *hostile, event(902)))


def member(data: bytes, *, flags: int = 0, fields: bytes = b"", crc: int = 0, size: int = 0) -> bytes:
    """One gzip member in stored blocks. `crc` and `size` are added to the true ones."""
    blocks = [data[i : i + 0xFFFF] for i in range(0, len(data), 0xFFFF)] or [b""]
    body = b"".join(
        struct.pack("<BHH", i == len(blocks) - 1, len(b), len(b) ^ 0xFFFF) + b for i, b in enumerate(blocks)
    )
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\x00\xff" + fields
    return header + body + struct.pack("<II", (zlib.crc32(data) + crc) & 0xFFFFFFFF, (len(data) + size) & 0xFFFFFFFF)


def gz(data: bytes) -> bytes:
    return member(data)


def squeezed(data: bytes) -> bytes:
    """Gzip that really compresses, for what is made when the test runs."""
    engine = zlib.compressobj(6, zlib.DEFLATED, 31)
    return engine.compress(data) + engine.flush()


def zeros(size: int) -> bytes:
    """A gzip bomb, made without holding what it inflates to."""
    engine = zlib.compressobj(6, zlib.DEFLATED, 31)
    chunk = bytes(2**20)
    return b"".join(engine.compress(chunk) for _ in range(size // 2**20)) + engine.flush()


def nested(levels: int, inner: str = "") -> str:
    return "[" * levels + inner + "]" * levels


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def service(n: int, **fields) -> bytes:
    """A record of a service: nothing in userIdentity says an account."""
    return event(n, userIdentity='{"type":"AWSService","invokedBy":"config.amazonaws.com"}', **fields)


# --- 4.1 file and compression ----------------------------------------------------------------------------------------

ONE, TWO = records(event(1)), records(event(2))


def h1():
    return [
        whole("bomb_of_zeros", "300 MB of zeros in 300 kB", None, "inflated_limit", maker="bomb_of_zeros"),
        whole("bomb_in_a_bomb", "1 GB of zeros, squeezed twice", None, "inflated_limit", maker="bomb_in_a_bomb"),
        Case("at_the_limit", "exactly as many bytes as allowed", gz(ONE), limits={"inflated_bytes": len(ONE)}, records=1),
        whole("over_the_limit", "one byte more", gz(ONE), "inflated_limit", limits={"inflated_bytes": len(ONE) - 1}),
        whole("plain_over_the_limit", "the same, not squeezed", ONE, "inflated_limit", limits={"inflated_bytes": len(ONE) - 1}),
        whole("members_over_the_limit", "members are counted together", gz(ONE[:200]) + gz(ONE[200:]), "inflated_limit",
              limits={"inflated_bytes": len(ONE) - 1}),
    ]  # fmt: skip


def h2():
    return [
        whole(
            "ten_million_records", "valid JSON of 10 M tiny records", None, "record_limit", maker="ten_million_records"
        ),
        whole("one_record_too_many", "500,001 records", None, "record_limit", maker="one_record_too_many"),
        Case(
            "at_the_limit", "as many as allowed", gz(records(*map(event, range(5)))), limits={"records": 5}, records=5
        ),
        whole("over_the_limit", "one more", gz(records(*map(event, range(6)))), "record_limit", limits={"records": 5}),
    ]


def h3():
    good = gz(records(event(1), event(2)))
    return [
        whole("half", "cut in the middle", good[: len(good) // 2], "gzip_truncated"),
        whole("no_trailer", "all data, no trailer", good[:-8], "gzip_truncated"),
        whole("last_byte", "one byte short", good[:-1], "gzip_truncated"),
        whole("header_only", "ten bytes", good[:10], "gzip_truncated"),
        whole("half_a_header", "five bytes", good[:5], "gzip_truncated"),
        whole("one_byte", "half the magic number", good[:1], "gzip_truncated"),
        whole("second_member", "the second member is cut", gz(ONE[:100]) + gz(ONE[100:])[:-3], "gzip_truncated"),
    ]


def h4():
    return [
        whole("bad_crc", "the checksum is one too high", member(ONE, crc=1), "gzip_crc"),
        whole("bad_length", "the length is one too high", member(ONE, size=1), "gzip_crc"),
        whole("bad_crc_second_member", "in the second member", gz(ONE[:100]) + member(ONE[100:], crc=1), "gzip_crc"),
    ]


def h5():
    doc = records(event(1), event(2))
    return [
        Case("two_members", "one document over two members", gz(doc[:300]) + gz(doc[300:]), records=2),
        Case(
            "many_members",
            "a member every 50 bytes",
            b"".join(gz(doc[i : i + 50]) for i in range(0, len(doc), 50)),
            records=2,
        ),
        Case(
            "empty_member_between", "an empty member in the middle", gz(doc[:300]) + gz(b"") + gz(doc[300:]), records=2
        ),
    ]


def h6():
    return [
        whole("a_document_a_member", "two members, each a whole document", gz(ONE) + gz(TWO), "trailing_data"),
        whole("two_documents", "two documents in one member", gz(ONE + TWO), "trailing_data"),
        whole("two_lines", "two documents, a line each", gz(ONE + b"\n" + TWO + b"\n"), "trailing_data"),
        whole("text_after_the_document", "a word after the closing brace", gz(ONE + b" done"), "trailing_data"),
        whole("brace_after_the_document", "a brace too many", gz(ONE + b"}"), "trailing_data"),
        Case("newline_after_the_document", "white space is no data", gz(b" \n" + ONE + b"\r\n\t "), records=1),
    ]


def h7():
    return [
        whole("zero_bytes", "an empty object", b"", "empty_file"),
        whole("gzip_of_nothing", "gzip of zero bytes", gz(b""), "empty_file"),
        Case("folder", "console-made folders", keys=[
            {"key": "AWSLogs/", "skip": "folder"},
            {"key": f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/", "skip": "folder"},
        ]),
    ]  # fmt: skip


def h8():
    return [
        Case("zeros", "zeros after the stream", gz(ONE) + bytes(512), records=1, flags=["trailing_padding"]),
        Case("one_zero", "one zero after the stream", gz(ONE) + b"\0", records=1, flags=["trailing_padding"]),
        whole("text", "text after the stream", gz(ONE) + b"hello", "trailing_data"),
        whole("other_format", "a zip after the stream", gz(ONE) + b"PK\x03\x04" + bytes(20), "trailing_data"),
        whole("zeros_and_text", "zeros, then text", gz(ONE) + bytes(16) + b"x", "trailing_data"),
    ]


def h9():
    return [
        Case("plain", "plain JSON under a .json.gz key", ONE, records=1, flags=["plain"]),
        Case("gzip_twice", "two layers", gz(gz(ONE)), records=1),
        whole("gzip_three_times", "three layers", gz(gz(gz(ONE))), "nested_gzip"),
        whole("gzip_twice_inner_cut", "the inner layer is cut", gz(gz(ONE)[:-4]), "gzip_truncated"),
    ]


def h10():
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as z:
        z.writestr(zipfile.ZipInfo("log.json", (2026, 1, 1, 0, 0, 0)), ONE)
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.USTAR_FORMAT) as t:
        info = tarfile.TarInfo("log.json")
        info.size = len(ONE)
        t.addfile(info, io.BytesIO(ONE))
    tar = tarred.getvalue()[:2048]
    blob = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(8))
    html = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
    inputs = {
        "zip": zipped.getvalue(),
        "zstd": bytes.fromhex("28b52ffd0458") + blob[:90],
        "bzip2": bz2.compress(ONE),
        "tar_gz": gz(tar),
        "parquet": b"PAR1" + blob + b"PAR1",
        "orc": b"ORC" + blob + b"\x03ORC\x17",
        "encrypted": blob,
        "encrypted_gzip": gz(blob),
        "html": html,
        "html_gzip": gz(html),
        "xml": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "zeros": gz(bytes(1000)),
    }
    return [whole(name, f"{name} under a log key", data, "not_gzip_json") for name, data in inputs.items()]


def h11():
    return [
        whole("endless_name", "a file name of 1 MB", None, "gzip_header", maker="endless_name"),
        whole(
            "endless_name_never_closed",
            "a file name that never ends",
            None,
            "gzip_header",
            maker="endless_name_never_closed",
        ),
        whole("endless_comment", "a comment of 1 MB", None, "gzip_header", maker="endless_comment"),
        whole("extra_64k", "an extra field of 65,535 bytes", None, "gzip_header", maker="extra_64k"),
        whole("reserved_flag", "a reserved flag is set", member(ONE, flags=0x20), "gzip_header"),
        whole("reserved_flags", "all of them", member(ONE, flags=0xE0), "gzip_header"),
        Case("name", "a name, as `gzip` writes it", member(ONE, flags=8, fields=b"log.json\0"), records=1),
        Case("text_hint", "the flag that says text", member(ONE, flags=1), records=1),
        Case("header_sum", "a checksum of the header", member(ONE, flags=2, fields=header_sum(0)), records=1),
        whole(
            "header_sum_wrong",
            "a wrong checksum of the header",
            member(ONE, flags=2, fields=header_sum(1)),
            "gzip_header",
        ),
        whole(
            "header_sum_cut", "the file ends in it", member(ONE, flags=2, fields=header_sum(0))[:11], "gzip_truncated"
        ),
    ]


def header_sum(more: int) -> bytes:
    """The checksum that the flag FHCRC announces."""
    return struct.pack("<H", zlib.crc32(member(ONE, flags=2)[:10]) + more & 0xFFFF)


def h12():
    return [
        Case(
            "at_the_limit",
            "exactly as many stored bytes as allowed",
            gz(ONE),
            limits={"stored_bytes": len(gz(ONE))},
            records=1,
        ),
        whole("over_the_limit", "one byte more", gz(ONE), "size_limit", limits={"stored_bytes": len(gz(ONE)) - 1}),
        Case("size_mismatch", "listed size is not the real one", elsewhere="ingest: PEND:size_mismatch"),
    ]


# --- 4.2 JSON --------------------------------------------------------------------------------------------------------


def h13():
    open_subtree = {
        "at_the_limit": (DEEPEST - 2, []),  # the record is level 1, requestParameters level 2
        "one_too_deep": (DEEPEST - 1, ["depth"]),
        "100": (100, ["depth"]),
        "513": (513, ["depth"]),
        "1001": (1001, ["depth"]),
    }
    cases = [
        Case(f"parameters_{name}", f"{n} levels in requestParameters",
             beside(event(2, requestParameters=f'{{"a":{nested(n)}}}')), records=3, rows=[row(1, *flags)])
        for name, (n, flags) in open_subtree.items()
    ]  # fmt: skip
    cases += [
        Case(
            f"parameters_{n}", f"{n} levels in requestParameters", maker=f"deep_{n}", records=3, rows=[row(1, "depth")]
        )
        for n in (10**5, 10**6)
    ]
    identity = f'{{"type":"IAMUser","accountId":"{ACCOUNT}","x":{nested(100)}}}'
    resources = f'[{{"ARN":{nested(100)}}}]'
    return [
        *cases,
        Case("objects", "objects instead of arrays", beside(event(2, requestParameters='{"a":' * 100 + "1" + "}" * 100)),
             records=3, rows=[row(1, "depth")]),
        Case("identity", "100 levels in userIdentity", beside(event(2, userIdentity=identity)), records=3,
             rows=[row(1, "type:userIdentity", null=["identity_type", "identity_account_id"], account_id=ACCOUNT)]),
        Case("identity_million", "10^6 levels in userIdentity", maker="deep_identity", records=3,
             rows=[row(1, "type:userIdentity", null=["identity_type"])]),
        Case("identity_alone", "100 levels in userIdentity, which alone tells the account",
             beside(event(2, userIdentity=identity, recipientAccountId=None)), records=3,
             rows=[row(1, "account", "type:userIdentity", null=["identity_account_id"], account_id="_invalid")]),
        Case("not_json_inside", "what is too deep is kept and need not be JSON",
             beside(event(2, requestParameters=f'{{"a":{nested(100, "NaN")}}}')), records=3, rows=[row(1, "depth")]),
        Case("not_json_beside", "what stands beside it must be JSON, at the top and behind it",
             beside(event(2, novelty=nested(100))[:-1] + b',"lost"}', event(3, novelty=nested(100) + '"lost"'),
                    event(4, novelty="1" + nested(100))), records=5, rejects=[(i, "json") for i in (1, 2, 3)]),
        Case("window_too_deep", "100 levels in a typed subtree that has the time",
             gz(records(f'{{"accountId":"{ACCOUNT}","awsRegion":"{REGION}","eventId":"a1","timeWindow":{{"windowStart":"2026-03-01T10:00:00Z",'
                        f'"x":{nested(100)}}}}}'.encode())), records=1, folder="CloudTrail-Aggregated",
             rows=[row(0, "time", "type:timeWindow", null=["event_time", "event_date"])]),
        Case("crossed_inside", "but its brackets have to match",
             beside(event(2, requestParameters=f'{{"a":{nested(100, "{]")}}}')), records=3, rejects=[(1, "json")]),
        Case("resources", "100 levels in resources", beside(event(2, resources=resources)), records=3, rows=[row(1, "depth")]),
        Case("unknown_field", "100 levels in a field nobody knows", beside(event(2, novelty=nested(100))), records=3,
             rows=[row(1, "depth")]),
        Case("unknown_field_1001", "1,001 levels there", beside(event(2, novelty=nested(1001))), records=3, rows=[row(1, "depth")]),
        Case("brackets_in_strings", "brackets in a string are no levels",
             beside(event(2, requestParameters=json.dumps({"a": "[" * 500, "b": '\\"{' * 300}))), records=3),
        whole("never_closed", "100 brackets in a record, never closed", gz(b'{"Records":[' + event(1, x="[" * 100) + b"]}"), "envelope"),
    ]  # fmt: skip


def h14():
    makers = ("deep_outside", "deep_before", "deep_outside_never_closed", "brackets_only", "unterminated_string", "backslashes",
              "quotes", "unterminated_quotes_in_frame")  # fmt: skip
    good = records(event(1), event(2))
    return [
        *[whole(name, "breaks the frame, and is long", None, "envelope", maker=name) for name in makers],
        whole("bracket_missing", "the array is not closed", gz(good[:-2] + b"}"), "envelope"),
        whole("brace_missing", "the document is not closed", gz(good[:-1]), "envelope"),
        whole("cut_in_a_record", "the text ends in a record", gz(good[:-150]), "envelope"),
        whole("cut_in_a_string", "the text ends in a string", gz(good[: good.rindex(b"GetObj") + 3]), "envelope"),
        whole(
            "record_not_closed",
            "a record without its brace",
            gz(records(event(1), event(2)[:-1], event(3))),
            "envelope",
        ),
        whole(
            "record_closed_twice",
            "a record with two braces",
            gz(records(event(1), event(2) + b"}", event(3))),
            "envelope",
        ),
        whole(
            "string_not_closed",
            "a string without its quote",
            gz(records(event(1), event(2)[:-2] + b"}", event(3))),
            "envelope",
        ),
    ]


def h15():
    odd = ["1" + "0" * 4300, "1e400", "-0", "1E5", "0.10000000000000000555", "9007199254740993", "9223372036854775808",
           "18446744073709551616", "123456789012345678901234567890", "0.0", "1.10"]  # fmt: skip
    parameters = "{" + ",".join(f'"n{i}":{n}' for i, n in enumerate(odd)) + "}"
    typed = [
        ("eventName", "1e400", "event_name"),
        ("eventVersion", "1.10", "event_version"),
        ("userAgent", "9223372036854775808", "user_agent"),
        ("errorCode", "-0", "error_code"),
        ("readOnly", "1", "read_only"),
        ("managementEvent", "0", "management_event"),
        ("requestID", "1" + "0" * 4300, "request_id"),
    ]
    insight = (
        '{"eventVersion":"1.08","eventTime":"2026-03-01T10:05:00Z","awsRegion":"us-east-1","eventID":"i1","eventType":'
        '"AwsCloudTrailInsight","recipientAccountId":"111122223333","eventCategory":"Insight","insightDetails":{"state":"Start",'
        '"insightContext":{"statistics":{"baseline":{"average":9.82222E-5},"insight":{"average":6},"baselineDuration":10181}}}}'
    )
    return [
        Case("open_subtree", "odd numbers in requestParameters, as they were written",
             beside(event(2, requestParameters=parameters)), records=3, rows=[row(1, request_parameters=parameters)]),
        Case("million_digits", "a number of 10^6 digits in requestParameters", maker="million_digits", records=3, rows=[row(1)]),
        Case("million_digits_unknown", "and in a field nobody knows", maker="million_digits_unknown", records=3, rows=[row(1)]),
        Case("unknown_field", "odd numbers in fields nobody knows",
             beside(event(2, **{f"novelty{i}": n for i, n in enumerate(odd)})), records=3, rows=[row(1)]),
        Case("typed_column", "numbers where a text or a boolean belongs",
             beside(*(event(i, **{name: n}) for i, (name, n, _) in enumerate(typed))), records=len(typed) + 2,
             rows=[row(i + 1, f"type:{name}", null=[column]) for i, (name, _, column) in enumerate(typed)]),
        Case("identity", "a number that no machine holds empties its own column and no other",
             beside(event(2, userIdentity=f'{{"type":"IAMUser","accountId":"{ACCOUNT}","userName":1e400,"x":{"7" * 5000}}}')), records=3,
             rows=[row(1, "type:userIdentity.userName", null=["identity_user_name"], identity_type="IAMUser", identity_account_id=ACCOUNT)]),
        Case("insight", "numbers of an insight", gz(records(insight.encode())), folder="CloudTrail-Insight", records=1,
             rows=[row(0, baseline_average=9.82222e-5, insight_average=6.0, baseline_duration=10181.0)]),
    ]  # fmt: skip


def h16():
    bad = {
        "nan": '{"a":NaN}', "infinity": '{"a":Infinity}', "minus_infinity": '{"a":-Infinity}', "hex": '{"a":0x1F}',
        "comment": '{"a":1/* no */}', "line_comment": '{"a":1 // no\n}', "single_quotes": "{'a':1}", "trailing_comma": '{"a":1,}',
        "leading_zero": '{"a":01}', "plus": '{"a":+1}', "bare_point": '{"a":1.}', "no_integer": '{"a":.5}', "bare_key": "{a:1}",
        "python_literal": '{"a":None}', "bad_escape": r'{"a":"\x41"}', "short_escape": r'{"a":"\u12"}', "no_colon": '{"a" 1}',
        "no_value": '{"a":}', "two_values": '{"a":1 2}', "minus": '{"a":-}',
        "leading_comma": '{,"a":1}', "array_trailing_comma": '{"a":[1,]}', "number_key": "{1:2}", "upper_literal": '{"a":True}',
        "ellipsis": '{"a":...}', "control_between": '{"a":\x011}', "form_feed": '{"a":\f1}', "no_break_space": '{"a":\u00a01}',
    }  # fmt: skip
    cases = [
        Case("parameters", "in an open subtree: " + ", ".join(bad),
             beside(*(event(i, requestParameters=b) for i, b in enumerate(bad.values()))),
             records=len(bad) + 2, rejects=[(i + 1, "json") for i in range(len(bad))]),
        Case("record", "as the record itself", beside(*(b.encode() for b in bad.values())),
             records=len(bad) + 2, rejects=[(i + 1, "json") for i in range(len(bad))]),
    ]  # fmt: skip
    return [
        *cases,
        Case("trailing_comma_in_record", "the record ends with a comma", beside(event(2)[:-1] + b",}"), records=3,
             rejects=[(1, "json")]),
        Case("not_json_element", "elements that are no JSON at all", beside(b"NaN", b"undefined", b"'x'", b"0x1", b"tru"), records=7,
             rejects=[(i, "json") for i in range(1, 6)]),
        Case("not_json_array", "an array that is no JSON", beside(b"[1,]", b"[nul]", b"[1 2]"), records=5,
             rejects=[(i, "json") for i in range(1, 4)]),
        Case("crossed_brackets", "brackets that cross, though as many close as open", beside(b'{"a":[1}]'), records=3,
             rejects=[(1, "json")]),
        whole("frame_nan", "NaN beside Records", gz(ONE[:-1] + b',"x":NaN}'), "envelope"),
        whole("frame_trailing_comma", "a comma after the array", gz(ONE[:-1] + b",}"), "envelope"),
        whole("array_trailing_comma", "a comma after the last record", gz(ONE[:-2] + b",]}"), "envelope"),
        whole("array_two_commas", "two commas between records", gz(records(event(1), b"", event(2))), "envelope"),
        whole("frame_single_quotes", "a document in single quotes", gz(b"{'Records':[]}"), "envelope"),
        whole("frame_comment", "a comment before Records", gz(b'{/* x */"Records":[]}'), "envelope"),
        whole("frame_bare_key", "Records without quotes", gz(b"{Records:[]}"), "envelope"),
    ]  # fmt: skip


def h17():
    return [
        whole("records_twice", "Records twice", gz(ONE[:-1] + b"," + TWO[1:]), "dup_records"),
        whole("records_twice_same", "Records twice, the same", gz(ONE[:-1] + b"," + ONE[1:]), "dup_records"),
        whole("records_twice_empty_first", "first an empty one", gz(b'{"Records":[],' + ONE[1:]), "dup_records"),
        whole("records_twice_null", "then null", gz(ONE[:-1] + b',"Records":null}'), "dup_records"),
        whole(
            "records_twice_escaped",
            "one of them spelled with an escape",
            gz(ONE[:-1] + b',"\\u0052ecords":[]}'),
            "dup_records",
        ),
        whole(
            "records_twice_apart",
            "another member between them",
            gz(ONE[:-1] + b',"x":{"y":[]},"Records":[]}'),
            "dup_records",
        ),
    ]


def h18():
    second = b'"eventID":"e-777"}'
    inputs = {
        "event_id": event(2)[:-1] + b"," + second,
        "event_id_null": event(2)[:-1] + b',"eventID":null}',
        "event_id_same": event(2)[:-1] + b',"eventID":"e-2"}',
        "event_id_escaped": event(2)[:-1] + b"," + second.replace(b"eventID", b"event\\u0049D"),
        "parameters": event(2)[:-1] + b',"requestParameters":{}}',
        "unknown_field": event(2, novelty="1")[:-1] + b',"novelty":2}',
        "empty_key": event(2, **{"": "1"})[:-1] + b',"":2}',
    }
    return [Case(name, "a key twice at the top of a record", beside(data), records=3, rejects=[(1, "dup_key")])
            for name, data in inputs.items()]  # fmt: skip


def h19():
    twice = '{"key":"a","key":"b"}'
    deeper = '{"a":[{"key":1,"\\u006bey":2}]}'
    return [
        Case("parameters", "a key twice in requestParameters", beside(event(2, requestParameters=twice)), records=3,
             rows=[row(1, "dup_key", strict_only=["dup_key"], request_parameters=twice)]),
        Case("parameters_deeper", "deeper, spelled in two ways", beside(event(2, requestParameters=deeper)), records=3,
             rows=[row(1, "dup_key", strict_only=["dup_key"], request_parameters=deeper)]),
        Case("unknown_field", "in a field nobody knows", beside(event(2, novelty=twice)), records=3,
             rows=[row(1, "dup_key", strict_only=["dup_key"])]),
        Case("siblings", "the same key in two objects is no duplicate",
             beside(event(2, requestParameters='{"a":{"key":1},"b":{"key":1},"key":1}')), records=3),
    ]  # fmt: skip


def h20():
    tags = '{"Tagging":{"Tag":[1]},"tagging":"","tag":1,"Tag":2}'
    return [
        Case("subtree", "keys that differ only by case, as in real data", beside(event(2, requestParameters=tags)), records=3,
             rows=[row(1, request_parameters=tags)]),
        Case("top", "eventName and EventName", beside(event(2, EventName='"Other"')), records=3,
             rows=[row(1, "case_key", event_name="GetObject")]),
        Case("top_before", "the other one first", beside(b'{"EventName":"Other",' + event(2)[1:]), records=3,
             rows=[row(1, "case_key", event_name="GetObject")]),
        Case("top_only_other_case", "REQUESTPARAMETERS beside requestParameters",
             beside(event(2, REQUESTPARAMETERS='{"x":1}')), records=3,
             rows=[row(1, "case_key", request_parameters='{"b":"c"}')]),
    ]  # fmt: skip


def h21():
    return [
        Case("value", "NUL in a text", beside(event(2, userAgent='"a\\u0000b"')), records=3, rows=[row(1, user_agent="a\0b")]),
        Case("value_in_subtree", "NUL in a subtree's text", beside(event(2, requestParameters='{"a":"x\\u0000y"}')), records=3,
             rows=[row(1, request_parameters='{"a":"x\\u0000y"}')]),
        Case("key_in_subtree", "NUL in a subtree's key", beside(event(2, requestParameters='{"a\\u0000b":1}')), records=3,
             rows=[row(1, "nul_key", request_parameters='{"a\\u0000b":1}')]),
        Case("key_deep", "deeper", beside(event(2, responseElements='{"a":[{"b":{"\\u0000":1}}]}')), records=3, rows=[row(1, "nul_key")]),
        Case("key_at_top", "NUL in a key of the record", beside(event(2, **{"no\0velty": "1"})), records=3, rows=[row(1, "nul_key")]),
        Case("not_a_nul", "an escaped backslash before u0000", beside(event(2, requestParameters='{"a\\\\u0000":"\\\\u0000"}')), records=3,
             rows=[row(1)]),
    ]  # fmt: skip


def h22():
    return [
        Case("nul_in_text", "a raw NUL in a text", beside(event(2, userAgent=b'"a\x00b"')), records=3, rows=[row(1, "ctrl", user_agent="a\0b")]),
        Case("newline_in_text", "a raw newline in a text", beside(event(2, eventName=b'"Get\nObject"')), records=3,
             rows=[row(1, "ctrl", event_name="Get\nObject")]),
        Case("tab_in_subtree", "a raw tab in a subtree", beside(event(2, requestParameters=b'{"a":"x\ty"}')), records=3,
             rows=[row(1, "ctrl", request_parameters='{"a":"x\ty"}')]),
        Case("escape_in_subtree", "a raw ESC deep in a subtree", beside(event(2, responseElements=b'{"a":[["\x1b[2J"]]}')), records=3,
             rows=[row(1, "ctrl", response_elements='{"a":[["\x1b[2J"]]}')]),
        Case("in_unknown_field", "in a field nobody knows", beside(event(2, novelty=b'"\x1f"')), records=3, rows=[row(1, "ctrl")]),
        Case("delete_is_none", "U+007F is no control byte to JSON", beside(event(2, userAgent=b'"a\x7fb"')), records=3,
             rows=[row(1, user_agent="a\x7fb")]),
        Case("white_space", "newlines and tabs between tokens are white space",
             beside(event(2).replace(b",", b"\r\n\t ,\n")), records=3),
    ]  # fmt: skip


def h23():
    halves = [
        "\\ud800",
        "\\udc00\\ud800",
        "x\\udfff",
        "\\ud83dx\\ude00",
        "\\uD800",
        "\\ud800\\u0041",
        "\\ud800\\ud83d\\ude00",
    ]
    return [
        Case("text", "half a pair in a text", beside(*(event(i, userAgent=f'"{h}"') for i, h in enumerate(halves))),
             records=len(halves) + 2, rows=[row(i + 1, "surrogate", raw=True) for i in range(len(halves))]),
        Case("subtree", "half a pair in a subtree",
             beside(*(event(i, requestParameters=f'{{"a":"{h}"}}') for i, h in enumerate(halves))), records=len(halves) + 2,
             rows=[row(i + 1, "surrogate", request_parameters=f'{{"a":"{h}"}}') for i, h in enumerate(halves)]),
        Case("subtree_key", "half a pair in a subtree's key", beside(event(2, requestParameters='{"\\ud800":1}')), records=3,
             rows=[row(1, "surrogate")]),
        Case("top_key", "half a pair in a key of the record", beside(b'{"\\ud800":1,' + event(2)[1:]), records=3,
             rows=[row(1, "surrogate")]),
        Case("identity", "in userIdentity", beside(event(2, userIdentity='{"type":"IAMUser","userName":"\\ud800"}')), records=3,
             rows=[row(1, "surrogate")]),
        Case("whole_pairs", "pairs are no halves", beside(event(2, userAgent='"\\ud83d\\ude00\\uD83D\\uDE00"')), records=3,
             rows=[row(1, user_agent="\U0001f600\U0001f600")]),
        Case("not_an_escape", "an escaped backslash before ud800", beside(event(2, userAgent='"\\\\ud800"')), records=3,
             rows=[row(1, user_agent="\\ud800")]),
    ]  # fmt: skip


def h24():
    bad = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"caf\xe9", b"\xf4\x90\x80\x80", b"\x80"]
    return [
        Case("text", "bytes that are no UTF-8 in a text", beside(*(event(i, userAgent=b'"a' + b + b'z"') for i, b in enumerate(bad))),
             records=len(bad) + 2, rows=[row(i + 1, "utf8", raw=True) for i in range(len(bad))]),
        Case("subtree", "in a subtree", beside(*(event(i, requestParameters=b'{"a":"' + b + b'"}') for i, b in enumerate(bad))),
             records=len(bad) + 2, rows=[row(i + 1, "utf8", raw=True) for i in range(len(bad))]),
        Case("subtree_key", "in a subtree's key", beside(event(2, requestParameters=b'{"\xff":1}')), records=3,
             rows=[row(1, "utf8", raw=True)]),
        Case("unknown_field", "in a field nobody knows", beside(event(2, novelty=b'"\xff"')), records=3, rows=[row(1, "utf8", raw=True)]),
        Case("between_tokens", "in a record, outside strings", beside(event(2).replace(b'"readOnly":', b'"readOnly":\xff')), records=3,
             rejects=[(1, "json")]),
        whole("frame_text", "in a text beside Records", gz(ONE[:-1] + b',"note":"\xff"}'), "utf8"),
        whole("frame_name", "in a name beside Records", gz(ONE[:-1] + b',"no\xffte":1}'), "utf8"),
        Case("good_utf8", "good UTF-8 stays", beside(event(2, userAgent=text("caf\u00e9 \U0001f600 \ufffd"))), records=3,
             rows=[row(1, user_agent="caf\u00e9 \U0001f600 \ufffd")]),
    ]  # fmt: skip


def h25():
    doc = ONE.decode()
    cases = [
        Case("bom", "a UTF-8 byte order mark", gz(b"\xef\xbb\xbf" + ONE), records=1, flags=["bom"]),
        Case("bom_plain", "the same, not squeezed", b"\xef\xbb\xbf" + ONE, records=1, flags=["bom", "plain"]),
    ]
    for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        cases.append(whole(f"{name}".replace("-", "_"), f"{name} without a mark", gz(doc.encode(name)), "encoding"))
        marked = gz(("\ufeff" + doc).encode(name))
        cases.append(whole(f"{name}_bom".replace("-", "_"), f"{name} with a mark", marked, "encoding"))
    return cases


def h26():
    sns = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:us-east-1:111122223333:t",
        "Message": ONE.decode(),
    }
    bridge = {
        "version": "0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.s3",
        "detail": json.loads(event(1)),
    }
    watch = {"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [{"id": "1", "message": event(1).decode()}]}
    queue = {"Messages": [{"MessageId": "m", "Body": ONE.decode()}]}
    aggregate = (
        f'{{"eventVersion":"1.0","accountId":"{ACCOUNT}","eventId":"a1","eventCategory":"Aggregated","eventType":'
        '"AwsAggregatedEvent","awsRegion":"us-east-1","eventSource":"s3.amazonaws.com","timeWindow":{"windowStart":'
        '"2026-03-01T10:00:00Z","windowEnd":"2026-03-01T10:05:00Z","windowSize":"PT5M"},"summary":{"primaryDimension":'
        '{"dimension":"eventName","statistics":[{"name":"GetObject","value":412}],"aggregationType":"Count"}}}'
    ).encode()
    spaced = aggregate.replace(b"2026-03-01T10:00:00Z", b"2025-10-30 23:45:00")
    folder = {"folder": "CloudTrail-Aggregated"}
    window = {"account_id": ACCOUNT, "event_time": datetime(2026, 3, 1, 10), "event_id": "a1"}
    return [
        whole("ndjson", "records, one a line", gz(event(1) + b"\n" + event(2) + b"\n"), "envelope:ndjson"),
        whole("bare_array", "an array of records", gz(b"[" + event(1) + b"," + event(2) + b"]"), "envelope:bare_array"),
        whole("bare_object", "one record", gz(event(1)), "envelope:bare_object"),
        whole("sns", "an SNS message", gz(json.dumps(sns).encode()), "envelope"),
        whole("eventbridge", "an EventBridge event", gz(json.dumps(bridge).encode()), "envelope"),
        whole("cloudwatch", "a CloudWatch Logs batch", gz(json.dumps(watch).encode()), "envelope"),
        whole("sqs", "messages of a queue", gz(json.dumps(queue).encode()), "envelope"),
        Case("aggregated_records", "aggregates in Records", gz(records(aggregate)), records=1, rows=[row(0, **window)], **folder),
        Case("aggregated_array", "aggregates in an array", gz(b"[" + aggregate + b"]"), records=1, rows=[row(0, **window)], **folder),
        Case("aggregated_object", "one aggregate", gz(aggregate), records=1, rows=[row(0, **window)], **folder),
        Case("aggregated_object_newline", "and a newline behind it, which is no part of it", gz(b" " + aggregate + b"\n"), records=1,
             rows=[row(0, **window)], **folder),
        whole("aggregated_nothing", "an object without members", gz(b"{}"), "envelope", **folder),
        Case("aggregated_identity", "a userIdentity, which no aggregate has, tells no account",
             gz(records(aggregate.replace(f'"accountId":"{ACCOUNT}"'.encode(), f'"userIdentity":{{"accountId":"{ACCOUNT}"}}'.encode()))),
             records=1, rows=[row(0, "account", account_id="_invalid")], **folder),
        Case("aggregated_spaced_time", "a window as one sample has it", gz(records(spaced)), records=1,
             rows=[row(0, event_time=datetime(2025, 10, 30, 23, 45))], **folder),
        whole("aggregated_ndjson", "aggregates, one a line", gz(aggregate + b"\n" + aggregate), "envelope:ndjson", **folder),
        whole("insight_array", "an array in the Insight folder", gz(b"[" + event(1) + b"]"), "envelope:bare_array",
              folder="CloudTrail-Insight"),
    ]  # fmt: skip


def h27():
    frames = {
        "null": b'{"Records":null}', "object": b'{"Records":{}}', "record": b'{"Records":' + event(1) + b"}",
        "string": b'{"Records":"[]"}', "number": b'{"Records":1}', "missing": b'{"records":[]}', "empty": b"{}",
        "inner": b'{"a":{"Records":[]}}',
    }  # fmt: skip
    scalars = [b"null", b"1", b"-0.5e3", b'"text"', b"[]", b'[{"eventID":"x"}]', b"true", b'"{}"']
    return [
        *[whole(f"records_{name}", f"Records is {name}", gz(data), "envelope") for name, data in frames.items()],
        Case("elements", "elements that are no objects", beside(*scalars), records=len(scalars) + 2,
             rejects=[(i + 1, "not_object") for i in range(len(scalars))]),
        Case("empty_record", "empty objects", beside(b"{}", b"{ }", b"{\n\t}"), records=5,
             rejects=[(i, "empty_record") for i in (1, 2, 3)]),
        Case("only_bad", "nothing else in the file", gz(records(b"null", b"{}")), records=2,
             rejects=[(0, "not_object"), (1, "empty_record")]),
    ]  # fmt: skip


def h28():
    return [
        Case("no_records", "an empty array", gz(b'{"Records":[]}'), records=0),
        Case("no_records_spaced", "an empty array with white space", gz(b' { "Records" : [ \n ] } '), records=0),
        Case(
            "extra_control",
            "a raw control byte in a member's text",
            gz(ONE[:-1] + b',"meta":"a\x01b"}'),
            records=1,
            flags=["extra_members"],
        ),
        Case(
            "extra_after",
            "a member after Records",
            gz(ONE[:-1] + b',"meta":{"a":[1,"]}"]}}'),
            records=1,
            flags=["extra_members"],
        ),
        Case(
            "extra_before",
            "a member before Records",
            gz(b'{"meta":"\\"Records\\":[",' + ONE[1:]),
            records=1,
            flags=["extra_members"],
        ),
        Case(
            "other_case",
            "`records` beside Records",
            gz(b'{"records":[{}],' + ONE[1:]),
            records=1,
            flags=["extra_members"],
        ),
    ]


def h29():
    one = event(2, novelty=text("x" * 300))
    return [
        Case("10_mb", "a record of 10 MB", maker="record_10_mb", records=3, rejects=[(1, "record_size")]),
        Case("100_mb", "a record of 100 MB", maker="record_100_mb", records=3, rejects=[(1, "record_size")]),
        Case("string_25_mb", "a text of 25 MB", maker="string_25_mb", records=3, rejects=[(1, "record_size")]),
        Case("key_1_mb", "a key of 1 MB", maker="key_1_mb", records=3, rows=[row(1)]),
        Case("100k_keys", "100,000 keys", maker="keys_100k", records=3, rows=[row(1)]),
        Case("at_the_limit", "exactly as many bytes as allowed", beside(one), limits={"record_bytes": len(one)}, records=3, rows=[row(1)]),
        Case("over_the_limit", "one byte more", beside(one), limits={"record_bytes": len(one) - 1}, records=3,
             rejects=[(1, "record_size")]),
    ]  # fmt: skip


def h30():
    return [Case("many_names", "1,000 different names in each of 20 records", maker="many_names", records=20)]


def h31():
    flagged = [
        ("eventTime", "1772359200", ["type:eventTime", "time"], ["event_time", "event_date"]),
        ("userIdentity", '"dana"', ["type:userIdentity"], ["identity_type"]),
        ("readOnly", '"true"', ["type:readOnly"], ["read_only"]),
        ("readOnly", '"False"', ["type:readOnly"], ["read_only"]),
        ("managementEvent", '"TRUE"', ["type:managementEvent"], ["management_event"]),
        ("resources", '{"ARN":"a"}', ["type:resources"], []),
        ("resources", '""', ["type:resources"], []),
        ("requestParameters", '"null"', ["type:requestParameters"], []),
        ("requestParameters", "[1]", ["type:requestParameters"], []),
        ("responseElements", '""', ["type:responseElements"], []),
        ("responseElements", "0", ["type:responseElements"], []),
        ("additionalEventData", "[]", ["type:additionalEventData"], []),
        ("serviceEventDetails", '"{}"', ["type:serviceEventDetails"], []),
        ("tlsDetails", "true", ["type:tlsDetails"], []),
        ("eventName", "{}", ["type:eventName"], ["event_name"]),
        ("sourceIPAddress", "[]", ["type:sourceIPAddress"], ["source_ip"]),
        ("sessionCredentialFromConsole", "true", ["type:sessionCredentialFromConsole"], []),
        ("userIdentity", "[]", ["type:userIdentity"], []),
    ]
    nulls = (
        "eventName",
        "userAgent",
        "readOnly",
        "requestParameters",
        "resources",
        "additionalEventData",
        "errorCode",
        "tlsDetails",
    )
    return [
        Case("wrong_types", "fields of another type than documented",
             beside(*(event(i, **{name: value}) for i, (name, value, *_) in enumerate(flagged))), records=len(flagged) + 2,
             rows=[row(i + 1, *flags, null=null) for i, (_, _, flags, null) in enumerate(flagged)]),
        Case("text_in_additional", "a text in additionalEventData is documented", beside(event(2, additionalEventData='"{\\"a\\":1}"')),
             records=3, rows=[row(1, additional_event_data='"{\\"a\\":1}"')]),
        Case("nulls", "null where something belongs", beside(*(event(i, **{n: "null"}) for i, n in enumerate(nulls))),
             records=len(nulls) + 2),
        Case("empty_objects", "empty objects are no nulls",
             beside(event(2, requestParameters="{}", responseElements="{ }", additionalEventData="{}", resources="[]")), records=3,
             rows=[row(1, request_parameters="{}", response_elements="{ }", additional_event_data="{}", resources="[]")]),
    ]  # fmt: skip


def h32():
    ids = [
        "not-a-uuid",
        "00000000-0000-4000-8000-00000000ABCD",
        " 00000000-0000-4000-8000-000000000001 ",
        "0",
        "_invalid",
    ]
    return [
        Case("missing", "no eventID", beside(event(2, eventID=None)), records=3, rows=[row(1, "no_id", null=["event_id"])]),
        Case("null", "eventID is null", beside(event(2, eventID="null")), records=3, rows=[row(1, "no_id", null=["event_id"])]),
        Case("empty", "eventID is empty", beside(event(2, eventID='""')), records=3, rows=[row(1, "no_id")]),
        Case("odd", "ids that are no UUID stay as they are", beside(*(event(2, eventID=text(i)) for i in ids)), records=len(ids) + 2,
             rows=[row(n + 1, event_id=i) for n, i in enumerate(ids)]),
        Case("1_mb", "an id of 1 MB", maker="event_id_1_mb", records=3, rows=[row(1, lengths={"event_id": 2**20})]),
        Case("same_id", "same id, other content: nothing is dropped here",
             beside(event(7), event(7, eventName='"PutObject"'), event(7)), records=5),
        Case("same_content", "same content, other id", beside(event(7), event(8)), records=4),
    ]  # fmt: skip


def h33():
    bad = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "", "2026-02-30", "2026-02-30T00:00:00Z", "2016-12-31T23:59:60Z",
           "2012-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2013-01-01T00:30:00+01:00", "2099-12-31T23:30:00-01:00",
           "2026-03-01T10:00:00", "2026-03-01", "yesterday", "1772359200", "2026-13-01T00:00:00Z", "2026-03-01T24:00:00Z",
           "2026-03-01T10:60:00Z", "2026-03-01T10:00:00Z\n", " 2026-03-01T10:00:00Z", "２０２６-03-01T10:00:00Z", "10000-01-01T00:00:00Z",
           "-2026-03-01T10:00:00Z", "2026-03-01T10:00:00ZZ", "Mar 13, 2024 8:36:00 AM", "2026-03-01T10:00:00+99:00",
           "2026-03-01T10:00:00+24:00", "2026-03-01T10:00:00+10:60"]  # fmt: skip
    good = {
        "2013-01-01T00:00:00Z": datetime(2013, 1, 1),
        "2099-12-31T23:59:59Z": datetime(2099, 12, 31, 23, 59, 59),
        "2024-02-29T12:00:00Z": datetime(2024, 2, 29, 12),
        "2026-03-01T10:00:00+14:00": datetime(2026, 2, 28, 20),
        "2026-03-01T23:30:00-01:00": datetime(2026, 3, 2, 0, 30),
        "2026-03-01T10:00:00+05:45": datetime(2026, 3, 1, 4, 15),
        "2026-03-01T10:00:00+00:00": datetime(2026, 3, 1, 10),
        "2026-03-01T10:00:00.5Z": datetime(2026, 3, 1, 10, 0, 0, 500000),
        "2026-03-01T10:00:00.123456Z": datetime(2026, 3, 1, 10, 0, 0, 123456),
        "2026-03-01T10:00:00.000Z": datetime(2026, 3, 1, 10),
        "2012-12-31T23:30:00-01:00": datetime(2013, 1, 1, 0, 30),
    }
    return [
        Case("unreadable", "times that can't be read or lie outside", beside(*(event(i, eventTime=text(t)) for i, t in enumerate(bad))),
             records=len(bad) + 2, rows=[row(i + 1, "time", null=["event_time", "event_date"]) for i in range(len(bad))]),
        Case("readable", "odd, but readable", beside(*(event(i, eventTime=text(t)) for i, t in enumerate(good))), records=len(good) + 2,
             rows=[row(i + 1, event_time=t, event_date=t.date()) for i, t in enumerate(good.values())]),
        Case("missing", "no eventTime", beside(event(2, eventTime=None), event(3, eventTime="null")), records=4,
             rows=[row(i, "time", null=["event_time", "event_date"]) for i in (1, 2)]),
    ]  # fmt: skip


def h34():
    regions = ["../../x", "", "x" * 300, "a=b/c", "%2e", "us-east-1\n", "us-east-\uff11", "US-EAST-1", "us-east", "us east-1", "\0",
               "us-" + "a" * 28 + "-1", "us-east-1/..", "REDACTED", "_invalid", "us-east-\u0661", "\nus-east-1"]  # fmt: skip
    accounts = ["../../x", "", "1" * 300, "a=b/c", "%2e", "111122223333\n", "\uff11" * 12, "11112222333", "1111222233334", "\u0661" * 12,
                "anonymous", "ANONYMOUS_PRINCIPAL", " 11112222333", "_invalid"]  # fmt: skip
    longest = "us-" + "a" * 27 + "-1"  # 32
    return [
        Case("region", "awsRegion outside the grammar", beside(*(event(i, awsRegion=text(r)) for i, r in enumerate(regions))),
             records=len(regions) + 2,
             rows=[row(i + 1, "region", region="_invalid", account_id=ACCOUNT, aws_region=r) for i, r in enumerate(regions)]),
        Case("region_missing", "no awsRegion", beside(event(2, awsRegion=None), event(3, awsRegion="null")), records=4,
             rows=[row(i, "region", region="_invalid", null=["aws_region"]) for i in (1, 2)]),
        Case("region_number", "awsRegion is a number", beside(event(2, awsRegion="1")), records=3,
             rows=[row(1, "region", "type:awsRegion", region="_invalid", null=["aws_region"])]),
        Case("region_longest", "the longest region there may be", beside(event(2, awsRegion=text(longest))), records=3,
             rows=[row(1, "path_mismatch", region=longest)]),
        Case("account", "accounts outside the grammar", beside(*(service(i, recipientAccountId=text(a)) for i, a in enumerate(accounts))),
             records=len(accounts) + 2,
             rows=[row(i + 1, "account", account_id="_invalid", region=REGION, recipient_account_id=a) for i, a in enumerate(accounts)]),
        Case("account_missing", "no account anywhere", beside(service(2, recipientAccountId=None), event(3, userIdentity=None,
             recipientAccountId=None)), records=4, rows=[row(i, "account", account_id="_invalid") for i in (1, 2)]),
        Case("account_of_identity", "old records: the account of the identity", beside(event(2, recipientAccountId=None)), records=3,
             rows=[row(1, account_id=ACCOUNT, null=["recipient_account_id"])]),
        Case("account_of_identity_bad", "which may be hostile too", beside(event(2, recipientAccountId=None,
             userIdentity='{"type":"Root","accountId":"../x"}')), records=3, rows=[row(1, "account", account_id="_invalid")]),
    ]  # fmt: skip


def h35():
    return [
        Case("account", "another account than the path's", beside(event(2, recipientAccountId='"999988887777"')), records=3,
             rows=[row(1, "path_mismatch", account_id="999988887777", region=REGION)]),
        Case("region", "another region than the path's", beside(event(2, awsRegion='"eu-west-1"')), records=3,
             rows=[row(1, "path_mismatch", account_id=ACCOUNT, region="eu-west-1")]),
        Case("both", "both", beside(event(2, awsRegion='"eu-west-1"', recipientAccountId='"999988887777"')), records=3,
             rows=[row(1, "path_mismatch", account_id="999988887777", region="eu-west-1")]),
        Case("identity", "a foreign caller is no mismatch", beside(event(2, userIdentity='{"type":"AWSAccount","accountId":"999988887777"}')),
             records=3, rows=[row(1, account_id=ACCOUNT, identity_account_id="999988887777")]),
    ]  # fmt: skip


def h36():
    masked = event(2, eventTime='"***"', awsRegion='"***"', recipientAccountId='"***"', userIdentity='"***"', eventSource='"***"',
                   eventName='"***"', requestParameters='"***"', readOnly='"REDACTED"', eventID='"***"')  # fmt: skip
    flags = ("account", "region", "time", "type:userIdentity", "type:requestParameters", "type:readOnly")
    return [Case("masked", "every value replaced", beside(masked), records=3,
                 rows=[row(1, *flags, account_id="_invalid", region="_invalid", event_name="***", event_id="***")])]  # fmt: skip


def h37():
    agents = [
        "\U0010ffff" * 20,
        "x" * 15 + "\ud7ff" + "y" * 20,
        "\uffff" * 20,
        "\U0001f600" * 17,
        "\U0010ffff" * 16 + "a",
        "\ue000" * 16,
    ]
    return [
        Case("bounds", "what broke the writers' column bounds", beside(*(event(i, userAgent=text(a)) for i, a in enumerate(agents))),
             records=len(agents) + 2, rows=[row(i + 1, user_agent=a) for i, a in enumerate(agents)]),
        Case("bounds_escaped", "the same, spelled with escapes",
             beside(*(event(i, userAgent=json.dumps(a)) for i, a in enumerate(agents))), records=len(agents) + 2,
             rows=[row(i + 1, user_agent=a) for i, a in enumerate(agents)]),
    ]  # fmt: skip


def h38():
    names = [" GetObject", "GetObject ", "Get\u200bObject", "G\u0435tObject", "\u202etcejbOteG", "Z" + "\u0301" * 50, "\ufeffGetObject",
             "GetObject\u2028", "\u2066x\u2069"]  # fmt: skip
    return [Case("names", "names that look like others", beside(*(event(i, eventName=text(n)) for i, n in enumerate(names))),
                 records=len(names) + 2, rows=[row(i + 1, event_name=n) for i, n in enumerate(names)])]  # fmt: skip


# --- 4.3 object keys -------------------------------------------------------------------------------------------------

FILE = f"{ACCOUNT}_CloudTrail_us-east-1_20260301T1005Z_abcdefghijklmnop.json.gz"
TAIL = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/{FILE}"


def log(key: str, **more) -> dict:
    return {"key": key, "account_id": ACCOUNT, "kind": "CloudTrail", "region": REGION, **more}


def h39():
    day = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01"
    skipped = [
        f"AWSLogs/{ACCOUNT}/CloudTrail/../us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/../{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"{day}/../{FILE}",
        f"{day}/x/{FILE}",
        f"{day}/..",
        f"AWSLogs//{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}//CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03//{FILE}",
        f"/{TAIL}",
        TAIL.replace("/", "%2F"),
        f"AWSLogs%2F{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026%2F03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/3/1/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/02/30/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/13/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/0000/00/00/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us east-1/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1\n/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}\n/CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/{chr(0xFF11) * 12}/CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-{chr(0x661)}/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/{chr(0xFF12)}026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1+/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1\u202e/2026/03/01/{FILE}",
        f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1?x/2026/03/01/{FILE}",
        f"xAWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/{FILE}",
        f"AWSLogs/O-ABC1234567/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/{FILE}",
        "some/file.json.gz",
        FILE,
        "x" * 1024,
        "",
    ]
    prefixes = [
        "my logs",
        "a%2Fb",
        "a+b",
        "a#b",
        "a?b=c&d",
        "\u202eabc",
        "caf\u00e9",
        "..",
        "x/../y",
        "%2e%2e",
        "p" * (1023 - len(TAIL)),
    ]
    return [
        Case(
            "not_in_the_grammar", "keys that fit no grammar", keys=[{"key": k, "skip": "unknown_name"} for k in skipped]
        ),
        Case(
            "odd_prefix",
            "a prefix may be anything and stays as it is",
            keys=[log(f"{p}/{TAIL}", prefix=f"{p}/") for p in prefixes],
        ),
    ]


def h40():
    digest = f"{ACCOUNT}_CloudTrail-Digest_us-east-1_trail_us-east-1_20260301T100500Z.json.gz"
    kinds = [
        log(TAIL.replace("/CloudTrail/", f"/{kind}/"), kind=kind)
        for kind in ("CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated")
    ]
    return [
        Case("kinds", "the folder says the kind, whatever the name says", keys=kinds),
        Case("digests", "digests are none of ingest's", keys=[
            {"key": f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/01/{digest}", "skip": "digest"},
            {"key": f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/01/{FILE}", "skip": "digest"},
            {"key": f"p/AWSLogs/o-abc1234567/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/01/{digest}", "skip": "digest"},
        ]),
        Case("foreign", "logs of other services", keys=[
            {"key": f"AWSLogs/{ACCOUNT}/Config/us-east-1/2026/3/1/ConfigHistory/{ACCOUNT}_Config_us-east-1.json.gz", "skip": "foreign"},
            {"key": f"AWSLogs/{ACCOUNT}/elasticloadbalancing/us-east-1/2026/03/01/{ACCOUNT}_elb.log.gz", "skip": "foreign"},
            {"key": f"AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/03/01/{ACCOUNT}_vpcflowlogs.log.gz", "skip": "foreign"},
        ]),
        Case("prefixes", "organizations, landing zones, two AWSLogs/ in one key", keys=[
            log(TAIL, prefix="", org=""),
            log(f"AWSLogs/o-abc1234567/{TAIL[8:]}", prefix="", org="o-abc1234567"),
            log(f"o-abc1234567/AWSLogs/o-abc1234567/{TAIL[8:]}", prefix="o-abc1234567/", org="o-abc1234567"),
            log(f"o-abc1234567/{TAIL}", prefix="o-abc1234567/", org=""),
            log(f"AWSLogs/{TAIL}", prefix="AWSLogs/", org=""),
            log(f"AWSLogs/999988887777/CloudTrail/eu-west-1/2025/01/02/{TAIL}", prefix="AWSLogs/999988887777/CloudTrail/eu-west-1/2025/01/02/"),
        ]),
    ]  # fmt: skip


def h41():
    return [
        Case(
            "planted",
            "a log-shaped file by somebody else: rows; `unlisted` is the verdict of verify",
            beside(event(2)),
            records=3,
        )
    ]


def h42():
    return [Case("million_keys", "10^6 tiny keys under one day", elsewhere="ingest: bounds of a batch (F49)")]


# --- 4.8 semantics ---------------------------------------------------------------------------------------------------


def h65():
    omitted = ['{"omitted":true,"originalSize":103874,"reason":"requestParameters too large"}', '{"omitted":"true","originalSize":"1"}',
               '{"omitted":true}', '{"reason":"requestParameters too large"}', '{"originalSize":1,"reason":"additionalEventData too large"}']  # fmt: skip
    kept = ['{"omitted":false}', '{"a":{"omitted":true}}', '{"reason":"too large a bucket"}', '{"a":"requestParameters too large"}',
            '{"reason":{"x":"too large"}}', '{"omittedx":true}', '{"a":"omitted","b":true}']  # fmt: skip
    fields = ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"]
    return [
        Case("omitted", "AWS left a subtree out", beside(*(event(i, requestParameters=o) for i, o in enumerate(omitted))),
             records=len(omitted) + 2, rows=[row(i + 1, "omitted", request_parameters=o) for i, o in enumerate(omitted)]),
        Case("each_field", "in each field that may be", beside(*(event(i, **{f: omitted[0]}) for i, f in enumerate(fields))),
             records=len(fields) + 2, rows=[row(i + 1, "omitted") for i in range(len(fields))]),
        Case("kept", "what only looks like it", beside(*(event(i, requestParameters=k) for i, k in enumerate(kept))), records=len(kept) + 2),
        Case("other_field", "an unknown field says omitted", beside(event(2, novelty='{"omitted":true}')), records=3),
    ]  # fmt: skip


def h67():
    agents = ["AWS Internal", "config.amazonaws.com", "aws:sts", "signin.amazonaws.com"]
    identity = (
        f'{{"type":"IAMUser","arn":"arn:aws:iam::{ACCOUNT}:user/dana","accountId":"{ACCOUNT}","userName":"dana"}}'
    )
    return [Case("user_agents", "the user agent says it is a service; the identity says dana",
                 beside(*(event(i, userAgent=text(a), userIdentity=identity) for i, a in enumerate(agents))), records=len(agents) + 2,
                 rows=[row(i + 1, user_agent=a, actor_type="user", identity_user_name="dana", actor_account_id=ACCOUNT,
                           null=["identity_invoked_by", "actor_via"]) for i, a in enumerate(agents)])]  # fmt: skip


def h68():
    shared = '"11111111-2222-4333-8444-555555555555"'
    addendum = '{"reason":"UPDATED_DATA","updatedFields":"x","originalEventID":"e-901"}'
    return [
        Case("shared_event_id", "one sharedEventID, two accounts: two rows",
             beside(event(2, sharedEventID=shared), event(2, sharedEventID=shared, recipientAccountId='"999988887777"')), records=4,
             rows=[row(1, account_id=ACCOUNT), row(2, "path_mismatch", account_id="999988887777")]),
        Case("addendum", "an addendum points at another event: both stay", beside(event(2, addendum=addendum)), records=3,
             rows=[row(1, addendum=addendum)]),
    ]  # fmt: skip


def h69():
    names = ["dana@example.com", "HIDDEN_DUE_TO_SECURITY_REASONS", "hunter2!", "Correct Horse Battery"]
    return [Case("user_names", "what people type into the name field",
                 beside(*(event(i, eventName='"ConsoleLogin"', userIdentity=f'{{"type":"IAMUser","accountId":"{ACCOUNT}","userName":{text(n)}}}')
                          for i, n in enumerate(names))), records=len(names) + 2,
                 rows=[row(i + 1, identity_user_name=n) for i, n in enumerate(names)])]  # fmt: skip


def h70():
    names = ["%", "_", "*", "a%b_c", ".*", "Admin", "admin", "ADMIN", "[a-z]+", "' OR '1'='1", "$(x)"]
    issuer = '{{"type":"AssumedRole","accountId":"111122223333","sessionContext":{{"sessionIssuer":{{"type":"Role","userName":{0}}}}}}}'
    return [Case("names", "names that look like patterns",
                 beside(*(event(i, userIdentity=issuer.format(text(n)), requestParameters=f'{{"bucketName":{text(n)}}}')
                          for i, n in enumerate(names))), records=len(names) + 2,
                 rows=[row(i + 1, session_issuer_user_name=n, request_parameters=f'{{"bucketName":{text(n)}}}') for i, n in enumerate(names)])]  # fmt: skip


# --- what is too big for a file --------------------------------------------------------------------------------------


def deep(levels: int) -> bytes:
    return squeezed(records(event(901), event(2, requestParameters=f'{{"a":{nested(levels)}}}'), event(902)))


def big(**fields) -> bytes:
    return squeezed(records(event(901), event(2, **fields), event(902)))


def many_names() -> bytes:
    names = ({f"n\u00e4me_{i}_{j}": "1" for j in range(1000)} for i in range(20))
    return squeezed(records(*(event(i, **fields) for i, fields in enumerate(names))))


MAKERS = {
    "bomb_of_zeros": lambda: zeros(300 * 2**20),
    "bomb_in_a_bomb": lambda: squeezed(zeros(1000 * 2**20)),
    "ten_million_records": lambda: squeezed(b'{"Records":[{"a":1}' + b',{"a":1}' * (10**7 - 1) + b"]}"),
    "one_record_too_many": lambda: squeezed(b'{"Records":[{"a":1}' + b',{"a":1}' * 500_000 + b"]}"),
    "endless_name": lambda: member(ONE, flags=8, fields=b"n" * 2**20 + b"\0"),
    "endless_name_never_closed": lambda: b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"n" * 2**20,
    "endless_comment": lambda: member(ONE, flags=16, fields=b"c" * 2**20 + b"\0"),
    "extra_64k": lambda: member(ONE, flags=4, fields=b"\xff\xff" + b"e" * 65535),
    "deep_100000": lambda: deep(10**5),
    "deep_1000000": lambda: deep(10**6),
    "deep_identity": lambda: big(userIdentity=f'{{"type":"IAMUser","x":{nested(10**6)}}}'),
    "deep_outside": lambda: squeezed(ONE[:-1] + b',"x":' + nested(10**6).encode() + b"}"),
    "deep_before": lambda: squeezed(b'{"x":' + nested(10**5).encode() + b"," + ONE[1:]),
    "deep_outside_never_closed": lambda: squeezed(ONE[:-1] + b',"x":' + b"[" * 10**6),
    "brackets_only": lambda: squeezed(b'{"Records":' + b"[" * 10**6),
    "unterminated_string": lambda: squeezed(ONE[:-2] + b',{"a":"' + b'x\\"' * (3 * 10**6)),
    "backslashes": lambda: squeezed(ONE[:-2] + b',{"a":"' + b"\\" * 10**6),
    "quotes": lambda: squeezed(ONE[:-2] + b"," + b'"' * 10**6),
    "unterminated_quotes_in_frame": lambda: squeezed(b'{"' + b'\\"' * 10**6),
    "million_digits": lambda: big(requestParameters='{"n":' + "7" * 10**6 + "}"),
    "million_digits_unknown": lambda: big(novelty="7" * 10**6),
    "record_10_mb": lambda: big(requestParameters='{"a":[' + "1," * (5 * 10**6) + "1]}"),
    "record_100_mb": lambda: big(requestParameters='{"a":[' + "1," * (50 * 10**6) + "1]}"),
    "string_25_mb": lambda: big(userAgent='"' + "x" * (25 * 10**6) + '"'),
    "key_1_mb": lambda: big(**{"k" * 2**20: "1"}),
    "keys_100k": lambda: big(**{f"k{i}": "1" for i in range(100_000)}),
    "many_names": many_names,
    "event_id_1_mb": lambda: big(eventID='"' + "e" * 2**20 + '"'),
}

ROWS = [h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, h11, h12, h13, h14, h15, h16, h17, h18, h19, h20, h21, h22, h23, h24, h25, h26, h27,
        h28, h29, h30, h31, h32, h33, h34, h35, h36, h37, h38, h39, h40, h41, h42, h65, h67, h68, h69, h70]  # fmt: skip


# --- to and from the disk --------------------------------------------------------------------------------------------


def toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return (
            '"' + "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else escaped(c) for c in value) + '"'
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def table(values: dict) -> list[str]:
    return [f"{k} = {toml(v)}" for k, v in values.items() if v not in ("", [], None) or v is False]


def told(case: Case) -> str:
    """The outcome of a case as TOML."""
    lines = table({"about": case.about, "maker": case.maker, "elsewhere": case.elsewhere})
    if case.folder != "CloudTrail":
        lines += table({"folder": case.folder})
    if not case.keys and not case.elsewhere:
        lines += [f"records = {case.records}", f"flags = {toml(case.flags)}", *table({"reason": case.reason})]
    if case.limits:
        lines += ["", "[limits]", *table(case.limits)]
    for position, reason in case.rejects:
        lines += ["", "[[reject]]", f"position = {position}", f"reason = {toml(reason)}"]
    for r in case.rows:
        lines += ["", "[[row]]", f"index = {r.index}", f"flags = {toml(r.flags)}"]
        lines += table({"strict_only_flags": r.strict_only_flags, "null": r.null, "raw": r.raw})
        lines += [f"columns.{k} = {toml(v)}" for k, v in r.columns.items()] + [
            f"lengths.{k} = {v}" for k, v in r.lengths.items()
        ]
    for key in case.keys:
        lines += ["", "[[key]]", *(f"{k} = {toml(v)}" for k, v in key.items())]
    return "\n".join(lines) + "\n"


def disk() -> dict[str, bytes]:
    """Every file of this folder that is made: name → bytes."""
    files = {}
    for function in ROWS:
        for case in function():
            name = f"H{int(function.__name__[1:]):02d}_{case.name}"
            files[f"{name}.toml"] = told(case).encode()
            if case.data is not None:
                files[f"{name}.bin"] = case.data
    return files


def main() -> None:
    files = disk()
    for path in [*HERE.glob("H*.toml"), *HERE.glob("H*.bin")]:
        if path.name not in files:
            path.unlink()
    for name, data in files.items():
        (HERE / name).write_bytes(data)
    print(f"{len(files)} files, {sum(map(len, files.values())):,} bytes")


if __name__ == "__main__":
    main()
