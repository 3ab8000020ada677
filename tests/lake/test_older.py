"""A lake made before a table was added: it is read as it is, the table being empty; the next ingest makes it."""

from __future__ import annotations

import pytest

from tests.buckets import plain
from tests.ingest.contents import Contents, ingest
from trailhouse import settings
from trailhouse.ask import local, status
from trailhouse.lake import catalog, schema

LATER = ("coverage", "accounts", "pending")


@pytest.fixture
def older(lake, tmp_path) -> settings.Lake:
    ingest(lake, plain(8).save(tmp_path / "logs"))
    opened = catalog.open_lake(lake)
    for name in LATER:
        opened.catalog.drop_table(opened.name(name))
    return lake


def test_it_can_be_asked(older):
    opened = catalog.open_lake(older)
    asked = "SELECT count(*), count(a.name), (SELECT count(*) FROM pending) FROM events e LEFT JOIN accounts a ON a.account_id = e.account_id"
    assert local.ask(opened.where, asked).rows == [(8, 0, 0)]
    assert local.ask(opened.where, "SELECT * FROM coverage").columns == tuple(schema.arrow_schema("coverage").names)


def test_its_status_tells_of_the_tables_that_are_there(older):
    told = status.status(catalog.open_lake(older))
    named = {row[0].rpartition(".")[2] for row in told["tables"].rows}
    assert named == set(schema.TABLES) - set(LATER)
    assert len(told["accounts"].rows) == 4


def test_the_next_ingest_makes_what_is_missing(older, tmp_path):
    assert ingest(older, tmp_path / "logs").status == "nothing_to_do"
    assert Contents(older).rows("pending") == []
    assert all(catalog.open_lake(older).find(name) for name in schema.TABLES)
