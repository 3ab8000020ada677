"""
The names of event data stores in a query for CloudTrail Lake, made into names that a parser of SQL takes.

Pure: text in, text out. A store is named by its id, which is no identifier (`FROM 3e069a99-d2dd-…`), and examples have
a placeholder there (`FROM $EDS_ID`, `FROM <EDS ID>`). They are found by tokens, only where a table can stand: strings
and comments are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+ | --[^\n]* | /\*.*?(?:\*/|\Z) | '(?:[^']|'')*' | "(?:[^"]|"")*")
    | (?P<store> <[^<>\n;'"]{1,100}> | \$\{[^}\n]{1,100}\} | \{+[^{}\n]{1,100}\}+ | \$\w+\$?
      | arn:[\w:/-]+:eventdatastore/[\w-]+ | \w+(?:-\w+)+ | [0-9]\w* )
    | (?P<word> \w+ )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_ENDS_FROM = {"where", "group", "order", "having", "limit", "union", "except", "intersect", "on", "using", "select"}
# In their parentheses FROM names no table: EXTRACT(DAY FROM x), TRIM(' ' FROM x).
_WITH_FROM = {"extract", "trim", "substring", "overlay"}


@dataclass
class _Place:
    """Where the reader is."""

    table: bool = False  # a table can stand here
    in_from: bool = False  # and after a comma
    before: str = ""  # the last word or mark
    openers: tuple[str, ...] = ()  # the words before the parentheses that are open

    def step(self, part: str) -> None:
        low = part.lower()
        if part == "(":
            self.openers = (*self.openers, self.before)
        elif part == ")":
            self.openers = self.openers[:-1]
        opened_by = self.openers[-1] if self.openers else ""
        if low in ("from", "join") and self.before != "distinct" and opened_by not in _WITH_FROM:
            self.table = self.in_from = True
        else:
            self.table = part == "," and self.in_from
            self.in_from = self.in_from and low not in _ENDS_FROM and part != "("
        self.before = low


def statements(text: str) -> list[tuple[int, str]]:
    """The statements of a text, at its semicolons, each with the number of the line that it begins on."""
    parts, begin = [], 0
    cuts = [found for found in _TOKEN.finditer(text) if found["mark"] == ";"]
    for end in [*(cut.start() for cut in cuts), len(text)]:
        part = text[begin:end]
        if any(not found["skip"] or found[0][0] in "'\"" for found in _TOKEN.finditer(part)):
            parts.append((text.count("\n", 0, begin) + 1, part))
        begin = end + 1
    return parts


def quoted(text: str) -> str:
    """The text, with each store that is no identifier in double quotes."""
    place, parts = _Place(), []
    for found in _TOKEN.finditer(text):
        token = found[0]
        if found["store"] and place.table:
            parts.append('"' + token + '"')
        elif found["store"] and token[0] == "<":  # a comparison: `<` alone, and what follows is read again
            parts.append(_apart(token, place))
            continue
        else:
            parts.append(token)
        if not found["skip"] or token[0] in "'\"":
            place.step(token)
    return "".join(parts)


def _apart(token: str, place: _Place) -> str:
    place.step("<")
    for word in _TOKEN.finditer(token[1:]):
        if not word["skip"]:
            place.step(word[0])
    return token
