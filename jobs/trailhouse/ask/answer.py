"""
What a query returned, whichever engine answered it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows; values are Python's own: times without a zone, in UTC."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    types: tuple[str, ...] = ()  # of the columns, in the words of the engine that answered
