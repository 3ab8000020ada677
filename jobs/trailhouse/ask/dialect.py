"""
Athena's SQL in DuckDB's dialect: the same question for the engine of this machine.

Pure: text in, text out. Knows sqlglot, and where the two engines differ although the words are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from trailhouse.errors import UsageError

# Trino answers NULL where a text is no JSON or its path leads to an object; DuckDB stops the query, or hands out text.
# The type is asked for once: NOT IN would be two comparisons, whose common part DuckDB works out for every row of a
# coalesce, needed or not.
MACROS = (
    "CREATE MACRO json_scalar(text, path) AS CASE WHEN NOT contains('OBJECT ARRAY', TRY(json_type(text, path))) "
    "THEN TRY(json_extract_string(text, path)) END",
    "CREATE MACRO json_part(text, path) AS TRY(json_extract(text, path))",
    # A path that is worked out names one member: `$["name"]`, with `\\"` and `\\\\` in the name. DuckDB knows pointers.
    "CREATE MACRO json_member(text, path) AS json_scalar(text, '/' || replace(replace(replace(replace("
    "substr(path, 4, length(path) - 5), '\\\"', '\"'), '\\\\', '\\'), '~', '~0'), '/', '~1'))",
    # Trino refuses an object with a name twice; DuckDB does so with an error that no TRY takes.
    "CREATE MACRO json_members(part) AS CASE WHEN json_type(part) = 'OBJECT' AND "
    "len(json_keys(part)) = len(list_distinct(json_keys(part))) THEN CAST(part AS MAP(VARCHAR, JSON)) END",
    "CREATE MACRO json_items(part) AS CASE WHEN json_type(part) = 'ARRAY' THEN CAST(part AS JSON[]) END",
    "CREATE MACRO json_array_get(part, place) AS json_part(part, '$[' || place || ']')",
    "CREATE MACRO size_of(held) AS CASE json_type(to_json(held)) WHEN 'OBJECT' THEN len(json_keys(to_json(held))) "
    "ELSE json_array_length(to_json(held)) END",
    "CREATE MACRO arrays_overlap(one, other) AS list_has_any(one, other)",
    "CREATE MACRO at_timezone(moment, zone) AS timezone(zone, moment)",
)


def parse(sql: str) -> exp.Query:
    """The one statement in a text, if it is one that only reads."""
    try:
        statements = [s for s in sqlglot.parse(sql, read="athena") if s is not None]
    except SqlglotError as error:
        raise UsageError(f"this is no SQL that Athena would take: {first_line(error)}") from error
    if len(statements) != 1:
        raise UsageError(f"give one statement, not {len(statements)}")
    statement = statements[0]
    if not isinstance(statement, exp.Query) or statement.find(exp.Into, exp.Command):
        raise UsageError("only a SELECT can be asked: the lake is written to by `trailhouse ingest` alone")
    return statement


def to_duckdb(statement: exp.Query) -> str:
    """The same query for DuckDB; the tree that is given is left as it is."""
    tree = statement.copy()
    for node in reversed(list(tree.walk())):  # the inner ones first: what is replaced is not looked into again
        if translate := _TRANSLATED.get(type(node)):
            node.replace(translate(node))
    for part in reversed(list(tree.find_all(exp.With))):  # the inner ones first: their names hide those outside
        _unfold(part)
    return tree.sql(dialect="duckdb")


def tables(statement: exp.Query) -> set[str]:
    """The names of tables and views that a query reads, without their databases."""
    return {table.name.lower() for table in _read(statement)}


def over(statement: exp.Query, sources: Callable[[str], exp.Expr | None]) -> exp.Query:
    """The query with what stands for each table or view in its place, under the same name; None leaves it as it is."""
    tree = statement.copy()
    for table in _read(tree):
        source = sources(table.name.lower())
        if source is None:
            continue
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
        if isinstance(source, exp.Query):
            under = exp.Subquery(this=source, alias=alias)
            for kept in ("joins", "laterals"):
                under.set(kept, table.args.get(kept))
            table.replace(under)
        else:
            for name, value in (("this", source), ("db", None), ("catalog", None), ("alias", alias)):
                table.set(name, value)
    return tree


def _read(statement: exp.Query) -> list[exp.Table]:
    """Every place where a table or view is named, and not something that the query defines itself."""
    return [
        table
        for scope in traverse_scope(statement)
        for table in scope.tables
        if table.name and (table.db or table.name.lower() not in {name.lower() for name in scope.cte_sources})
    ]


def first_line(error: Exception) -> str:
    """What an error says, without the pages that follow."""
    return str(error).splitlines()[0]


MOST_COPIES, MOST_NODES = 4, 5_000


def _unfold(part: exp.With) -> None:
    """
    Put what WITH names where it is read, as Trino does.

    What is read twice, DuckDB would keep: all its rows and columns. NOT MATERIALIZED doesn't help over Iceberg.
    """
    query, ctes = part.parent or part, list(part.expressions)
    others = {cte.alias.lower() for each in query.find_all(exp.With) if each is not part for cte in each.expressions}
    for number, cte in enumerate(ctes):
        unseen = {id(table) for each in ctes[: number + 1] for table in each.find_all(exp.Table)}
        places = [table for table in query.find_all(exp.Table) if _names(table, cte) and id(table) not in unseen]
        small = len(places) * sum(1 for _ in cte.walk()) < MOST_NODES
        if 1 <= len(places) <= MOST_COPIES and small and cte.alias.lower() not in others and not part.recursive:
            for place in places:
                place.replace(_in_place(cte, place))
            cte.pop()
    if not part.expressions:
        part.pop()


def _names(table: exp.Table, cte: exp.CTE) -> bool:
    return not table.db and table.name.lower() == cte.alias.lower()


def _in_place(cte: exp.CTE, place: exp.Table) -> exp.Subquery:
    """The text of a name, as it is called where it is read."""
    alias = cte.args["alias"].copy()
    if own := place.args.get("alias"):
        alias = exp.TableAlias(this=own.this, columns=own.columns or alias.columns)
    under = exp.Subquery(this=cte.this.copy(), alias=alias)
    for kept in ("joins", "laterals"):
        under.set(kept, place.args.get(kept))
    return under


def _macro(name: str) -> Callable[[exp.Expr], exp.Expr]:
    def call(node: exp.Expr) -> exp.Expr:
        path = node.expression
        spelled = exp.Literal.string(path.sql(dialect="trino").strip("'")) if isinstance(path, exp.JSONPath) else path
        return exp.Anonymous(this=name, expressions=[node.this, spelled])

    return call


def _scalar(node: exp.Expr) -> exp.Expr:
    """A path that is written out, or one that is worked out row by row."""
    fixed = isinstance(node.expression, exp.JSONPath | exp.Literal)
    return _macro("json_scalar" if fixed else "json_member")(node)


def _cast(node: exp.Expr) -> exp.Expr:
    """JSON taken apart; any other cast stays as it is."""
    name = {"MAP(TEXT, JSON)": "json_members", "JSON[]": "json_items"}.get(node.args["to"].sql(dialect="duckdb"))
    return exp.Anonymous(this=name, expressions=[node.this]) if name else node


def _row(node: exp.Expr) -> exp.Expr:
    """A row without names, as Trino has it: a cast gives them."""
    return exp.Anonymous(this="row", expressions=node.expressions)


def _size(node: exp.Expr) -> exp.Expr:
    """Trino has one word for the size of lists and maps; DuckDB has two, and a column's type is not known here."""
    return exp.Anonymous(this="size_of", expressions=[node.this]) if isinstance(node.this, exp.Column) else node


def _json_text(node: exp.Expr) -> exp.Expr:
    """Trino's cast to JSON quotes a text, DuckDB's reads it."""
    inner = node.this
    if isinstance(inner, exp.Cast) and inner.to.is_type("json"):
        inner = exp.Anonymous(this="to_json", expressions=[inner.this])
    return exp.cast(inner, "text")


def _words(node: exp.Expr) -> exp.Expr:
    """A choice of beginnings, or of whole words, said plainly: below a join DuckDB takes no regular expression."""
    found = re.fullmatch(r"\^\(([A-Za-z0-9]+(?:\|[A-Za-z0-9]+)*)\)(\$?)", node.expression.name)
    if not found or not isinstance(node.expression, exp.Literal):
        return node
    words = found[1].split("|")
    if found[2]:
        return exp.In(this=node.this, expressions=[exp.Literal.string(word) for word in words])
    return exp.paren(exp.or_(*(exp.Like(this=node.this.copy(), expression=exp.Literal.string(f"{w}%")) for w in words)))


def _whole_units(node: exp.Expr) -> exp.Expr:
    """Trino counts the units that have passed, DuckDB's function of the same name the boundaries that were crossed."""
    unit = exp.Literal.string(node.args["unit"].name.lower())
    return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])


_TRANSLATED: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.JSONExtractScalar: _scalar,
    exp.JSONExtract: _macro("json_part"),
    exp.JSONFormat: _json_text,
    exp.Cast: _cast,
    exp.Struct: _row,
    exp.ArraySize: _size,
    exp.RegexpLike: _words,
    exp.DateDiff: _whole_units,
}
