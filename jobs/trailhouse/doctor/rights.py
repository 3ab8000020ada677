"""
What a policy allows: IAM's rules on statements, as far as policies of Trailhouse and of log buckets use them.

Pure. An operator or a variable that it does not know makes the answer `None`, never a guess. Says nothing of what an
organization, a boundary or a session takes away: those are other policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody wants to do."""

    action: str  # "s3:GetObject"
    resource: str  # an ARN, or a pattern: any of these; "*" for actions that have none
    context: Mapping[str, str] = field(default_factory=dict)  # by condition key, in small letters

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


class _Unknown(Exception):
    """A part of a statement that this module can't judge."""


def statements(document: Mapping[str, Any]) -> tuple[Statement, ...]:
    """Of a policy; one that stands alone need be in no list."""
    found = document.get("Statement", ())
    return (found,) if isinstance(found, Mapping) else tuple(found)


def allowed(held: Iterable[Statement], call: Call) -> bool | None:
    """Whether these statements allow it: one must, and none may deny it. None: it can't be told."""
    answers: dict[str, set[bool | None]] = {"Allow": set(), "Deny": set()}
    for statement in held:
        answers[statement["Effect"]].add(applies(statement, call))
    if True in answers["Deny"]:
        return False
    if True not in answers["Allow"] and None not in answers["Allow"]:
        return False
    return None if None in answers["Deny"] or True not in answers["Allow"] else True


def applies(statement: Statement, call: Call) -> bool | None:
    """Whether a statement is about the call."""
    try:
        return _names(statement, "Action", call.action.lower(), str.lower) and (
            _names(statement, "Resource", call.resource, str) and _holds(statement.get("Condition", {}), call.context)
        )
    except _Unknown:
        return None


def listed(value: Any) -> Sequence[Any]:
    """IAM takes one thing for a list of one, also a number or a truth."""
    return list(value or ()) if value is None or isinstance(value, list | tuple) else [value]


def everybody(statement: Statement) -> bool:
    """Whether a statement of a bucket or key is about whomever there is, or all but some."""
    principal = statement.get("Principal")
    return (
        "NotPrincipal" in statement
        or principal == "*"
        or (isinstance(principal, Mapping) and "*" in listed(principal.get("AWS")))
    )


def service(statement: Statement, name: str) -> bool:
    """Whether it is about a service of AWS."""
    principal = statement.get("Principal")
    return isinstance(principal, Mapping) and name in listed(principal.get("Service"))


def conditions(statement: Statement) -> dict[str, Sequence[str]]:
    """The keys that it asks for, in small letters, with what they are held against, whatever the operator."""
    told = statement.get("Condition", {})
    return {key.lower(): listed(value) for held in told.values() for key, value in held.items()}


# By which a caller is told from others, as S3 counts them when it judges whether a policy is public.
CALLERS = (
    "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
    "aws:principalservicename", "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths",
    "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
)  # fmt: skip


def bounded(statement: Statement, keys: Iterable[str] = CALLERS) -> bool:
    """Whether a condition on one of these keys names somebody: it must be there, and not be of anybody's account."""
    for operator, held in statement.get("Condition", {}).items():
        if "Not" in operator or operator.endswith("IfExists") or operator == "Null":
            continue
        for key, value in held.items():
            if key.lower() in keys and all(_names_one(str(each)) for each in listed(value)):
                return True
    return False


def _names_one(value: str) -> bool:
    fields = value.split(":", 5)
    if fields[0] == "arn" and len(fields) == 6:
        return not set("*?") & set(fields[4]) if fields[4] else fields[5][:1] not in ("", "*", "?")
    return value[:1] not in ("", "*", "?") and value not in ("0.0.0.0/0", "::/0")


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` for anything, `?` for one character."""
    return bool(_compiled(pattern).fullmatch(text))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise _Unknown(pattern)
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def meet(one: str, other: str) -> bool:
    """Whether there is a text that both patterns match."""
    if "${" in one or "${" in other:
        raise _Unknown(one)
    row = [True, *(other[: at + 1].strip("*") == "" for at in range(len(other)))]
    for char in one:
        before, row = row, [row[0] and char == "*"]
        for at, their in enumerate(other):
            if char == "*" or their == "*":
                row.append(before[at + 1] or row[at])
            else:
                row.append(before[at] and (char == their or "?" in (char, their)))
    return row[-1]


def _names(statement: Statement, part: str, asked: str, spelt: Callable[[str], str]) -> bool:
    """
    Whether Action or Resource, or what says that it is any but these, fits.

    Of a pattern that is asked for, one that it meets is enough to allow something, and a denial must cover it whole.
    """
    fits, left_out = (meet, matches) if statement["Effect"] == "Allow" else (matches, meet)
    if part in statement:
        return any(fits(spelt(each), asked) for each in listed(statement[part]))
    if f"Not{part}" in statement:
        return not any(left_out(spelt(each), asked) for each in listed(statement[f"Not{part}"]))
    return part == "Resource"  # a trust policy names none


def _holds(told: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    return all(_one(operator, key, value, context) for operator, held in told.items() for key, value in held.items())


def _one(operator: str, key: str, value: Any, context: Mapping[str, str]) -> bool:
    """One key of one operator. A negated one holds of a key that is not there, any other does not."""
    values = [str(each).lower() if isinstance(each, bool) else str(each) for each in listed(value)]
    given = context.get(key.lower())
    if operator == "Null":
        return any((given is None) == (each == "true") for each in values)
    word, if_exists = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    if word not in _OPERATORS:
        raise _Unknown(operator)
    compare, negated = _OPERATORS[word]
    if given is None:
        return negated or if_exists
    return any(compare(each, given) for each in values) != negated


def _equal(wanted: str, given: str) -> bool:
    return wanted == given


def _alike(wanted: str, given: str) -> bool:
    return wanted.lower() == given.lower()


# By operator: how a value is compared, and whether the opposite is meant.
_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringEqualsIgnoreCase": (_alike, False),
    "StringNotEqualsIgnoreCase": (_alike, True),
    "StringLike": (matches, False),
    "StringNotLike": (matches, True),
    "ArnEquals": (matches, False),
    "ArnNotEquals": (matches, True),
    "ArnLike": (matches, False),
    "ArnNotLike": (matches, True),
    "Bool": (_alike, False),
}
_OPERATORS |= {f"ForAnyValue:{name}": how for name, how in _OPERATORS.items() if not how[1]}
