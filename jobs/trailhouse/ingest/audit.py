"""
Audit: whether exactly what was staged is fit to be seen. Great Expectations judges the numbers that were measured.

What is expected is derived here, from the invariants below, `schemas/*.toml` and the user's own file; what was seen
comes from `measure`. Critical are only our own invariants and what a user declared so: what a record says can only
warn, so that nobody who can call an API may stop a batch. A pass is a proof: each thing expected was judged and none
raised.
"""

from __future__ import annotations

import importlib
import logging
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from trailhouse import settings
from trailhouse.ingest.values import Check, Gauge, Measured, Verdict, Wanted
from trailhouse.lake import schema
from trailhouse.lake.expectations import Expectation

log = logging.getLogger("trailhouse.ingest")

# Of every table that a batch touches, but for the ledger, which has its own.
INVARIANTS = {
    "files": "No data file is attached twice.",
    "unique": "No two rows of one key, but for later ones flagged id_conflict.",
    "schema": "Every file has the table's columns and as many rows as its metadata says.",
    "lineage": "Every row names this batch, and no place of an object is told twice.",
    "no_shrink": "What was published stays.",
    "looked_at_all": "The audit read every staged row.",
}
OF_PARTITIONS = {"partition": "Partition values follow from the record."}
OF_THE_QUARANTINE = {"bytes": "What is set aside are the bytes that came, or their beginning, by size and SHA-256."}
OF_THE_LEDGER = {
    "accounting": "Of every object: records = rows + duplicates + quarantined, and the tables hold them.",
    "ledger": "The ledger's rows say what became of the objects.",
}

# Of a batch that says anew what others have said of objects.
OF_RESTATED = {"gave_way": "The rows of the objects gave way, and no other row changed."}
FEWER = "No object has fewer records than it had."

ALL_JUDGED = "Everything that was expected was judged once, and nothing raised."
WARNINGS = {
    "quarantine.share": "Few of the records go to quarantine (`quality.quarantined_percent`).",
    "ledger.changed_after_ingest": "No object was ingested before with other content.",
    "events.volume": "A day has about as many rows as the week before it (`quality.volume_factor`).",
    "events.error_rate": "A day has about the share of errors of the week before it (`quality.error_points`).",
}

_OWN = {*INVARIANTS, *OF_PARTITIONS, *OF_THE_QUARANTINE, *OF_THE_LEDGER, *OF_RESTATED, "all_judged"}

# About no one row.
OF_A_BATCH = {*_OWN, "fewer", *(name.partition(".")[2] for name in WARNINGS)}

# What a page of Data Docs needs.
_DRESS = ("static/styles/", "static/images/favicon", "static/images/short-logo", "static/images/logo-long")


def invariants(table: str) -> dict[str, str]:
    """What must hold of a table, whatever its records say; the ledger has its own."""
    partitioned = OF_PARTITIONS if schema.table(table).partition else {}
    return INVARIANTS | partitioned | (OF_THE_QUARANTINE if table == "quarantine" else {})


def wanted(measured: Measured, expectations: Sequence[Expectation], limits: settings.Quality) -> tuple[Wanted, ...]:
    """Everything that a batch is judged by, from what its tables are and never from what was measured of them."""
    tables = [each.table for each in measured.staged.tables if each.table != "ledger"]
    made = [Wanted(table, name, "critical", 0, doc) for table in tables for name, doc in invariants(table).items()]
    made += [Wanted("ledger", name, "critical", 0, doc) for name, doc in OF_THE_LEDGER.items()]
    if measured.staged.restates:
        made += [
            Wanted(each, name, "critical", 0, doc) for each in (*tables, "ledger") for name, doc in OF_RESTATED.items()
        ]
        made.append(Wanted("ledger", "fewer", "critical", 0, FEWER))
    made += [Wanted(e.table, e.name, e.severity, e.max_share, e.doc) for e in expectations if e.table in tables]
    bounds = {
        "quarantine.share": limits.quarantined_percent / 100,
        "ledger.changed_after_ingest": 0,
        **(
            {"events.volume": limits.volume_factor, "events.error_rate": limits.error_points}
            if "events" in tables
            else {}
        ),
    }
    for name, at_most in bounds.items():
        table, _, last = name.partition(".")
        made.append(Wanted(table, last, "warning", at_most, WARNINGS[name]))
    known = {each.id for each in made}
    # A word that a flag or a reason of the quarantine has: each that was seen is a finding.
    words = [Wanted(g.table, g.name, "warning", 0, "Nothing odd is said of records.") for g in _words(measured, known)]
    return (*made, *words)


@contextmanager
def ready() -> Iterator[None]:
    """Great Expectations takes seconds to import: it does so beside the block, while Spark starts and tasks run."""
    thread = threading.Thread(target=_engine, name="audit")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _engine() -> Any:
    settings.quieten_libraries()
    return importlib.import_module("great_expectations")


def _words(measured: Measured, known: set[str]) -> list[Gauge]:
    return [gauge for gauge in measured.gauges if gauge.id not in known]


def audit(measured: Measured, expectations: Sequence[Expectation], limits: settings.Quality) -> Verdict:
    """The verdict on the staged snapshots."""
    asked = wanted(measured, expectations, limits)
    judged, pages = _judged_in_time(measured, asked, limits.audit_timeout)
    gauges = {gauge.id: gauge for gauge in measured.gauges}
    snapshots = {each.table: each.snapshot for each in measured.staged.tables}
    checks = []
    for each in asked:
        gauge = gauges.get(each.id)
        success = judged.get(each.id)
        if success is None or gauge is None:
            continue  # not judged: told below
        snapshot = snapshots.get(each.table)
        checks.append(Check(each.table, snapshot, each.name, each.severity, success, gauge.observed, gauge.rows))
    missing = len(asked) - len(checks)
    told = f"{len(checks)} of {len(asked)} expectations were judged"
    checks.append(Check("quality", None, "all_judged", "critical", bool(asked) and not missing, told, missing))
    return Verdict(measured, asked, tuple(checks), pages)


def breaks_the_lake(verdict: Verdict) -> bool:
    """Whether what failed is one of our own invariants, or the audit itself, and not what a user declared."""
    return not verdict.checks or any(check.name in _OWN for check in verdict.broken)


def is_unreadable(verdict: Verdict) -> bool:
    """Whether a file of it can't be read: nobody can want that to be published."""
    return any(check.name == "schema" for check in verdict.broken)


def _judged_in_time(
    measured: Measured, asked: Sequence[Wanted], timeout: timedelta
) -> tuple[Mapping[str, bool], Mapping[str, bytes]]:
    """What was judged; nothing where the engine raises or does not come back, which is no pass."""
    answers: list[tuple[Mapping[str, bool], Mapping[str, bytes]]] = []
    full: list[OSError] = []

    def work() -> None:
        try:
            answers.append(_judge(measured, asked))
        except OSError as error:  # no room for its pages: that is told, and tried again
            full.append(error)
        except Exception:  # whatever the engine fails with, the batch is held and not the run lost (docs/adr/0008)
            log.exception("the audit's engine failed")

    thread = threading.Thread(target=work, name="audit", daemon=True)
    thread.start()
    thread.join(timeout.total_seconds())
    if full:
        raise full[0]
    return answers[0] if answers else ({}, {})


def _judge(measured: Measured, asked: Sequence[Wanted]) -> tuple[Mapping[str, bool], Mapping[str, bytes]]:
    """Great Expectations over one row of numbers: what held and what did not, and pages to read it on."""
    gx = _engine()
    pd = importlib.import_module("pandas")

    with tempfile.TemporaryDirectory(prefix="trailhouse-") as folder:
        context = gx.get_context(mode="ephemeral", project_config=_config(folder))
        asset = context.data_sources.add_pandas("staged").add_dataframe_asset(measured.staged.batch_id)
        batch = asset.add_batch_definition_whole_dataframe("numbers")
        suite = gx.ExpectationSuite(name="gate", expectations=[_expectation(gx, each) for each in asked])
        definition = gx.ValidationDefinition(name=measured.staged.batch_id, data=batch, suite=context.suites.add(suite))
        frame = pd.DataFrame({gauge.id: [float(gauge.value)] for gauge in measured.gauges})
        result = context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": frame}, result_format="BASIC"
        )
        context.build_data_docs()
        return _answers(result), _pages(Path(folder))


def _config(folder: str) -> Any:
    """All in memory, but for the pages; nothing is told to anybody."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": folder},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"pages": site},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _expectation(gx: Any, each: Wanted) -> Any:
    return gx.expectations.ExpectColumnMaxToBeBetween(
        column=each.id, max_value=each.at_most, severity=each.severity, notes=each.doc, meta={"id": each.id}
    )


def _answers(result: Any) -> dict[str, bool]:
    """Whether each held, by its id; what raised, saw nothing, or was answered twice has no answer."""
    told: dict[str, list[bool | None]] = {}
    for each in result.results:
        sound = not each.exception_info.get("raised_exception") and each.result.get("observed_value") is not None
        told.setdefault(each.expectation_config.meta["id"], []).append(bool(each.success) if sound else None)
    return {name: answers[0] for name, answers in told.items() if len(answers) == 1 and answers[0] is not None}


def _pages(folder: Path) -> dict[str, bytes]:
    """The pages, with this audit's own as the first: the engine's index of one audit is a script that links to it."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    pages = {name: page for name, page in files.items() if name.startswith(("expectations/", *_DRESS))}
    for name, page in files.items():
        if name.startswith("validations/"):
            pages["index.html"] = re.sub(rb"(?:[.][.]/)+", b"", page)
    return pages
