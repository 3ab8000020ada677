"""
The door by which a command comes in that writes to the lake, so that none forgets what all of them need.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trailhouse import settings
from trailhouse.lake import failures, lock, seals


@contextmanager
def writing(where: settings.Lake) -> Iterator[None]:
    """One at a time where the catalog is a file; what is written is sealed, and what goes wrong is said in words."""
    with failures.told(where), lock.alone(where), seals.kept(where):
        yield
