"""
Thirty seconds of the fuzzer, and the proof that it finds what it is for: each of its rules is broken once on purpose.

`make fuzz` runs it for ten minutes; FUZZ_SECONDS says otherwise for both.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace

import pytest

from tests import model
from tests.cases.make import event, gz, records
from tests.conftest import CORPUS
from tests.fuzz import check, lake, material, mutate, session, shrink
from tests.fuzz.mutate import File
from tests.fuzz.tree import read, written
from trailhouse import decode as decoding
from trailhouse.decode import careful, clean, columns, derive, frame, parse, rebuild
from trailhouse.ingest import task

SECONDS = float(os.environ.get("FUZZ_SECONDS", "30"))


@pytest.fixture(scope="module")
def bases():
    return material.gather(CORPUS)


def test_nothing_is_found(request, record_property, bases):
    seed = int(request.config.getoption("--hypothesis-seed") or random.SystemRandom().randrange(2**32))
    told = session.run(bases, seed, SECONDS)
    record_property("told", f"fuzz seed {seed}: {told}")
    again = f"python -m tests.fuzz --seed {seed} --only NUMBER"
    assert not told.findings, "\n".join(map(str, told.findings)) + f"\nagain, made small and kept as a case: {again}"
    assert told.files >= 16


# What the reference and the product once called by different words, both having reasons to.
AGREED = {
    "of an array too deep to be looked into its bracket is enough to know": (
        "CloudTrail-Insight",
        b'{"Records":[[' + b"[" * 2000 + b"." + b"]" * 2000 + b"]]}",
    ),
    "and so of one that is too deep by its objects": (
        "CloudTrail-Insight",
        b'{"Records":[[' + b'{"a":' * 2000 + b"." + b"}" * 2000 + b"]]}",
    ),
    "behind the mark of UTF-8 a NUL is no sign of another encoding": (
        "CloudTrail-Aggregated",
        b"\xef\xbb\xbf[\0{}]",
    ),
    "a window may begin in the basic form of ISO 8601": (
        "CloudTrail-Aggregated",
        b'{"Records":[{"timeWindow":{"windowStart":"20260301T100000Z"}}]}',
    ),
}


@pytest.mark.parametrize(("kind", "data"), AGREED.values(), ids=AGREED)
def test_they_agree(kind, data):
    file = File(0, kind, data, ("by hand",))
    assert list(check.look([file, file])) == []


def test_an_array_that_is_not_deep_is_looked_into():
    assert check.word("json", b"[.]") != check.word("not_object", b"[.]")


def test_a_file_follows_from_seed_and_number(bases):
    some = [mutate.make(bases, 7, number) for number in range(40)]
    assert some == [mutate.make(bases, 7, number) for number in range(40)]
    assert len({file.data for file in some}) > 35
    assert {file.data for file in some}.isdisjoint(mutate.make(bases, 8, number).data for number in range(40))


def test_processes_share_the_numbers_and_leave_none_out():
    shares = [session.numbers(share, 3) for share in range(3)]
    taken = sorted(number for share in shares for _ in range(4) for number in next(share))
    assert taken == list(range(12 * session.TOGETHER))


def test_files_of_every_kind_and_from_every_source_are_tried(bases):
    files = [mutate.make(bases, 1, number) for number in range(600)]
    assert {file.kind for file in files} == set(model.TABLES)
    outcomes = [model.read(file.data, file.kind) for file in files]
    rows, whole = sum(bool(o.rows) for o in outcomes), sum(o.bad[:1] != [] and o.bad[0].index is None for o in outcomes)
    single = sum(bool(o.bad) and o.bad[0].index is not None for o in outcomes)
    assert min(rows, whole, single) > 60, "most of what is tried comes to the same end"


def test_a_tree_writes_what_it_read():
    text = records(event(1, requestParameters='{"a":[1.10,-0,{"b":null}],"\u00e9":"\\u0000"}'), b"3", b"[]")
    assert model.canonical(written(read(text))) == model.canonical(text)


# ── each rule broken once ────────────────────────────────────────────────────────────────────────────────────────────


def file(*texts: bytes, kind: str = "CloudTrail") -> File:
    return File(1, kind, gz(records(*texts)), ("made by hand",))


def changed(module, name, change):
    """Patch a function with what `change` makes of it."""

    def plant(patch):
        patch.setattr(module, name, change(getattr(module, name)))

    return plant


def raising(_):
    def decode(*_, **__):
        raise ZeroDivisionError

    return decode


def last_dropped(plainly):
    def frame(*given):
        framed = plainly(*given)
        return replace(framed, slices=framed.slices[:-1])

    return frame


def slow(plainly):
    def decode(*given, **more):
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass
        return plainly(*given, **more)

    return decode


def greedy(plainly):
    def decode(*given, **more):
        held = bytearray(b"x") * (check.BYTES + 64 * 2**20)
        return plainly(*given, **more) if held else None

    return decode


def hanging(_):
    def decode(*_, **__):
        while True:
            pass

    return decode


def moody(plainly):
    """Says something else the third time; the first two the file is alone."""
    seen = []

    def content_hash(text):
        seen.append(text)
        return plainly(text) if len(seen) <= 2 else 7

    return content_hash


def numbers_rewritten(plainly):
    return lambda row, table="events": plainly(row, table).replace(b"1.10", b"1.1")


def everything(_):
    return lambda text: (text.replace(b"\\ud800", b"\\ufffd"), ("surrogate",))


def quarantined_uncounted(plainly):
    def account(number, parsed, made):
        return replace(plainly(number, parsed, made), rejects=())

    return account


ODD = event(2, requestParameters='{"n":1.10,"s":"\\ud800"}')
PLANTED = {
    "decode raises": (raising, decoding, "decode", [ODD], "decode raised ZeroDivisionError"),
    "the last record is dropped": (last_dropped, parse, "frame", [ODD, b" {}"], "reasons"),
    "slow": (slow, decoding, "decode", [ODD], "time"),
    "no end": (hanging, decoding, "decode", [ODD], "time"),
    "much memory": (greedy, decoding, "decode", [ODD], "memory"),
    "another answer in company": (moody, columns, "content_hash", [ODD], "in company: rows"),
    "a number respelled on the way back": (numbers_rewritten, rebuild, "record", [ODD], "lossless"),
    "half a pair replaced": (everything, careful, "clean", [event(3, userAgent='"\\ud800"')], "nothing replaced"),
    "a record quarantined and not told": (quarantined_uncounted, decoding, "_account", [ODD, b"3"], "records = rows + quarantined"),
    "a key in another spelling taken for none": (lambda _: lambda *_: False, careful, "_is_json", [event(1), b'{"a":}'], "reasons"),
    "a flag seen by one path alone": (lambda _: lambda arrays, layout, count: columns.np.zeros(count, bool), columns, "_unexpected",
                                      [event(4, resources='"x"')], "both paths: flags"),
    "escapes trusted to the fast parser": (lambda _: lambda data: True, parse, "_is_plain", [event(5, requestParameters='{"\\u0000":1}')],
                                           "both paths: flags"),
    "an account of any spelling": (lambda _: lambda text: True, derive, "is_account", [event(6, recipientAccountId='"../x"')], "identity"),
    "a day out of range": (lambda _: lambda micros: True, derive.times, "in_range", [event(7, eventTime='"2199-01-01T00:00:00Z"')], "day"),
    "flags of an object forgotten": (lambda _: lambda data, kind, limits: frame.Framed([event(8)], ()), parse, "frame",
                                     None, "object flags"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(monkeypatch, name):
    change, module, function, texts, rule = PLANTED[name]
    one = file(*texts) if texts else File(1, "CloudTrail", gz(b"\xef\xbb\xbf" + records(event(8))), ())
    assert check.first_wrong(one) is None
    monkeypatch.setattr(check, "HANGS", 0.5 if name == "no end" else check.HANGS)
    monkeypatch.setattr(check, "SECONDS", 0.2 if rule == "time" else check.SECONDS)
    changed(module, function, change)(monkeypatch)
    if module is rebuild:
        monkeypatch.setattr(check, "record", rebuild.record)
    # Alone a file is read by the kernel, where there is one: then it is the others, in company, that don't say the same.
    assert check.first_wrong(one) in {rule, rule.replace("both paths", "in company")}


def test_a_record_that_a_lake_loses_is_found(monkeypatch):
    """Decoding is right; what the task does with it is not."""
    plainly = task._Writer.settle
    files = [file(event(1), b"3")]
    assert lake.look(files) == []

    def forgetful(self, wanted, etag, stored_sha256, account):
        plainly(self, wanted, etag, stored_sha256, replace(account, rejects=()))

    monkeypatch.setattr(task._Writer, "settle", forgetful)
    (finding,) = lake.look(files)
    assert finding.rule == "lake"


def test_a_finding_is_made_small_and_kept(monkeypatch, tmp_path):
    """What is kept is a case like the others, and is red until the bug is mended."""
    monkeypatch.setattr(shrink, "FOUND", tmp_path)
    one = file(event(1), event(2), event(3, userAgent='"a\\u0000b"', requestParameters='{"x":[1,2,3]}'))

    def chokes(text):
        if b"\\u0000" in text:
            raise ValueError
        return clean.clean(text)

    with monkeypatch.context() as patched:
        patched.setattr(careful, "clean", chokes)
        rule = check.first_wrong(one)
        assert rule == "decode raised ValueError"
        path = shrink.keep(shrink.smallest(one, rule), rule)
    assert b"\\u0000" in path.read_bytes() and path.stat().st_size < 80 < len(one.data)
    told = path.with_suffix(".toml").read_text()
    assert "records = 1" in told and "decode raised ValueError" in told
