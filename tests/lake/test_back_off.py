"""Who is refused waits before trying again, longer each time: two writers would else keep each other out."""

from __future__ import annotations

import time

import pytest
from pyiceberg.exceptions import CommitFailedException

from trailhouse.errors import TrailhouseError
from trailhouse.lake import commits


def test_between_two_attempts_there_is_a_pause_that_grows(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)

    def refused() -> None:
        raise CommitFailedException("somebody was faster")

    with pytest.raises(TrailhouseError, match="run again"):
        commits.until_sure(refused, lambda: False)
    assert len(pauses) >= 3 and all(pause > 0 for pause in pauses)
    assert pauses[2] > pauses[0] and sum(pauses) > 1
