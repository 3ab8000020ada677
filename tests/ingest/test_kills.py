"""
A run may die at any point: the same command again ends with the tables of an undisturbed run, and in between readers see
nothing unaudited and no half of anything.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import model
from tests.buckets import Bucket, event, key, plain
from tests.children import forked_from
from tests.ingest.contents import DATA, Contents, files, holds_together, ingest, only_audited
from trailhouse import settings
from trailhouse.errors import TrailhouseError
from trailhouse.lake import catalog

ROOT = Path(__file__).resolve().parents[2]
MOST = 40  # more commits than a run of one batch has
STEP = 5


def one_batch() -> Bucket:
    """Several tables, with duplicates that the audit finds, a conflict, a bad record and a bad object."""
    made = plain(8)
    made.put(key("twin"), event(8), event(101, eventID=event(8)["eventID"]), b'{"eventID":"x","eventID":"y"}')
    made.put(key("insight", kind="CloudTrail-Insight"), event(201, eventCategory="Insight"))
    made.objects[key("broken")] = b"\x1f\x8b nothing"
    return made


@pytest.fixture(scope="module")
def children() -> Iterator[multiprocessing.context.BaseContext]:
    """Processes that start from one that has imported everything and holds no threads."""
    with forked_from("tests.ingest.doomed") as context:
        yield context


def killed(children, lake, logs, at, told, **bounds) -> int:
    from tests.ingest import doomed

    child = children.Process(target=doomed.run, args=(lake, [str(logs)], at, told, bounds))
    child.start()
    child.join(60)
    return child.exitcode


@pytest.fixture(scope="module")
def sweep(children, tmp_path_factory) -> dict[str, list[str]]:
    """
    Commits are found by counting, as in SQLite's tests: the sweep ends with the run that nothing disturbed.

    Every fifth of them, from a random one on; `make faults` dies at each.
    """
    tmp_path = tmp_path_factory.mktemp("sweep")
    bucket, wrong = one_batch(), {}
    logs = bucket.save(tmp_path / "logs")
    first = random.SystemRandom().randrange(STEP)
    print(f"from commit {first} on")
    for at in range(first, MOST, STEP):
        folder = tmp_path / str(at)
        lake = settings.Lake(location=str(folder), catalog_uri=str(folder / "catalog.sqlite"))
        catalog.make_lake(lake)
        told = tmp_path / f"told{at}"
        ended = killed(children, lake, logs, at, told, task_bytes=1)
        assert ended in (0, -signal.SIGKILL)
        last = told.read_text().splitlines()[-1] if told.exists() else "nothing"
        wrong[f"{at}, after {last}"] = [] if ended == 0 else _goes_on(lake, bucket, logs)
        if ended == 0:
            break
    assert ended == 0 and at > 10
    return wrong


def test_killed_at_any_commit_readers_see_no_half_of_a_batch(sweep):
    assert not told(sweep, "half")


def test_killed_at_any_commit_readers_see_nothing_that_no_audit_speaks_for(sweep):
    assert not told(sweep, "unaudited")


def test_killed_at_any_commit_no_file_is_deleted(sweep):
    assert not told(sweep, "files")


def test_killed_at_any_commit_the_next_run_ends_as_if_nothing_had_happened(sweep):
    assert not told(sweep, "end", but=("without its row",))


def test_killed_between_the_ledger_and_the_last_row_the_next_run_writes_it(sweep):
    assert not {at: why for at, why in told(sweep, "end").items() if "without its row" in why}


def told(sweep: dict[str, list[str]], what: str, but: tuple[str, ...] = ()) -> dict[str, str]:
    found = {
        at: why
        for at, found in sweep.items()
        for why in found
        if why.startswith(what) and not any(w in why for w in but)
    }
    print(*(f"killed at {at}: {why}" for at, why in found.items()), sep="\n")
    return found


def _goes_on(lake: settings.Lake, bucket: Bucket, logs: Path) -> list[str]:
    """What is wrong in between and after another run."""
    contents = Contents(lake)
    before = files(Path(lake.location))

    def next_run() -> None:
        ingest(lake, logs, task_bytes=1)
        again = ingest(lake, logs)
        whole(contents, bucket)
        assert again.status == "nothing_to_do" and not again.problems

    def all_files() -> None:
        assert before <= files(Path(lake.location))

    steps = {
        "half": lambda: in_between(contents),
        "unaudited": lambda: only_audited(contents),
        "end": next_run,
        "files": all_files,
    }
    found = []
    for name, step in steps.items():
        try:
            step()
        except (AssertionError, TrailhouseError) as error:
            found.append(f"{name}: {str(error)[:250]}")
    return found


def in_between(contents: Contents) -> None:
    """What a reader may see after a kill: of each table all of the batch or nothing; of `batches` only what is complete."""
    seen = {name: len(contents.rows(name)) for name in (*DATA, "quarantine", "ledger", "batches")}
    want = {"events": 9, "insight_events": 1, "quarantine": 2, "batches": 1}
    for name, count in want.items():
        assert seen[name] in (0, count), f"{name} shows {seen[name]} rows of {count}"
    if seen["batches"]:
        assert all(seen[name] == count for name, count in want.items()), "`batches` speaks too early"


def whole(contents: Contents, bucket: Bucket) -> None:
    want = model.lake(bucket.listed())
    assert contents.published() == want.published
    assert len(contents.rows("quarantine")) == sum(want.reasons.values())
    ledger = {o["key"]: (o["records"], o["rows"], o["duplicates"], o["quarantined"]) for o in contents.rows("ledger")}
    assert ledger == {k: (c.records, c.rows, c.duplicates, c.quarantined) for k, c in want.objects.items()}
    holds_together(contents)
    assert not contents.branches(), "branches are left"


@pytest.mark.parametrize("at", [3, 14, 24])
def test_killed_in_the_middle_of_many_batches_the_next_run_goes_on(children, lake, tmp_path, at):
    bucket = one_batch()
    logs = bucket.save(tmp_path / "logs")
    catalog.make_lake(lake)
    assert killed(children, lake, logs, at, tmp_path / "told", objects=4) == -signal.SIGKILL
    done = len(Contents(lake).rows("ledger"))
    result = ingest(lake, logs, objects=4)
    assert result.objects <= len(bucket.objects) - done
    whole(Contents(lake), bucket)


@pytest.mark.parametrize("at", [1, 4, 8])
def test_killed_again_and_again_it_still_ends(children, lake, tmp_path, at):
    bucket = one_batch()
    logs = bucket.save(tmp_path / "logs")
    catalog.make_lake(lake)
    for _ in range(3):
        assert killed(children, lake, logs, at, tmp_path / "told") in (0, -signal.SIGKILL)
    ingest(lake, logs)
    whole(Contents(lake), bucket)


def test_killed_while_the_lake_was_made_the_next_run_makes_the_rest(children, lake, tmp_path):
    bucket = one_batch()
    logs = bucket.save(tmp_path / "logs")
    for at in (0, 2, 3):
        killed(children, lake, logs, at, tmp_path / "told")
    ingest(lake, logs)
    whole(Contents(lake), bucket)
