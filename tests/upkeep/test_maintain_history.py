"""
What expiry may forget: nothing that a branch or tag needs, and nothing that a batch is told by.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from tests.buckets import event, key
from tests.ingest.contents import ingest
from tests.upkeep.fed import LATER, Fed, maintained
from tests.upkeep.test_batches import RULE
from trailhouse.ingest import publish
from trailhouse.lake import catalog, commits
from trailhouse.upkeep import batches

CUT = {"snapshots_kept": 1, "metadata_kept": 1}  # all that may go goes
SEED = random.SystemRandom().randrange(10**6)


def cut(fed: Fed) -> None:
    """Everything is old, and everything that nothing needs is gone."""
    maintained(fed.where, **CUT)
    fed.age()
    maintained(fed.where, "snapshots", "orphans", **CUT)


def seen(fed: Fed, name: str = "events") -> dict[str, list[str]]:
    """What each reference shows."""
    table = fed.contents.table(name)
    ids = {
        ref: table.scan(snapshot_id=its.snapshot_id, selected_fields=("event_id",))
        for ref, its in table.metadata.refs.items()
    }
    return {ref: sorted(scan.to_arrow()["event_id"].to_pylist()) for ref, scan in ids.items()}


def test_snapshots_that_nothing_needs_go_with_their_files(fed):
    before = fed.rows()
    cut(fed)
    for name in ("events", "ledger", "quality", "quarantine"):
        assert len(fed.contents.table(name).metadata.snapshots) == 1, name
    data = {path for path in fed.stored() if path.endswith(".parquet")}
    live = {file for name in (*before, "coverage", "accounts") for file in fed.files(name)}
    assert data == live
    assert fed.rows() == before
    assert ingest(fed.where, fed.folder).status == "nothing_to_do"
    fed.is_whole()


def test_the_young_and_the_newest_stay(fed):
    count = len(fed.contents.table("events").metadata.snapshots)
    only = {"tables": ("events",), "snapshots_kept": 1}
    assert maintained(fed.where, "snapshots", now=LATER - timedelta(days=6), **only).status == "nothing_to_do"
    maintained(fed.where, "snapshots", tables=("events",), snapshots_kept=3)
    assert len(fed.contents.table("events").metadata.snapshots) == 3 < count


def test_whatever_a_branch_or_tag_shows_it_shows_afterwards(fed):
    """Branches with commits of their own, branches of branches, tags on each and on what is old; some dropped again."""
    print(f"seed {SEED}")
    rng, lake = random.Random(SEED), catalog.open_lake(fed.where)

    def files():
        return commits.added_files(lake.table("events"), rng.choice(made))

    made = [s.snapshot_id for s in lake.table("events").metadata.snapshots if s.parent_snapshot_id]
    for number in range(12):
        table = lake.table("events")
        at = rng.choice([s.snapshot_id for s in table.metadata.snapshots])
        what = rng.choice(["tag", "branch", "branch", "commit", "commit", "drop"])
        branches = [name for name in table.metadata.refs if name.startswith("b")]
        if what == "tag":
            table.manage_snapshots().create_tag(at, f"t{number}").commit()
        elif what == "branch":
            table.manage_snapshots().create_branch(at, f"b{number}").commit()
        elif what == "drop" and branches:
            table.manage_snapshots().remove_branch(rng.choice(branches)).commit()
        elif branches:
            with (
                table.transaction() as transaction,
                transaction.update_snapshot(branch=rng.choice(branches)).fast_append() as update,
            ):
                for file in files():
                    update.append_data_file(file)
    before = seen(fed)
    cut(fed)
    assert seen(fed) == before
    fed.feed(1)
    assert {ref: rows for ref, rows in seen(fed).items() if ref != "main"} == {
        r: rows for r, rows in before.items() if r != "main"
    }


def test_what_a_staged_batch_is_made_on_stays(fed):
    """A batch is told from its branch and what it was staged on: a snapshot without its parent counts as not staged."""
    lake = catalog.open_lake(fed.where)
    (file, *_) = commits.added_files(lake.table("events"), commits.head(lake.table("events")))
    staged = commits.stage(lake, "events", [file], commits.mark("20260301T000000_left"))
    for _ in range(2):
        with lake.table("events").transaction() as transaction:
            transaction.update_snapshot().fast_append().commit()
    cut(fed)
    assert staged.base not in {snapshot for snapshot, _ in fed.contents.history("events")}, "or this proves nothing"
    assert commits.staged(lake, "events", "20260301T000000_left") == staged


# ── batches that are held ────────────────────────────────────────────────────────────────────────────────────────────


def cut_around(refused) -> None:
    """Another batch comes, and all that was is forgotten, but for what the held one needs."""
    refused.made.put(key("more"), event(200))
    refused.made.save(refused.logs)
    assert refused.ingest().status == "published"
    around = Fed(refused.lake, refused.logs)
    cut(around)
    ledger = around.contents.table("ledger")
    assert not commits.published(ledger, f"{refused.batch_id} held"), "or this proves nothing"
    assert not commits.is_whole(ledger) and not commits.is_whole(around.contents.table("batches"))


def test_a_held_batch_is_released_when_all_around_it_was_forgotten(refused):
    cut_around(refused)
    assert batches.rows(catalog.open_lake(refused.lake), refused.batch_id, "events", (), 10)[1].num_rows == 2
    assert batches.release(refused.going, refused.batch_id, "a drill", force=False).status == "published"
    assert refused.state() == ("published", "a drill")
    refused.is_whole()


def test_a_held_batch_is_tried_again_when_all_around_it_was_forgotten(refused):
    cut_around(refused)
    assert batches.retry(refused.going, refused.batch_id).status == "refused"
    refused.is_out()
    refused.file.write_text(RULE.replace("critical", "warning"))
    assert batches.retry(refused.going, refused.batch_id).status == "published"
    refused.is_whole()


def test_a_held_batch_is_given_up_and_freed_when_all_around_it_was_forgotten(refused):
    cut_around(refused)
    batches.discard(refused.going, refused.batch_id, "test data")
    refused.is_out()
    cut(Fed(refused.lake, refused.logs))
    refused.file.write_text(RULE.replace("critical", "warning"))
    assert batches.retry(refused.going, refused.batch_id).status == "freed"
    cut(Fed(refused.lake, refused.logs))
    assert refused.ingest().objects == 2
    refused.is_whole()


def test_rows_of_a_batch_are_shown_when_its_snapshot_is_forgotten(fed):
    first = min(row["batch_id"] for row in fed.contents.rows("batches"))
    shown = batches.rows(catalog.open_lake(fed.where), first, "events", (), 10)[1].to_pylist()
    cut(fed)
    again = batches.rows(catalog.open_lake(fed.where), first, "events", (), 10)[1].to_pylist()
    assert len(shown) == 6 and sorted(again, key=repr) == sorted(shown, key=repr)


# ── what days had ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_days_had_is_told_after_expiry_as_before(fed):
    lake, long_ago = catalog.open_lake(fed.where), date(2026, 1, 1)
    before = publish.days_since(lake, long_ago)
    assert before == {date(2026, 3, 1): (12, 0), date(2026, 3, 2): (12, 0)}
    for _ in range(3):  # what carries it is forgotten itself
        cut(fed)
        assert publish.days_since(lake, long_ago) == before
        fed.feed(1)
        before = {day: (rows + 3, errors) for day, (rows, errors) in before.items()}
        assert publish.days_since(lake, long_ago) == before
    assert len(lake.table("batches").metadata.snapshots) < 10


# ── leftovers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_branches_of_batches_that_are_over_go_and_others_stay(refused):
    lake = catalog.open_lake(refused.lake)
    over = next(row["batch_id"] for row in refused.contents.rows("batches") if row["state"] == "published")
    names = [
        f"stage_{over}",
        f"again_{over}_1a2b3c4d",
        f"hold_{over}",
        "stage_20990101T000000_0a0b0c0d",
        "mine",
        "stage_mine",
    ]
    for name in names:
        lake.table("events").manage_snapshots().create_branch(commits.head(lake.table("events")), name).commit()
    held = refused.contents.branches() - {f"events/{name}" for name in names}
    assert any(refused.batch_id in name for name in held)
    report = maintained(refused.lake, "refs")
    assert next(told.refs for told in report.tables if told.table == "events") == sorted(names[:3])
    assert refused.contents.branches() == held | {f"events/{name}" for name in names[3:]}
