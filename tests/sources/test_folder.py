"""Listing and reading a folder on this machine."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.settings import Listing as Every
from trailhouse.settings import Source
from trailhouse.sources.listing import Listing, Scan, list_source, look, part, source_id
from trailhouse.sources.objects import Fetched, Pending, ReadLimits, TooLarge, ToRead, fetch, reader_for
from trailhouse.sources.values import Range

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FEED = "AWSLogs/111122223333/CloudTrail/us-east-1"
NAME = "111122223333_CloudTrail_us-east-1_20261121T0005Z_AbCdEfGh12345678.json.gz"


def put(root: Path, key: str, data: bytes = b"x") -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def listed(root: Path, layout: str = "aws") -> Listing:
    return list_source(Source(url=str(root), layout=layout), None, Every(), NOW)  # type: ignore[arg-type]


def read(root: Path, *wanted: ToRead, limits: ReadLimits | None = None) -> list[Fetched | Pending | TooLarge]:
    return list(fetch(wanted, reader_for(Source(url=str(root))), limits=limits or ReadLimits()))


def test_every_file_is_found_or_counted(tmp_path: Path) -> None:
    put(tmp_path, f"{FEED}/2026/11/21/{NAME}", b"abc")
    put(tmp_path, f"x/{FEED}/2026/11/20/{NAME}")
    put(tmp_path, f"{FEED.replace('CloudTrail', 'CloudTrail-Digest')}/2026/11/20/d.json.gz")
    put(tmp_path, "AWSLogs/111122223333/Config/us-east-1/2026/1/1/c.json.gz")
    put(tmp_path, "truth.json")
    put(tmp_path, "README.md")
    listing = listed(tmp_path)
    assert [(found.key, found.size, found.etag) for found in listing.found] == [
        (f"{FEED}/2026/11/21/{NAME}", 3, ""),
        (f"x/{FEED}/2026/11/20/{NAME}", 1, ""),
    ]
    assert listing.skipped == {"digest": 1, "foreign": 1, "unknown_name": 2}
    assert (listing.list_calls, listing.problems, listing.new_state, listing.complete) == (0, (), None, True)
    assert listing.source == tmp_path.as_uri() == source_id(Source(url=str(tmp_path)))


@pytest.mark.parametrize("below", ["AWSLogs", "AWSLogs/111122223333/CloudTrail", f"{FEED}/2026", f"{FEED}/2026/11/21"])
def test_a_folder_inside_the_tree_may_be_the_source(tmp_path: Path, below: str) -> None:
    path = put(tmp_path, f"{FEED}/2026/11/21/{NAME}")
    listing = listed(tmp_path / below)
    assert [found.key for found in listing.found] == [path.relative_to(tmp_path / below).as_posix()]
    assert listing.found[0].log.region == "us-east-1"


def test_a_flat_folder_is_read_by_names(tmp_path: Path) -> None:
    put(tmp_path, f"case 7/{NAME}")
    put(tmp_path, "notes.txt")
    listing = listed(tmp_path, "flat")
    assert [(found.key, found.log.account_id) for found in listing.found] == [(f"case 7/{NAME}", "111122223333")]
    assert listing.skipped == {"unknown_name": 1}


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    put(tmp_path, f"a/{FEED}/2026/11/21/{NAME}")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    outside = tmp_path / "elsewhere"
    put(outside, f"{FEED}/2026/11/21/{NAME}")
    root = tmp_path / "a"
    (root / "link").symlink_to(outside)
    assert [found.key for found in listed(root).found].count(f"{FEED}/2026/11/21/{NAME}") == 1
    assert len(listed(root).found) == 2


def test_a_broken_link_and_an_unreadable_folder_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, f"{FEED}/2026/11/21/{NAME}")
    (tmp_path / FEED / "2026/11/21/gone.json.gz").symlink_to(tmp_path / "nowhere")
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refusing(path: Path) -> object:  # the tests may run as root, whom no mode keeps out
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = listed(tmp_path)
    assert len(listing.found) == 1
    assert {(problem.where, problem.reason) for problem in listing.problems} == {
        (str(closed), "access"),
        (str(tmp_path / FEED / "2026/11/21/gone.json.gz"), "unreadable"),
    }
    assert not listing.complete


def test_a_name_that_is_no_utf8_is_counted_and_stops_nobody(tmp_path: Path) -> None:
    put(tmp_path, f"{FEED}/2026/11/21/{NAME}")
    (tmp_path / FEED / "2026/11/21" / os.fsdecode(b"\xff.json.gz")).write_bytes(b"x")
    listing = listed(tmp_path)
    assert (len(listing.found), listing.skipped) == (1, {"unknown_name": 1})


def test_a_folder_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        listed(tmp_path / "gone")
    with pytest.raises(UsageError, match="is no folder"):
        listed(put(tmp_path, "file"))


def test_a_part_is_never_the_whole(tmp_path: Path) -> None:
    put(tmp_path, f"{FEED}/2026/11/20/{NAME}")
    put(tmp_path, f"{FEED}/2026/11/21/{NAME}")
    scan = Scan(part(Source(url=str(tmp_path)), Range(first=date(2026, 11, 21))))
    assert [each.log.day for each in scan] == [date(2026, 11, 21)]
    assert not scan.result().complete, "what lies outside would count as gone"
    assert list_source(Source(url=str(tmp_path)), None, Every(), NOW).complete


def test_a_listing_has_no_result_before_its_end(tmp_path: Path) -> None:
    put(tmp_path, f"{FEED}/2026/11/21/{NAME}")
    scan = Scan(look(Source(url=str(tmp_path)), None, Every(), NOW))
    assert next(iter(scan)).size == 1
    with pytest.raises(TrailhouseError, match="before its end"):
        scan.result()


def test_files_are_read_whole_in_the_order_asked_for(tmp_path: Path) -> None:
    keys = [f"{number:03d}" for number in range(200)]
    for key in keys:
        put(tmp_path, key, key.encode() * 100)
    wanted = [ToRead(key, "", 300) for key in reversed(keys)]
    got = read(tmp_path, *wanted, limits=ReadLimits(ahead_bytes=1000))
    assert [one.data for one in got if isinstance(one, Fetched)] == [key.encode() * 100 for key in reversed(keys)]
    sha256 = hashlib.sha256(keys[-1].encode() * 100).hexdigest()
    assert got[0] == Fetched(wanted[0], keys[-1].encode() * 100, sha256, sha256, 300)


def test_read_ahead_is_bounded_by_bytes(tmp_path: Path) -> None:
    asked: list[str] = []

    def objects() -> object:
        for number in range(50):
            asked.append(str(number))
            put(tmp_path, str(number), b"x" * 100)
            yield ToRead(str(number), "", 100)

    stream = fetch(objects(), reader_for(Source(url=str(tmp_path))), limits=ReadLimits(ahead_bytes=500))  # type: ignore[arg-type]
    next(stream)
    assert len(asked) == 6
    stream.close()  # type: ignore[attr-defined]


def test_a_listed_file_is_read_only_if_it_is_still_the_same(tmp_path: Path) -> None:
    path = put(tmp_path, f"{FEED}/2026/11/21/{NAME}", b"abc")
    found = listed(tmp_path).found[0]
    wanted = ToRead(found.key, "", found.size, found.modified)
    assert isinstance(read(tmp_path, wanted)[0], Fetched)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    assert isinstance(got := read(tmp_path, wanted)[0], Pending)
    assert got.reason == "changed"
    pinned = ToRead(found.key, hashlib.sha256(b"abc").hexdigest(), 3)
    assert isinstance(read(tmp_path, pinned)[0], Fetched)
    path.write_bytes(b"abd")
    assert isinstance(got := read(tmp_path, pinned)[0], Pending)
    assert got.reason == "changed"
    path.write_bytes(b"abcd")
    assert isinstance(got := read(tmp_path, ToRead(found.key, "", 3))[0], Pending)
    assert got.reason == "changed"


def test_whatever_is_wrong_with_one_file_is_a_value(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "good")
    put(tmp_path, "secret")
    os.mkfifo(root / "fifo")
    (root / "dir").mkdir()
    keys = ["gone", "../secret", "/etc/passwd", "nul\x00", "fifo", "dir", "good/x", "good"]
    got = read(root, *(ToRead(key, "", 1) for key in keys), ToRead("huge", "", 2**40))
    reasons = [one.reason if isinstance(one, Pending) else type(one).__name__ for one in got]
    assert reasons[:4] == ["missing", "missing", "missing", "unavailable"]
    assert reasons[4:] == ["changed", "unavailable", "missing", "Fetched", "TooLarge"]
