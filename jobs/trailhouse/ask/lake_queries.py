"""
Queries for CloudTrail Lake become queries for Athena on the view `cloudtrail_lake`.

Pure: text in, values out. CloudTrail Lake's engine is Trino, but laxer: it takes a text where a time is meant. Each
statement is changed as a tree, and every change is told; what can't be done is told as well, and then there is no SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, count

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.expressions import DataType

from trailhouse.ask import dialect, stores
from trailhouse.ask.lake_types import FEDERATED, VIEW, Types, branches
from trailhouse.ask.lake_values import Other, as_number, is_number, period, value_for, within

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
_ORDERED = (exp.GT, exp.GTE, exp.LT, exp.LTE)
_COMPARED = (*_ORDERED, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.DateDiff)


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

    def change(self, node: exp.Expr | None, said: str) -> None:
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


def unread(name: str, why: str) -> Converted:
    """What stands for a file that can't be read."""
    return Converted(name, None, (), (why,))


def apart(made: Iterable[Converted]) -> list[Converted]:
    """The same, each under a name of its own, also where letters' case makes no difference."""
    taken: set[str] = set()
    named = []
    for one in made:
        tried = chain([one.name], (f"{one.name}-{number}" for number in count(2)))
        name = next(each for each in tried if each.casefold() not in taken)
        taken.add(name.casefold())
        named.append(replace(one, name=name))
    return named


def convert(name: str, text: str) -> list[Converted]:
    """Every statement of a file."""
    found = stores.statements(text.removeprefix("\ufeff"))
    if not found:
        return [Converted(name, None, (), ("there is no statement in it",))]
    names = [name if len(found) == 1 else f"{name}-{number}" for number in range(1, len(found) + 1)]
    return [_statement(each, part, line) for each, (line, part) in zip(names, found, strict=True)]


def _statement(name: str, text: str, line: int) -> Converted:
    try:
        return _changed(name, text, line)
    except RecursionError:
        return unread(name, "it is nested too deeply: write it with fewer levels of parentheses")


def _changed(name: str, text: str, line: int) -> Converted:
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
    named: dict[str, str] = {}
    for table in list(tree.find_all(exp.Table)):
        if not table.db and table.name.lower() in defined:
            continue
        if table.db and table.db.lower() != FEDERATED:
            notes.refuse(table, f"{table.db}.{table.name} is no event data store")
            continue
        notes.change(table, f"the event data store {table.name} became {VIEW}")
        named.setdefault(table.name.lower(), table.name)
        for part in ("db", "catalog"):
            table.set(part, None)
        # Where the store had no other name, its columns may be spelled with it.
        if not table.alias and _is_spelled_with(tree, table.name):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=table.this.quoted)))
        table.set("this", exp.to_identifier(VIEW))
    if len(named) > 1:
        notes.change(None, _all_the_lake(list(named.values())))


def _all_the_lake(named: list[str]) -> str:
    """What comes of several stores in one statement; they become one view."""
    all_, often = ("both", "twice") if len(named) == 2 else ("each", f"{len(named)} times")
    return (
        f"CAREFUL: the stores {' and '.join(named)} are {all_} the whole lake here: under UNION ALL rows count "
        f"{often}, and a join meets each event in itself. Ask the view once, or tell the stores apart by what "
        "they held, such as recipientAccountId, awsRegion or eventCategory"
    )


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
    for like in list(tree.find_all(exp.Like)):
        _like(like, types, notes)
    for node in list(tree.find_all(exp.EQ, exp.NEQ)):
        _spelled_out(node, types, notes)
    for pair in tree.find_all(*_COMPARED):
        if isinstance(pair, _ORDERED):
            _by_size(pair, ("this", "expression"), types, notes)
        for left, right in ((pair.this, pair.expression), (pair.expression, pair.this)):
            _fit(left, right, types, notes)
    for between in tree.find_all(exp.Between):
        _by_size(between, ("this", "low", "high"), types, notes)
        for bound in (between.args["low"], between.args["high"]):
            _fit(between.this, bound, types, notes)
    for one_of in tree.find_all(exp.In):
        for value in one_of.expressions:
            _fit(one_of.this, value, types, notes)
    for case in tree.find_all(exp.Case):
        for when in case.args["ifs"] if case.this is not None else ():
            _fit(case.this, when.this, types, notes)
    for choice in tree.find_all(exp.Case, exp.If, exp.Coalesce, exp.Greatest, exp.Least):
        values = branches(choice) if isinstance(choice, exp.Case | exp.If) else [choice.this, *choice.expressions]
        first = next((each for each in values if types.of(each) is not None), None)
        for value in values:
            if first is not None and value is not first and isinstance(value, exp.Literal):
                _fit(first, value, types, notes)


def _by_size(node: exp.Expr, sides: tuple[str, ...], types: Types, notes: _Notes) -> None:
    """What is compared with a number by its size is a number, not a text: '9' is more than '1000'."""
    if not any(is_number(node.args[side], types.of(node.args[side])) for side in sides):
        return
    for side in sides:
        text, type_ = node.args[side], types.of(node.args[side])
        if type_ is not None and type_.is_type(*DataType.TEXT_TYPES):
            name = text.sql(dialect="athena")
            after = as_number(text)
            notes.change(after, f"{name} compared the size of a text with a number; now {after.sql(dialect='athena')}")


def _like(like: exp.Expr, types: Types, notes: _Notes) -> None:
    """A time that is looked at as text, of which Athena shows six digits of a second and Lake three."""
    time, pattern = _time_in(like.this, types), like.expression
    if time is None or not (isinstance(pattern, exp.Literal) and pattern.is_string):
        return
    before, text = like.sql(dialect="athena"), pattern.this
    open_ended = text.endswith("%") and not set(text) & {"T", "Z"}
    if isinstance(like.this, exp.Cast) and open_ended:
        return
    name = time.sql(dialect="athena")
    after: exp.Expr = like
    if found := period(text):
        made = within(time, *found)
        after = exp.Not(this=made) if like.args.get("negate") else made
    elif open_ended:
        like.this.replace(exp.cast(time.copy(), "varchar"))
    else:
        notes.refuse(
            like,
            f"{before} looks at a time as text: compare times, such as {name} >= TIMESTAMP '2026-03-01 00:00:00' AND "
            f"{name} < TIMESTAMP '2026-03-02 00:00:00'",
        )
        return
    notes.change(time, f"{before} looked at a time as text; now {after.sql(dialect='athena')}")
    if after is not like:
        like.replace(after)


def _spelled_out(node: exp.Expr, types: Types, notes: _Notes) -> None:
    """The text of a time, compared with a text: the times are compared."""
    for side, other in (("this", "expression"), ("expression", "this")):
        one, text = node.args[side], node.args[other]
        time = _time_in(one, types) if isinstance(one, exp.Cast) else None
        if time is None or not (isinstance(text, exp.Literal) and text.is_string):
            continue
        before = node.sql(dialect="athena")
        made = value_for(types.of(time), text, None)
        if isinstance(made, Other) and len(text.this.strip()) > len("2026-03-01"):
            one.replace(time.copy())
            text.replace(made.node)
            notes.change(node, f"{before} compared a time as text; now {node.sql(dialect='athena')}")
        else:
            name = time.sql(dialect="athena")
            notes.refuse(
                node, f"{before} is never true, as the text of a time has its second: write DATE({name}) = DATE '…'"
            )


def _time_in(node: exp.Expr, types: Types) -> exp.Expr | None:
    """The time, where that is what an expression is, or the text of one."""
    if isinstance(node, exp.Cast) and node.to.is_type(*DataType.TEXT_TYPES):
        node = node.this
    type_ = types.of(node)
    return node if type_ is not None and type_.is_type("timestamp") else None


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
