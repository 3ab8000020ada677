"""The native kernel: which objects it takes, what it leaves, and that nothing needs it."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
import time
import types

import pytest

from tests.cases.make import event, gz, records
from tests.decode.one import WAYS, decode
from tests.decode.test_cases import account, delivered
from tests.policy.tree import ROOT
from trailhouse import decode as decoding
from trailhouse.decode import Limits
from trailhouse.decode import native as kernel
from trailhouse.decode.layout import layout

LIMITS = Limits(depth=64, records=50, record_bytes=4000)
CUT = records(*(event(n) for n in range(11)))


@pytest.fixture
def reader(native):
    return kernel.reader((layout("events"), LIMITS))


def deep(levels: int) -> bytes:
    return event(1, requestParameters='{"a":' + "[" * levels + "]" * levels + "}")


TAKEN = {
    "plain": (records(event(1), event(2)), []),
    "white space around records": (b'{"Records":[ ' + event(1) + b" ,\n" + event(2) + b" ]} \r\n", []),
    "escapes and white space in subtrees": (records(event(1, requestParameters='{ "a\\n" : [ "\\u00e9\\/" , -0.5e+3 ] }')), []),
    "no ASCII": (records(event(1, userAgent='"\u00e9\U0001f600"')), []),
    "a null subtree": (records(event(1, responseElements="null")), []),
    "a key twice inside a subtree": (records(event(1, requestParameters='{"a":1,"a":2}')), []),
    "white space between members": (records(event(1), event(2).replace(b",", b", ")), [1]),
    "an unknown field": (records(event(1, novelty="1"), event(2)), [0]),
    "a key twice": (records(event(1)[:-1] + b',"eventID":"x"}'), [0]),
    "an escape in a typed text": (records(event(1, userAgent='"a\\/b"')), [0]),
    "an escape in a key": (records(event(1).replace(b"eventName", b"event\\u004eame")), [0]),
    "a null in place of a text": (records(event(1, userAgent="null")), [0]),
    "a number in place of a text": (records(event(1, userAgent="7"), event(2)), [0]),
    "a text in place of a boolean": (records(event(1, readOnly='"true"')), [0]),
    "a subtree of another kind": (records(event(1, resources='"x"')), [0]),
    "many brackets": (records(event(1), deep(70)), [1]),
    "brackets in a text": (records(event(1, userAgent='"' + "[" * 65 + '"')), [0]),
    "too long": (records(event(1, userAgent='"' + "a" * 4000 + '"')), [0]),
    "an empty record": (records(b"{}", event(1)), [0]),
    "elements that are no records": (records(b"3", b"[]", b'"a"', b"null", event(1)), [0, 1, 2, 3]),
}  # fmt: skip

LEFT = {
    "no envelope": event(1),
    "white space in the envelope": b'{ "Records":[' + event(1) + b"]}",
    "more in the envelope": records(event(1))[:-1] + b',"a":[1]}',
    "nothing in it": b'{"Records":[]}',
    "more records than allowed": records(*map(event, range(51))),
    "no UTF-8": records(event(1, userAgent='"a"').replace(b'"a"', b'"\xff"')),
    "half a surrogate pair": records(event(1, requestParameters='{"a":"\\ud800"}')),
    "half a surrogate pair in capitals": records(event(1, requestParameters='{"a":"\\uD800"}')),
    "what only looks like one": records(event(1, requestParameters='{"a":"\\\\ud800"}')),
    "a NUL": records(event(1, requestParameters='{"a":"\\u0000"}')),
    "a raw control character": records(event(1, userAgent='"a\tb"')),
    "a raw control character far from the end": records(event(1, userAgent='"a\tb, and more than eight bytes"')),
    "an escape that there is not": records(event(1, userAgent='"\\x"')),
    "half an escape": records(event(1, userAgent='"\\u00g0"')),
    "deeper than it follows": records(deep(200)),
    "brackets that do not match": records(event(1, requestParameters='{"a":[}')),
    "a bracket closed by one of the other kind": records(event(1, requestParameters='{"a":[1}}')),
    "a comma too many": records(event(1, requestParameters='{"a":1,}')),
    "a comma too few": records(event(1, requestParameters='{"a":1 "b":2}')),
    "a comma before the end": b'{"Records":[' + event(1) + b",]}",
    "no colon": records(event(1, requestParameters='{"a" 1}')),
    "a key that is no text": records(event(1, requestParameters="{1:1}")),
    "a zero before a number": records(event(1, requestParameters='{"a":01}')),
    "a number that ends early": records(event(1, requestParameters='{"a":[1.]}')),
    "a lone minus": records(event(1, requestParameters='{"a":[-]}')),
    "an exponent without digits": records(event(1, requestParameters='{"a":1e}')),
    "a word that there is not": records(event(1, requestParameters='{"a":NaN}')),
    "half a word": records(event(1, requestParameters='{"a":[tru]}')),
    "more behind the envelope": records(event(1)) + b"x",
    "white space behind it that is none of JSON's": records(event(1)) + b"\x0b",
    "a cut": CUT[:-30],
    "a cut in a text": CUT[:40] + b"]}",
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_sure_is_taken_and_what_is_odd_is_told(name, reader):
    text, odd = TAKEN[name]
    taken = reader.take(0, text)
    assert taken is not None
    assert sorted(taken.odd) == odd
    assert reader.give().index.to_pylist() == [n for n in range(taken.count) if n not in odd]


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_of_the_one_form_is_left_and_leaves_nothing(name, reader):
    assert reader.take(0, LEFT[name]) is None
    assert reader.give().table.num_rows == 0


@pytest.mark.parametrize("text", [text for text, _ in TAKEN.values()] + list(LEFT.values()), ids=[*TAKEN, *LEFT])
def test_whoever_reads_them_says_the_same(text, native):
    got, want = (decode(text, delivered(), LIMITS, way=way) for way in (native, "fast"))
    assert account(got) == account(want)
    assert got.rows.equals(want.rows)


def test_hashes_are_those_of_the_standard_at_every_length(native):
    """Alone and in company: a record's last block is one or two, and the object's blocks go beside its records'."""
    texts = [event(n, userAgent=f'"{"a" * n}"') for n in range(140)]
    for some in (texts, *([text] for text in texts)):
        got = decode(records(*some), delivered(), way=native)
        assert got.sha256 == hashlib.sha256(records(*some)).hexdigest()
        digests = [hashlib.sha256(text).digest()[:8] for text in some]
        assert got.rows["content_hash"].to_pylist() == [int.from_bytes(d, "big", signed=True) for d in digests]


@pytest.mark.parametrize("before", range(1, 18))
def test_an_object_that_is_left_half_way_takes_nothing_of_its_neighbours(before, native):
    """In whichever bit of a byte its first row lay, and whatever was null in it."""
    kinds = [event(1, readOnly="true"), event(2, readOnly="false", userAgent=None), event(3, responseElements="null")]
    good, cut = records(*(kinds[n % 3] for n in range(before))), records(*kinds * 4)[:-9] + b"]}"
    objects = [(gz(text), delivered()) for text in (good, cut, good)]
    got, want = (decoding.decode(objects, **WAYS[way]) for way in (native, "fast"))
    assert got.rows.equals(want.rows)
    assert [a.rows for a in got.accounts] == [before, 0, before]


def test_a_reader_begins_anew_when_it_has_given(reader):
    rows = []
    for number in (0, 1):
        assert reader.take(0, records(event(number))) is not None
        rows.append(reader.give().table["event_id"].to_pylist())
    assert rows == [["e-0"], ["e-1"]]


@pytest.mark.parametrize("why", ['{"omitted":true}', '{"reason":"responseElements too large"}'])
def test_what_aws_left_out_is_told(why, native):
    data = records(event(1, responseElements=why), event(2))
    got, want = (decode(data, delivered(), way=way) for way in (native, "fast"))
    assert got.rows["parse_flags"].to_pylist() == want.rows["parse_flags"].to_pylist() == [["omitted"], None]


def test_an_object_that_is_left_costs_the_same_behind_many_rows(native):
    many = kernel.reader((layout("events"), Limits()))
    before = least(many)
    for _ in range(5):
        assert many.take(0, records(*[b'{"eventID":""}'] * 100_000)) is not None
    assert least(many) < 50 * before + 1e-4


def least(reader) -> float:
    """Seconds that the kernel needs to leave an object, the least of some."""
    times = []
    for _ in range(20):
        began = time.perf_counter()
        assert reader.take(0, b"x") is None
        times.append(time.perf_counter() - began)
    return min(times)


def test_objects_that_the_kernel_leaves_are_the_python_path_s(native, monkeypatch):
    monkeypatch.setattr(kernel.Reader, "take", lambda *_: None)
    data = records(event(1), event(2, novelty="1"))
    assert decode(data, delivered(), way=native).rows.equals(decode(data, delivered()).rows)


def test_both_sides_say_the_same_version():
    said = re.search(r"const VERSION: u32 = (\d+);", (ROOT / "native" / "src" / "lib.rs").read_text())
    assert said is not None and int(said[1]) == kernel.VERSION


@pytest.fixture
def again(monkeypatch):
    """The module as it is on import, with some kernel or none."""

    def load(module):
        monkeypatch.setitem(sys.modules, "trailhouse_native", module)
        return importlib.reload(kernel)

    yield load
    monkeypatch.undo()
    importlib.reload(kernel)


def test_without_a_kernel_there_is_no_reader(again):
    assert again(None).reader((layout("events"), LIMITS)) is None


@pytest.mark.parametrize("says", [{"VERSION": kernel.VERSION - 1}, {}])
def test_a_kernel_of_another_version_is_told_and_not_used(again, says):
    stale = types.SimpleNamespace(**says)
    with pytest.warns(RuntimeWarning, match="make native"):
        loaded = again(stale)
    assert not loaded.is_there()
