"""Queries that others published: which of them run as they are, or converted, and why the rest doesn't."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ask import public
from tests.conftest import NO_CORPUS
from tests.ingest.contents import ingest
from trailhouse import settings
from trailhouse.ask import lake_queries, local

pytestmark = pytest.mark.skipif(
    not public.FOLDER.is_dir(), reason=f"{NO_CORPUS} {public.FOLDER} (set TRAILHOUSE_PUBLIC_QUERIES)"
)
LAKE, ATHENA = public.load("lake"), public.load("athena")


def name_of(query: public.Public) -> str:
    return f"{query.kind}/{query.name}"


@pytest.fixture(scope="module")
def ask(tmp_path_factory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("public")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    ingest(where, public.bucket().save(folder / "logs"))
    with local.asking(where) as asked:
        yield asked


def converted(query: public.Public) -> lake_queries.Converted:
    (made,) = lake_queries.convert(query.name, query.filled())
    return made


def test_every_query_of_the_folder_is_accounted_for():
    for kind, known in (("lake", LAKE), ("athena", ATHENA)):
        there = {
            path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in (public.FOLDER / kind).glob("*.sql")
        }
        assert there == {each.name: each.sha256 for each in known}


@pytest.mark.parametrize("query", LAKE, ids=name_of)
def test_a_query_for_cloudtrail_lake_is_converted_or_the_reason_is_told(query):
    made = converted(query)
    assert (made.sql is not None) == query.runs
    assert query.runs or "; ".join(made.reasons) == query.outcome


@pytest.mark.parametrize("query", [q for q in LAKE if q.runs], ids=name_of)
def test_a_converted_query_runs_here(ask, query):
    assert ask(str(converted(query).sql)).columns


@pytest.mark.parametrize("query", [q for q in ATHENA if q.runs_here], ids=name_of)
def test_a_query_for_athenas_table_runs_here_unchanged(ask, query):
    assert ask(query.filled()).columns


def test_most_queries_find_something(ask):
    """Else that they run would say little."""
    asked = [str(converted(q).sql) for q in LAKE if q.runs] + [q.filled() for q in ATHENA if q.runs_here]
    found = sum(bool(ask(sql).rows) for sql in asked)
    assert found > len(asked) / 2, f"{found} of {len(asked)}"
