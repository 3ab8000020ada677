"""A bug that one object meets costs that object; a write that fails costs nobody's data anything."""

from __future__ import annotations

import errno

import pytest
from pyarrow.lib import ArrowMemoryError

from tests.buckets import Bucket, event, key
from tests.ingest.contents import Contents, ingest
from trailhouse.decode import derive
from trailhouse.errors import TrailhouseError
from trailhouse.lake import write


def three(tmp_path):
    bucket = Bucket()
    for number, name in enumerate("abc"):
        bucket.put(key(name), event(number + 1))
    return bucket.save(tmp_path / "logs")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError, "internal:ZeroDivisionError"),
        (MemoryError, "limit_memory"),
        (ArrowMemoryError, "limit_memory"),
    ],
)
def test_the_object_that_decoding_breaks_on_is_quarantined_and_the_others_are_not(
    lake, tmp_path, monkeypatch, error, reason
):
    plainly = derive.derive

    def breaks(columns, parsed, layout, delivered):
        if any(each.key == key("b") for each in delivered):
            raise error
        return plainly(columns, parsed, layout, delivered)

    monkeypatch.setattr(derive, "derive", breaks)
    result = ingest(lake, three(tmp_path))
    assert (result.rows, result.quarantined_objects) == (2, 1)
    assert [(q["key"], q["reason"]) for q in Contents(lake).rows("quarantine")] == [(key("b"), reason)]


def test_a_write_that_fails_is_taken_for_no_damage(lake, tmp_path, monkeypatch):
    logs = three(tmp_path)

    plainly, failed = write.write_rows, []

    def full_once(*given):
        if not failed:
            failed.append(True)
            raise OSError(errno.ENOSPC, "no space left")
        return plainly(*given)

    with monkeypatch.context() as patched:
        patched.setattr(write, "write_rows", full_once)
        patched.setattr("trailhouse.ingest.task.HELD_BYTES", 0)
        with pytest.raises(TrailhouseError, match=r"no space left.*make room.*run again"):
            ingest(lake, logs)
    assert Contents(lake).rows("ledger") == []
    assert ingest(lake, logs).rows == 3
    assert Contents(lake).rows("quarantine") == []
