"""
What the lake remembers of earlier runs, and what it is to remember of this one: the one place of `verify` that asks it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import pyarrow.compute as pc

from trailhouse.integrity import public_keys, tables
from trailhouse.integrity.judging import Proof
from trailhouse.integrity.places import Places
from trailhouse.integrity.public_keys import Kept
from trailhouse.integrity.tables import Row
from trailhouse.integrity.values import NOTHING, UNCHECKED, LogFile, Name, Period, Read, There, Verdict
from trailhouse.lake.catalog import Lake

KeepRead = Callable[[Sequence[tuple[There, Read]], datetime], None]


def _nowhere(_: Sequence[tuple[There, Read]], __: datetime) -> None:
    """What is read is not kept."""


@dataclass
class Memory:
    """Rows of earlier runs: all, and by name those that spare reading; keys; what was ingested."""

    digest_rows: Sequence[Row] = ()
    log_rows: Sequence[Row] = ()
    digests: Mapping[Name, Row] = field(default_factory=dict)
    logs: Mapping[Name, Row] = field(default_factory=dict)
    keys: Sequence[Kept] = ()
    ingested: Mapping[Name, frozenset[str]] = field(default_factory=dict)  # the hashes of all generations
    keep_read: KeepRead = _nowhere

    @property
    def read_at(self) -> dict[Name, datetime]:
        """When what need not be read again was read."""
        both = (*self.logs.items(), *self.digests.items())
        return {name: row["checked_at"] for name, row in both if row["checked_at"]}


def remembered(lake: Lake, where: Places, asked: Period, full: bool) -> Memory:
    """What earlier runs found; digests spare reading where all that they say of log files is known as well."""
    names, period = list(where.by_name), asked.around(1, 1)
    digests, logs = (list(tables.kept(lake, name, names, period)) for name in (tables.DIGESTS, tables.LOGS))
    made = Memory(
        digests,
        logs,
        keys=public_keys.of_lake(lake),
        ingested=_ingested(lake, where, period),
        keep_read=partial(_keep_read, lake, where, {(row["source"], row["key"]): row for row in logs}),
    )
    if full:
        return made
    made.logs = {(row["source"], row["key"]): row for row in logs}
    odd = (row for row in logs if tables.OF_LISTING.intersection(row["checks"] or ()))
    again = {(row["account_id"], row["region"]) for row in odd}  # where a digest's whole word is needed
    listed: dict[str, set[str]] = defaultdict(set)
    for row in logs:
        listed[row["listed_by"] or ""].add(row["key"].rpartition("/")[2])
    made.digests = {
        (row["source"], row["key"]): row
        for row in digests
        if row["what"] == "digest"
        and (row["account_id"], row["region"]) not in again
        and row["log_files"] == len(listed.get(row["key"], ()))
    }
    return made


def _ingested(lake: Lake, where: Places, period: Period) -> dict[Name, frozenset[str]]:
    """The hashes of what the lake took in, of each object all generations."""
    made: dict[Name, set[str]] = defaultdict(set)
    rows = tables.told(lake, "ledger", list(where.by_name), period, ("source", "key", "sha256", "state"))
    rows = rows.filter(pc.equal(rows["state"], "done"))
    for source, key, sha256 in zip(*(rows[name].to_pylist() for name in ("source", "key", "sha256")), strict=True):
        made[source, key].add(sha256 or "")
    return {name: frozenset(hashes) for name, hashes in made.items()}


def _keep_read(
    lake: Lake, where: Places, known: Mapping[Name, Row], got: Sequence[tuple[There, Read]], now: datetime
) -> None:
    """So that who goes on after a run that was killed need not read them again. What was judged so stays judged."""
    verdict = Verdict(UNCHECKED, (tables.NOT_JUDGED,), "it was read, and the run that read it did not come to its end")
    new = ((each, read) for each, read in got if not _is_known(known.get((each.source, each.key)), each, read))
    files = (LogFile(each, read, verdict, None, "", checked_at=now) for each, read in new)
    tables.store(lake, tables.LOGS, list(where.by_name), map(tables.log_row, files), NOTHING)


def _is_known(row: Row | None, each: There, read: Read) -> bool:
    return row is not None and tables.known_read(row, each) == read


def keep(lake: Lake, where: Places, proof: Proof, now: datetime) -> None:
    """Log files first: what is known of a digest speaks for its log files too."""
    names = list(where.by_name)
    public_keys.keep(lake, list(proof.keys.kept.values()), now)
    tables.store(lake, tables.LOGS, names, map(tables.log_row, proof.logs), proof.period)
    rows = (*map(tables.digest_row, proof.digests), *map(tables.gap_row, proof.gaps))
    tables.store(lake, tables.DIGESTS, names, rows, proof.period)
