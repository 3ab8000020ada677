"""
What `check` finds: findings, what each kind of them means, and what to do about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

MISSING, EXTRA, CHANGED, UNREADABLE = "missing", "extra", "changed", "unreadable"
INCONSISTENT, UNCHECKED = "inconsistent", "unchecked"
LEFTOVER, UNSEALED, UNFINISHED, HELD, NEW, OLDER, BESIDE = (
    *("leftover", "unsealed", "unfinished", "held", "new", "older", "beside"),
)

# Kind -> what to do about it. The first five are damage; what could not be looked at may be some; the rest are facts.
ADVICE = {
    MISSING: "restore it from a copy; a log object may be gone by the bucket's lifecycle",
    EXTRA: "find out who put it there; a log object comes in with `trailhouse ingest`",
    CHANGED: "restore what was written from a copy, and find out who changed it",
    UNREADABLE: "restore it from a copy",
    INCONSISTENT: "two places of the lake disagree: look at both, and at what wrote them",
    UNCHECKED: "it could not be looked at: give the right to read it, or check again later",
    LEFTOVER: "nothing: a run that was killed or tried again left it; maintenance removes it",
    UNSEALED: "`trailhouse check --deep --seal` seals what is sound, so that changes show",
    UNFINISHED: "the next `trailhouse ingest` settles it",
    HELD: "`trailhouse batch show BATCH` tells why",
    NEW: "the next `trailhouse ingest` reads it",
    OLDER: "`trailhouse upgrade`",
    BESIDE: "nothing: two runs ended at the same time",
}
DAMAGE = (MISSING, EXTRA, CHANGED, UNREADABLE, INCONSISTENT)

KEPT = 1000  # findings of each kind that are told one by one


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, or that is good to know."""

    kind: str
    what: str  # data file, metadata file, manifest list, manifest, seal, source object, …
    table: str
    path: str  # or key, or batch
    expected: str
    found: str


COLUMNS = ("kind", "what", "table", "path", "expected", "found")


@dataclass
class Report:
    """Everything that was found, and how much was looked at."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)  # objects of sources that are no log files, by class
    sealed: int = 0
    _told: set[str] = field(default_factory=set)

    def add(self, found: Iterable[Finding]) -> None:
        """Take findings in; damage to a file is one finding, the first, whichever looks saw it."""
        for each in found:
            if each.kind in DAMAGE and each.path in self._told:
                continue
            self._told |= {each.path} if each.kind in DAMAGE and each.path else set()
            self.counts[each.kind] += 1
            if self.counts[each.kind] <= KEPT:
                self.findings.append(each)

    @property
    def damaged(self) -> bool:
        return any(self.counts[kind] for kind in DAMAGE)

    @property
    def status(self) -> str:
        """In one word, for schedulers."""
        return "damaged" if self.damaged else "unchecked" if self.counts[UNCHECKED] else "sound"

    def blemished(self) -> set[str]:
        """Tables of which not every file could be read as it was written: their rows are not to be counted."""
        return {each.table for each in self.findings if each.kind in (*DAMAGE, UNCHECKED) and each.kind != INCONSISTENT}

    def sorted(self) -> list[Finding]:
        """Damage first."""
        order = list(ADVICE)
        return sorted(self.findings, key=lambda each: (order.index(each.kind), each.table, each.path))
