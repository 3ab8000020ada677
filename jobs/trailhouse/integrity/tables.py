"""
What `verify` keeps: judged files and gaps as rows of the tables `digests` and `integrity`, and back.

What an earlier run found out of a file that is still the same need not be found out again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThanOrEqual, In, LessThanOrEqual

from trailhouse.integrity.digest import Digest, Previous
from trailhouse.integrity.reading import DAMAGE
from trailhouse.integrity.values import (
    VALID,
    DigestFile,
    Entry,
    Gap,
    LogFile,
    Period,
    Read,
    There,
    Verdict,
)
from trailhouse.lake import rows, schema
from trailhouse.lake.catalog import Lake
from trailhouse.sources.keys import DigestName

DIGESTS, LOGS = "digests", "integrity"
NOT_JUDGED = "not_judged"  # a check: the file was read, and the run that read it did not come to its end
OF_LISTING = {"account", "algorithm", "listed_twice"}  # checks that need all that a digest says of a log file

_ELSEWHERE = "s3://"  # how the key of a file begins that a digest lists in a bucket which is no source

Row = Mapping[str, Any]

AT_ONCE = 100  # days replaced in one commit


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def digest_row(each: DigestFile) -> dict[str, Any]:
    told, read, name = each.digest, each.read, each.name
    made = {
        "what": "digest",
        **_there(each.there),
        "trail": name.trail,
        "home_region": name.home,
        "backfill": name.backfill,
        "window_end": name.end,
        **_verdict(each.verdict),
        "problem": read.problem or None,
        "sha256": read.sha256 or None,
        "signature": read.signature or None,
        "signature_algorithm": read.algorithm or None,
        "backfilled_at": read.backfilled_at or None,
        "checked_at": each.checked_at,
    }
    del made["kind"]
    if told:
        made |= {
            "window_start": told.start,
            "fingerprint": told.fingerprint,
            "algorithm": told.algorithm,
            "told_account": told.account_id,
            "told_end": told.end_text,
            "told_bucket": told.bucket,
            "told_key": told.key,
            "log_files": each.log_files,
        }
        previous = told.previous
        if previous:
            made |= {
                "previous_bucket": previous.bucket,
                "previous_key": previous.key,
                "previous_sha256": previous.sha256,
                "previous_algorithm": previous.algorithm,
                "previous_signature": previous.signature,
            }
    return made


def gap_row(gap: Gap) -> dict[str, Any]:
    return {
        "what": "gap",
        "source": gap.source,
        "key": gap.key,
        "account_id": gap.account_id,
        "region": gap.region,
        "key_day": gap.since.date(),
        "trail": gap.trail,
        "home_region": gap.home,
        "backfill": gap.backfill,
        "window_start": gap.since,
        "window_end": gap.until,
        **_verdict(gap.verdict),
    }


def log_row(each: LogFile) -> dict[str, Any]:
    read, entry = each.read, each.entry
    return {
        **_there(each.there),
        **_verdict(each.verdict),
        "problem": (read.problem or None) if read else None,
        "sha256": (read.sha256 or None) if read else None,
        "listed_sha256": entry.sha256 if entry else None,
        "listed_by": entry.by if entry else None,
        "evidence": each.evidence or None,
        "ingested": each.ingested or None,
        "trail_events": list(read.trail_events) or None if read else None,
        "checked_at": each.checked_at,
    }


def _there(there: There) -> dict[str, Any]:
    return {
        "source": there.source,
        "key": there.key,
        "etag": there.etag,
        "size": there.size,
        "modified": there.modified,
        "kind": there.kind,
        "account_id": there.account_id,
        "region": there.region,
        "key_day": there.day,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"verdict": verdict.verdict, "checks": list(verdict.checks) or None, "said": verdict.said or None}


# ── and back ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def known_digest(row: Mapping[str, Any], there: There, name: DigestName) -> DigestFile | None:
    """A sound digest that was read before, as it is still; None where it must be read again."""
    if row["verdict"] != VALID or not _is_same(row, there) or row["told_end"] is None:
        return None
    previous = None
    if row["previous_key"] is not None:
        names = ("previous_bucket", "previous_key", "previous_sha256", "previous_algorithm", "previous_signature")
        previous = Previous(*(row[each] for each in names))
    told = Digest(
        account_id=row["told_account"],
        start=row["window_start"],
        end=row["window_end"],
        end_text=row["told_end"],
        bucket=row["told_bucket"],
        key=row["told_key"],
        fingerprint=row["fingerprint"],
        algorithm=row["algorithm"],
        previous=previous,
        logs=(),
    )
    read = Read(
        there.key,
        sha256=row["sha256"] or "",
        signature=row["signature"] or "",
        algorithm=row["signature_algorithm"] or "",
        backfilled_at=row["backfilled_at"] or "",
    )
    return DigestFile(there, name, read, told, row["log_files"] or 0, row["checked_at"], known=True)


def known_read(row: Mapping[str, Any], there: There) -> Read | None:
    """What was read of a log file that is still the same; None where it could not be read."""
    if not _is_same(row, there) or not (row["sha256"] or row["problem"] in DAMAGE):
        return None
    return Read(there.key, row["problem"] or "", row["sha256"] or "", tuple(row["trail_events"] or ()))


def known_entry(row: Mapping[str, Any], place: str) -> Entry | None:
    """What a digest said of it."""
    if row["listed_sha256"] is None:
        return None
    bucket, _, key = (
        row["key"].removeprefix(_ELSEWHERE).partition("/")
        if row["key"].startswith(_ELSEWHERE)
        else ("", "", row["key"])
    )
    return Entry(
        place=place,
        bucket=bucket,
        key=key,
        sha256=row["listed_sha256"],
        algorithm="SHA-256",
        by=row["listed_by"],
        source=row["source"],
        day=row["key_day"],
        account_id=row["account_id"],
        region=row["region"],
        evidence=row["evidence"],
    )


def _is_same(row: Mapping[str, Any], there: There) -> bool:
    return (row["etag"], row["size"], row["modified"]) == (there.etag, there.size, there.modified)


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


def kept(lake: Lake, name: str, sources: Collection[str], period: Period) -> Iterator[Row]:
    """The rows of some sources, of these days."""
    table = lake.find(name)
    if table is None:
        return
    shared: dict[str, str] = {}  # texts that many rows have, each once
    for batch in table.scan(_which(sources, period)).to_arrow_batch_reader():
        places = {name: number for number, name in enumerate(batch.schema.names)}
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield _Kept(places, tuple(shared.setdefault(v, v) if isinstance(v, str) else v for v in values))


class _Kept(Mapping[str, Any]):
    """A row as a dict would be, in a quarter of the memory: there are as many as files."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: tuple[Any, ...]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, name: str) -> Any:
        return self._values[self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def told(lake: Lake, name: str, sources: Collection[str], period: Period, columns: Sequence[str]) -> pa.Table:
    """The same, some columns of it, as a table."""
    return lake.table(name).scan(_which(sources, period), selected_fields=tuple(columns)).to_arrow()


def _which(sources: Collection[str], period: Period) -> BooleanExpression:
    which: BooleanExpression = In("source", set(sources)) if sources else AlwaysTrue()
    if period.since:
        which = And(which, GreaterThanOrEqual("key_day", period.since))
    if period.until:
        which = And(which, LessThanOrEqual("key_day", period.until))
    return which


def store(lake: Lake, name: str, sources: Collection[str], made: Iterable[Mapping[str, Any]], period: Period) -> int:
    """
    Keep rows in place of those that these sources had: of days of the period, of all; of others, of the same files.

    Days that stay as they are are left alone. Returns how many days changed.
    """
    by_day: dict[date, list[Mapping[str, Any]]] = {}
    for row in made:
        by_day.setdefault(row["key_day"], []).append(row)
    held = told(lake, name, sources, period, ("key_day",))["key_day"]
    days = sorted({*by_day, *pc.unique(held).to_pylist()})
    changed = 0
    for start in range(0, len(days), AT_ONCE):
        changed += _store(
            lake, name, sources, {day: by_day.get(day, []) for day in days[start : start + AT_ONCE]}, period
        )
    return changed


def _store(
    lake: Lake,
    name: str,
    sources: Collection[str],
    by_day: Mapping[date, Sequence[Mapping[str, Any]]],
    period: Period,
) -> int:
    which = And(In("source", set(sources)), In("key_day", set(by_day)))
    columns = schema.arrow_schema(name)
    before = lake.table(name).scan(which).to_arrow().select(columns.names).cast(columns)
    changed, wanted = list[date](), list[pa.Table]()
    for day, new in by_day.items():
        had = before.filter(pc.equal(before["key_day"], pa.scalar(day, pa.date32())))
        rest = had.slice(0, 0) if period.has(day) else _others(had, new, period)
        made = _sorted(pa.concat_tables([rows.table_of(name, new), rest]))
        if not made.equals(_sorted(had)):
            changed.append(day)
            wanted.append(made)
    if changed:
        gone = And(In("source", set(sources)), In("key_day", set(changed)))
        rows.replace(lake, name, gone, pa.concat_tables(wanted))
    return len(changed)


def _others(had: pa.Table, new: Sequence[Mapping[str, Any]], period: Period) -> pa.Table:
    """Of a day that was not asked about whole: the rows of other files, and gaps that lie outside of what was asked."""
    told_anew = {_identity(row) for row in new}
    keep = [_identity(row) not in told_anew and not _reaches(row, period) for row in had.to_pylist()]
    return had.filter(pa.array(keep, pa.bool_()))


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["source"],
        row["key"],
        row["account_id"],
        row["region"],
        row.get("what") == "gap" and row["window_start"],
    )


def _reaches(row: Mapping[str, Any], period: Period) -> bool:
    """Whether it is a gap that reaches into a period: then it has been looked for anew."""
    if row.get("what") != "gap":
        return False
    since, until = period.moments()
    return (since is None or row["window_end"] > since) and (until is None or row["window_start"] < until)


def _sorted(made: pa.Table) -> pa.Table:
    by = [
        name
        for name in ("key_day", "source", "account_id", "region", "key", "window_start")
        if name in made.column_names
    ]
    return made.sort_by([(name, "ascending") for name in by]).combine_chunks()
