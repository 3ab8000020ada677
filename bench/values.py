"""
What the parts of the bench are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Input:
    """A log bucket in a folder, and what is known of it."""

    name: str
    folder: Path  # what `trailhouse ingest FOLDER` takes
    events: int  # records in its files; no two of one key
    files: int
    stored: int  # bytes of the .json.gz
    inflated: int


@dataclass(frozen=True)
class Bench:
    """One run of the bench."""

    inputs: Path  # inputs that were made once, and are kept
    scratch: Path  # what goes when the run is over
    events: int  # of the main input; 1,000,000 but for a rehearsal
    rounds: int  # of what is compared in rounds
