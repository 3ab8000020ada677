"""
Athena's SQL as a tree: one statement that reads, the tables that it names, and other things in their places.

Pure. Knows sqlglot. What becomes of a tree for the engine of this machine is in `ask.translate`.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from trailhouse.errors import UsageError


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
