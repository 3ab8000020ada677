"""
The short form of the races: a round, a compaction, maintenance, one zombie, on both catalogs.
"""

from __future__ import annotations

import random

import pytest

from tests.faults import races

SEED = random.SystemRandom().randrange(10**6)


@pytest.mark.usefixtures("s3_server")
def test_whoever_runs_at_once_or_beside_nothing_is_lost_or_doubled(tmp_path):
    print(f"seed {SEED}")
    done = races.play(tmp_path, random.Random(SEED), rounds=1, short=1)
    assert len(done) == 2 * (1 + 1) + 1 + 1
    assert not [str(each) for each in done if each.complaints]
