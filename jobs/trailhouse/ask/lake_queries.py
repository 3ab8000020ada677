"""
Queries for CloudTrail Lake become queries for Athena on the view `cloudtrail_lake`.

Pure: text in, values out. CloudTrail Lake's engine is Trino, but laxer: it takes a text where a time is meant. Each
statement is changed as a tree, and every change is told; what can't be done is told as well, and then there is no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from trailhouse.ask import dialect, stores
from trailhouse.ask.lake_types import FEDERATED, VIEW, Types
from trailhouse.ask.lake_values import Other, value_for

ELSEWHERE = {
    "insight": "Insights are in the table `insight_events`",
    "configurationitem": "configuration items come from AWS Config, not from a trail",
    "evidence": "evidence comes from Audit Manager, not from a trail",
    "activityauditlog": "activity from outside AWS is in no trail",
}
# Presto's own, which neither Trino nor Athena has.
PRESTO_ALONE = {
    "array_average", "array_sum", "array_duplicates", "array_has_duplicates", "array_least_frequent", "array_max_by",
    "array_min_by", "find_first", "find_first_index", "ip_prefix", "ip_subnet_max", "ip_subnet_min", "ip_subnet_range",
    "is_private_ip", "is_subnet_of", "key_sampling_percent", "map_keys_by_top_n_values", "map_normalize",
    "map_remove_null_values", "map_subset", "map_top_n", "map_top_n_keys", "map_top_n_values", "remove_nulls",
    "replace_first", "reverse_bits", "split_to_map_on_duplicate", "strrpos_last", "trail", "uuid_nil",
}  # fmt: skip
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)


@dataclass(frozen=True, slots=True)
class Converted:
    """One statement: its SQL for Athena, or why there is none."""

    name: str
    sql: str | None
    changes: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Notes:
    """What is said of one statement while it is changed, each with its line; 0 where the parser remembers none."""

    first_line: int
    changes: list[tuple[int, str]] = field(default_factory=list)
    reasons: list[tuple[int, str]] = field(default_factory=list)

    def change(self, node: exp.Expr, said: str) -> None:
        self.changes.append((self._line(node), said))

    def refuse(self, node: exp.Expr | None, said: str) -> None:
        self.reasons.append((self._line(node), said))

    def _line(self, node: exp.Expr | None) -> int:
        found = node.find_all(exp.Identifier) if node is not None else ()
        lines = [each.meta["line"] for each in found if "line" in each.meta]
        return min(lines) + self.first_line - 1 if lines else 0


def _told(notes: list[tuple[int, str]]) -> tuple[str, ...]:
    """In the order of the lines, each once."""
    return tuple(f"line {line}: {said}" if line else said for line, said in sorted(dict.fromkeys(notes)))


def convert(name: str, text: str) -> list[Converted]:
    """Every statement of a file."""
    found = stores.statements(text)
    if not found:
        return [Converted(name, None, (), ("there is no statement in it",))]
    names = [name if len(found) == 1 else f"{name}-{number}" for number in range(1, len(found) + 1)]
    return [_statement(each, part, line) for each, (line, part) in zip(names, found, strict=True)]


def _statement(name: str, text: str, line: int) -> Converted:
    notes = _Notes(line)
    tree = _parsed(text, notes)
    if tree is not None:
        types = Types(tree)
        _refuse(tree, types, notes)
        _compare(tree, types, notes)
        _name_stores(tree, notes)
    if tree is None or notes.reasons:
        return Converted(name, None, (), _told(notes.reasons))
    sql = tree.sql(dialect="athena", pretty=True)
    dialect.parse(sql)  # one statement that only reads, whatever was made of it
    return Converted(name, sql, _told(notes.changes), ())


def _parsed(text: str, notes: _Notes) -> exp.Query | None:
    try:
        tree = sqlglot.parse_one(stores.quoted(text), read="athena")
    except SqlglotError as error:
        notes.refuse(None, f"this is no SQL that Athena would take: {_said(error, notes)}")
        return None
    if not isinstance(tree, exp.Query) or tree.find(exp.Into, exp.Command, exp.DML):
        notes.refuse(None, "only a SELECT can be converted")
        return None
    if any(isinstance(each.this, exp.Select) for each in tree.find_all(exp.From)):
        notes.refuse(None, "this is no SQL that Athena would take: FROM is followed by no table")
        return None
    return tree


def _said(error: SqlglotError, notes: _Notes) -> str:
    """Where the parser stopped: its own words are about itself."""
    for each in getattr(error, "errors", []):
        if each.get("line"):
            line = each["line"] + notes.first_line - 1
            return f"it makes no sense from line {line} on, at {each['highlight'].strip()!r}"
    return dialect.first_line(error)


def _name_stores(tree: exp.Query, notes: _Notes) -> None:
    """Every table that is not defined in the query itself is an event data store."""
    defined = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if not table.db and table.name.lower() in defined:
            continue
        if table.db and table.db.lower() != FEDERATED:
            notes.refuse(table, f"{table.db}.{table.name} is no event data store")
            continue
        notes.change(table, f"the event data store {table.name} became {VIEW}")
        for part in ("db", "catalog"):
            table.set(part, None)
        # Where the store had no other name, its columns may be spelled with it.
        if not table.alias and _is_spelled_with(tree, table.name):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=table.this.quoted)))
        table.set("this", exp.to_identifier(VIEW))


def _is_spelled_with(tree: exp.Query, name: str) -> bool:
    return any(column.parts[0].name.lower() == name.lower() for column in tree.find_all(exp.Column) if column.table)


def _refuse(tree: exp.Query, types: Types, notes: _Notes) -> None:
    """What no view of this lake can answer, and what no engine would take."""
    for column in tree.find_all(exp.Column):
        if column.name.startswith("$") and not column.this.quoted:
            notes.refuse(column, f"{column.name} stands for a value: put one in its place")
        elif why := types.unknown(column):
            notes.refuse(column, why)
    for node, category in _categories(tree, types):
        notes.refuse(node, f"eventCategory {category}: {ELSEWHERE[category.lower()]}")
    for call in tree.find_all(exp.Anonymous):
        if call.name.lower() in PRESTO_ALONE:
            notes.refuse(call, f"Athena has no function {call.name.lower()}")
    for shown in types.ungrouped(tree):
        notes.refuse(shown, f"{shown.sql(dialect='athena')} is neither grouped by nor aggregated")


def _categories(tree: exp.Query, types: Types) -> Iterator[tuple[exp.Expr, str]]:
    for node in tree.find_all(exp.EQ, exp.In):
        if isinstance(node.this, exp.Column) and node.this.name.lower() == "eventcategory":
            for value in node.expressions or [node.expression]:
                if isinstance(value, exp.Literal) and value.this.lower() in ELSEWHERE:
                    yield node, value.this


def _compare(tree: exp.Query, types: Types, notes: _Notes) -> None:
    """Where two sides have types that Athena does not compare, one of them is written otherwise."""
    for node in tree.find_all(*_COMPARED):
        for left, right in ((node.this, node.expression), (node.expression, node.this)):
            _fit(left, right, types, notes)
    for between in tree.find_all(exp.Between):
        for bound in (between.args["low"], between.args["high"]):
            _fit(between.this, bound, types, notes)
    for one_of in tree.find_all(exp.In):
        for value in one_of.expressions:
            _fit(one_of.this, value, types, notes)


def _fit(one: exp.Expr, other: exp.Expr, types: Types, notes: _Notes) -> None:
    """Make the other side fit this one, if it doesn't."""
    made = value_for(types.of(one), other, types.of(other))
    name = one.sql(dialect="athena")
    if isinstance(made, str):
        notes.refuse(one, f"{name} {made}")
    elif isinstance(made, Other):
        before = other.sql(dialect="athena")
        after = other.replace(made.node).sql(dialect="athena")
        notes.change(one, f"{name} {made.why} {before}; now {after}")
