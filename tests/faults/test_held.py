"""
A run may also die while it holds a refused batch: the next one holds it, once, and nothing of it is ever seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import sweep
from tests.faults.oracle import Read, Watcher
from tests.ingest.contents import DATA, holds_together
from trailhouse.ingest import audit

POINT = "held"
REFUSED = 3


def refuse_all() -> None:
    """In the child: an audit that finds something in every batch."""
    plainly = audit.audit

    def refusing(*given, **more):
        verdict = plainly(*given, **more)
        first, *rest = verdict.checks
        return replace(verdict, checks=(replace(first, severity="critical", success=False), *rest))

    audit.audit = refusing


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with sweep.processes() as context:
        yield sweep.in_a_folder(Path(tmp_path_factory.mktemp("held")), context)


@pytest.mark.parametrize("when", sweep.WHEN)
@pytest.mark.parametrize("point", [f"{POINT}:1", "row_appended:1", "row_appended:2", "row_appended:3"])
def test_killed_while_a_batch_is_held_the_next_run_holds_it_once(bench, point, when):
    lake = bench.lake()
    read = Read(lake)
    with Watcher(read) as watcher:
        assert bench.run(bench.job(lake, before=refuse_all, fault=f"{point}:{when}")) == sweep.KILLED
        exits = [bench.run(bench.job(lake, before=refuse_all)) for _ in range(2)]
    assert set(exits) <= {0, REFUSED} and exits[-1] == 0, "held, it stands in nobody's way"
    assert not watcher.complaints
    after = read.again()
    assert not any(after.rows(name) for name in (*DATA, "quarantine"))
    (batch,) = after.rows("batches")
    assert batch["state"] == "held"
    assert Counter(row["state"] for row in after.rows("ledger")) == {"held": len(bench.bucket.objects) - 1}
    assert any(not row["success"] for row in after.rows("quality") if row["severity"] == "critical")
    holds_together(after)
