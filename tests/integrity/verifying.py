"""Verify, called as the command calls it, over a vault in a bucket or a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.ingest.contents import config_of, quiet
from trailhouse import settings
from trailhouse.integrity import evidence
from trailhouse.integrity.job import Run
from trailhouse.integrity.judging import Proof
from trailhouse.integrity.values import Period
from trailhouse.integrity.verify import Asked, verify

NOW = datetime(2026, 4, 1, tzinfo=UTC)  # long after the vaults


def proof_of(where: settings.Lake, *sources: Any, now: datetime = NOW, session: Any = None, **asked: Any) -> Proof:
    """One run."""
    period = Period(asked.pop("since", None), asked.pop("until", None))
    run = Run(config_of(where, *sources), quiet, clock=lambda: now, session=session)
    return verify(run, Asked(period, **asked))


def read_of(where: settings.Lake, *sources: Any, now: datetime = NOW, **asked: Any) -> tuple[Proof, dict[str, int]]:
    """One run, and what it read."""
    run = Run(config_of(where, *sources), quiet, clock=lambda: now)
    return verify(run, Asked(Period(), **asked)), dict(run.read)


def verdicts(proof: Proof) -> dict[str, str]:
    """What each object came to, by its key; of a digest that is missing as well."""
    found = {each.there.key: each.verdict.verdict for each in (*proof.digests, *proof.logs)}
    return found | {gap.key: gap.verdict.verdict for gap in proof.gaps if gap.key}


def wrong(proof: Proof) -> list[str]:
    """What is not valid, a line each: verdict, checks, and which."""
    lines = []
    for each in evidence.not_valid(proof):
        which = each["key"].rpartition("/")[2] or f"{each['from']} to {each['to']}"
        lines.append(f"{each['verdict']} ({', '.join(each['checks'])}): {each['what']} {which}")
    return sorted([*lines, *(f"not looked at: {problem.reason}" for problem in proof.problems)])


def exit_of(proof: Proof) -> int:
    return 4 if proof.has_finding else 0 if proof.verdict == "valid" else 5


def keys_of(vault: Any, folder: Path) -> Path:
    """The vault's public keys as a file."""
    import json

    path = folder / "keys.json"
    path.write_text(json.dumps(vault.public_keys()), "utf-8")
    return path
