"""A lake with a held batch, one that was fed in many batches, and the command line."""

from __future__ import annotations

import pytest

from tests.upkeep.fed import Fed, Kept
from tests.upkeep.test_batches import call, refused  # noqa: F401


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("fed"))


@pytest.fixture
def fed(kept: Kept) -> Fed:
    return kept.anew()
