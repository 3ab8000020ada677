"""
What holds for any bytes: decode never raises, counts add up, both paths agree, nothing is lost, and time and memory stay in
bounds. The model (`tests/model.py`) is the second opinion.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import model
from tests.cases.make import MAKERS, event, gz, records
from tests.decode.one import EACH_WAY, WAYS, decode
from tests.decode.test_cases import account, delivered, flags, rejects
from trailhouse.decode.rebuild import record
from trailhouse.decode.values import Decoded

ROOT = Path(__file__).parents[2]
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

# --- records as raw text, so that numbers and escapes are spelled in every way ---------------------------------------

SPACES = st.sampled_from(["", "", "", " ", "\n\t", "\r\n  "])
NUMBERS = st.one_of(
    st.integers().map(str),
    st.sampled_from(
        [
            "0",
            "-0",
            "0.0",
            "1E5",
            "1e400",
            "9.82222E-5",
            "1.10",
            "9223372036854775808",
            "0.10000000000000000555",
            "9" * 400,
        ]
    ),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ESCAPES = st.lists(
    st.sampled_from(
        [
            "\\u0041",
            "\\u0000",
            "\\/",
            "\\n",
            '\\"',
            "\\\\",
            "\\ud83d\\ude00",
            "\\ud800",
            "\\udc00",
            "\\uD83D",
            "a",
            "\u00e9",
            "\x7f",
            "\u2028",
        ]
    ),
    max_size=6,
).map(lambda parts: '"' + "".join(parts) + '"')
STRINGS = st.one_of(PLAIN.map(json.dumps), PLAIN.map(lambda t: json.dumps(t, ensure_ascii=False)), ESCAPES)
KEYS = st.one_of(
    st.sampled_from(["a", "b", "Tag", "tag", "omitted", "reason", "x-amz-id-2", "aws:s3:arn", "", "Records"]).map(
        json.dumps
    ),
    STRINGS,
)
SCALARS = st.one_of(NUMBERS, STRINGS, st.sampled_from(["null", "true", "false", "{}", "[]", '""']))


def joined(parts: list[str], space: str, ends: str) -> str:
    return ends[0] + space + (space + "," + space).join(parts) + space + ends[1]


def unique_members(pairs: list[tuple[str, str]]) -> list[str]:
    """Members whose keys differ by what they say; twins are another test's business."""
    seen, out = set(), []
    for key, value in pairs:
        if (said := model.canonical(key.encode())) not in seen:
            seen.add(said)
            out.append(f"{key}:{value}")
    return out


def arrays(values):
    return st.builds(joined, st.lists(values, max_size=4), SPACES, st.just("[]"))


def objects(values, keys=KEYS):
    return st.builds(joined, st.lists(st.tuples(keys, values), max_size=5).map(unique_members), SPACES, st.just("{}"))


TREES = st.recursive(SCALARS, lambda inner: st.one_of(arrays(inner), objects(inner)), max_leaves=12)
OBJECTS = objects(TREES)
TIMES = st.one_of(
    st.datetimes().map(lambda t: json.dumps(t.strftime("%Y-%m-%dT%H:%M:%SZ"))),
    st.sampled_from(
        ['"2026-03-01T10:00:00Z"', '"2026-03-01T10:00:00.120Z"', '"2026-03-01T10:00:00+05:30"', '"now"', '""', "0"]
    ),
)
ACCOUNTS = st.sampled_from(['"111122223333"', '"999988887777"', '"anonymous"', '""', "111122223333", "null"])
REGIONS = st.sampled_from(['"us-east-1"', '"eu-west-1"', '"../x"', '""', "1", "null"])
BOOLEANS = st.sampled_from(["true", "false", "null", '"true"', "0", '"REDACTED"'])
ISSUERS = st.fixed_dictionaries(
    {}, optional={k: st.one_of(STRINGS, TREES) for k in ("type", "arn", "userName", "accountId", "principalId")}
)
ATTRIBUTES = st.fixed_dictionaries(
    {}, optional={"mfaAuthenticated": BOOLEANS | st.sampled_from(['"False"', '"true"']), "creationDate": TIMES}
)


def written(fields: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in fields.items()) + "}"


SESSIONS = st.fixed_dictionaries(
    {},
    optional={
        "sessionIssuer": ISSUERS.map(written) | TREES,
        "attributes": ATTRIBUTES.map(written) | TREES,
        "sourceIdentity": STRINGS | TREES,
    },
)
IDENTITIES = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["Root", "IAMUser", "AssumedRole", "AWSService", "AWSAccount", "IdentityCenterUser", "Unknown", "SAMLUser",
                                     "WebIdentityUser", "FederatedUser", "Directory", "Role", "Later"]).map(json.dumps) | TREES,
            "arn": STRINGS, "principalId": STRINGS | TREES, "accountId": ACCOUNTS, "accessKeyId": STRINGS, "userName": STRINGS | TREES,
            "invokedBy": STRINGS, "sessionContext": SESSIONS.map(written) | TREES, "onBehalfOf": TREES, "inScopeOf": TREES, "novelty": TREES,
        },
    ).map(written),
    TREES,
)  # fmt: skip
TEXTS = ("eventVersion", "eventSource", "eventName", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestID", "eventID",
         "eventType", "apiVersion", "sharedEventID", "annotation", "vpcEndpointId", "vpcEndpointAccountId", "eventCategory",
         "sessionCredentialFromConsole")  # fmt: skip
SUBTREES = ("requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "resources", "addendum", "eventContext",
            "edgeDeviceDetails", "tlsDetails", "insightDetails")  # fmt: skip
FIELDS = {
    "userIdentity": IDENTITIES, "eventTime": TIMES, "awsRegion": REGIONS, "recipientAccountId": ACCOUNTS, "readOnly": BOOLEANS,
    "managementEvent": BOOLEANS, **dict.fromkeys(TEXTS, STRINGS | TREES),
    **dict.fromkeys(SUBTREES, st.one_of(OBJECTS, TREES, st.just("null"), st.just("{}"))),
}  # fmt: skip


@st.composite
def raw_records(draw) -> bytes:
    """A record's text: any of the known fields in any order, of any type, and some unknown ones."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1, max_size=14))
    pairs = [(json.dumps(name), draw(FIELDS[name])) for name in names]
    pairs += draw(st.lists(st.tuples(KEYS, TREES), max_size=3))
    draw(st.randoms(use_true_random=False)).shuffle(pairs)
    return joined(unique_members(pairs), draw(SPACES), "{}").encode()


def whole_and_equal(data: bytes, folder: str = "CloudTrail") -> Decoded:
    """Decode on each way, compare them with each other and with the model, and rebuild every record."""
    read = model.read(data, folder)
    got = decode(data, delivered(folder))
    strict = decode(data, delivered(folder), way="strict")
    assert rejects(got) == rejects(strict)
    if "native" in WAYS:
        native = decode(data, delivered(folder), way="native")
        assert (account(native), native.rows.equals(got.rows)) == (account(got), True)
    assert got.records == got.rows.num_rows + sum(reject.position is not None for reject in got.rejects)
    assert (got.records, sorted(got.flags), rejects(got)) == (
        read.records,
        sorted(read.flags),
        [(bad.index, bad.reason) for bad in read.bad],
    )
    rows, strict_rows = got.rows.to_pylist(), strict.rows.to_pylist()
    for a, b, want in zip(rows, strict_rows, read.rows, strict=True):
        assert {**a, "parse_flags": set(flags(a)) | {"dup_key"}} == {**b, "parse_flags": set(flags(b)) | {"dup_key"}}
        assert set(flags(a)) <= set(flags(b))
        assert a["record_index"] == want.index
        assert model.canonical(record(a, model.TABLES[folder])) == model.canonical(want.slice)
    return got


@CALM
@given(st.lists(raw_records(), max_size=6))
def test_any_records_come_back(texts):
    got = whole_and_equal(gzip.compress(records(*texts), 1))
    assert got.records == got.rows.num_rows == len(texts)


@CALM
@given(
    st.lists(raw_records(), min_size=1, max_size=3),
    st.sampled_from(["CloudTrail-Insight", "CloudTrail-Aggregated", "CloudTrail-NetworkActivity"]),
)
def test_any_records_come_back_in_any_folder(texts, folder):
    assert whole_and_equal(records(*texts), folder).records == len(texts)


@CALM
@given(st.lists(raw_records(), min_size=1, max_size=3), st.lists(TREES, max_size=3))
def test_any_element_is_a_row_or_a_reject(texts, others):
    mixed = [*texts, *(other.encode() for other in others)]
    assert whole_and_equal(records(*mixed)).records == len(mixed)


@CALM
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_quarantined_or_read(data, packed):
    """Never an exception; garbage is one reject of the whole object."""
    got = decode(gzip.compress(data, 1) if packed else data, delivered())
    assert got.records == got.rows.num_rows + sum(reject.position is not None for reject in got.rejects)
    assert got.rows.num_rows or got.rejects or model.read(data).records == 0


# --- damage ----------------------------------------------------------------------------------------------------------

SMALL = gzip.compress(records(event(1), event(2)), 9, mtime=0)
LARGE = gzip.compress(records(*(event(i, userAgent=json.dumps(f"agent/{i * i}")) for i in range(400))), 9, mtime=0)


def settle(data: bytes) -> None:
    """Rows where the model has rows, the same ones; else one reject of the whole object."""
    want = [(row.account_id, row.region, row.event_id) for row in model.read(data).rows]
    for way in WAYS:
        got = decode(data, delivered(), way=way)
        if want:
            assert rejects(got) == []
            assert [
                tuple(row.values()) for row in got.rows.select(["account_id", "region", "event_id"]).to_pylist()
            ] == want
        else:
            assert [reject.position for reject in got.rejects] == [None]
            assert got.records == got.rows.num_rows == 0


def test_every_flipped_bit_ends_in_rows_or_quarantine():
    assert len(SMALL) < 400
    for bit in range(len(SMALL) * 8):
        data = bytearray(SMALL)
        data[bit // 8] ^= 1 << bit % 8
        settle(bytes(data))


def test_every_changed_byte_ends_in_rows_or_quarantine():
    for at in range(len(SMALL)):
        for value in (0x00, 0xFF, SMALL[at] ^ 0x55):
            settle(SMALL[:at] + bytes([value]) + SMALL[at + 1 :])


@EACH_WAY
def test_every_cut_is_a_truncated_gzip(way):
    for end in range(1, len(SMALL)):
        assert rejects(decode(SMALL[:end], delivered(), way=way)) == [(None, "gzip_truncated")], end


def test_every_flip_in_the_trailer_is_named():
    for bit in range((len(SMALL) - 8) * 8, len(SMALL) * 8):
        data = bytearray(SMALL)
        data[bit // 8] ^= 1 << bit % 8
        assert rejects(decode(bytes(data), delivered())) == [(None, "gzip_crc")], bit


@pytest.mark.parametrize("seed", range(60))
def test_flips_and_cuts_of_a_larger_file(seed):
    dice = random.Random(seed)
    data = bytearray(LARGE)
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    settle(bytes(data))
    end = dice.randrange(1, len(LARGE))
    assert rejects(decode(LARGE[:end], delivered())) == [(None, "gzip_truncated")]


@pytest.mark.parametrize("seed", range(40))
def test_a_file_in_any_members_is_one_file(seed):
    dice, text = random.Random(seed), records(*map(event, range(20)))
    cuts = sorted(dice.randrange(len(text)) for _ in range(dice.randrange(6)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    got = decode(b"".join(gzip.compress(part, dice.randrange(10)) for part in parts), delivered())
    assert (got.records, got.flags, got.rejects) == (20, (), ())


# --- mutated text ----------------------------------------------------------------------------------------------------

SOUND = records(
    event(1, userAgent='"a\\u00e9\\n \u00e9"', requestParameters='{"a":[1,-2.5e3,{"b":null}],"Tag":"x","tag":{}}'),
    event(2, additionalEventData='{"bytesTransferredIn":0.0,"x-amz-id-2":"\\/=="}', responseElements="null"),
    event(3, resources='[{"ARN":"arn:aws:s3:::b"}]', tlsDetails='{"tlsVersion":"TLSv1.3"}'),
)
INSERTED = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\n", b" ", b"\xff", b"\xed\xa0\x80", b"null", b"1", b"\\ud800",
            b"\\u0000", b'"eventID":"x",', b'{},', b"NaN"]  # fmt: skip


def mutated(dice: random.Random, text: bytes) -> bytes:
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text))
        match dice.randrange(5):
            case 0:
                text = text[:at] + bytes([text[at] ^ (1 << dice.randrange(8))]) + text[at + 1 :]
            case 1:
                text = text[:at] + dice.choice(INSERTED) + text[at:]
            case 2:
                text = text[:at] + text[at + dice.randint(1, 8) :]
            case 3:
                other = dice.randrange(len(text))
                text = text[:at] + text[other : other + dice.randint(1, 40)] + text[at:]
            case 4:
                text = text[:at] + bytes([dice.randrange(256)]) + text[at + 1 :]
    return text


@pytest.mark.parametrize("seed", range(25))
def test_mutated_text_ends_as_the_model_says(seed):
    """Rows, rejected records and rejected objects are the model's. The word for a rejected object is pinned in the cases."""
    dice = random.Random(seed)
    for _ in range(200):
        text = mutated(dice, SOUND)
        read = model.read(gz(text))
        broken = bool(read.bad) and read.bad[0].index is None
        for way in WAYS:
            got = decode(gz(text), delivered(), way=way)
            if broken:
                assert [reject.position for reject in got.rejects] == [None], text
                continue
            assert rejects(got) == [(bad.index, bad.reason) for bad in read.bad], text
            assert sorted(got.flags) == sorted(read.flags), text
            for row, want in zip(got.rows.to_pylist(), read.rows, strict=True):
                assert (row["account_id"], row["region"]) == (want.account_id, want.region), text
                assert model.canonical(record(row)) == model.canonical(want.slice), text


@pytest.mark.parametrize("seed", range(25))
def test_the_native_kernel_says_of_mutated_text_what_the_fast_path_says(seed, native):
    dice = random.Random(1000 + seed)
    for _ in range(200):
        text = mutated(dice, SOUND)
        got, want = (decode(text, delivered(), way=way) for way in (native, "fast"))
        assert account(got) == account(want), text
        assert got.rows.equals(want.rows), text


# --- time and memory -------------------------------------------------------------------------------------------------

LINEAR = ["unterminated_string", "backslashes", "quotes", "deep_outside", "brackets_only", "unterminated_quotes_in_frame",
          "deep_1000000", "deep_identity", "million_digits", "million_digits_unknown", "string_25_mb", "keys_100k", "key_1_mb"]  # fmt: skip


@EACH_WAY
@pytest.mark.parametrize("maker", LINEAR)
def test_a_long_hostile_text_takes_linear_time(maker, way):
    """Quadratic ones take minutes (M25: 9 MB did not finish in 90 s); a noisy machine gets 20 seconds."""
    data = MAKERS[maker]()
    began = time.monotonic()
    decode(data, delivered(), way=way)
    assert time.monotonic() - began < 20


@EACH_WAY
def test_a_record_of_many_quotes_takes_linear_time(way):
    """The splitter's own trap, inside a sound frame: every quote may start a string."""
    inner = '{"a":"' + 'x\\"' * (3 * 10**5) + '"}'
    data = gz(records(event(1), event(2, requestParameters=inner), event(3)))
    began = time.monotonic()
    got = decode(data, delivered(), way=way)
    assert time.monotonic() - began < 20
    assert (got.records, got.rejects) == (3, ())


@EACH_WAY
def test_an_unterminated_string_takes_linear_time(way):
    """Tried again from each of its quotes, half a megabyte would take minutes."""
    data = gz(records(event(1))[:-2] + b',{"a":"' + b'x\\"' * (6 * 10**4))
    began = time.process_time()
    assert rejects(decode(data, delivered(), way=way)) == [(None, "envelope")]
    assert time.process_time() - began < 1


PEAK = """
import resource, sys
from tests.cases.make import squeezed, zeros
from tests.decode.test_cases import delivered
from tests.decode.one import decode
from trailhouse.decode.values import Limits
data = zeros(int(sys.argv[1]) * 2**20)
decode(b"x", delivered())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
got = decode(data, delivered(), Limits(inflated_bytes=int(sys.argv[2]) * 2**20))
assert [r.reason for r in got.rejects] == ["inflated_limit"], got.rejects
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak(bomb_mb: int, limit_mb: int) -> int:
    """Megabytes that decoding a bomb adds to a process."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "jobs"), *(p for p in sys.path if p)])
    ran = subprocess.run([sys.executable, "-c", PEAK, str(bomb_mb), str(limit_mb)], capture_output=True, text=True,
                         cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


@pytest.mark.parametrize("bomb_mb", [100, 1000])
def test_a_bomb_costs_no_more_memory_than_the_limit(bomb_mb):
    """Twice the limit for joining the parts, and some: what it would have inflated to doesn't matter."""
    assert peak(bomb_mb, limit_mb=16) < 2 * 16 + 24


def test_a_bomb_costs_no_more_memory_than_the_default_limit():
    assert peak(1500, limit_mb=200) < 2 * 200 + 50
