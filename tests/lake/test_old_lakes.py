"""
Lakes of earlier releases: opened, read, gone on with.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.buckets import Bucket, event, key
from tests.ingest.contents import DATA, Contents, config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from tests.old_lakes import FOLDER, opened
from tests.upkeep.test_check import look
from trailhouse.ask import local
from trailhouse.errors import UsageError
from trailhouse.ingest import run
from trailhouse.lake import catalog, drift, schema
from trailhouse.upkeep import batches, upgrade

KEPT = sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.tar.gz"))


@pytest.fixture(params=KEPT)
def old(request, tmp_path):
    lake = opened(request.param, tmp_path)
    return lake, json.loads(Path(lake.location, "told.json").read_text())


def test_they_are_there_and_small():
    assert {"v1", "v1_accounts"} <= {*KEPT}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 2 * 2**20


def test_an_old_lake_can_be_read(old):
    lake, told = old
    opened_now = catalog.open_lake(lake)
    for name, rows in told["rows"].items():
        assert local.ask(opened_now.where, f"SELECT count(*) FROM {name}").rows == [(rows,)]
    assert [b["state"] for b in batches.listed(opened_now)][:2] == ["unfinished", "held"]
    asked = "SELECT count(*), min(reason), max(reason) FROM event_integrity"
    assert local.ask(lake, asked).rows == [(told["rows"]["events"], "not_verified", "not_verified")]


def test_a_view_of_an_old_lake_says_what_to_do(old):
    lake, _ = old
    with pytest.raises(UsageError, match="`trailhouse upgrade` adds it"):
        local.ask(lake, "SELECT count(*) FROM cloudtrail_logs")


def test_an_old_lake_is_upgraded_and_read(old):
    lake, told = old
    made = upgrade.upgrade(lake, dry_run=False)
    assert made.done == bool(made.statements) and not upgrade.upgrade(lake, dry_run=False).statements
    opened_now = catalog.open_lake(lake)
    for name in schema.TABLES:
        assert not drift.of(opened_now.table(name), schema.table(name))
    for name, rows in told["rows"].items():
        assert local.ask(opened_now.where, f"SELECT count(*) FROM {name}").rows == [(rows,)]
    report = look(lake)
    assert not report.damaged and not report.counts["older"], report.findings


def test_an_old_lake_is_gone_on_with(old, tmp_path):
    """What an older release left unfinished is ended, what it held can be released, and what is new comes in."""
    lake, told = old
    upgrade.upgrade(lake, dry_run=False)
    made = Bucket()
    made.put(key("new"), event(1), event(300))
    logs = made.save(tmp_path / "new")
    result = ingest(lake, logs)
    assert len(result.settled) == 1 and (result.rows, result.duplicates) == (1, 1)
    going = run.Run(config_of(lake, logs), quiet, session=INLINE)
    assert batches.release(going, told["held"], "it was a drill", force=False).status == "published"
    contents = Contents(lake)
    holds_together(contents)
    assert not contents.branches()
    assert sum(len(contents.rows(name)) for name in DATA) >= told["rows"]["events"] + 4
