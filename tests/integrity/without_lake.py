"""Verify over a vault in a folder, without a lake: most rules can be asked so, in milliseconds."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.ingest.contents import config_of, quiet
from tests.integrity.chains import Vault
from tests.integrity.verifying import NOW
from trailhouse import settings
from trailhouse.integrity.job import Run
from trailhouse.integrity.judging import Proof
from trailhouse.integrity.memory import Memory
from trailhouse.integrity.places import Places
from trailhouse.integrity.values import Period
from trailhouse.integrity.verify import Asked, prove

NOWHERE = settings.Lake(location="/nonexistent")


def proven(*sources: Any, keys: Path | None, now: datetime = NOW, **asked: Any) -> Proof:
    """One run over sources."""
    period = Period(asked.pop("since", None), asked.pop("until", None))
    run = Run(config_of(NOWHERE, *sources, fetch_threads=1), quiet, clock=lambda: now)
    return prove(run, Asked(period, keys, **asked), Places(run.config.sources), Memory())


class Desk:
    """A folder that a vault is laid into, anew each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, vault: Vault, root: str = "", **asked: Any) -> Proof:
        """What verify says of the vault, or of what lies below a folder of it."""
        at = self.lay(vault)
        return proven(at / root, keys=self.keys(vault), **asked)

    def lay(self, vault: Vault, name: str = "logs") -> Path:
        at = self.folder / name
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir()
        return vault.save(at)

    def keys(self, vault: Vault) -> Path:
        path = self.folder / "keys.json"
        path.write_text(json.dumps(vault.public_keys()), "utf-8")
        return path


def verdict_of(proof: Proof, key: str) -> tuple[str, tuple[str, ...]]:
    """What a file came to, and by which checks."""
    found = next(each for each in (*proof.digests, *proof.logs) if each.there.key == key)
    return found.verdict.verdict, found.verdict.checks


def gaps(proof: Proof) -> list[tuple[str, str]]:
    """Of each gap its verdict and the first of its checks."""
    return [(gap.verdict.verdict, gap.verdict.checks[0]) for gap in proof.gaps]


def counted(proof: Proof) -> dict[str, int]:
    """How many digests and log files came to each verdict."""
    found: dict[str, int] = {}
    for each in (*proof.digests, *proof.logs):
        found[each.verdict.verdict] = found.get(each.verdict.verdict, 0) + 1
    return found
