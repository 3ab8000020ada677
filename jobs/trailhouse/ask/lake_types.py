"""
The types of what stands in a query for CloudTrail Lake, as far as they follow from the view's columns.

Pure. The one source is the header of `sql/views/cloudtrail_lake.sql`; what can't be told
has no type, and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from sqlglot import exp
from sqlglot.expressions import DataType
from sqlglot.optimizer.scope import Scope, traverse_scope

from trailhouse.ask import queries
from trailhouse.ask.lake_values import ZONED

VIEW = "cloudtrail_lake"
FEDERATED = "aws:cloudtrail"  # the database that Athena has a federated store in
Columns = dict[str, DataType | None]

# Columns that only other kinds of store have.
_ELSEWHERE = {
    "eventdata": "stores of configuration items, audit evidence or activity from outside AWS; no trail delivers those",
    "metadata": "stores of activity from outside AWS; no trail delivers that",
} | dict.fromkeys(
    (
        "insightsource", "insightstate", "insighteventsource", "insighteventname", "insighterrorcode", "insighttype",
        "insightcontext",
    ),
    "stores of Insights; ask the table `insight_events`",
)  # fmt: skip
# The type of these is that of what they are given.
_SAME = (
    exp.Paren, exp.Alias, exp.Min, exp.Max, exp.ArgMax, exp.ArgMin, exp.AnyValue, exp.Coalesce, exp.TimestampTrunc,
    exp.DateTrunc, exp.DateAdd, exp.DateSub, exp.Greatest, exp.Least, exp.Nullif,
)  # fmt: skip
_IS_ZONED = (exp.CurrentTimestamp, exp.AtTimeZone, exp.FromISO8601Timestamp, exp.UnixToTime)


@cache
def columns() -> Columns:
    """The view's columns."""
    view = queries.views()[VIEW]
    return {column.name: DataType.build(column.type, dialect="trino") for column in view.columns}


class Types:
    """What is known of one query's names."""

    def __init__(self, tree: exp.Query) -> None:
        self._scopes = {id(scope.expression): scope for scope in traverse_scope(tree)}

    def of(self, node: exp.Expr | None) -> DataType | None:
        """The type of an expression, or None where it can't be told."""
        if isinstance(node, exp.Column | exp.Dot):
            return self._column(node)
        if isinstance(node, exp.Cast):
            return ZONED if node.to.is_type("timestamptz") else node.to
        if isinstance(node, _IS_ZONED):
            return ZONED
        if isinstance(node, exp.Add | exp.Sub):
            return self.of(node.this) if isinstance(node.expression, exp.Interval) else None
        if isinstance(node, exp.Date | exp.TsOrDsToDate | exp.CurrentDate):
            return DataType.build("date")
        if isinstance(node, exp.Bracket):
            return _inside(self.of(node.this))
        if isinstance(node, _SAME):
            return self.of(node.this)
        return None

    def unknown(self, column: exp.Column) -> str | None:
        """Why a name means nothing in this view, where that is certain."""
        names = [part.name.lower() for part in column.parts]
        sources, certain = self._sources(column)
        if sources is None or not certain or _is_lambdas(column):
            return None
        if len(names) > 1 and names[0] in sources:
            names, sources = names[1:], {names[0]: sources[names[0]]}
        elif names[0] in _aliases(column):
            return None
        if any(names[0] in each for each in sources.values()):
            return _no_field(names, next(each[names[0]] for each in sources.values() if names[0] in each))
        if names[0] in _ELSEWHERE:
            return f"{column.parts[-len(names)].name} is a column of {_ELSEWHERE[names[0]]}"
        return f"there is no column {column.parts[-len(names)].name}"

    def ungrouped(self, tree: exp.Query) -> Iterator[exp.Expr]:
        """Columns that a grouped SELECT shows as they are, without grouping by them."""
        for select in tree.find_all(exp.Select):
            group = select.args.get("group")
            if group is None or any(not isinstance(key, exp.Column | exp.Func | exp.Dot) for key in group.expressions):
                continue  # by number, or by something that is not looked into here
            keys = {_spelled(key) for key in group.expressions}
            for shown in select.expressions:
                yield from _loose(shown.unalias(), keys, {alias.lower() for alias in select.named_selects} & keys)

    def _column(self, node: exp.Column | exp.Dot) -> DataType | None:
        if isinstance(node, exp.Dot):
            return _field(self.of(node.this), node.expression.name)
        names = [part.name.lower() for part in node.parts]
        sources, _ = self._sources(node)
        if sources is None or _is_lambdas(node):
            return None
        if len(names) > 1 and names[0] in sources:
            names, sources = names[1:], {names[0]: sources[names[0]]}
        found = next((each[names[0]] for each in sources.values() if names[0] in each), None)
        for name in names[1:]:
            found = _field(found, name)
        return found

    def _sources(self, node: exp.Expr) -> tuple[dict[str, Columns] | None, bool]:
        """What the nearest SELECT reads, by name; and whether that is all that a name could come from."""
        select = node.find_ancestor(exp.Select)
        scope = self._scopes.get(id(select))
        if scope is None:
            return None, False
        made: dict[str, Columns] = {}
        certain = True
        while scope is not None:
            for name, source in scope.sources.items():
                found = self._outputs(source)
                certain = certain and found is not None
                made.setdefault(name.lower(), found or {})
            scope = scope.parent if scope.is_correlated_subquery or scope.is_subquery else None
        return made, certain

    def _outputs(self, source: exp.Expr | Scope) -> Columns | None:
        """The columns of a table, a subquery or a common table expression."""
        if isinstance(source, exp.Table):
            return columns() if source.db.lower() in ("", FEDERATED) else None
        query = source.expression
        if not isinstance(query, exp.Query) or query.is_star:
            return None
        selects = query.selects
        return {each.alias_or_name.lower(): self.of(each.unalias()) for each in selects if each.alias_or_name}


def _inside(type_: DataType | None) -> DataType | None:
    """What an array or a map holds."""
    if type_ is None or not type_.is_type("array", "map"):
        return None
    inner = type_.expressions[-1]
    return inner if isinstance(inner, DataType) else None


def _field(type_: DataType | None, name: str) -> DataType | None:
    if type_ is None or not type_.is_type("struct"):
        return None
    return next((each.kind for each in type_.expressions if each.name.lower() == name.lower()), None)


def _no_field(names: list[str], type_: DataType | None) -> str | None:
    for parent, name in pairwise(names):
        if type_ is None or not type_.is_type("struct"):
            return None
        type_ = _field(type_, name)
        if type_ is None:
            return f"{parent} has no field {name}"
    return None


def _is_lambdas(column: exp.Column) -> bool:
    """Whether a name is the argument of a lambda."""
    around = column.find_ancestor(exp.Lambda)
    while around is not None:
        if column.parts[0].name.lower() in {each.name.lower() for each in around.expressions}:
            return True
        around = around.find_ancestor(exp.Lambda)
    return False


def _aliases(column: exp.Column) -> set[str]:
    """The names that the SELECT around gives: ORDER BY knows them, and others may."""
    select = column.find_ancestor(exp.Select)
    inside = column.find_ancestor(exp.Order, exp.Group, exp.Having)
    return {name.lower() for name in select.named_selects} if select is not None and inside is not None else set()


def _spelled(node: exp.Expr) -> str:
    return node.sql(dialect="athena", comments=False).lower()


def _loose(node: exp.Expr, keys: set[str], named: set[str]) -> Iterator[exp.Expr]:
    """The columns in an expression that neither an aggregate nor a key covers."""
    if _spelled(node) in keys or isinstance(node, exp.AggFunc | exp.Window | exp.Subquery | exp.Star):
        return
    if isinstance(node, exp.Column):
        if node.name.lower() not in named:
            yield node
        return
    for child in node.iter_expressions():
        yield from _loose(child, keys, named)
