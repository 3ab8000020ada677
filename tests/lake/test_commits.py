"""Moving main: only from where the batch was staged, and only to what was staged. Two writers, without a lock between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.make import event, gz, records
from trailhouse import settings
from trailhouse.decode import Delivered, decode
from trailhouse.lake import catalog, commits, write


@pytest.fixture
def opened(tmp_path: Path) -> catalog.Lake:
    return catalog.make_lake(settings.Lake(location=str(tmp_path / "lake")))


def staged(opened: catalog.Lake, batch: str, number: int) -> commits.StagedTable:
    delivered = Delivered("s3://logs", f"object-{number}", "CloudTrail", "111122223333", "us-east-1")
    rows = decode([(gz(records(event(number))), delivered)]).rows
    files = write.write_rows(rows, opened.table("events").metadata, catalog.file_io(opened.where))
    return commits.stage(opened, "events", files, commits.mark(batch))


def ids(opened: catalog.Lake) -> list[str]:
    return sorted(opened.table("events").scan(selected_fields=("event_id",)).to_arrow()["event_id"].to_pylist())


def test_main_is_not_moved_over_what_another_batch_has_published(opened):
    """F25: both were staged on the same main; the second would hide the first."""
    first, second = staged(opened, "b1", 1), staged(opened, "b2", 2)
    commits.publish(opened, first)
    with pytest.raises(commits.MainMovedError):
        commits.publish(opened, second)
    assert ids(opened) == ["e-1"]


def test_main_is_not_moved_when_it_moves_between_the_look_and_the_commit(opened, monkeypatch):
    """The look is for a clear word; what holds is that the catalog is told where main must be."""
    monkeypatch.setattr(commits, "PAUSE", 0.001)
    first, second = staged(opened, "b1", 1), staged(opened, "b2", 2)
    plainly, came = opened.catalog.commit_table, []

    def commit(*given):
        if not came:
            came.append(True)
            commits.publish(opened, first)
        return plainly(*given)

    monkeypatch.setattr(opened.catalog, "commit_table", commit)
    with pytest.raises(commits.MainMovedError):
        commits.publish(opened, second)
    assert came and ids(opened) == ["e-1"]


def test_what_is_published_once_more_changes_nothing(opened):
    first = staged(opened, "b1", 1)
    commits.publish(opened, first)
    second = staged(opened, "b2", 2)
    commits.publish(opened, second)
    before = commits.head(opened.table("events"))
    commits.publish(opened, first)
    assert commits.head(opened.table("events")) == before
    assert ids(opened) == ["e-1", "e-2"]


def test_a_batch_is_appended_once_under_one_mark(opened):
    rows = decode(
        [(gz(records(event(1))), Delivered("s3://logs", "k", "CloudTrail", "111122223333", "us-east-1"))]
    ).rows
    files = write.write_rows(rows, opened.table("events").metadata, catalog.file_io(opened.where))
    for _ in range(2):
        commits.append_once(opened, "events", files, commits.mark("b1"))
    assert ids(opened) == ["e-1"]


def test_nothing_that_writes_can_delete(opened):
    """PyIceberg removes the files of a commit that it takes for failed; who is wrong about that destroys a table."""
    first = staged(opened, "b1", 1)
    (file,) = commits.added_files(opened.table("events"), first.snapshot)
    for io in (catalog.file_io(opened.where), opened.table("events").io):
        io.delete(file.file_path)
    commits.publish(opened, first)
    assert ids(opened) == ["e-1"]
