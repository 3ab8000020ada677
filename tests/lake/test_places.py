"""A lake lies where it was asked for, whatever the folder is called; and an older release keeps its hands off a newer lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from trailhouse import settings
from trailhouse.ask import local
from trailhouse.decode import Delivered, decode
from trailhouse.errors import UsageError
from trailhouse.lake import catalog, commits, write

ROW = b'{"Records":[{"eventID":"a","eventTime":"2026-03-01T00:00:00Z","recipientAccountId":"111122223333"}]}'


@pytest.mark.parametrize(
    "name", ["lake", "my lake", "lüke", "a#b", "it's", "a=b", "a&b", "a+b", "a:b", "a;b", "a%20b", "a?b"]
)
def test_everything_lies_in_the_folder_that_was_named(tmp_path: Path, name: str):
    where = settings.Lake(location=str(tmp_path / name))
    lake = catalog.make_lake(where)
    rows = decode([(ROW, Delivered("s3://logs", "k", "CloudTrail", "111122223333", "us-east-1"))]).rows
    files = write.write_rows(rows, lake.table("events").metadata, catalog.file_io(where))
    commits.append_once(lake, "events", files, commits.mark("batch"))
    assert [each.name for each in tmp_path.iterdir()] == [name]
    opened = catalog.open_lake(where)
    assert opened.table("events").scan().count() == 1
    assert list((tmp_path / name).rglob("account_id=111122223333/region=_invalid/event_date=2026-03-01/*.parquet"))
    assert local.ask(opened.where, "SELECT event_id FROM events").rows == [("a",)]


def test_a_lake_of_a_newer_release_is_refused(tmp_path: Path):
    where = settings.Lake(location=str(tmp_path / "lake"))
    lake = catalog.make_lake(where)
    with lake.table("batches").transaction() as change:
        change.set_properties({"trailhouse.schema-version": "999"})
    for opening in (catalog.open_lake, catalog.make_lake):
        with pytest.raises(UsageError, match="newer release"):
            opening(where)
