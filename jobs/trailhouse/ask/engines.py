"""
Who answers: DuckDB on this machine, or Athena. Whatever is asked is Athena's SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

from trailhouse import settings
from trailhouse.ask.answer import Answer

Engine = Literal["local", "athena"]
Ask = Callable[[str], Answer]


@contextmanager
def asking(config: settings.Settings, on: Engine) -> Iterator[Ask]:
    """What answers questions about the lake, as it is published now."""
    if on == "athena":
        from trailhouse.ask import athena

        yield partial(athena.ask, config)
        return
    from trailhouse.ask import local

    with local.asking(config.lake) as ask:
        yield ask
