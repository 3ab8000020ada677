"""
Write the pages that are derived: docs/settings.md from the settings, docs/tables.md from the tables' schemas.

Run by `make docs`; a test holds that what lies in docs/ is what this would write.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "jobs"), str(ROOT)]

from tests.cases import load  # noqa: E402 (the checkout's own)
from trailhouse import options as described  # noqa: E402
from trailhouse import settings  # noqa: E402 (the checkout's own package)
from trailhouse.lake import schema  # noqa: E402

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
        docs / "hostile-inputs.md": hostile_page(),
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
One TOML file: `--config FILE`, else what `{settings.CONFIG_VARIABLE}` names, else `{settings.CONFIG_FILE}` in the
working folder. The command line wins over the file, and the file over the defaults. An unknown key is an error.
Relative folders in the file start at the file's own folder. AWS credentials are no settings of Trailhouse: AWS's own
profiles, roles and variables are used.
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
        WRITTEN.format(source="`schemas/*.toml`"),
        "# Tables\n",
        "Times are UTC, in columns without a zone. What is not in a record is NULL.\n",
    ]
    for name in schema.TABLES:
        one = schema.table(name)
        layout = f"Partitioned by {names(one.partition)}; sorted by {names(one.sort)}; keyed by {names(one.key)}."
        lines += [f"## {name}\n", f"{one.doc} {layout}\n"]
        rows = [
            [f"`{column.name}`", column.type, path(column), column.sensitivity, column.doc] for column in one.columns
        ]
        lines += [*table(["column", "type", "from", "sensitivity", "meaning"], rows), ""]
    return "\n".join(lines)


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


if __name__ == "__main__":
    main()
