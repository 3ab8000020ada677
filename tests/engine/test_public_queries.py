"""Queries that others published, on Athena's engine: they run there too, and find the same as on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ask import public
from tests.conftest import NO_CORPUS
from tests.engine.conftest import Cloud
from tests.ingest.contents import ingest
from trailhouse import settings
from trailhouse.ask import lake_queries, local, publish

pytestmark = pytest.mark.skipif(
    not public.FOLDER.is_dir(), reason=f"{NO_CORPUS} {public.FOLDER} (set TRAILHOUSE_PUBLIC_QUERIES)"
)
BUCKET, DATABASE = "public-queries", "public_queries"


@pytest.fixture(scope="module")
def both(reached: Cloud) -> Iterator[Any]:
    """Asks one lake twice: Trino, in its own database, and DuckDB."""
    client = reached.s3.client()
    for name in (BUCKET, f"{BUCKET}-logs"):
        client.create_bucket(Bucket=name)
    public.bucket().upload(client, f"{BUCKET}-logs")
    where = settings.Lake(
        location=f"s3://{BUCKET}/warehouse", catalog="glue", database=DATABASE, ops_database=f"{DATABASE}_ops"
    )
    ingest(where, f"s3://{BUCKET}-logs")
    publish.publish(settings.Settings(lake=where, athena=settings.Athena(work_group=DATABASE)))
    with local.asking(where) as ask:
        yield lambda sql: (reached.trino.ask(DATABASE, sql)[1], ask(sql).rows)


def same(value: Any) -> Any:
    """A value as both drivers can say it: rows of a row type have names here and none there."""
    if isinstance(value, dict):
        return tuple(sorted(str(each) for each in value.values() if each is not None))
    if isinstance(value, list | tuple):
        flat = [each for each in value if each is not None]
        return tuple(sorted(str(same(each)) for each in flat))
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


def sql_of(query: public.Public) -> str:
    if query.kind == "athena":
        return query.filled()
    (made,) = lake_queries.convert(query.name, query.filled())
    return str(made.sql)


@pytest.mark.parametrize(
    "query", [q for kind in ("lake", "athena") for q in public.load(kind) if q.runs], ids=lambda q: f"{q.kind}/{q.name}"
)
def test_both_engines_find_the_same(both, query):
    sql = sql_of(query)
    there, here = both(sql)
    assert len(there) == len(here)
    if not public.limited(sql):
        counted = [Counter(tuple(same(value) for value in row) for row in rows) for rows in (there, here)]
        assert counted[0] == counted[1]


def test_what_is_expected_to_fail_does(both):
    """A query that Athena's engine refuses for its own text is refused, so that the page can say so."""
    for query in public.load("athena"):
        if not query.runs:
            with pytest.raises(Exception, match=r"\w"):
                both(query.filled())
