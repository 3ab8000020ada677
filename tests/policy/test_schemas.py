"""Rules of the tables: an id is given once, every column is explained, and a change shows its whole effect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.policy.tree import ROOT
from trailhouse.lake import catalog, schema

GOLDEN = Path(__file__).parent / "golden"
IDS = GOLDEN / "schema_ids.json"

Ids = dict[str, dict[str, list[str]]]  # table -> id -> [name, type]


def ids_now() -> Ids:
    return {name: ids_of(schema.table(name)) for name in schema.TABLES}


def ids_of(table: schema.Table) -> dict[str, list[str]]:
    columns = {str(c.id): [c.name, c.type] for c in table.columns}
    elements = {str(c.element_id): [f"{c.name}.element", c.type] for c in table.columns if c.element_id}
    return columns | elements


def lost(given: Ids, now: Ids) -> list[str]:
    """Ids that were given once and are gone, or mean something else now. A new name for the same id is a rename."""
    return [
        f"{table}: id {number} was {name} ({kind}), is {now.get(table, {}).get(number, 'gone')}"
        for table, numbers in given.items()
        for number, (name, kind) in numbers.items()
        if now.get(table, {}).get(number, [name, ""])[1] != kind
    ]


def test_no_column_is_removed_or_retyped(update_golden):
    given = json.loads(IDS.read_text("utf-8")) if IDS.is_file() else {}
    assert lost(given, ids_now()) == []  # never refreshed: what is in a lake can't be taken back
    if update_golden:
        IDS.write_text(json.dumps(ids_now(), indent=1) + "\n", "utf-8")
    assert ids_now() == json.loads(IDS.read_text("utf-8")), "new or renamed: make golden, and read the diff"


@pytest.mark.parametrize(
    "now",
    [{}, {"events": {}}, {"events": {"1": ["a", "long"]}}, {"events": {"2": ["a", "string"]}}],
    ids=["no table", "no column", "another type", "another id"],
)
def test_a_lost_column_is_found(now):
    assert lost({"events": {"1": ["a", "string"]}}, now)


def test_a_rename_is_no_loss():
    assert lost({"events": {"1": ["a", "string"]}}, {"events": {"1": ["b", "string"]}}) == []


@pytest.mark.parametrize("name", schema.TABLES)
def test_ids_and_names_are_unique_in_a_table(name):
    columns = schema.table(name).columns
    ids = [c.id for c in columns] + [c.element_id for c in columns if c.element_id]
    assert len(set(ids)) == len(ids)
    assert len({c.name for c in columns}) == len(columns)


@pytest.mark.parametrize("name", schema.TABLES)
def test_every_column_is_explained(name):
    table = schema.table(name)
    assert table.doc.endswith(".")
    assert [c.name for c in table.columns if not c.doc.strip()] == []


@pytest.mark.parametrize("name", schema.TABLES)
def test_partition_sort_and_key_are_columns(name):
    table = schema.table(name)
    bucketed = {text.removeprefix("bucket(").removesuffix(")") for text in table.partition_bucketed}
    assert {*table.partition, *bucketed, *table.sort, *table.key} <= {c.name for c in table.columns}


@pytest.mark.parametrize("name", schema.TABLES)
def test_no_time_has_a_zone(name):
    """Athena refuses zoned timestamps in views."""
    assert "tz=" not in schema.arrow_schema(name).to_string()
    assert "timestamptz" not in str(catalog.iceberg_schema(schema.table(name)))


def test_every_schema_file_is_a_table():
    assert {path.stem for path in (ROOT / "schemas").glob("*.toml")} == set(schema.TABLES)


@pytest.mark.parametrize("name", schema.TABLES)
def test_the_derived_forms_are_as_last_read(name, update_golden):
    table, golden = schema.table(name), GOLDEN / f"{name}.txt"
    text = f"Arrow\n{schema.arrow_schema(name).to_string()}\n\nIceberg\n{catalog.iceberg_schema(table)}\n"
    if update_golden:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8"), "make golden, and read the diff"
