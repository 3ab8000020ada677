"""What `tests/ask/expressions.toml` says of Athena's engine, asked of Trino itself."""

from __future__ import annotations

import pytest

from tests.ask import expressions


@pytest.mark.parametrize("each", [e for e in expressions.load() if not e.refused], ids=lambda each: each.sql[7:60])
def test_the_engine_says_so(reached, each):
    ((value,),) = reached.trino.ask("information_schema", each.sql)[1]
    assert (value, type(value)) == (each.value, type(each.value))


@pytest.mark.parametrize("each", [e for e in expressions.load() if e.refused], ids=lambda each: each.sql[7:60])
def test_what_is_refused_elsewhere_it_answers(reached, each):
    assert reached.trino.ask("information_schema", each.sql)[1]
