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
    exp.DateTrunc, exp.DateAdd, exp.DateSub, exp.Greatest, exp.Least, exp.Nullif, exp.Window, exp.Filter, exp.Lag,
    exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue, exp.IgnoreNulls, exp.RespectNulls,
)  # fmt: skip
# Aggregates that the parser knows as no more than a name.
_AGGREGATES = {
    "approx_most_frequent", "approx_set", "checksum", "entropy", "every", "geometric_mean", "histogram", "map_agg",
    "map_union", "merge", "multimap_agg", "numeric_histogram", "qdigest_agg", "reduce_agg", "set_union", "tdigest_agg",
}  # fmt: skip
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
        if isinstance(node, exp.If | exp.Case):
            return next(filter(None, map(self.of, branches(node))), None)
        if isinstance(node, _SAME):
            return self.of(node.this)
        return None

    def unknown(self, column: exp.Column) -> str | None:
        """Why a name means nothing in this view, where that is certain."""
        names = [part.name.lower() for part in column.parts]
        sources, certain = self._sources(column)
        if sources is None or not certain or column.is_star or _is_lambdas(column):
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
            if any(given for name, given in group.args.items() if name != "expressions"):
                continue  # ROLLUP, CUBE, GROUPING SETS
            sources = {name.lower() for name in (self._sources(group)[0] or ())}
            keys = _Keys(group.expressions, sources, {alias.lower() for alias in select.named_selects})
            for shown in select.expressions:
                yield from keys.loose(shown.unalias())

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
        around = source.expression.find_ancestor(exp.With)
        if not isinstance(source, Scope) or (around is not None and around.recursive):
            return None
        found = self._selected(source.expression)
        if found is None or not source.outer_columns:
            return found
        if len(found) != len(source.outer_columns):
            return None
        return {name.lower(): type_ for name, type_ in zip(source.outer_columns, found.values(), strict=True)}

    def _selected(self, query: exp.Expr) -> Columns | None:
        """The columns that a query gives; None where its `*` stands for what is not known."""
        while isinstance(query, exp.SetOperation | exp.Subquery):
            query = query.this
        if not isinstance(query, exp.Select):
            return None
        made: Columns = {}
        for each in query.selects:
            found = self._starred(query, each) if each.is_star else {each.alias_or_name: self.of(each.unalias())}
            if found is None:
                return None
            made |= {name.lower(): type_ for name, type_ in found.items() if name.lower() not in made}
        made.pop("", None)
        return made

    def _starred(self, select: exp.Select, star: exp.Expr) -> Columns | None:
        """What `*` stands for, or `e.*`."""
        scope = self._scopes.get(id(select))
        joined = [join.this for join in select.args.get("joins") or ()]
        if scope is None or select.args.get("laterals") or any(isinstance(one, exp.Unnest) for one in joined):
            return None
        wanted = star.table.lower() if isinstance(star, exp.Column) else ""
        made: Columns = {}
        for name, (_, source) in scope.selected_sources.items():
            if wanted in ("", name.lower()):
                found = self._outputs(source)
                if found is None:
                    return None
                made = found | made
        return made or None


def branches(node: exp.Expr) -> list[exp.Expr]:
    """The values of which a choice is one."""
    choices = node.args.get("ifs") or [node]
    found = [each.args["true"] for each in choices]
    last = node.args.get("default" if isinstance(node, exp.Case) else "false")
    return [*found, last] if last is not None else found


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


class _Keys:
    """What a SELECT is grouped by."""

    def __init__(self, keys: list[exp.Expr], sources: set[str], aliases: set[str]) -> None:
        self._sources = sources
        self._texts = {_spelled(key) for key in keys}
        self._paths = [path for key in keys if (path := self._path(key))]
        self._named = aliases & self._texts

    def loose(self, node: exp.Expr) -> Iterator[exp.Expr]:
        """The columns in an expression that neither an aggregate nor a key covers."""
        if isinstance(node, exp.AggFunc | exp.Window | exp.Filter | exp.WithinGroup | exp.Subquery | exp.Star):
            return
        if isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES:
            return
        if self._covers(node):
            return
        if isinstance(node, exp.Column):
            if node.name.lower() not in self._named:
                yield node
            return
        for child in node.iter_expressions():
            yield from self.loose(child)

    def _covers(self, node: exp.Expr) -> bool:
        """Whether it is a key, or a field of one."""
        path = self._path(node)
        return _spelled(node) in self._texts or any(path[: len(key)] == key for key in self._paths)

    def _path(self, node: exp.Expr) -> list[str]:
        """The names that lead to a column's field, without that of the table; none where it is no such thing."""
        if isinstance(node, exp.Dot):
            path = self._path(node.this)
            return [*path, node.expression.name.lower()] if path else []
        if not isinstance(node, exp.Column):
            return []
        names = [part.name.lower() for part in node.parts]
        return names[1:] if len(names) > 1 and names[0] in self._sources else names
