"""
What the page says of each part: a text, a table, plots; of the part's numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.contenders.profile import REST, STEPS
from bench.ingest import DECODE_WRITE, FLOORS, SPARKS, WHOLE, column, faster
from bench.plots import Bar, bars

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Plot:
    """A picture, and what it says to who can't see it."""

    title: str
    svg: str


@dataclass(frozen=True)
class Section:
    """What stands under one heading."""

    title: str
    lines: Sequence[str]
    plots: Mapping[str, Plot] = field(default_factory=dict)


LABELS = {
    "trailhouse": "Trailhouse, whole",
    "trailhouse_native": "Trailhouse + kernel, whole",
    "trailhouse_decode_write": "Trailhouse, decode and write",
    "trailhouse_native_decode_write": "Trailhouse + kernel, decode and write",
    "pyspark": "PySpark, a file a task",
    "pyspark_repartition": "PySpark, repartitioned",
    "duckdb": "DuckDB",
    "clickhouse": "ClickHouse",
    "floor_msgspec": "floor: inflate, msgspec",
    "floor_simdjson": "floor: inflate, simdjson",
}

RULES = """
Every contender is a program of its own in `bench/contenders/`, written as someone would who knows the tool: all cores, zstd,
types given, one folder a partition (account, region, day), and the same {columns} columns, which are all fields of a record
that the lake's table has, nested ones as text. What Trailhouse makes beside (the text of `userIdentity`, who did it, flags,
hashes, where a row comes from) is asked of nobody. Rows are counted in what was written; were they not equal, there would be
no result. *Whole* is the process from its start to its end, and of Trailhouse with duplicates, audit and publish; *work* leaves
out imports and the start of a session, on both sides: of Trailhouse whole it is the time in which Spark's tasks decode and write.
*Decode and write* is what these tasks do, in plain processes. *+ kernel* is after `make native`; all else here, and every
other part, is as `make setup` leaves it. The *floor* inflates and parses, and makes nothing of it. Of
two that do the same, the ratios take the faster."""


def ingest(numbers: Numbers) -> Section:
    """All contenders."""
    from bench.contenders.columns import columns

    given, of = numbers["input"], numbers["contenders"]
    real = "half of them real records as other events" if given["has_corpus"] else "all of them of `trailhouse sample`"
    lines = [
        f"{given['events']:,} events, {real}, in {given['files']:,} files: {_mb(given['stored'])} MB, inflated"
        f" {_mb(given['inflated'])} MB. All contenders in turn, {len(of['trailhouse'])} times.",
        RULES.format(columns=len(columns())),
        "",
        *_contenders(of, given["events"]),
        "\nPhase by phase, seconds of Trailhouse's whole runs; the rest is the process's own start and end:\n",
        *_phases({LABELS[name]: of[name] for name in WHOLE}),
        f"\nTo plan, to start Spark, and to start and end as a process take {_around(of['trailhouse']):.1f} s of it; half of"
        f" DuckDB's whole time is {median(column(of['duckdb'], 'seconds')) / 2:.1f} s.",
    ]
    spark, floor = (faster(of, names, "work_seconds") for names in (SPARKS, FLOORS))
    writers = [name for name in of if name not in FLOORS]
    whole = [name for name in (*writers, floor) if name not in (*SPARKS, *DECODE_WRITE)]
    title, work = "Whole processes", "The work alone"
    return Section(
        "Ingest",
        lines,
        {
            "ingest-whole": Plot(title, _rates(title, of, [*whole, faster(of, SPARKS, "seconds")], "seconds", given)),
            "ingest-work": Plot(
                work,
                _rates(work, of, [*DECODE_WRITE, spark, "duckdb", "clickhouse", floor], "work_seconds", given),
            ),
            "ingest-bytes": Plot("Bytes written", _bytes_out(of, writers, given)),
        },
    )


def _around(rounds: Sequence[Numbers]) -> float:
    """Seconds of a whole run in which nothing is read, written or looked at."""
    work = [sum(took for phase, took in each["phases"].items() if phase not in {"plan", "start"}) for each in rounds]
    return median(each["seconds"] - took for each, took in zip(rounds, work, strict=True))


def _phases(of: Mapping[str, Sequence[Numbers]]) -> Iterator[str]:
    yield f"| phase | {' | '.join(of)} |"
    yield "| --- |" + " --- |" * len(of)
    first, *_ = of.values()
    for phase in sorted(first[0]["phases"], key=PHASES.index):
        told = (f"{median(each['phases'][phase] for each in rounds):.2f}" for rounds in of.values())
        yield f"| {phase} | {' | '.join(told)} |"


PHASES = ("plan", "start", "write", "stage", "look", "twins", "judge", "publish", "pending")  # as a run goes


def _contenders(of: Numbers, events: int) -> Iterator[str]:
    yield "| | seconds, whole | events/s, whole | seconds, work | events/s, work | MB written | files | MB held at most |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, rounds in ((name, of[name]) for name in LABELS if name in of):
        whole = median(column(rounds, "seconds"))
        work = median(column(rounds, "work_seconds")) if rounds[0]["work_seconds"] else None
        cells = [
            f"{whole:,.1f}",
            f"{events / whole:,.0f}",
            *([f"{work:,.1f}", f"{events / work:,.0f}"] if work else ["", ""]),
            _mb(median(column(rounds, "bytes_out"))),
            f"{median(column(rounds, 'files_out')):,.0f}",
            f"{max(each['memory']['all'] for each in rounds):,}",
        ]
        yield f"| {LABELS[name]} | {' | '.join(cells)} |"


def _rates(title: str, of: Numbers, names: Sequence[str], what: str, given: Numbers) -> str:
    made = [Bar(LABELS[name], given["events"] / median(column(of[name], what)), _kind(name)) for name in names]
    return bars(title, "events a second; longer is better", sorted(made, key=lambda bar: -bar.value))


def _bytes_out(of: Numbers, names: Sequence[str], given: Numbers) -> str:
    made = [Bar(LABELS[n], median(column(of[n], "bytes_out")) / given["events"], _kind(n)) for n in names]
    made.append(Bar("the log files, gzip", given["stored"] / given["events"], "limit"))
    return bars("Bytes written", "bytes an event, of Parquet; shorter is better", sorted(made, key=lambda b: b.value))


def _kind(name: str) -> Any:
    return "ours" if name.startswith("trailhouse") else "limit" if name in FLOORS else "theirs"


def profile(numbers: Numbers) -> Section:
    """Where the time goes."""
    of, floor = numbers["microseconds"], numbers["floor"]
    lines = [
        "Microseconds of the main thread that decode-and-write spends on a record of the main input, step by step, by Python's"
        " own profiler (which costs something itself). Files are read by other threads beside it: *read* is to wait for them."
        f" The floor spends {floor:.2f} of a core in all: no more than reading, inflating and parsing.\n",
        "| step | in Python | with the kernel |",
        "| --- | --- | --- |",
        *(f"| {step} | {of['python'][step]:.2f} | {of['native'][step]:.2f} |" for step in (*STEPS, REST)),
        f"| **all** | **{sum(of['python'].values()):.2f}** | **{sum(of['native'].values()):.2f}** |",
        BOUNDS,
    ]
    title = "Where the time goes"
    made = [Bar(step, of["native"][step], "ours") for step in (*STEPS, REST)]
    plot = bars(title, "microseconds a record, with the kernel; shorter is better", made, ".2f")
    return Section(title, lines, {"profile": Plot(title, plot)})


BOUNDS = """
*Parse and hash* has two SHA-256 in it, of each object and of each record, which is what a proof of integrity rests on; neither
the floor nor any other contender makes them. *Encode, compress* and *sort* are what a table asks for that is read by its
columns, and the floor writes nothing. Whole, a run on a laptop starts a JVM and its workers, and reads back what it
wrote: see the phases above."""


def hard(numbers: Numbers) -> Section:
    """The two hard cases."""
    titles = {"big": "Files of 50 MB", "tiny": "Tiny files"}
    lines, plots = [], {}
    for case, of in numbers.items():
        given = of["input"]
        lines += [
            f"\n**{titles[case]}**: {given['events']:,} events in {given['files']:,} files, {_mb(given['stored'])} MB,"
            f" inflated {_mb(given['inflated'])} MB. Trailhouse's worker held"
            f" {of['contenders']['trailhouse'][0]['memory'].get('worker', 0):,} MB at most.\n",
            *_contenders(of["contenders"], given["events"]),
        ]
        made = [Bar(LABELS[n], median(column(r, "seconds")), _kind(n)) for n, r in of["contenders"].items()]
        title = f"{titles[case]}: whole processes"
        plots[f"hard-{case}"] = Plot(title, bars(title, "seconds; shorter is better", made, ",.1f"))
    return Section("Hard cases", lines, plots)


def query(numbers: Numbers) -> Section:
    """Reports over the lake and over what others have."""
    answers, raw = numbers["answers"], numbers["raw_bytes"]
    names = {  # in the order of the table
        "lake": "Trailhouse's lake",
        "raw": "raw log files",
        "raw_day": "raw log files of two days",
        "duckdb": "DuckDB's Parquet",
        "pyspark": "PySpark's Parquet",
        "pyspark_repartition": "PySpark's, repartitioned",
    }
    answers = {name: answers[name] for name in names if name in answers}
    lines = [
        f"Ten reports about {numbers['day']} on a lake of thirty days and {numbers['events']:,} events, after `maintain`, beside"
        " the same SQL over the raw `.json.gz` (what Athena does on its documented table of trails; *of two days*: with"
        " partition projection) and over others' Parquet. All on DuckDB.\n",
        "| report | " + " | ".join(f"{names[name]}: MB, s" for name in answers) + " |",
        "| --- |" + " --- |" * len(answers),
    ]
    for report in answers["lake"]:
        cells = [
            f"{_mb(raw.get(name, of[report]['bytes']), 2)}, {of[report]['seconds']:.2f}" for name, of in answers.items()
        ]
        lines.append(f"| `{report}` | {' | '.join(cells)} |")

    def middle(name: str, what: str) -> float:
        return median(each[what] for each in answers[name].values())

    read = {name: raw.get(name, middle(name, "bytes")) / 1e6 for name in answers}
    size, took = "Bytes read by a day's report", "Seconds of a day's report"
    ours = {"lake": "ours"}
    by_size = [Bar(names[n], value, ours.get(n, "theirs")) for n, value in read.items()]
    by_time = [Bar(names[n], middle(n, "seconds"), ours.get(n, "theirs")) for n in answers]
    return Section(
        "Reports",
        lines,
        {
            "query-bytes": Plot(size, bars(size, "MB, the median of ten; shorter is better", by_size, ",.2f")),
            "query-seconds": Plot(took, bars(took, "seconds, the median of ten; shorter is better", by_time, ",.2f")),
        },
    )


def lookup(numbers: Numbers) -> Section:
    """One key, one event, one user."""
    lines = [
        f"In 90 days of {numbers['events']:,} rows, after `maintain` ({numbers['files']:,} data files). *Whole* is the command"
        " as a responder types it, start included; *warm* the same in a process that has answered before.\n",
        "| | whole, seconds | warm, seconds | MB read | rows |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, whole in numbers["whole"].items():
        warm = numbers["warm"][name]
        cells = f"{median(whole):.2f} | {warm['seconds']:.2f} | {_mb(warm['bytes'], 1)} | {warm['rows']:,}"
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return Section("Look-ups", lines)


def fixed(numbers: Numbers) -> Section:
    """What a small batch costs."""
    rounds = numbers["rounds"]
    seconds = {name: median(each["seconds"] for each in of) for name, of in rounds.items()}
    labels = {
        "trailhouse": f"{numbers['new']} new files",
        "bare_session": "a bare Spark session",
        "nothing_new": "nothing new",
    }
    lines = [
        f"{numbers['new']} new files in a lake of {numbers['known']:,} known ones, beside a Spark session that runs one job which"
        " does nothing; and a run that finds nothing new. Whole processes.\n",
        "| | seconds |",
        "| --- | --- |",
        *(f"| {labels[name]} | {value:.1f} |" for name, value in seconds.items()),
        "\nPhase by phase, in seconds (the rest is the process's own start and end):\n",
        *_phases({labels["trailhouse"]: rounds["trailhouse"]}),
    ]
    made = [Bar(labels[n], value, "theirs" if n == "bare_session" else "ours") for n, value in seconds.items()]
    title = "The fixed cost"
    return Section("Fixed cost", lines, {"fixed": Plot(title, bars(title, "seconds; shorter is better", made, ",.1f"))})


def growth(numbers: Numbers) -> Section:
    """Rate and memory, as events grow."""
    sizes = numbers["sizes"]
    lines = [
        "| events | seconds | events/s | events/s, work | worker, MB | JVM, MB | driver's Python, MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in sizes:
        memory = " | ".join(f"{each['memory'].get(kind, 0):,}" for kind in ("worker", "jvm", "driver"))
        rates = f"{each['rate']:,.0f} | {each['write_rate']:,.0f}"
        lines.append(f"| {each['events']:,} | {each['seconds']:,.1f} | {rates} | {memory} |")
    lines.append(
        "\nA worker holds what its task has, which `batch.task_bytes` bounds. Tasks of few events are smaller than that, so that"
        " no core is idle."
    )
    one = numbers["one_file"]
    lines.append(
        f"\nOne file of {_mb(one['inflated'])} MB ({_mb(one['stored'], 1)} MB stored) alone: {one['seconds']:,.1f} s,"
        f" {one['memory']['worker']:,} MB in the worker."
    )
    rate, held = "Rate, as events grow", "Memory of a worker, as events grow"
    by_rate = [Bar(f"{each['events']:,} events", each["rate"], "ours") for each in sizes]
    by_size = [Bar(f"{each['events']:,} events", each["memory"]["worker"], "ours") for each in sizes]
    return Section(
        "Growth",
        lines,
        {
            "growth-rate": Plot(rate, bars(rate, "events a second, whole processes; longer is better", by_rate)),
            "growth-memory": Plot(held, bars(held, "MB resident at most; shorter is better", by_size)),
        },
    )


def proof(numbers: Numbers) -> Section:
    """Verification, beside AWS's own command."""
    said = {
        "at_once": "S3 on this machine",
        "with_latency": f"S3 that takes {numbers['latency'] * 1000:.0f} ms an answer",
    }
    lines = [
        "`trailhouse verify` of one account, all its regions, and `aws cloudtrail validate-logs` of one of them.\n",
        "| | objects | seconds | objects/s | by the CLI | seconds | objects/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, label in said.items():
        pair = numbers[name]
        cells = []
        for count, seconds in ((pair["read"], pair["ours"]), (pair["said"], pair["theirs"])):
            cells += [f"{count:,}", f"{median(seconds):.1f}", f"{count / median(seconds):,.0f}"]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return Section("Proof", lines)


def size(numbers: Numbers) -> Section:
    """Bytes of the lake."""
    labels = {"sample": "the sample", "corpus": "real records as other events"}
    lines = [
        "Bytes of the lake's `events` to those of the `.json.gz`, as ingested and after `maintain`. The last column is a"
        " yardstick: all log files of a day and feed as one text, by xz at its most, of some of the days.\n",
        "| | events | log files, MB | as ingested, MB | after maintain, MB | of the log files | xz, of the log files |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    made = []
    for name, of in numbers.items():
        cells = [f"{of['events']:,}", *(_mb(of[each], 1) for each in ("gz_bytes", "ingested_bytes", "lake_bytes"))]
        lines.append(
            f"| {labels[name]} | {' | '.join(cells)} | {of['lake_bytes'] / of['gz_bytes']:.2f} |"
            f" {of['weighed_xz_bytes'] / of['weighed_gz_bytes']:.2f} |"
        )
        for each, what in (("gz_bytes", "log files"), ("ingested_bytes", "as ingested"), ("lake_bytes", "maintained")):
            made.append(Bar(f"{name}: {what}", of[each] / of["events"], "theirs" if each == "gz_bytes" else "ours"))
    title = "Bytes an event"
    return Section("Size", lines, {"size": Plot(title, bars(title, "bytes; shorter is better", made))})


SECTIONS: dict[str, Callable[[Numbers], Section]] = {
    "ingest": ingest,
    "profile": profile,
    "hard": hard,
    "query": query,
    "lookup": lookup,
    "fixed": fixed,
    "growth": growth,
    "proof": proof,
    "size": size,
}


def _mb(count: float, places: int = 0) -> str:
    return f"{count / 1e6:,.{places}f}"
