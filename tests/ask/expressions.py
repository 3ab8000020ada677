"""Expressions on which the engines would differ, with what Athena's says: `expressions.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Expression:
    """One SELECT of one value."""

    sql: str
    value: Any = None
    refused: str = ""


def load() -> list[Expression]:
    told = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["expression"]
    return [
        Expression(
            f"SELECT {each['sql']}", None if each.get("is") == "NULL" else each.get("is"), each.get("refused", "")
        )
        for each in told
    ]
