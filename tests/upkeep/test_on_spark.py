"""
The same on real workers, which are processes of their own: what they write is what the driver tells of, and sealed.
"""

from __future__ import annotations

from tests import model
from tests.ingest.contents import config_of, holds_together, ingest, quiet
from tests.upkeep.fed import Fed, maintained
from trailhouse.ingest import run
from trailhouse.sources.values import Range
from trailhouse.upkeep import check, mend, rollback


def test_a_lake_is_mended_kept_small_and_sound(lake, tmp_path, spark):
    fed = Fed(lake, tmp_path / "logs").feed(2)
    for table in ("events", "ledger"):  # so that files hold rows of several objects
        written = fed.contents.table(table)
        written.overwrite(written.scan().to_arrow())
    foreign = fed.stored()

    def going() -> run.Run:
        return run.Run(config_of(lake, fed.folder), quiet, session=spark)

    half = Range(accounts=("111122223333",))
    assert mend.redecode(going(), half, every=True)[0].status == "published"
    rollback.rollback(going(), rollback.Back(last=1), "once more")
    assert mend.redecode(going(), half, every=True)[0].status == "published"
    fed.age()
    assert maintained(lake, session=spark).status == "maintained"
    report = check.check(going(), check.Asked(deep=True, sources=True))
    assert not report.damaged, report.findings
    unsealed = {each.path for each in report.findings if each.kind == "unsealed"}
    assert unsealed <= foreign, "what workers write is sealed too"
    assert fed.contents.published() == model.lake(fed.made.listed()).published
    holds_together(fed.contents)
    assert ingest(lake, fed.folder, session=spark).status == "nothing_to_do"
