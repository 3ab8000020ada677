"""
Write the pages that are derived, in docs/.

From the settings, the tables' schemas, views and reports, what the audit expects, cases of hostile input, public
queries, and what two verifiers say of tampered buckets. Run by `make docs`; a test holds that what lies in docs/ is
what this would write.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "jobs"), str(ROOT)]

from tests.ask import public  # noqa: E402 (the checkout's own)
from tests.cases import load  # noqa: E402 (the checkout's own)
from tests.integrity import golden, tamperings  # noqa: E402 (the checkout's own)
from trailhouse import options as described  # noqa: E402
from trailhouse import settings  # noqa: E402 (the checkout's own package)
from trailhouse.ask import queries, views  # noqa: E402
from trailhouse.doctor import checks  # noqa: E402
from trailhouse.ingest import audit  # noqa: E402
from trailhouse.lake import expectations, schema  # noqa: E402

WRITTEN = "<!-- Written by `make docs`: change {source} instead. -->\n"


def main() -> None:
    for page, text in pages().items():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Every derived page: its file, and what should stand in it."""
    docs = ROOT / "docs"
    return {
        docs / "settings.md": settings_page(),
        docs / "tables.md": tables_page(),
        docs / "reports.md": reports_page(),
        docs / "hostile-inputs.md": hostile_page(),
        docs / "quality.md": quality_page(),
        docs / "public-queries.md": public_queries_page(),
        docs / "integrity-compared.md": integrity_page(),
        docs / "doctor.md": doctor_page(),
    }


def settings_page() -> str:
    tables: dict[str, list[described.Option]] = {}
    for option in described.options():
        tables.setdefault(option.name.partition(".")[0], []).append(option)
    flags = {option.name: option.flag for option in tables.pop("source", [])}
    sources = [replace(option, flag=flags.get(option.name, "")) for option in described.source_options()]
    lines = [WRITTEN.format(source="`jobs/trailhouse/settings.py`"), "# Settings\n", INTRODUCTION]
    for name, options in tables.items():
        lines += settings_table(f"[{name}]", options)
    lines += settings_table("[[source]]", sources)
    return "\n".join(lines)


INTRODUCTION = f"""\
One TOML file: `--config FILE` (or `--config s3://bucket/key`), else what `{settings.CONFIG_VARIABLE}` names, else
`{settings.CONFIG_FILE}` in the working folder. The command line wins over the file, and the file over the defaults. An
unknown key is an error. Relative folders in the file start at its own folder; one in a bucket has none of them.
AWS credentials are no settings of Trailhouse: AWS's own profiles, roles and variables are used. So are its endpoints
(`AWS_ENDPOINT_URL…`), which must be this machine or have TLS; `TRAILHOUSE_PLAIN_HTTP=1` in the environment lifts that
for a network that is yours alone.
"""


def settings_table(title: str, options: Sequence[described.Option]) -> list[str]:
    rows = [
        [
            f"`{option.name.partition('.')[2]}`",
            f"`{option.flag}`" if option.flag else "",
            option.type.replace("|", " or "),
            f"`{option.default}`" if option.default else "",
            option.doc,
        ]
        for option in options
    ]
    return [f"## {title}\n", *table(["key", "command line", "what", "default", "meaning"], rows), ""]


def tables_page() -> str:
    lines = [
        WRITTEN.format(source="`schemas/*.toml` or `sql/views/*.sql`"),
        "# Tables and views\n",
        "Times are UTC, in columns without a zone. What is not in a record is NULL. The views are in the database of",
        "the tables: for Athena `trailhouse publish` puts them there, `trailhouse sql` has them without it.\n",
        "Views: " + ", ".join(f"[{name}](#{name})" for name in queries.views()) + ".\n",
    ]
    for name in schema.TABLES:
        one = schema.table(name)
        layout = f"Partitioned by {names(one.partition)}; sorted by {names(one.sort)}; keyed by {names(one.key)}."
        lines += [f"## {name}\n", f"{one.doc} {layout}\n"]
        rows = [
            [f"`{column.name}`", column.type, path(column), column.sensitivity, column.doc] for column in one.columns
        ]
        lines += [*table(["column", "type", "from", "sensitivity", "meaning"], rows), ""]
    for view in queries.views().values():
        leans = ", ".join(f"`{name}`" for name in sorted(views.leans_on(view)))
        lines += [f"## {view.name}\n", f"View. {view.doc} One row is one {names(view.grain)}. Reads {leans}.\n"]
        rows = [[f"`{column.name}`", f"`{column.type}`", column.doc] for column in view.columns]
        lines += [*table(["column", "type", "meaning"], rows), ""]
    return "\n".join(lines)


def doctor_page() -> str:
    """Every word of the doctor, by how bad it is."""
    lines = [WRITTEN.format(source="`jobs/trailhouse/doctor/checks.py`"), DOCTOR]
    for severity, meaning in checks.SEVERITIES.items():
        lines += [f"## {severity}\n", f"{meaning.capitalize()}.\n"]
        rows = [
            [f"`{word}`", each.what, each.mend] for word, each in checks.CHECKS.items() if each.severity == severity
        ]
        lines += [*table(["word", "what it says", "how to mend it"], rows), ""]
    return "\n".join(lines)


DOCTOR = """\
# Doctor

`trailhouse doctor --config trailhouse.toml` looks at trails, log buckets, keys, roles, Glue, Athena, schedules,
settings and the lake's own books, and says what is wrong or costly, and how to mend each. It writes nothing.

| exit code | means |
| --- | --- |
| 0 | all is well; there may be advice |
| 4 | something is wrong or costly |
| 5 | nothing is known to be wrong, and something could not be looked at |

What it may not look at is `unchecked` and never passes for well: give whoever runs it the role `doctor` of
`infra/lake.yaml`. Its calls are counted, and shown with the caller's ARN: they are events of your trail as well, with
the user agent `trailhouse/…`, and so are those of every run. Reports leave them in: whoever has the roles could hide
behind them.

Looked at are: each bucket that a source, the lake and Athena's results name; trails that deliver to those, also of
other regions and of the organization; the keys that trail, lake and results are encrypted with; the roles and schedules
of `infra/lake.yaml`, named by `doctor.roles` (`trailhouse-ingest`, …; `none` for roles of your own). With
`--organizations`, which only the organization's management account or a delegated administrator may ask, its accounts.
Of a lake and log files in folders there are the lake's books and the settings, and AWS is not asked.

A role is judged by its own policies, as IAM judges them. What an organization's policies, a permission boundary or a
session takes away is not looked at, nor what the policy of another account's bucket denies. What belongs to another
account (a log bucket, a key, the organization's trail seen from a member, whose selectors AWS tells its own account
alone) stays `unchecked` as far as it can't be seen from here: run the doctor there too. Of a denial in a bucket's
policy only those conditions count that tell callers apart: one on a header or on MFA stops nobody who meets it. A log
bucket that is a copy (`copy_of`) needs no trail.

`{…}` stands for what was found.
"""


def reports_page() -> str:
    """The saved questions."""
    lines = [WRITTEN.format(source="`sql/reports/*.sql`"), REPORTS]
    found = queries.reports().values()
    rows = [[f"[{one.name}](#{one.name})", one.title, ", ".join(one.tags)] for one in found]
    lines += [*table(["report", "what it shows", "tags"], rows), ""]
    for one in found:
        lines += [
            f"## {one.name}\n",
            f"**{one.title}.** {one.doc}\n",
            f"{one.why} One row is one {names(one.grain)}.\n",
        ]
        rows = [[f"`{each.name}`", each.type, f"`{each.default}`", each.doc] for each in one.params]
        lines += [*table(["parameter", "type", "default", "meaning"], rows), ""]
    return "\n".join(lines)


REPORTS = """\
# Reports

Saved questions, answered on this machine or by Athena, with the same rows:

```
trailhouse report list --tag identity
trailhouse report show who_deleted_it
trailhouse report run who_deleted_it -p since=2026-03-01 -p until=2026-03-31 --lake ./lake
trailhouse report run who_deleted_it --on athena --config trailhouse.toml --format csv --out deleted.csv
trailhouse report run --all --out ./march -p since=2026-03-01 -p until=2026-03-31 --format csv --lake ./lake
```

`trailhouse publish` puts them into Athena as named queries, with the defaults below, and as prepared statements:
`EXECUTE who_deleted_it USING …`, in the order that the statement's description gives. There a day is written
`DATE '2026-03-01'` or `current_date`, a number as it is, and anything else as below, in quotes: `'all'`, `'*alice*'`.

Kinds of parameters: **date** `2026-03-01`, `today`, `yesterday` or `-7d` (seven days ago), in UTC; **account** 12
digits or `all`; **region** such as `eu-west-1`, or `all`; **pattern** a text in which `*` stands for anything;
**text**; **integer**; **number**. A value of another kind is refused.
"""


def hostile_page() -> str:
    lines = [WRITTEN.format(source="`tests/cases/make.py`"), "# Hostile inputs\n", HOSTILE]
    rows = [[case.name, case.about, outcome(case)] for case in load.catalogue()]
    return "\n".join([*lines, *table(["case", "input", "outcome"], rows), ""])


HOSTILE = """\
What becomes of each input, fixed by a case on disk (`tests/cases`) and tested on both paths of the decoder. `row` a row
as given, `row+flag` a row with that word in `parse_flags`, `quarantined: reason` the record, or the object as a whole.
Whatever a caller of an AWS API could cause ends as a row; quarantine is for what AWS would not have written.
"""


def outcome(case: load.Case) -> str:
    """What is expected of a case, in a line."""
    if case.elsewhere:
        return case.elsewhere
    if case.keys:
        return "; ".join(sorted({key.get("skip", "a log file") for key in case.keys}))
    if case.reason:
        return f"object quarantined: `{case.reason}`"
    flagged = sorted({f"row+`{'+'.join(row.flags)}`" for row in case.rows if row.flags})
    rejects = sorted({f"record quarantined: `{reason}`" for _, reason in case.rejects})
    object_flags = [f"object flag `{flag}`" for flag in case.flags]
    return "; ".join(
        [*(flagged or ([] if rejects and len(case.rejects) == case.records else ["rows"])), *rejects, *object_flags]
    )


def path(column: schema.Column) -> str:
    return f"`{'.'.join(column.path)}`" if column.path else ""


def names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines]


def quality_page() -> str:
    """What the gate judges a batch by."""
    lines = [WRITTEN.format(source="`schemas/*.toml`, `jobs/trailhouse/ingest/audit.py` or `tools/docs.py`"), QUALITY]
    lines += ["## Invariants of the lake\n", "Critical, always: a batch that breaks one is refused.\n"]
    lines += ["| expectation | of | holds when |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | each table | {doc} |" for name, doc in audit.INVARIANTS.items()]
    lines += [f"| `{name}` | each table with partitions | {doc} |" for name, doc in audit.OF_PARTITIONS.items()]
    lines += [f"| `{name}` | `quarantine` | {doc} |" for name, doc in audit.OF_THE_QUARANTINE.items()]
    lines += [f"| `{name}` | `ledger` | {doc} |" for name, doc in audit.OF_THE_LEDGER.items()]
    lines += [f"| `all_judged` | `quality` | {audit.ALL_JUDGED} |"]
    lines += ["\n## What records say\n", "Warnings: whoever can call an API may say anything, and stops nobody.\n"]
    lines += ["| expectation | holds when |", "| --- | --- |"]
    for table in schema.LAKE_TABLES:
        lines += [f"| `{table}.{each.name}` | {_holds(each)} |" for each in expectations.of_schema(table)]
    lines += [f"| `{name}` | {doc} |" for name, doc in audit.WARNINGS.items()]
    lines += ["| each flag of `parse_flags`, each reason of the quarantine | no row has it |"]
    return "\n".join(lines) + "\n"


def _holds(each: expectations.Expectation) -> str:
    values = ", ".join(f"`{value}`" for value in each.rule.operand)
    share = f", but for {each.max_share:.0%} of the rows" if each.max_share else ""
    return f"`{each.rule.column}` {each.rule.kind.replace('_', ' ')} {values}".rstrip().replace("|", "\\|") + share


QUALITY = """\
# The gate

A batch is staged where no reader sees it, measured in one look of the workers, and judged by Great Expectations. It
is published only when everything that is expected was judged, nothing raised, and nothing critical failed; else it is
*held*: nothing of it is visible, its objects are not read again, later batches go on, and `ingest` ends with exit code
3. What only warns is published, and told. Every result is a row of the table `quality`; each batch keeps its Data Docs
in `_trailhouse/quality/<batch>/` of the lake's place. Both hold counts and names, never a record's values.

```
trailhouse batch list --state held --lake ./lake
trailhouse batch show BATCH --lake ./lake          # why
trailhouse batch rows BATCH --expectation events.root_is_not_used --lake ./lake
trailhouse batch release BATCH --reason "…" --lake ./lake   # publish it all the same; the reason is kept
trailhouse batch retry BATCH --lake ./lake         # audit it again, as after a change of your expectations
trailhouse batch discard BATCH --lake ./lake       # give it up; its objects stay held until released or retried
```

A batch one of whose data files was damaged before it was published breaks `schema`: discard it, then retry it, and the
next `ingest` reads its objects anew.

## Your own expectations

In a file that `quality.expectations` names, without Python:

```toml
[[expectation]]
name = "root_is_not_used"           # its name in `quality` and in messages: letters, digits and _ . : -
doc = "Nobody works as root."
severity = "critical"               # refuses the batch; "warning" (the default) only tells
table = "events"                    # the default; or insight_events, aggregated_events
column = "identity_type"
not_in = ["Root"]
max_share = 0.0                     # of the rows that it applies to, how many may break it
when = { column = "event_type", in = ["AwsApiCall"] }   # the rows that it applies to; without it, all
```

A rule is one of `in`, `not_in` (lists), `null = true`, `not_null = true`, `matches`, `not_matches` (a regular
expression for the whole value, RE2), `min`, `max` (of numbers, dates, times, texts). NULL breaks `not_null` alone. A
column of days is compared with a day, one of times with a time or a day, which stands for its first moment.
"""


def integrity_page() -> str:
    """Each tampering, what we say of it and what the AWS CLI says."""
    ours = tomllib.loads((ROOT / "tests" / "integrity" / "trailhouse_says.toml").read_text("utf-8"))
    theirs = golden.read()
    rows, seen = [], Counter[str]()
    for name, tampering in tamperings.TAMPERINGS.items():
        said, cli = ours[name], theirs[name]
        checks = dict.fromkeys(re.sub(r": .*", "", line) for line in said["says"])
        own = ", ".join(each for each in checks if "digest_not_sound" not in each) or "valid"
        seen["tried"] += not tampering.harmless
        seen["ours"] += not tampering.harmless and said["exit"] != 0
        seen["theirs"] += not tampering.harmless and cli.noticed
        rows.append([tampering.sentence, own, _cli_says(cli)])
    return "\n".join(
        [
            WRITTEN.format(source="`tests/integrity/tamperings.py`"),
            "# Integrity: what is noticed\n",
            INTEGRITY.format(**seen),
            *table(["what was done", "`trailhouse verify`", "`aws cloudtrail validate-logs`"], rows),
            "",
        ]
    )


INTEGRITY = """\
Each row is one bucket, signed by AWS's rules and then tampered with; both verifiers looked at it on one real S3 server
(`tests/integrity/test_verify.py`, `tests/integrity/test_aws_cli.py`). Of {tried} tamperings that change anything,
Trailhouse calls {ours} not valid, and the AWS CLI complains of {theirs}. What it calls invalid, Trailhouse never calls
valid.

A digest that AWS's own key signed and that lies is something only AWS could do; it is here to see each check alone. A
log file that a digest lists twice by its true hash is what was signed, so nothing is wrong with it. Where all of the
last day is gone, Trailhouse was asked about that day (`--until`); else nothing is left that would miss it, but by
`--live`. In words and reasons: [integrity.md](integrity.md).
"""


def _cli_says(cli: golden.Kept) -> str:
    if cli.exit == golden.NEVER:
        return "never ends"
    if cli.exit not in (0, 1):
        return "gives up"
    found = dict.fromkeys(re.sub(r"^.* INVALID: ", "", line) for line in cli.says if " INVALID: " in line)
    gaps = ["a gap, exit code 0"] if cli.exit == 0 and cli.says else []
    return "; ".join([*found, *gaps]) or "nothing"


def public_queries_page() -> str:
    """Which published queries run, and why the others don't."""
    lines = [WRITTEN.format(source="`tests/ask/public_queries.toml` or `tools/docs.py`"), PUBLIC_QUERIES]
    for kind, title in (("lake", "CloudTrail Lake"), ("athena", "Athena's table for trails")):
        known = public.load(kind)
        lines += [f"## {title}: {sum(each.runs for each in known)} of {len(known)}\n"]
        sources: dict[str, list[public.Public]] = {}
        for each in known:
            place = each.source if each.source.startswith("http") else each.source.split(":")[0]
            sources.setdefault(place, []).append(each)
        rows = [[place, f"{sum(q.runs for q in found)} of {len(found)}"] for place, found in sorted(sources.items())]
        lines += [*table(["from", "run"], rows), ""]
        rows = [[f"`{each.name}`", each.outcome] for each in known if not each.runs]
        lines += [*table(["doesn't run", "why"], rows), ""]
        filled = {each.name: ", ".join(f"`{a}` is `{b}`" for a, b in each.fill.items()) for each in known}
        rows = [[f"`{name}`", said] for name, said in filled.items() if said]
        lines += [*table(["placeholder filled in", "with"], rows), ""]
    return "\n".join(lines)


PUBLIC_QUERIES = """\
# Public queries

Queries that AWS and others published, run on Athena's engine (Trino) and on this machine (DuckDB), over one lake in
which most of them find something; both must find the same. Those for CloudTrail Lake were converted by
`trailhouse lake-queries convert` and ask the view `cloudtrail_lake`; those for Athena's documented table of trails run
unchanged on the view `cloudtrail_logs`. Their texts are no part of the repository: `tests/ask/public_queries.toml`
names them by source and hash, and the tests run where the folder is there that `TRAILHOUSE_PUBLIC_QUERIES` names.

A table that a query names otherwise than `cloudtrail_logs` is renamed; a database in front of it has to go, or to be
the one of the lake. `cloudtrail_logs` has the event's own date in `timestamp`, `year`, `month` and `day`, where a table
over log files has the date of delivery.
"""


if __name__ == "__main__":
    main()
