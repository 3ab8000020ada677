"""
The evidence: what an auditor signs, as one JSON document that is the same whenever the same files are verified.

Pure. No time of a run stands in it, nor how long it took: who verifies again gets the same bytes.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from trailhouse.integrity import digest, recheck
from trailhouse.integrity.judging import Proof
from trailhouse.integrity.public_keys import Keys
from trailhouse.integrity.values import VALID, VERDICTS, Chain, DigestFile, Gap, LogFile, There, Verdict, worst

FORM = 1  # of the document

MOST_DAYS = 10_000


def evidence(proof: Proof, version: str) -> dict[str, Any]:
    """The document."""
    return {
        "what": "CloudTrail log file integrity, verified",
        "form": FORM,
        "tool": {"name": "trailhouse", "version": version},
        "verdict": proof.verdict,
        "scope": _scope(proof),
        "counts": counts(proof),
        "not_valid": not_valid(proof),
        "explained": [_gap(each) for each in proof.gaps if each.verdict.verdict == VALID],
        "not_looked_at": [{"where": each.where, "why": each.reason} for each in proof.problems],
        "chains": _chains(proof),
        "days": _days(proof),
        "keys": _keys(proof.digests, proof.keys),
        "recheck": recheck.recheck(proof.digests, proof.keys, proof.sources),
    }


def text(made: dict[str, Any]) -> bytes:
    """Its bytes."""
    return (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode()


def counts(proof: Proof) -> dict[str, dict[str, int]]:
    """How many of what came to which verdict."""
    groups: dict[str, Iterable[DigestFile | LogFile | Gap]] = {
        "digests": proof.digests,
        "log_files": proof.logs,
        "gaps": (each for each in proof.gaps if each.verdict.verdict != VALID),
    }
    made = {}
    for name, group in groups.items():
        counted = Counter(each.verdict.verdict for each in group)
        made[name] = {verdict: counted[verdict] for verdict in VERDICTS if verdict in counted or verdict == VALID}
    return made


def not_valid(proof: Proof) -> list[dict[str, Any]]:
    """Everything that is not valid, the worst first."""
    found = [_gap(each) for each in proof.gaps if each.verdict.verdict != VALID]
    found += [_digest(each) for each in proof.digests if each.verdict.verdict != VALID]
    found += [_log(each) for each in proof.logs if each.verdict.verdict != VALID]
    return sorted(found, key=lambda each: -VERDICTS.index(each["verdict"]))


def _gap(gap: Gap) -> dict[str, Any]:
    where = (gap.source, gap.key, gap.account_id, gap.region)
    return _told("gap", gap.verdict, where) | {"trail": gap.trail, "from": _time(gap.since), "to": _time(gap.until)}


def _digest(each: DigestFile) -> dict[str, Any]:
    told = _told("digest", each.verdict, _where(each.there))
    return told | {"trail": each.name.trail, "sha256": each.read.sha256 or None}


def _log(each: LogFile) -> dict[str, Any]:
    return _told("log_file", each.verdict, _where(each.there)) | {
        "sha256": each.read.sha256 or None if each.read else None,
        "listed_sha256": each.entry.sha256 if each.entry else None,
        "listed_by": each.entry.by if each.entry else None,
        "ingested": each.ingested or None,
    }


def _where(there: There) -> tuple[str, str, str, str]:
    return there.source, there.key, there.account_id, there.region


def _told(what: str, verdict: Verdict, where: tuple[str, str, str, str]) -> dict[str, Any]:
    source, key, account, region = where
    return {
        "what": what,
        "verdict": verdict.verdict,
        "checks": list(verdict.checks),
        "said": verdict.said,
        "source": source,
        "key": key,
        "account": account,
        "region": region,
    }


def _scope(proof: Proof) -> dict[str, Any]:
    windows = [each.digest for each in proof.digests if each.digest]
    files, digests = [each.there for each in proof.logs], [each.there for each in proof.digests]
    return {
        "sources": [
            {
                "source": place.name,
                "url": place.source.url,
                "is_copy": place.is_copy,
                "stands_for": place.bucket or None,
            }
            for place in proof.sources
        ],
        "asked": {"since": _day(proof.period.since), "until": _day(proof.period.until)},
        "windows": {
            "from": _time(min(each.start for each in windows)) if windows else None,
            "to": _time(max(each.end for each in windows)) if windows else None,
        },
        "days": {
            "first": _day(min((each.day for each in files), default=None)),
            "last": _day(max((each.day for each in files), default=None)),
        },
        "accounts": sorted({each.account_id for each in (*files, *digests)}),
        "regions": sorted({each.region for each in (*files, *digests)}),
    }


def _chains(proof: Proof) -> list[dict[str, Any]]:
    """Each chain with the worst of its digests, its gaps, and the log files that it lists."""
    of: dict[Chain, list[DigestFile]] = defaultdict(list)
    for each in proof.digests:
        of[each.chain].append(each)
    parts: dict[Chain, list[str]] = defaultdict(list)
    for gap in proof.gaps:
        parts[gap.account_id, gap.region, gap.trail, gap.home, gap.backfill].append(gap.verdict.verdict)
    chain_of = {each.there.key: each.chain for each in proof.digests}
    for log in proof.logs:
        if log.entry and log.entry.by in chain_of:
            parts[chain_of[log.entry.by]].append(log.verdict.verdict)
    return [
        {
            "account": chain[0],
            "region": chain[1],
            "trail": chain[2],
            "home_region": chain[3],
            "backfill": chain[4],
            "verdict": worst((*parts[chain], *(each.verdict.verdict for each in of.get(chain, ())))),
            "digests": len(of.get(chain, ())),
            "log_files": sum(each.log_files for each in of.get(chain, ())),
            "from": _time(min(each.digest.start for each in of[chain] if each.digest)) if _read(of, chain) else None,
            "to": _time(max(each.end for each in of[chain])) if of.get(chain) else None,
        }
        for chain in sorted({*of, *parts})
    ]


def _read(of: dict[Any, list[DigestFile]], chain: Any) -> bool:
    return any(each.digest for each in of.get(chain, ()))


def _days(proof: Proof) -> list[dict[str, Any]]:
    """Each account, region and day with its verdict: the worst of all that lies in it."""
    digests: dict[tuple[str, str, date], Counter[str]] = defaultdict(Counter)
    logs: dict[tuple[str, str, date], Counter[str]] = defaultdict(Counter)
    gaps: dict[tuple[str, str, date], list[str]] = defaultdict(list)
    for each in proof.digests:
        digests[each.there.account_id, each.there.region, each.there.day][each.verdict.verdict] += 1
    for log in proof.logs:
        logs[log.there.account_id, log.there.region, log.there.day][log.verdict.verdict] += 1
    for gap in proof.gaps:
        for day in _days_of(gap):
            gaps[gap.account_id, gap.region, day].append(gap.verdict.verdict)
    return [
        {
            "account": at[0],
            "region": at[1],
            "day": _day(at[2]),
            "verdict": worst((*digests[at], *logs[at], *gaps[at])),
            "digests": sum(digests[at].values()),
            "log_files": sum(logs[at].values()),
            "not_valid": sum(
                count for group in (digests, logs) for verdict, count in group[at].items() if verdict != VALID
            ),
        }
        for at in sorted({*digests, *logs, *gaps})
    ]


def _days_of(gap: Gap) -> set[date]:
    """Those that a gap reaches into. Of one that is longer than any trail's life, its ends."""
    first, last = gap.since.date(), max(gap.since, gap.until - timedelta(seconds=1)).date()
    days = (last - first).days
    return {first, last, *(first + timedelta(days=number) for number in range(days if days < MOST_DAYS else 0))}


def _keys(digests: Sequence[DigestFile], keys: Keys) -> list[dict[str, Any]]:
    """The public keys that digests name, and how many do."""
    used = Counter(each.digest.fingerprint for each in digests if each.digest)
    made = []
    for fingerprint, count in sorted(used.items()):
        kept, loaded = keys.kept.get(fingerprint), keys.find(fingerprint)
        made.append(
            {
                "fingerprint": fingerprint,
                "digests": count,
                "known": kept is not None,
                "valid_from": _time(kept.key.since) if kept else None,
                "valid_until": _time(kept.key.until) if kept else None,
                "origin": kept.origin if kept else None,
                "pem": digest.pem(loaded) if loaded else None,
            }
        )
    return made


def _time(when: datetime | None) -> str | None:
    return f"{when.isoformat()}Z" if when else None


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
