"""
Which rows break an expectation: the workers' half of what `lake.expectations` says.

Arrow does it column-wise; its regular expressions are RE2's, which no value can make slow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailhouse.errors import SettingsError
from trailhouse.lake import schema
from trailhouse.lake.expectations import Expectation, Rule

Mask = npt.NDArray[np.bool_]


def judge(rows: pa.Table, expectation: Expectation) -> tuple[Mask, int]:
    """Which rows break it, and to how many it applies."""
    broken = ~_holds(rows, expectation.rule)
    if expectation.when is None:
        return broken, rows.num_rows
    # A missing value can't make a condition true, but for the condition that it is missing.
    applies = _holds(rows, expectation.when)
    if expectation.when.kind != "null":
        applies &= _mask(pc.is_valid(rows[expectation.when.column]))
    return broken & applies, int(applies.sum())


def check(expectation: Expectation, where: str) -> None:
    """Refuse what can't be judged, such as a broken regular expression, before any work."""
    try:
        for rule in (expectation.rule, *((expectation.when,) if expectation.when else ())):
            if rule.kind in ("matches", "not_matches"):  # alone first: one that closes our bracket matches anything
                pc.match_substring_regex(pa.array([""]), rule.operand[0])
        judge(pa.Table.from_pylist([{}], schema.arrow_schema(expectation.table)), expectation)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError) as error:
        why = "a number is larger than any column's" if isinstance(error, OverflowError) else error
        raise SettingsError(f"the expectation `{expectation.name}` in {where} can't be judged: {why}") from error


def _holds(rows: pa.Table, rule: Rule) -> Mask:
    values = rows[rule.column]
    if rule.kind in ("null", "not_null"):
        return _mask(pc.is_null(values) if rule.kind == "null" else pc.is_valid(values))
    return _mask(pc.fill_null(_compared(values, rule), True))


def _compared(values: pa.ChunkedArray, rule: Rule) -> pa.ChunkedArray:
    if rule.kind in ("matches", "not_matches"):
        found = pc.match_substring_regex(values, f"^(?:{rule.operand[0]})$")
        return found if rule.kind == "matches" else pc.invert(found)
    if rule.kind == "min":
        return pc.greater_equal(values, pa.scalar(rule.operand[0], values.type))
    if rule.kind == "max":
        return pc.less_equal(values, pa.scalar(rule.operand[0], values.type))
    found = pc.is_in(values, pa.array(list(rule.operand), values.type))
    found = found if rule.kind == "in" else pc.invert(found)
    return pc.if_else(pc.is_valid(values), found, pa.scalar(None, pa.bool_()))


def _mask(values: pa.ChunkedArray) -> Mask:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)
