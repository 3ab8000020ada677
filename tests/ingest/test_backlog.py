"""
What is new, kept in a file beyond memory, and told from the ledger by hashes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.buckets import plain
from tests.children import python_path
from tests.ingest.contents import config_of, ingest
from trailhouse.errors import TrailhouseError
from trailhouse.ingest import backlog, plan, run
from trailhouse.ingest.backlog import Backlog
from trailhouse.ingest.known import Known
from trailhouse.ingest.values import Object
from trailhouse.lake import catalog
from trailhouse.settings import Source
from trailhouse.sources.keys import LogKey
from trailhouse.sources.listing import Scan, look
from trailhouse.sources.values import Found

NOW = datetime(2026, 3, 3, tzinfo=UTC)
FIT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\u2028\u2029"), min_size=1)


def new(number: int, day: date = date(2026, 3, 1)) -> Object:
    file = f"{number:06d}.json.gz"
    log = LogKey("", "", "111122223333", "CloudTrail", "us-east-1", day, file)
    return Object(0, "s3://b", f"AWSLogs/{file}", f"etag{number}", number, NOW, log)


objects = st.builds(
    lambda folder, file, day, when, rest, again: Object(
        rest, "s3://b", f"{folder}/{file}", file, rest, when, LogKey("", folder, "1", "CloudTrail", "r", day, file), again
    ),
    FIT, FIT, st.dates(), st.none() | st.datetimes(timezones=st.just(UTC)), st.integers(0, 2**62), st.booleans(),
)  # fmt: skip


@given(st.lists(objects, unique_by=lambda each: each.key, max_size=8))
def test_what_comes_out_is_what_went_in_the_oldest_first(given: list[Object]) -> None:
    made = Backlog()
    made.add(given)
    assert sorted(made, key=str) == sorted(given, key=str)
    assert [each.log.day for each in made] == sorted(each.log.day for each in given)
    assert (len(made), made.bytes) == (len(given), sum(each.size for each in given))


def test_the_order_is_that_of_the_planner_however_they_were_added() -> None:
    days = [date(2026, 3, 1) + timedelta(days=n % 3) for n in range(100)]
    all_of = [new(number, day) for number, day in enumerate(days)]
    made = Backlog()
    for piece in (all_of[50:], all_of[:50]):
        made.add(random.Random(1).sample(piece, len(piece)))
    assert list(made) == sorted(all_of, key=plan.oldest_first)


def test_objects_are_found_by_their_places() -> None:
    made = Backlog()
    made.add([new(n) for n in range(10)])
    asked = {("s3://b", new(3).key), ("s3://b", "AWSLogs/elsewhere"), ("s3://else", new(4).key)}
    assert made.at(asked) == [new(3)] == made.at(asked)
    assert made.at(()) == [] == Backlog().at(asked)


def test_a_full_disk_is_told_in_words() -> None:
    made = Backlog()
    made._file.execute("PRAGMA max_page_count = 20")
    with pytest.raises(TrailhouseError, match="TMPDIR"):
        made.add([new(n) for n in range(10_000)])


def test_a_full_disk_is_told_in_words_of_a_search_too() -> None:
    made = Backlog()
    made.add([new(1)])
    made._file.execute("PRAGMA temp.max_page_count = 4")
    with pytest.raises(TrailhouseError, match="TMPDIR"):
        made.at([("s3://b", new(n).key) for n in range(10_000)])


def test_the_folder_that_is_named_is_the_one_that_is_filled() -> None:
    """SQLite's own choice, which is not Python's."""
    script = (
        "from tests.ingest.test_backlog import *; backlog.MEMORY = 2**16; made = Backlog()\n"
        "made.add([new(n) for n in range(20_000)]); print(nameless_files())"
    )
    env = {name: value for name, value in os.environ.items() if name not in {"TMPDIR", "SQLITE_TMPDIR"}}
    env["PYTHONPATH"] = python_path()
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    made = Backlog()
    made._file.execute("PRAGMA max_page_count = 20")
    with pytest.raises(TrailhouseError) as told:
        made.add([new(n) for n in range(10_000)])
    folder = ran.stdout[2:].partition("/etilqs")[0]
    assert f"(without it: {folder})" in str(told.value)


def test_what_is_more_than_memory_holds_is_in_a_file_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MEMORY", 2**16)
    made = Backlog()
    before = nameless_files()
    made.add([new(n) for n in range(20_000)])
    assert len(nameless_files()) == len(before) + 1, "nothing was written"
    del made
    assert nameless_files() == before


def nameless_files() -> set[str]:
    """Files that this process has open and that have no name any more."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found.add(str(each.readlink()))
    return {name for name in found if "etilqs" in name}


def test_a_day_of_the_ledger_is_read_once(lake, tmp_path, monkeypatch) -> None:
    from trailhouse.lake import rows

    ingest(lake, plain(16).save(tmp_path / "logs"))
    source = Source(url=str(tmp_path / "logs"))
    listed = list(Scan(look(source, None, config_of(lake).listing, NOW)))
    asked: list[set[date]] = []
    plainly = rows.known_batches
    monkeypatch.setattr(
        rows,
        "known_batches",
        lambda at, name, days, columns: asked.append(set(days)) or plainly(at, name, days, columns),
    )
    known = Known(catalog.open_lake(lake), source)
    for each in listed:
        assert list(known.of([each])) == [(True, True)]
    other = replace(listed[0], key="other.json.gz")
    assert list(known.of([other, replace(listed[0], size=1)])) == [(False, False), (False, True)]
    assert asked == [{day} for day in sorted({each.log.day for each in listed})]


def test_hashes_are_drawn_anew_for_each_run(lake, tmp_path) -> None:
    ingest(lake, plain(8).save(tmp_path / "logs"))
    opened, source = catalog.open_lake(lake), Source(url=str(tmp_path / "logs"))
    assert Known(opened, source)._fact("a") != Known(opened, source)._fact("a")


def test_pieces_of_any_size_find_the_same(lake, tmp_path, monkeypatch) -> None:
    bucket = plain(16)
    logs = bucket.save(tmp_path / "logs", only=sorted(bucket.objects)[:3])
    ingest(lake, logs)
    bucket.save(logs)
    for size in (1, 2, 1000):
        monkeypatch.setattr(plan, "AT_ONCE", size)
        told: list[int] = []
        found, _ = run.dry_run(config_of(lake, logs), NOW, listed=told.append)
        assert (len(found.new), found.known) == (5, 3)
        assert told == sorted(told) and told[-1] == 8


def test_of_sources_beside_each_other_in_a_bucket_no_key_is_kept() -> None:
    """A source for each account is many millions of keys, none of which two of them reach."""
    beside = [Source(url=f"s3://b/AWSLogs/{account}") for account in ("111122223333", "444455556666")]
    within = [*beside, Source(url="s3://b/AWSLogs", layout="flat"), Source(url="s3://else/AWSLogs")]
    listed = [Found("AWSLogs/111122223333/a", "e", 1, NOW, new(1).log)]
    for sources, kept in ((beside, 0), (within, 1), ((within[0], within[0]), 1)):
        seen = plan._Seen(sources)
        assert [len(seen.new(each, listed)) for each in sources[:2]] == [1, 1 - kept]
        assert len(seen._keys) == kept


def test_what_two_sources_reach_is_planned_and_counted_once(lake, tmp_path) -> None:
    bucket = plain(16)
    logs = bucket.save(tmp_path / "logs")
    config = config_of(lake, logs, logs)
    assert len(run.dry_run(config, NOW)[0].new) == len(bucket.objects)
    ingest(lake, logs, logs)
    found, _ = run.dry_run(config, NOW)
    assert (len(found.new), found.known) == (0, len(bucket.objects))
