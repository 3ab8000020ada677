"""
Check: is anything broken? What is missing, extra, changed or unreadable, each by its name. Reads, and writes nothing.

Quick, it opens all metadata, lists the folders and compares sums; deep, it reads every byte and row; sources are listed
and compared with the ledger where asked. The parts are in `check_…`; what they find means what `damage` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date

from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import FileIO

from trailhouse import settings
from trailhouse.ingest import publish
from trailhouse.ingest.job import Run
from trailhouse.lake import catalog, claim, drift, failures, files, lease, pointers, schema, seals
from trailhouse.lake.catalog import MAIN, Lake
from trailhouse.lake.iceberg import SCHEMA_VERSION, VERSION
from trailhouse.lake.seals import Chain
from trailhouse.upkeep import check_deep, check_files, check_sources, check_sums, check_tables
from trailhouse.upkeep.check_sources import Days
from trailhouse.upkeep.check_tables import Opened, Seen
from trailhouse.upkeep.damage import (
    BESIDE,
    CHANGED,
    MISSING,
    OLDER,
    UNCHECKED,
    UNFINISHED,
    UNSEALED,
    Finding,
    Report,
)

ROUNDS = 3  # how often it looks again because a run has moved something meanwhile


@dataclass(frozen=True, slots=True)
class Asked:
    """How closely to look, and at what."""

    deep: bool = False
    seal: bool = False  # what is sound and has no seal
    sources: bool = False
    since: date | None = None  # of sources: days in keys
    until: date | None = None


def check(run: Run, asked: Asked) -> Report:
    """Look at the lake; where that finds damage and a run was at work meanwhile, look again."""
    where = run.config.lake
    with failures.told(where), seals.kept(where) if asked.seal else nullcontext():
        lake = catalog.connect(where)
        for _ in range(ROUNDS):
            pointers = _pointers(lake)
            report = _look(run, lake, pointers, asked.deep)
            if not report.damaged or pointers == _pointers(lake):
                break
        if asked.sources and _is_readable(report):
            check_sources.check(run, lake, Days(asked.since, asked.until), asked.deep, report)
        elif asked.sources:
            report.add([Finding(UNCHECKED, "source", "", "", "to be compared with the ledger", "it can't be read")])
        return report


def _look(run: Run, lake: Lake, pointers: Mapping[str, str], deep: bool) -> Report:
    report, io = Report(), catalog.file_io(lake.where)
    chain = _chain(lake.where, io, report)
    opened = Opened(io, chain.seals)
    tables = {name: check_tables.look(lake, name, pointer, opened) for name, pointer in pointers.items()}
    for seen in tables.values():
        seen.does_without(chain.gone)
    files.note(opened.sound)
    report.looked_at.update({"tables": len(tables), **Counter(opened.read_so_far)})
    report.add(opened.findings)
    report.add(_of_tables(lake, tables))
    # What runs say of themselves last: of whatever a run has written before it is listed, it has said that it began.
    folders = [*(check_files.folder_of(seen) for seen in tables.values()), catalog.own_folder(lake.where)]
    there = check_files.listed(folders)
    report.looked_at["files listed"] += len(there.there)
    report.add(there.findings)
    report.add(check_files.compare(lake.where, list(tables.values()), there, chain.seals))
    report.add(_unsealed(tables, chain))
    made = check_sums.sums(tables, io)
    report.add((*made.findings, *check_sums.held(made)))
    if check_sums.can_be_compared(tables, report):
        report.add(check_sums.compare(tables, made))
    if deep:
        of_runs = check_files.of_runs(lake.where, there)
        check_deep.check(run, lake, {**tables, of_runs.name: of_runs}, chain.seals, report)
    return report


def _is_readable(report: Report) -> bool:
    """Whether nothing stands in the way of reading the ledger, and what is pending."""
    return not report.blemished() & {"ledger", "pending"}


def _pointers(lake: Lake) -> dict[str, str]:
    """Where the catalog says that each table is."""
    found = {}
    for name in schema.TABLES:
        try:
            found[name] = catalog.pointer(lake, name)
        except NoSuchTableError:
            continue  # told in `_of_tables`
    if "batches" not in found:
        raise pointers.none(lake.where)
    return found


def _chain(where: settings.Lake, io: FileIO, report: Report) -> Chain:
    try:
        chain = seals.read(where, io)
    except failures.UNSURE as error:
        said = " ".join(str(error).split())[:300]
        report.add([Finding(UNCHECKED, "seal", "", seals.folder(where), "to be read", said)])
        return Chain()
    report.add(Finding(each.what, "seal", "", each.path, each.expected, each.found) for each in chain.doubts)
    report.add(Finding(BESIDE, "seal", "", name, "to be named by a later one", "it is not") for name in chain.beside)
    return chain


def _of_tables(lake: Lake, tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """Tables that are not there, or not what this release knows; and what has not come to its end on them."""
    batches = tables["batches"].table
    older = bool(batches and batches.properties.get(VERSION) != SCHEMA_VERSION)
    for name in schema.TABLES:
        seen = tables.get(name)
        if seen is None:
            kind = OLDER if name in _LATER or older else MISSING
            yield Finding(kind, "table", name, ".".join(lake.name(name)), "a table", "nothing")
        elif seen.table:
            catalog.check_version(seen.table)
            for each in drift.of(seen.table, schema.table(name)):
                kind = OLDER if each.statement and (older or not each.stops) else CHANGED
                yield Finding(kind, "table", name, f"{name}: {each.said}", "as this release makes it", each.said)
            for ref in sorted(seen.table.metadata.refs.keys() - {MAIN, lease.BRANCH}):
                known = ref == claim.REF or ref.startswith(publish.BRANCHES)
                said = "a batch on its way, or left by a run that was killed" if known else "another's branch or tag"
                yield Finding(UNFINISHED, "branch", name, ref, "none", said)


_LATER = ("coverage", "accounts", "pending", "digests", "integrity", "public_keys")  # that older lakes lack


def _unsealed(tables: Mapping[str, Seen], chain: Chain) -> Iterator[Finding]:
    for name, seen in tables.items():
        for path, (what, _) in seen.files.items():
            if path not in chain.seals:
                yield Finding(UNSEALED, what, name, path, "a seal", "none")
