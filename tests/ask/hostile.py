"""The catalogue of hostile inputs as one bucket, and records as JSON says them: the same keys, values and numbers as written."""

from __future__ import annotations

import json
from typing import Any

from tests.buckets import Bucket, event, key
from tests.cases import load

FIRST, LAST = 13, 38  # the cases about JSON and fields; the others are about files


def bucket() -> Bucket:
    """Every case whose records are read, each an object of its own; and what the catalogue lacks."""
    made = Bucket()
    for number, case in enumerate(load.catalogue()):
        if FIRST <= int(case.id[1:]) <= LAST and case.folder == "CloudTrail" and not (case.limits or case.reason):
            made.objects[key(f"h{number:03d}")] = case.bytes()
    made.put(
        key("names"),
        *(event(9000 + n, readOnly=False, requestParameters={"a": 1, "n" * 10**n: "x"}) for n in range(1, 7)),
    )
    made.put(key("nulls"), json.dumps(event(9200) | dict.fromkeys(("userAgent", "errorCode", "responseElements"))))
    made.put(key("deep"), *(_deep(9100 + n, 10**n) for n in range(1, 6)))
    return made


def _deep(number: int, levels: int) -> str:
    text = json.dumps(event(number, readOnly=False, requestParameters="DEEP"))
    return text.replace('"DEEP"', '{"k": "v", "deep": ' + "[" * levels + "]" * levels + "}")


def said(text: str) -> Any:
    """What a record says, in a form that can be counted; what is too deep for a parser is its text."""
    try:
        return json.dumps(
            json.loads(text, parse_int=_as_written, parse_float=_as_written, strict=False, object_pairs_hook=_pairs)
        )
    except (RecursionError, ValueError):
        return "".join(sorted(text))


def _as_written(number: str) -> list[str]:
    return ["number", number]


def _pairs(pairs: list[tuple[str, Any]]) -> list[Any]:
    return sorted(([name, value] for name, value in pairs), key=str)
