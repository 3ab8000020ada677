"""
The pages docs/scale.md and docs/cost.md, from numbers. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import product
from typing import Any

from tools.scale import model
from tools.scale.model import DAY, GB, MB, Measured, Needs, Size
from tools.scale.rates import RATES

SIZES = tuple(
    Size(events, accounts) for events, accounts in product((10**6, 10**8, 10**9, 10**10), (10, 1_000, 10_000))
)
BY = (
    "By `make scale`, which keeps what it measured in [scale.json](scale.json); `python -m tools.scale --pages` writes "
    "the page anew from there."
)


def written(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Each page by its name."""
    one = Measured(**numbers["measured"])
    pages = {"scale.md": _scale(numbers, one), "cost.md": _cost(one)}
    return {name: "\n".join(lines).rstrip() + "\n" for name, lines in pages.items()}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The first column is words, the others are numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _short(number: float) -> str:
    """As few digits as tell."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= unit:
            by = 10**3 if name == "k" else unit
            return f"{number / by:,.0f}{name}" if number / by >= 10 else f"{number / by:,.1f}{name}"
    return f"{number:,.0f}" if number >= 10 else f"{number:,.1f}"


def _bytes(number: float) -> str:
    for unit, name in ((model.TB, "TB"), (GB, "GB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number / MB:,.1f} MB"


def _time(seconds: float) -> str:
    for unit, name in ((DAY, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:,.1f} s"


# ── what was measured ────────────────────────────────────────────────────────────────────────────────────────────────


def _scale(numbers: Mapping[str, Any], one: Measured) -> Iterator[str]:
    yield "# Larger than this machine\n"
    yield f"{BY} Measured on {numbers['day']}: {numbers['machine']}. What it costs is in [cost.md](cost.md).\n"
    yield from _plans(numbers)
    yield from _commits(numbers)
    yield from _constants(one)
    yield from _assumed()
    yield from _sizes(one)
    yield from _ends(one)


def _plans(numbers: Mapping[str, Any]) -> Iterator[str]:
    before = numbers["plans"][0]["memory_before"]
    yield "## Planning\n"
    yield "The real planner on a bucket that answers LIST requests over HTTP for keys that nobody has stored, against a"
    yield "ledger of real rows that has settled most of them (`tools/scale/planning.py`). Memory is what its process held"
    yield f"at most; before it began, that was {before} MB.\n"
    rows = []
    for each in (*numbers["plans"], numbers["some_new"], numbers["all_new"], numbers["quiet"]):
        counts = (each["keys"], each["known"], each["new"], each["requests"])
        seconds = each["seconds"] + each["batch_seconds"]
        rows.append([*(f"{n:,}" for n in counts), f"{seconds:,.1f}", f"{each['memory']:,} MB", f"{each['batches']:,}"])
    yield from _table(["keys", "known", "new", "LIST requests", "seconds", "memory", "batches"], rows)
    yield "The last row is a run for which little is due: one page of each feed's newest day.\n"


def _commits(numbers: Mapping[str, Any]) -> Iterator[str]:
    yield "## Committing\n"
    yield "The real commit path, staged on a branch and then published, on a real S3 server and a Glue API of this machine,"
    yield "with data files that nobody has written, each in a partition of its own (`tools/scale/committing.py`).\n"
    rows = []
    for each in (numbers["wide"], numbers["narrow"]):
        asked = sum(each["requests_last"].values())
        memory = f"{each['memory_before']} → {each['memory']} MB"
        counts = [f"{each[name]:,}" for name in ("commits", "partitions")]
        seconds = [f"{each[name]:,.2f}" for name in ("seconds_first", "seconds_last")]
        sizes = [_bytes(each[name]) for name in ("manifest_bytes", "metadata_bytes")]
        plan = f"{each['plan_seconds']:,.2f}"
        rows.append([*counts, *seconds, f"{asked}", memory, f"{each['manifests']:,}", *sizes, plan])
    head = ["commits", "files in each", "seconds, first", "last", "requests, last", "memory", "manifests"]
    yield from _table([*head, "in manifests", "metadata file", "a query's plan, s"], rows)


_SAID = {
    "list_key": ("to list a key and compare it with the ledger", 1e6, "µs"),
    "list_feed": ("to ask for a feed in which little is new, in a run of many", 1e3, "ms"),
    "known_object": ("of memory for an object of the ledger, while a plan is made", 1, "bytes"),
    "event": ("of a core to decode, write and look over an event", 1e6, "µs"),
    "object": ("of a core for an object, besides its events", 1e3, "ms"),
    "commit": ("for a commit of one table, its files apart", 1e3, "ms"),
    "commit_file": ("for each data file in it", 1e3, "ms"),
    "plan_file": ("of a query's plan for each data file of the manifests that it opens", 1e3, "ms"),
    "stored_event": ("of an event in the log bucket", 1, "bytes"),
    "lake_event": ("of an event in the lake, before maintain", 1, "bytes"),
    "ledger_object": ("of an object in the ledger", 1, "bytes"),
    "manifest_file": ("of a data file in a manifest", 1, "bytes"),
    "metadata_snapshot": ("of a snapshot in a table's metadata file", 1, "bytes"),
    "start": ("until Spark runs the first task", 1, "s"),
}


def _constants(one: Measured) -> Iterator[str]:
    yield "## What one of each takes\n"
    yield "From the tables above, and from two ingests by `trailhouse ingest`: 100,000 events in many objects, 1,000,000 in"
    yield "few.\n"
    rows = []
    for each in fields(one):
        what, times, unit = _SAID[each.name]
        rows.append([f"{unit} {what}", f"{getattr(one, each.name) * times:,.2f}"])
    yield from _table(["", "measured"], rows)


def _assumed() -> Iterator[str]:
    yield "## What is assumed\n"
    yield "Change it in `tools/scale/model.py`, and write the pages anew.\n"
    rows = [
        ["regions of an account with events", str(model.REGIONS)],
        ["runs a day", str(model.RUNS)],
        ["log files of a feed and day, where there are fewer than 50 MB of events in five minutes, at most",
         str(model.DELIVERIES)],
        ["bytes of an event, inflated", f"{model.EVENT_JSON:,}"],
        ["accounts from which on `lake.partition` is `bucket`", f"{model.BUCKETED_FROM:,}"],
        ["buckets (`lake.buckets`)", str(model.BUCKETS)],
        ["stored bytes that a task reads (`batch.task_bytes`)", f"{model.TASK >> 20} MiB"],
        ["size of a data file after maintain (`maintain.target_bytes`)", f"{model.LARGE >> 20} MiB"],
        ["seconds that S3 or Glue takes for a request", f"{model.TRIP}"],
        ["requests of a commit that follow on each other", f"{model.TRIPS}"],
        ["tables that a run commits to", f"{model.TABLES}"],
    ]  # fmt: skip
    yield from _table(["", "assumed"], rows)


# ── what follows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _name(size: Size) -> str:
    return f"10{_POWER[len(str(size.events)) - 1]} × {size.accounts:,}"


_POWER = {6: "⁶", 8: "⁸", 9: "⁹", 10: "¹⁰"}


def _sizes(one: Measured) -> Iterator[str]:
    found = [model.needs(size, one) for size in SIZES]
    yield "## Organizations\n"
    yield "Events a day × accounts. Each is what the model says, not what was run.\n"
    yield "### A run, a quarter of an hour after the one before\n"
    rows = [
        [_name(n.size), _short(n.objects / model.RUNS), _time(n.plan_seconds), f"{n.cores:,}",
         _time(n.core_seconds / model.RUNS / n.cores), _short(n.files_run), _time(n.commit_seconds), _time(n.run_seconds)]
        for n in found
    ]  # fmt: skip
    yield from _table(["", "objects", "plan", "cores", "decode", "data files", "commit", "in all"], rows)
    yield "*cores* are as many as decode a day's events in half a day.\n"
    yield "### A day, and a year\n"
    rows = [
        [_name(n.size), _short(n.objects), _short(n.lists), _short(n.files), _short(n.files_after),
         f"{n.manifests:,.0f}", _bytes(n.metadata), _bytes(n.lake_bytes), _bytes(n.ledger_year), _time(n.reconcile_seconds),
         _bytes(n.known_year)]
        for n in found
    ]  # fmt: skip
    head = ["", "objects", "LIST requests", "data files", "after maintain", "manifests", "metadata file", "lake"]
    yield from _table([*head, "ledger, a year", "reconcile of a year", "its memory"], rows)
    yield "Snapshots, of each table: a run's one, 96 a day. Manifests and the metadata file are those of one table, a day"
    yield "after maintain.\n"
    yield "### A question about one account's day, after maintain\n"
    rows = [[_name(n.size), _short(n.query_files), _bytes(n.query_bytes), _time(n.query_plan)] for n in found]
    yield from _table(["", "data files", "read at most", "plan"], rows)


def _ends(one: Measured) -> Iterator[str]:
    """Where each part stops scaling; the thresholds follow from the constants."""
    quarter = DAY / model.RUNS
    feeds = quarter / 3 / max(one.list_feed, model.TRIP / model.LIST_AT_ONCE)
    objects = 8 * GB / one.known_object
    files = quarter / 3 / one.commit_file
    one_driver = quarter / 2 / one.list_key
    yield "## Where it ends, and what moves it\n"
    rows = [
        ["listing: each run asks for each feed",
         f"{_short(feeds)} feeds ({_short(feeds / model.REGIONS)} accounts in four regions) take a third of a quarter hour",
         "run less often; trails for the regions in use alone; several runs, each with the sources of a part of the "
         "organization, into one lake"],
        ["planning: a day's keys, read again by each run",
         f"{_short(one_driver)} keys in half a quarter hour",
         "run less often, so that fewer pages of today are read again"],
        ["a full reconcile: the whole ledger is compared",
         f"{_short(objects)} objects in 8 GB",
         "`listing.reconcile_every`; `ingest --from … --to …` reconciles a month alone"],
        ["decoding", "cores, as many as there are; tasks are cut by bytes, and share nothing",
         "executors; `batch.task_bytes`, `batch.bytes`"],
        ["committing: a data file for each partition that a task touches",
         f"{_short(files)} data files of a run take a third of a quarter hour",
         "`lake.partition = \"bucket\"`, `lake.buckets`; run less often; larger `batch.task_bytes`"],
        ["metadata: a snapshot of each table for each run",
         f"{_bytes(model.RUNS * 30 * one.metadata_snapshot)} of metadata for each commit to read and write after a month "
         "without maintain",
         "`trailhouse maintain` each day; `maintain.snapshots_after`, `maintain.snapshots_kept`"],
        ["queries", f"a plan opens the manifests of the days it asks for: {one.plan_file * 1e6:,.0f} s for a million files",
         "`trailhouse maintain`; `maintain.target_bytes`; ask by account and day"],
        ["memory of the driver", "what is new lies in a temporary file, not in memory; a batch's results are in memory",
         "`batch.objects`; the folder that `TMPDIR` names"],
    ]  # fmt: skip
    yield "| part | ends where | moved by |"
    yield "| --- | --- | --- |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


# ── dollars ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cost(one: Measured) -> Iterator[str]:
    found = [model.needs(size, one) for size in SIZES]
    yield "# What it costs\n"
    yield f"{BY} It follows from the constants of [scale.md](scale.md) and the prices below.\n"
    yield "## A month, in dollars\n"
    yield f"Events a day × accounts; everything is kept for a year, and the year is full. {model.Asked().accounts:,} "
    yield f"questions a month are about a day of one account, {model.Asked().all} about a day of everybody. Management"
    yield "events all; CloudTrail's own price for delivering them is the same for all four, and not in it.\n"
    yield from _table(
        ["", "Trailhouse", "CloudTrail Lake", "Security Lake", "Athena on the files"],
        (_row(need, one) for need in found),
    )
    yield "CloudTrail Lake is closed to new customers since 2026-05-31; the cheaper of its two prices is shown. Security Lake: by"
    yield "compressed or by uncompressed bytes, since AWS does not say which it bills. It changes events into OCSF, and what does not fit there is lost; it takes no"
    yield "history. Athena on the files proves nothing, drops no duplicates, and lists and opens every small file.\n"
    yield "## Of which, for Trailhouse\n"
    parts = [model.trailhouse(need, one, RATES) for need in found]
    names = list(parts[0])
    yield from _table(
        ["", *names], ([_name(n.size), *(_dollars(p[k]) for k in names)] for n, p in zip(found, parts, strict=True))
    )
    yield "*log bucket* is what CloudTrail's own files take there; for a year, without a cheaper storage class. *compute* is that"
    yield "of `ingest` alone: how often `maintain`, `verify` and reports run, and on what, is not assumed here. A GB is 10⁹ bytes;"
    yield "S3 counts 2³⁰, which makes storage 7 % less than it is shown, on each side. *keys* has a request to KMS for each log"
    yield "file that is read, since CloudTrail encrypts it with a key as `infra/` sets it up.\n"
    yield "## Prices\n"
    yield "In us-east-1, without discounts and free tiers. They change: the last column says when each was seen, and where.\n"
    yield "| price | dollars | per | source | seen |"
    yield "| --- | ---: | --- | --- | --- |"
    yield from (f"| {r.what} | {r.dollars:g} | {r.per} | {r.source} | {r.seen} |" for r in RATES.values())


def _row(need: Needs, one: Measured) -> list[str]:
    each = (
        model.trailhouse(need, one, RATES),
        model.cloudtrail_lake(need.size, one, RATES),
        model.security_lake(need.size, one, RATES),
        model.security_lake(need.size, one, RATES, compressed=False),
        model.raw_files(need, one, RATES),
    )
    ours, lake, low, high, raw = (_dollars(sum(parts.values())) for parts in each)
    return [_name(need.size), ours, lake, f"{low} – {high}", raw]


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:,.2f}"
