"""A lake with a held batch, and the command line."""

from tests.upkeep.test_batches import call, refused  # noqa: F401
