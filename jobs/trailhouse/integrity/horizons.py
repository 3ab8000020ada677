"""
The newest end: up to when each chain must have come, and which accounts and regions should have a chain and have none.

Pure. Digests come hourly even when nothing happened, so that silence tells; but only once the next one is due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from trailhouse.integrity import chains, logs
from trailhouse.integrity.values import (
    BEGINNING,
    MISSING,
    VALID,
    Chain,
    DigestFile,
    Gap,
    Period,
    There,
    Verdict,
    shifted,
)
from trailhouse.sources.keys import LOG_KINDS

DUE = timedelta(hours=2)  # after the end of its window a digest is there


def horizons(
    digests: Sequence[DigestFile], there: Iterable[There], period: Period, now: datetime, live: frozenset[str]
) -> dict[Chain, datetime]:
    """
    For each chain the moment that it must have reached.

    Where an end was asked about, that; where the source is live, two hours before now. Else as far as the newest sound
    digest of any chain, or to two hours before the newest log file of its own account and region. Never into what is
    not due yet.
    """
    sound = [each for each in digests if each.verdict.verdict == VALID and not each.name.backfill]
    neighbours = max((each.end for each in sound), default=BEGINNING)
    newest: dict[tuple[str, str], datetime] = defaultdict(lambda: BEGINNING)
    for each in there:
        if each.kind == LOG_KINDS[0]:
            feed = (each.account_id, each.region)
            newest[feed] = max(newest[feed], logs.delivered(each)[0])
    made: dict[Chain, datetime] = {}
    _, until = period.moments()
    for digest in digests:
        if digest.name.backfill:
            continue
        own = newest[digest.there.account_id, digest.there.region]
        reached = until or max(neighbours, shifted(own, -DUE))
        reached = now - DUE if digest.there.source in live else min(reached, now - DUE)
        made[digest.chain] = max(reached, made.get(digest.chain, reached))
    return made


def without(digests: Sequence[DigestFile], there: Iterable[There], hidden: tuple[str, ...]) -> list[Gap]:
    """Accounts and regions that have log files and no digest, while others that belong to them had some then."""
    have = {(each.there.account_id, each.there.region) for each in digests}
    lacking: dict[tuple[str, str], list[There]] = defaultdict(list)
    for each in there:
        if each.kind == LOG_KINDS[0] and (each.account_id, each.region) not in have:
            lacking[each.account_id, each.region].append(each)
    made = []
    for (account, region), files in sorted(lacking.items()):
        since = min(logs.delivered(each)[0] for each in files)
        until = max(logs.delivered(each)[1] for each in files)
        near = [each for each in digests if since <= each.end <= shifted(until, DUE) and _belong(each.there, files[0])]
        if near:
            name, said = near[0].name, "there is no digest at all, and others of the same trail have theirs"
            verdict = Verdict(MISSING, ("no_digests",), said)
            verdict = chains.NOT_LISTED if chains.is_hidden(files[0].source, hidden) else verdict
            made.append(Gap(account, region, name.trail, name.home, False, since, until, verdict, files[0].source))
    return made


def _belong(one: There, other: There) -> bool:
    """Whether a trail that covers one covers the other: of an organization, or of the same account."""
    if one.source != other.source:
        return False
    return one.account_id == other.account_id or _organization(one) == _organization(other) != ""


def _organization(there: There) -> str:
    """The folder of an organization's trail, in which the accounts' folders lie."""
    root = there.key.partition(f"{there.account_id}/{there.kind}/")[0].rstrip("/")
    return root if root.rpartition("/")[2].startswith("o-") else ""
