"""The view `cis_controls` names the calls that the benchmark names, in both forms; what else it does, its case shows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from sqlglot import exp

from trailhouse.ask import dialect, queries

PRINTED = tomllib.loads((Path(__file__).parent / "cis_patterns.toml").read_text("utf-8"))


def rules() -> dict[tuple[str, str], tuple[str, list[str]]]:
    """Service and names of calls by control and form, as the view has them."""
    tree = dialect.parse(queries.views()["cis_controls"].sql)
    made = {}
    for row in tree.find(exp.Values).expressions:
        control, _, form, service, names = row.expressions
        made[control.name, form.name] = service.name, [name.name for name in names.expressions]
    return made


def asked(pattern: str) -> tuple[str, list[str]]:
    """The same of a printed pattern."""
    services = re.findall(r"\$\.eventSource ?= ?([a-z0-9.]+)", pattern)
    return (services or ["%"])[0], re.findall(r'\$\.eventName ?= ?"?(\w+)', pattern)


@pytest.mark.parametrize("control", PRINTED)
def test_the_literal_form_is_the_printed_pattern(control):
    assert rules()[control, "literal"] == asked(PRINTED[control])


@pytest.mark.parametrize("control", PRINTED)
def test_the_strict_form_wants_the_service_and_leaves_out_no_call(control):
    service, names = rules()[control, "strict"]
    assert service != "%"
    assert set(names) >= set(asked(PRINTED[control])[1])


def test_the_controls_are_those_that_are_printed_each_call_once():
    assert {control for control, _ in rules()} == set(PRINTED)
    assert all(len(set(names)) == len(names) for _, names in rules().values())
