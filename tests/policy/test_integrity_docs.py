"""Every verdict and every check that `verify` may say stands in docs/integrity.md."""

from __future__ import annotations

import ast

import pytest

from tests.policy.tree import JOBS, ROOT
from trailhouse.integrity.values import VERDICTS
from trailhouse.sources.objects import PENDING_REASONS

DOCS = (ROOT / "docs" / "integrity.md").read_text("utf-8")
NAMED = {"GONE", "NOT_PROVEN", "NOT_JUDGED", "FORMAT", "WRAPPING", "LIMIT"}


def words() -> set[str]:
    found = set(VERDICTS) | set(PENDING_REASONS) | {"changed_after_ingest"}
    for path in sorted((JOBS / "trailhouse" / "integrity").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Verdict"), args=[_, ast.Tuple(elts=parts), *_]):
                    found |= {each.value for each in parts if isinstance(each, ast.Constant)}
                case ast.Call(func=ast.Name(id="_Untold"), args=[ast.Constant(value=word), *_]):
                    found.add(word)
                case ast.Yield(value=ast.Tuple(elts=[ast.Constant(value=str(word)), _])):
                    found.add(word)
                case ast.Assign(targets=targets, value=value) if path.name != "values.py":
                    found |= _named(targets, value)
    return found


def _named(targets: list[ast.expr], value: ast.expr) -> set[str]:
    names = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return {
        each.value
        for name, each in zip(names, values, strict=False)
        if isinstance(name, ast.Name) and name.id in NAMED and isinstance(each, ast.Constant)
    }


@pytest.mark.parametrize("word", sorted(words()))
def test_a_word_is_explained(word):
    assert f"`{word}`" in DOCS


def test_the_words_are_found():
    assert {"signature", "not_yet", "location", "gone", "too_large", "not_judged"} <= words()
