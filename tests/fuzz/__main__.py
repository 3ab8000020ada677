"""
Look for files that are read wrongly, for some time.

    python -m tests.fuzz [--seconds 600] [--processes 2] [--seed N]     findings are kept in tests/cases/found
    python -m tests.fuzz --seed N --only NUMBER                         one file of a session again
    python -m tests.fuzz --pin                                          outcomes of the kept findings written anew
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from random import SystemRandom

from tests.conftest import CORPUS
from tests.fuzz import check, material, session, shrink
from tests.fuzz.mutate import make


def main() -> int:
    given = arguments()
    if given.pin:
        print(f"{shrink.pin()} findings are pinned; read the diff")
        return 0
    seed = SystemRandom().randrange(2**32) if given.seed is None else given.seed
    if given.only is not None:
        return again(seed, given.only)
    print(f"fuzz: seed {seed}, {given.seconds:.0f} s, {given.processes} processes", flush=True)
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        shares = [(seed, given.seconds, share, given.processes) for share in range(given.processes)]
        told = pool.starmap(session.work, shares)
    for share, each in enumerate(told):
        print(f"fuzz: process {share}: {each}")
    print(f"fuzz: {sum(t.files for t in told)} files and {sum(t.lakes for t in told)} lakes, seed {seed}")
    return int(any(each.rules for each in told))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Look for files that are read wrongly.")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS", "600")))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", type=int, metavar="NUMBER")
    parser.add_argument("--pin", action="store_true")
    return parser.parse_args()


def again(seed: int, number: int) -> int:
    file = make(material.gather(CORPUS), seed, number)
    print(file)
    findings = list(check.look([file, file]))
    for finding in findings[:1]:
        session.kept(seed, finding)
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
