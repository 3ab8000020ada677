"""
Verify: list, read what is new, judge, keep. The whole way on one screen, in `verify`.

What an earlier run has read and what is still the same is not read again; everything is listed and judged each time,
so that what is gone, or came later, shows. What is read is kept as it comes: a run that was killed is gone on with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from trailhouse import settings
from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.integrity import chains, digest, finding, job, judging, memory, public_keys, tables
from trailhouse.integrity.finding import Found
from trailhouse.integrity.job import Run
from trailhouse.integrity.judging import Proof
from trailhouse.integrity.memory import Memory
from trailhouse.integrity.places import Places
from trailhouse.integrity.public_keys import Kept, Keys
from trailhouse.integrity.values import VALID, DigestFile, Name, Period, Read, There
from trailhouse.lake import catalog, failures, seals
from trailhouse.sources.keys import digest_name
from trailhouse.sources.values import Problem


@dataclass(frozen=True, slots=True)
class Asked:
    """What to verify, and how."""

    period: Period = field(default_factory=Period)
    keys: Path | None = None
    full: bool = False  # read everything again
    live: bool = False  # every source, whatever its settings say


def verify(run: Run, asked: Asked) -> Proof:
    """Verify all sources of the settings, over the period that is asked about, with what the lake remembers."""
    _check(run.config, asked)
    where = Places(run.config.sources)
    with failures.told(run.config.lake), seals.kept(run.config.lake):
        lake = catalog.make_lake(run.config.lake)
        proof = prove(run, asked, where, memory.remembered(lake, where, asked.period, asked.full))
        memory.keep(lake, where, proof, run.clock())
    return proof


def prove(run: Run, asked: Asked, where: Places, known: Memory) -> Proof:
    """The same without a lake: list, read what is new, judge."""
    found = finding.listed(where, asked.period)
    found.problems += _empty(found, where, asked.period)
    digests, when = _digests(run, where, found.digests, known)
    keys, problems = _keys(asked, digests, known.keys, run.now)
    digests = chains.judged(digests, keys, where)
    lists = finding.lists(digests, known.log_rows, found, where, asked.period)
    finding.look_further(lists, found, where, asked.period)
    reads = _log_files(run, where, judging.wanted(found, lists, asked.period), known)
    run.list_calls = found.calls
    proof = judging.judged(
        judging.Evidence(
            places=where,
            period=asked.period,
            now=run.now,
            live=frozenset(each.name for each in where.all if asked.live or each.source.live),
            digests=digests,
            lists=lists,
            found=found,
            reads=reads.reads,
            when={**known.read_at, **when, **reads.when},
            ingested=known.ingested,
            before=(known.digest_rows, known.log_rows),
        )
    )
    return replace(proof, keys=keys, problems=(*proof.problems, *problems))


def _check(config: settings.Settings, asked: Asked) -> None:
    if not config.sources:
        raise UsageError("there is nothing to verify: name a SOURCE, or a settings file that has one")
    since, until = asked.period.since, asked.period.until
    if since and until and since > until:
        raise UsageError(f"--since {since} is after --until {until}: give an earlier one")


def _empty(found: Found, where: Places, period: Period) -> list[Problem]:
    """Where nothing is there, nothing is proven. Of several sources, one may have nothing within some days."""
    full = {each.source for files in (found.digests, *found.logs.values()) for each in files}
    if full and period != Period():
        return []
    failed = {each.source for each in found.problems}
    said = "no log file and no digest lies there in this time"
    return [
        Problem(each.name, each.source.url, "nothing", said)
        for each in where.all
        if each.name not in full and each.name not in failed
    ]


# ── digests and keys ─────────────────────────────────────────────────────────────────────────────────────────────────


def _digests(
    run: Run, where: Places, there: Sequence[There], known: Memory
) -> tuple[list[DigestFile], dict[Name, datetime]]:
    """Each digest as it is: what is known of it, or read now; and when those were read."""
    made, new = list[DigestFile](), list[There]()
    for each in there:
        name, row = digest_name(each.file), known.digests.get((each.source, each.key))
        old = tables.known_digest(row, each, name) if row and name else None
        (made.append(old) if old else new.append(each))
    now, proven = run.now, {(row["source"], row["key"]): row for row in known.digest_rows if row["verdict"] == VALID}
    for each, got in job.files(run, where, new, "digests"):
        read, row = got, proven.get((each.source, each.key))
        if row and not got.signature and row["sha256"] == got.sha256 and where.by_name[each.source].is_copy:
            read = replace(got, signature=row["signature"] or "")  # what proved it once proves it still
        name = digest_name(each.file)
        told = digest.parse(read.content) if read.content else None
        if name:
            count = len(told.logs) if told else 0
            made.append(DigestFile(each, name, replace(read, content=b""), told, count, now))
    made.sort(key=lambda each: (each.end, each.there.source, each.there.key))  # known or new, their order is one
    return made, dict.fromkeys(((each.source, each.key) for each in new), now)


def _keys(
    asked: Asked, digests: Sequence[DigestFile], known: Sequence[Kept], now: datetime
) -> tuple[Keys, list[Problem]]:
    """The public keys that are needed: those of the lake, of the file that was named, else of CloudTrail."""
    kept = [*known, *(public_keys.of_file(asked.keys) if asked.keys else ())]
    keys, lacking = Keys(kept), defaultdict[str, list[digest.Digest]](list)
    for each in digests:
        if each.digest and not each.known and keys.find(each.digest.fingerprint) is None:
            lacking[each.there.region].append(each.digest)
    problems = list[Problem]()
    for region, of in sorted(lacking.items()) if not asked.keys else ():
        try:
            kept += public_keys.of_api(region, min(each.start for each in of), max(each.end for each in of), now)
        except TrailhouseError as error:
            problems.append(Problem("CloudTrail", f"public keys in {region}", "no_key", str(error)))
    return Keys(kept), problems


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Reads:
    """What log files came to."""

    reads: dict[Name, Read] = field(default_factory=dict)
    when: dict[Name, datetime] = field(default_factory=dict)  # of those that were read now


def _log_files(run: Run, where: Places, wanted: Sequence[There], known: Memory) -> _Reads:
    """Each log file as it is: what is known of it, or read now. Kept portion by portion, day by day."""
    made, new = _Reads(), list[There]()
    for each in wanted:
        name = (each.source, each.key)
        row = known.logs.get(name)
        read = tables.known_read(row, each) if row else None
        if read:
            made.reads[name] = read
        else:
            new.append(each)
    most = run.config.batch.objects
    for start in range(0, len(new), most):
        portion, now = new[start : start + most], run.now
        got = list(job.files(run, where, portion, "logs", (start, len(new))))
        for each, read in got:
            made.reads[each.source, each.key] = read
            made.when[each.source, each.key] = now
        if start + most < len(new):
            known.keep_read(got, now)
    return made
