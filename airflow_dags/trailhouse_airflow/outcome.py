"""
What a job's outcome means to Airflow: whether its task is done, is tried again, or fails at once; what of it goes on.

Pure. An outcome is the JSON object that a job writes to its `--result`; None where it wrote none.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Literal

Meaning = Literal["done", "again", "fails"]
Outcome = Mapping[str, Any]

DONE, FAILED, WRONG_USAGE, REFUSED, FOUND, PARTIAL, UNKNOWN = 0, 1, 2, 3, 4, 5, 6
# What is done all the same: tasks of their own tell of what was refused, found, or has to wait.
DONE_IN_PART = (DONE, REFUSED, FOUND, PARTIAL)
KEPT = (
    *("status", "objects", "records", "rows", "pending", "quarantined", "batches", "settled", "held", "refusals"),
    *("problems", "listed_wider", "counts", "evidence", "reports", "failed", "findings", "seconds"),
)
MOST, LONGEST = 50, 500  # what goes on is for people to read; the lake has all of it


def meaning(exit_code: int) -> Meaning:
    if exit_code in DONE_IN_PART:
        return "done"
    return "fails" if exit_code == WRONG_USAGE else "again"


def read(text: str | bytes) -> Outcome | None:
    """The object, or None where nothing whole was written."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("exit_code"), int) else None


def summary(told: Outcome | None, exit_code: int) -> dict[str, Any]:
    """What is handed on between tasks: few and short."""
    result = (told or {}).get("result") or {}
    kept = {name: _short(result[name]) for name in KEPT if name in result}
    return {"exit_code": exit_code, "error": _short((told or {}).get("error", "")), **kept}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, list):
        return [_short(each) for each in value[:MOST]]
    if isinstance(value, dict):
        return {str(key): _short(each) for key, each in list(value.items())[:MOST]}
    return value


def joined(earlier: Mapping[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A try, with what tries before it have published or seen refused: the lake has it, though they failed."""
    for name in ("batches", "settled", "held", "refusals"):
        found = [*earlier.get(name, []), *now.get(name, [])]
        now[name] = [each for n, each in enumerate(found) if each not in found[:n]]
    return now


def published(tries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Batches that readers see since."""
    return [batch for each in tries for name in ("settled", "batches") for batch in each.get(name, [])]


def refusals(tries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [refusal for each in tries for refusal in each.get("refusals", [])]


def is_new(planned: Mapping[str, Any]) -> bool:
    """Whether there is something to ingest, or to remember of what was listed."""
    return bool(planned.get("objects") or planned.get("problems") or planned.get("listed_wider"))


def said_of_refusals(found: Iterable[Mapping[str, Any]], config: str) -> str:
    """For whoever has to decide: which batch, what failed, where to look and what to type."""
    lines = []
    for each in found:
        batch, failed = str(each.get("batch_id")), [str(name) for name in each.get("expectations", [])]
        lines.append(f"batch {batch} is held, and nothing of it is visible: {', '.join(failed) or 'no proof'} failed")
        lines.append(f"  Data Docs: {each.get('data_docs')}")
        lines.append(f"  {_typed('show', batch, '--config', config)}")
        lines += [f"  {_typed('rows', batch, '--expectation', name, '--config', config)}" for name in failed[:1]]
        lines.append(
            f"  then release, retry or discard it: {_typed('release', batch, '--reason', '…', '--config', config)}"
        )
    return "\n".join(lines)


def _typed(verb: str, *words: str) -> str:
    return shlex.join(["trailhouse", "batch", verb, *words])
