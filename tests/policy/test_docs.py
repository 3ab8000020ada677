"""Pages that are derived are fresh, and the command that asks names what can be asked."""

from __future__ import annotations

import pytest

from tools import docs
from trailhouse import cli
from trailhouse.lake import schema


@pytest.mark.parametrize("path", docs.pages(), ids=lambda path: path.name)
def test_the_page_is_what_would_be_written_now(path):
    assert path.read_text("utf-8") == docs.pages()[path], "make docs"


def test_the_help_of_sql_names_every_table():
    said = " ".join((cli.sql.help or "").split())
    listed = said.partition("The tables are ")[2].partition(".")[0].replace("and for bookkeeping ", "")
    assert sorted(listed.split(", ")) == sorted(schema.TABLES)
