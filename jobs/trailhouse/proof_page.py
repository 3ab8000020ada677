"""
The page of proof: the evidence as somebody reads it who is to sign it. One HTML file that stands alone (see `sheet`).

Pure: the document of `integrity.evidence` in, text out; the same document makes the same page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trailhouse import sheet

# What each verdict means, in the order of their weight.
VERDICTS = {
    "valid": "what CloudTrail delivered and signed, unchanged",
    "unchecked": "nobody can say: a key, an object or the digest of its hour could not be had, or is not due yet",
    "unexplained": "digests pause or begin anew, and no call in the logs tells why",
    "unlisted": "a log file that no digest lists, though digests tell of all that was delivered then",
    "missing": "listed by a digest, or due, and not there",
    "invalid": "not what was signed",
}

MOST = 1000  # of what is not valid; the document has all

LONG = 50  # characters that a line of a cell may have

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #5b6470; --line: #d5dae1; --mark: #fff;
  --valid: #1d6b42; --unchecked: #6b5a12; --unexplained: #8a4312; --unlisted: #7a3f95; --missing: #8c1d18;
  --invalid: #b3261e }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e9ed; --soft: #a2abb6; --line: #343b44 } }
.soft { color: var(--soft) }
.wide { overflow-x: auto; padding-bottom: .5rem }
table { border-collapse: collapse } th { text-align: left; font-weight: 500 }
td, th { border-top: 1px solid var(--line); padding: .35rem .8rem .35rem 0; vertical-align: top; white-space: nowrap }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 16rem }
thead th, thead td { border-top: 0; color: var(--soft) }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.word { display: inline-block; padding: 0 .4em; color: var(--mark); border-radius: 3px }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; font-size: 12px }
summary { cursor: pointer; padding: .3rem 0 }
code { font-size: 12px; overflow-wrap: anywhere }
""" + "".join(f".{verdict} {{ background: var(--{verdict}) }}\n" for verdict in VERDICTS)

Document = Mapping[str, Any]


def html(made: Document, sha256: str) -> str:
    """The page, with the hash of the document that it shows."""
    return sheet.html(
        f"Log file integrity: {made['verdict']}",
        STYLE,
        "",
        [
            *_scope(made),
            *_counts(made),
            *_findings(made),
            *_explained(made),
            *_chains(made),
            *_days(made),
            *_keys(made),
            *_recheck(made),
            *_foot(made, sha256),
        ],
    )


def _scope(made: Document) -> Iterator[str]:
    scope = made["scope"]
    asked = f"{scope['asked']['since'] or 'the first day'} to {scope['asked']['until'] or 'the last'}"
    sources = ", ".join(
        each["url"] + (f" (a copy of {each['stands_for'] or 'what its digests name'})" if each["is_copy"] else "")
        for each in scope["sources"]
    )
    rows = [
        ("Sources", sources),
        ("Asked about", asked),
        ("Digests tell of", f"{scope['windows']['from'] or 'nothing'} to {scope['windows']['to'] or 'nothing'}"),
        ("Accounts", f"{len(scope['accounts'])}: {', '.join(scope['accounts'])}"),
        ("Regions", f"{len(scope['regions'])}: {', '.join(scope['regions'])}"),
    ]
    yield '<h2 id="scope">Scope</h2>\n<div class="wide"><table aria-labelledby="scope"><tbody>\n'
    for head, told in rows:
        yield f'<tr><th scope="row">{head}</th><td class="long">{sheet.text(told)}</td></tr>\n'
    yield "</tbody></table></div>\n"


def _counts(made: Document) -> Iterator[str]:
    counts = made["counts"]
    yield '<h2 id="counts">Verdicts</h2>\n<div class="wide"><table aria-labelledby="counts">\n'
    yield '<thead><tr><td></td><th scope="col">Digests</th><th scope="col">Log files</th><th scope="col">Gaps</th>'
    yield '<th scope="col">Meaning</th></tr></thead>\n<tbody>\n'
    for verdict, meaning in VERDICTS.items():
        numbers = [str(counts[name].get(verdict, 0)) for name in ("digests", "log_files", "gaps")]
        if verdict == "valid":
            numbers[2] = ""
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        yield f'<tr><th scope="row">{_word(verdict)}</th>{cells}<td>{meaning}</td></tr>\n'
    yield "</tbody></table></div>\n"


def _findings(made: Document) -> Iterator[str]:
    found, hidden = made["not_valid"], made["not_looked_at"]
    yield f'<h2 id="found">Not valid ({len(found)})</h2>\n'
    if not found:
        yield "<p>Everything that was verified is valid.</p>\n"
    else:
        rows = (
            (each["verdict"], each["what"].replace("_", " "), each["account"], each["region"], _what(each), _why(each))
            for each in found[:MOST]
        )
        yield from _table("found", ("Verdict", "What", "Account", "Region", "Which", "Why"), rows)
    if len(found) > MOST:
        yield f'<p class="soft">… and {len(found) - MOST} more, which evidence.json names.</p>\n'
    if hidden:
        yield f'<h2 id="hidden">Not looked at ({len(hidden)})</h2>\n'
        yield from _table("hidden", ("", "Where", "Why"), (("", each["where"], each["why"]) for each in hidden))


def _what(each: Document) -> str:
    if each["what"] == "gap":
        return f"{each['trail']}: {each['from']} to {each['to']}" + (f", {each['key']}" if each["key"] else "")
    return f"{each['source']}/{each['key']}"


def _why(each: Document) -> str:
    return f"{', '.join(each['checks'])}: {each['said']}"


def _explained(made: Document) -> Iterator[str]:
    if made["explained"]:
        yield f'<h2 id="explained">Pauses that calls explain ({len(made["explained"])})</h2>\n'
        rows = (("", each["account"], each["region"], _what(each), each["said"]) for each in made["explained"])
        yield from _table("explained", ("", "Account", "Region", "Which", "Calls"), rows)


def _chains(made: Document) -> Iterator[str]:
    yield f'<h2 id="chains">Chains ({len(made["chains"])})</h2>\n'
    heads = ("Verdict", "Account", "Region", "Trail", "From", "To", "Digests", "Log files")
    rows = (
        (
            each["verdict"],
            each["account"],
            each["region"],
            each["trail"] + (" (backfill)" if each["backfill"] else ""),
            each["from"] or "",
            each["to"] or "",
            each["digests"],
            each["log_files"],
        )
        for each in made["chains"]
    )
    yield from _table("chains", heads, rows)


def _days(made: Document) -> Iterator[str]:
    """Those that are not valid; of the others it is enough that they are."""
    wrong = [each for each in made["days"] if each["verdict"] != "valid"]
    sound = len(made["days"]) - len(wrong)
    yield f'<h2 id="days">Days</h2>\n<p>{sound} of {len(made["days"])} days of an account and region are valid.</p>\n'
    if wrong:
        heads = ("Verdict", "Account", "Region", "Day", "Digests", "Log files", "Not valid")
        names = ("verdict", "account", "region", "day", "digests", "log_files", "not_valid")
        yield from _table("days", heads, (tuple(each[name] for name in names) for each in wrong[:MOST]))


def _keys(made: Document) -> Iterator[str]:
    yield f'<h2 id="keys">Public keys ({len(made["keys"])})</h2>\n'
    rows = (
        (
            "",
            each["fingerprint"],
            each["digests"],
            f"{each['valid_from']} to {each['valid_until']}" if each["known"] else "not known",
            each["origin"] or "",
        )
        for each in made["keys"]
    )
    yield from _table("keys", ("", "Fingerprint", "Digests", "Of the time", "From"), rows)


def _recheck(made: Document) -> Iterator[str]:
    chains = made["recheck"]
    yield '<h2 id="recheck">How to check it again, without Trailhouse</h2>\n'
    if not chains:
        yield "<p>No digest is sound, so that there is none to check again.</p>\n"
        return
    yield "<p>Of each chain its newest sound digest: with openssl alone (in bash), and with AWS's command line, where "
    yield "OWNER stands for the account that an organization's trail is of.</p>\n"
    for each in chains[:MOST]:
        name = f"{each['account']} {each['region']} {each['trail']}"
        yield f"<details><summary>{sheet.text(name)}: <code>{sheet.text(each['key'])}</code></summary>\n"
        yield f"<pre>{_lines(each['openssl'])}</pre>\n<pre>{_lines(each['aws'])}</pre>\n</details>\n"


def _lines(text: str) -> str:
    return "\n".join(sheet.text(line) for line in text.splitlines())


def _foot(made: Document, sha256: str) -> Iterator[str]:
    tool = made["tool"]
    yield f'<p class="soft">Made by {sheet.text(tool["name"])} {sheet.text(tool["version"])} of evidence.json, '
    yield f"SHA-256 <code>{sheet.text(sha256)}</code>.</p>\n"


def _table(name: str, heads: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    """A table whose first column is a verdict, or nothing."""
    marked = bool(heads[0])
    shown = "".join(f'<th scope="col">{head}</th>' for head in heads if head)
    yield f'<div class="wide"><table aria-labelledby="{name}">\n<thead><tr>{shown}</tr></thead>\n<tbody>\n'
    for row in rows:
        first = f'<th scope="row">{_word(row[0])}</th>' if marked else ""
        yield f"<tr>{first}{''.join(map(_cell, row[1:]))}</tr>\n"
    yield "</tbody></table></div>\n"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    long = ' class="long"' if len(value) > LONG else ""
    return f"<td{long}>{sheet.text(value)}</td>"


def _word(verdict: str) -> str:
    known = verdict if verdict in VERDICTS else ""
    return f'<span class="word {known}">{sheet.text(verdict)}</span>'
