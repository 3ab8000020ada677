"""
A session of fuzzing: files by number until the time is up, each rule's first finding made small and kept.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.conftest import CORPUS
from tests.fuzz import check, lake, material, shrink
from tests.fuzz.check import Finding
from tests.fuzz.material import Base
from tests.fuzz.mutate import File, make

TOGETHER = 16  # files tried in company
LAKE_EVERY = 51  # companies
OF_A_COMPANY = 8  # files that go into a lake


@dataclass
class Told:
    """What a session has to say."""

    files: int = 0
    lakes: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        rate = self.files / self.seconds if self.seconds else 0
        found = ", ".join(f"{rule} ({count})" for rule, count in self.rules.most_common()) or "nothing found"
        return f"{self.files} files and {self.lakes} lakes in {self.seconds:.0f} s, {rate:.0f} files a second; {found}"


def numbers(share: int, of: int) -> Iterator[range]:
    """The companies of one process among some: numbers are the same whatever the number of processes."""
    company = share
    while True:
        yield range(company * TOGETHER, (company + 1) * TOGETHER)
        company += of


def run(
    bases: Sequence[Base],
    seed: int,
    seconds: float,
    share: int = 0,
    of: int = 1,
    tell: Callable[[Finding], None] = lambda _: None,
) -> Told:
    """Try files until the time is up."""
    told, began = Told(), time.monotonic()
    for company in numbers(share, of):
        files = [make(bases, seed, number) for number in company]
        _take(told, check.look(files), tell)
        told.files += len(files)
        if company.start // TOGETHER % LAKE_EVERY == LAKE_EVERY // 4:
            _take(told, lake.look(_for_a_lake(files)), tell)
            told.lakes += 1
        told.seconds = time.monotonic() - began
        if told.seconds >= seconds:
            return told
    raise AssertionError("numbers have no end")


def _for_a_lake(files: Sequence[File]) -> list[File]:
    """Some of a company; what broke a rule by itself would only say so again, in other words."""
    return [file for file in files if check.first_wrong(file) is None][:OF_A_COMPANY]


def _take(told: Told, findings: Iterator[Finding] | list[Finding], tell: Callable[[Finding], None]) -> None:
    for finding in findings:
        told.rules[finding.rule] += 1
        if told.rules[finding.rule] == 1:
            told.findings.append(finding)
            tell(finding)


def work(seed: int, seconds: float, share: int, of: int) -> Told:
    """One process's part."""
    return run(material.gather(CORPUS), seed, seconds, share, of, tell=partial(kept, seed))


def kept(seed: int, finding: Finding) -> None:
    """Say what was found; where a file alone shows it, make it small and keep it."""
    said = f"fuzz: {finding}\n    seed {seed}"
    if check.first_wrong(finding.file) == finding.rule:
        small = shrink.smallest(finding.file, finding.rule)
        said += f", kept as {shrink.keep(small, finding.rule)}"
    print(said, flush=True)
