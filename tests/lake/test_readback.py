"""What was written is read back: damage is told from a store that does not answer, and bytes that turned over show."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.io.pyarrow import PyArrowFile

from trailhouse.decode import Delivered, decode
from trailhouse.lake import catalog, readback, write

ROWS = 40


@pytest.fixture
def file(lake) -> str:
    """A data file of events."""
    records = b",".join(
        b'{"eventID":"%d","eventTime":"2026-03-01T00:00:00Z","recipientAccountId":"111122223333"}' % number
        for number in range(ROWS)
    )
    where = Delivered("s3://logs", "k", "CloudTrail", "111122223333", "us-east-1")
    rows = decode([(b'{"Records":[%s]}' % records, where)]).rows
    (made,) = write.write_rows(rows, catalog.make_lake(lake).table("events").metadata, catalog.file_io(lake))
    return made.file_path


def path_of(file: str) -> Path:
    return Path(file.removeprefix("file://"))


def rows_of(file: str, lake) -> int | None:
    read = readback.read_back(file, catalog.file_io(lake), pq.ParquetFile.read)
    return None if read is None else read.num_rows


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-20], lambda data: data[: len(data) // 2], lambda _: b"", lambda data: data[:4] + bytes(9999)],
    ids=["truncated", "halved", "emptied", "zeroed"],
)
def test_a_damaged_file_is_none(file, lake, damage):
    assert rows_of(file, lake) == ROWS
    path_of(file).write_bytes(damage(path_of(file).read_bytes()))
    assert rows_of(file, lake) is None


def test_a_file_that_is_gone_is_none(file, lake):
    path_of(file).unlink()
    assert rows_of(file, lake) is None


@pytest.mark.parametrize("seed", range(40))
def test_whatever_bytes_turn_over_nothing_is_raised_and_no_value_changes(file, lake, seed):
    """Data pages have checksums; in the footer, names and numbers may change, which the audit compares."""
    rng = random.Random(seed)
    sound = readback.read_back(file, catalog.file_io(lake), pq.ParquetFile.read)
    data = bytearray(path_of(file).read_bytes())
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    at = rng.randrange(4, end) if seed % 2 else rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    path_of(file).write_bytes(data)
    read = readback.read_back(file, catalog.file_io(lake), pq.ParquetFile.read)
    if at < end and read is not None:
        assert read.equals(sound), f"byte {at} changed a value unseen"


class Fails:
    """A store that does not answer for some calls."""

    def __init__(self, monkeypatch, times: int) -> None:
        plainly, self.left = PyArrowFile.open, times

        def opens(file, *given, **more):
            if self.left:
                self.left -= 1
                raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")
            return plainly(file, *given, **more)

        monkeypatch.setattr(PyArrowFile, "open", opens)


def test_what_the_store_does_is_raised_and_passes(file, lake, monkeypatch):
    plainly = write.open_file

    def interrupted(*_):
        raise OSError("AWS Error SLOW_DOWN during GetObject operation")

    with monkeypatch.context() as patched:
        patched.setattr(write, "open_file", interrupted)
        assert rows_of(file, lake) == ROWS, "the second look has it"
        Fails(patched, times=1)
        with pytest.raises(OSError, match="NETWORK_CONNECTION"):
            rows_of(file, lake)
    assert write.open_file is plainly and rows_of(file, lake) == ROWS


def test_an_answer_cut_short_is_the_stores(file, lake, monkeypatch):
    path_of(file).write_bytes(path_of(file).read_bytes()[:-20])
    monkeypatch.setattr(PyArrowFile, "__len__", lambda _: 10**6)
    with pytest.raises(OSError, match="of 1000000 bytes"):
        rows_of(file, lake)


def test_a_lack_of_memory_is_no_damage(file, lake, monkeypatch):
    def lacks(*_):
        raise pa.ArrowMemoryError("malloc of size 1 failed")

    monkeypatch.setattr(write, "open_file", lacks)
    with pytest.raises(MemoryError):
        rows_of(file, lake)
