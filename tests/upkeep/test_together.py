"""
What keeps, mends, takes back and checks a lake, one after another on the same lake: each leaves what the others need.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import model
from tests.ingest.contents import config_of, holds_together, ingest, quiet
from tests.ingest.inline import INLINE
from tests.upkeep.fed import Fed, maintained
from trailhouse import settings
from trailhouse.ingest import run
from trailhouse.sources.values import Range
from trailhouse.upkeep import check, mend, rollback


def going(fed: Fed) -> run.Run:
    return run.Run(config_of(fed.where, fed.folder), quiet, session=INLINE)


def is_sound(fed: Fed) -> None:
    """By the check, which reads everything, and by the reference reader."""
    report = check.check(going(fed), check.Asked(deep=True, sources=True))
    assert not report.damaged, [e for e in report.findings if e.kind != "leftover"]
    assert not report.counts["unsealed"], "whatever writes, seals"
    assert fed.contents.published() == model.lake(fed.made.listed()).published
    holds_together(fed.contents)
    assert not fed.contents.branches()


def redecode(fed: Fed) -> None:
    assert mend.redecode(going(fed), Range(), every=True)[0].status == "published"


def take_back(fed: Fed) -> None:
    rollback.rollback(going(fed), rollback.Back(last=1), "wrong")
    report = check.check(going(fed), check.Asked(deep=True))
    assert not report.damaged, [e for e in report.findings if e.kind != "leftover"]
    ingest(fed.where, fed.folder)


def feed(fed: Fed) -> None:
    fed.feed(1)


def maintain(fed: Fed) -> None:
    before = fed.rows()
    fed.age()
    assert maintained(fed.where).status == "maintained"
    assert {name: rows for name, rows in fed.rows().items() if name != "pending"} == {
        name: rows for name, rows in before.items() if name != "pending"
    }


@pytest.mark.parametrize(
    "verbs",
    [
        [redecode, take_back, maintain, feed, take_back],
        [maintain, feed, take_back, redecode, maintain, redecode],
    ],
    ids=lambda verbs: "-".join(verb.__name__ for verb in verbs),
)
def test_the_lake_is_sound_after_each(lake: settings.Lake, tmp_path: Path, verbs):
    fed = Fed(lake, tmp_path / "logs").feed(2)
    for verb in verbs:
        verb(fed)
        is_sound(fed)
