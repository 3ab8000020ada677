"""
Athena's SQL in DuckDB's dialect: the same question for the engine of this machine.

Pure: a tree in, text out. Knows where the two engines differ although the words are the same: each difference is one
rule here, a function in `ask.macros`, or both; what can't be answered alike is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from trailhouse.errors import UsageError


def to_duckdb(statement: exp.Query) -> str:
    """The same query for DuckDB; the tree that is given is left as it is."""
    tree = statement.copy()
    for node in reversed(list(tree.walk())):  # the inner ones first: what is replaced is not looked into again
        if translate := _TRANSLATED.get(type(node)):
            made = translate(node)
            if made is not node:
                node.replace(made)
    for part in reversed(list(tree.find_all(exp.With))):  # the inner ones first: their names hide those outside
        _unfold(part)
    return tree.sql(dialect="duckdb")


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


# ── one word after another ───────────────────────────────────────────────────────────────────────────────────────────


def _call(name: str, *given: exp.Expr | None) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[each for each in given if each is not None])


def _typed(name: str, *given: exp.Expr) -> exp.Anonymous:
    """A call of what is chosen by types: those of aggregates come too late, unless they are seen in a list."""
    if not any(
        isinstance(each, exp.AggFunc | exp.Window) or each.name in _AGGREGATES for one in given for each in one.walk()
    ):
        return _call(name, *given)
    fields = [exp.to_identifier(f"given_{number}") for number in range(len(given))]
    row = exp.Struct(expressions=[exp.PropertyEQ(this=f, expression=one) for f, one in zip(fields, given, strict=True)])
    seen = exp.to_identifier("seen")
    inside = _call(name, *(exp.Dot(this=seen.copy(), expression=field.copy()) for field in fields))
    each = exp.Lambda(this=inside, expressions=[seen])
    return _call("list_extract", _call("list_transform", exp.Array(expressions=[row]), each), exp.Literal.number(1))


_AGGREGATES = {"arg_max_null", "arg_min_null", "bool_and", "list"}  # as they are called once they are translated


def _number(node: exp.Expr | None) -> int | None:
    """A whole number that is written out."""
    if isinstance(node, exp.Neg):
        below = _number(node.this)
        return None if below is None else -below
    return int(node.this) if isinstance(node, exp.Literal) and node.is_int else None


def _refuse(what: str, instead: str = "") -> UsageError:
    return UsageError(f"{what} is not answered on this machine{': ' + instead if instead else ''}; Athena alone does")


def _json(name: str) -> Callable[[exp.Expr], exp.Expr]:
    def call(node: exp.Expr) -> exp.Expr:
        if node.args.get("json_query"):
            raise _refuse("json_query", "write json_extract(text, '$.name')")
        path = node.expression
        spelled = exp.Literal.string(path.sql(dialect="trino").strip("'")) if isinstance(path, exp.JSONPath) else path
        return _call(name, node.this, spelled)

    return call


def _scalar(node: exp.Expr) -> exp.Expr:
    """A path that is written out, or one that is worked out row by row."""
    fixed = isinstance(node.expression, exp.JSONPath | exp.Literal)
    return _json("json_scalar" if fixed else "json_member")(node)


_JSON_PARTS = {"json_part", "json_array_get", "JSON"}
_TAKEN_APART = {"MAP(TEXT, JSON)": "json_members", "JSON[]": "json_items"}


def _cast(node: exp.Expr) -> exp.Expr:
    """JSON taken apart, texts cut to their length, and numbers as Trino reads and rounds them."""
    to: exp.DataType = node.args["to"]
    if name := _TAKEN_APART.get(to.sql(dialect="duckdb")):
        return _call(name, node.this)
    if to.is_type(*exp.DataType.TEXT_TYPES):
        if isinstance(node.this, exp.ParseJSON) or (
            isinstance(node.this, exp.Anonymous) and node.this.name in _JSON_PARTS
        ):
            return _call("json_scalar", node.this, exp.Literal.string("$"))
        return _call("left", exp.cast(node.this, "text"), to.expressions[0].this) if to.expressions else node
    if to.is_type(*exp.DataType.INTEGER_TYPES) and _number(node.this) is None:
        name = "whole" if isinstance(node, exp.TryCast) else "whole_or_error"
        return type(node)(this=_typed(name, node.this), to=to)
    if to.is_type("boolean") and isinstance(node, exp.TryCast):
        return _typed("truth", node.this)
    return node


def _row(node: exp.Expr) -> exp.Expr:
    """A row without names, as Trino has it: a cast gives them."""
    return _call("row", *node.expressions)


def _size(node: exp.Expr) -> exp.Expr:
    """Trino has one word for the size of lists and maps; DuckDB has two, and a column's type is not known here."""
    return _call("size_of", node.this) if isinstance(node.this, exp.Column | exp.Map | exp.VarMap) else node


def _json_text(node: exp.Expr) -> exp.Expr:
    """Trino's cast to JSON quotes a text, DuckDB's reads it."""
    inner = node.this
    if isinstance(inner, exp.Cast) and inner.to.is_type("json"):
        inner = _call("to_json", inner.this)
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


def _plainly(node: exp.Expr) -> exp.Expr:
    """A pattern that stands for nothing but itself, as a comparison: by these DuckDB leaves out files, by LIKE none."""
    like, escape = (node.this, node.expression) if isinstance(node, exp.Escape) else (node, None)
    if not isinstance(like, exp.Like) or (like is node and isinstance(node.parent, exp.Escape)):
        return node
    pattern, mark = like.expression, escape.name if isinstance(escape, exp.Literal) else ""
    if not isinstance(pattern, exp.Literal) or (escape is not None and len(mark) != 1):
        return node
    escaped = f"{re.escape(mark)}([%_{re.escape(mark)}])|" if mark else ""
    parts = list(re.finditer(f"{escaped}([^%_{re.escape(mark)}])", pattern.name, re.DOTALL))
    if "".join(part[0] for part in parts) != pattern.name:
        return node
    text = "".join(found for part in parts for found in part.groups() if found)
    compared = exp.NEQ if like.args.get("negate") else exp.EQ
    return compared(this=like.this, expression=exp.Literal.string(text))


def _first_match(node: exp.Expr) -> exp.Expr:
    part = node.args.get("group") or exp.Literal.number(0)
    return _call("first_match", node.this, node.expression, part)


def _replacement(node: exp.Expr) -> exp.Expr:
    """What `$1` is there, is `\\1` here."""
    told = node.args.get("replacement")
    if isinstance(told, exp.Literal) and told.is_string:
        spelled = re.sub(
            r"\\(.)|\$(\d)|\$\{(\d)\}",
            lambda found: "\\" + (found[2] or found[3]) if found[1] is None else found[1].replace("\\", r"\\"),
            told.this,
        )
        node.set("replacement", exp.Literal.string(spelled))
    return node


def _part_of(node: exp.Expr) -> exp.Expr:
    if _number(node.args["part_index"]) == 1:
        return node  # which every text has
    return _call("part_of", node.this, node.args["delimiter"], node.args["part_index"])


def _piece(node: exp.Expr) -> exp.Expr:
    start = node.args["start"]
    return node if (_number(start) or 0) > 0 else _call("piece", node.this, start, node.args.get("length"))


def _position(node: exp.Expr) -> exp.Expr:
    if node.args.get("occurrence"):
        raise _refuse("strpos with a third argument")
    return node


def _split(node: exp.Expr) -> exp.Expr:
    if node.args.get("limit"):
        raise _refuse("split with a limit")
    return node


_DIRECTIVE = re.compile(r"%(?:%|s|d|(?:\.[0-9]+)?f)")
_GIVEN_AS = {"s": "text", "d": "bigint", "f": "double"}


def _format(node: exp.Expr) -> exp.Expr:
    """Texts, whole numbers and fractions; the other directives of Java are its own."""
    pattern = node.this
    told = pattern.this if isinstance(pattern, exp.Literal) else "%?"
    wanted = [found[0][-1] for found in _DIRECTIVE.finditer(told) if found[0] != "%%"]
    if "%" in _DIRECTIVE.sub("", told) or len(wanted) != len(node.expressions):
        raise _refuse("format with other than %s, %d, %f", "use concat or ||")
    given = [exp.cast(each, _GIVEN_AS[kind]) for kind, each in zip(wanted, node.expressions, strict=True)]
    return _call("printf", pattern, *given)


def _quotient(node: exp.Expr) -> exp.Expr:
    return _typed("quotient", node.this, node.expression)


def _whole_units(node: exp.Expr) -> exp.Expr:
    """Trino counts the units that have passed, DuckDB's function of the same name the boundaries that were crossed."""
    return _call("date_sub", exp.Literal.string(node.args["unit"].name.lower()), node.expression, node.this)


def _of_a_time(node: exp.Expr) -> exp.Expr:
    """What is done to a day gives a day, to a time a time."""
    if isinstance(node, exp.Binary) and not isinstance(node.expression, exp.Interval):
        return node
    return _typed("as_given", node.this.copy(), node.copy())


_FIELDS = {
    "DOW": "ISODOW", "DAYOFWEEK": "ISODOW", "DAY_OF_WEEK": "ISODOW", "DOY": "DOY", "DAY_OF_YEAR": "DOY",
    "YOW": "ISOYEAR", "YEAR_OF_WEEK": "ISOYEAR", "DAY_OF_MONTH": "DAY",
}  # fmt: skip


def _field(node: exp.Expr) -> exp.Expr:
    name = node.this.name.upper()
    return exp.Extract(this=exp.Var(this=_FIELDS.get(name, name)), expression=node.expression)


def _steps(node: exp.Expr) -> exp.Expr:
    return _typed("steps", *(node.args[name] for name in ("start", "end", "step") if node.args.get(name)))


def _some_of(node: exp.Expr) -> exp.Expr:
    return _call("some_of", node.this, node.args["start"], node.args["end"])  # Trino's third is a count


def _extreme(name: str) -> Callable[[exp.Expr], exp.Expr]:
    """The value beside the extreme, where that value is NULL as well."""

    def call(node: exp.Expr) -> exp.Expr:
        return node if node.args.get("count") else _call(name, node.this, node.expression)

    return call


def _fetch(node: exp.Expr) -> exp.Expr:
    options = node.args.get("limit_options")
    if options is not None and options.args.get("with_ties"):
        raise _refuse("WITH TIES", "number the rows with rank() instead")
    return node


def _unnest(node: exp.Expr) -> exp.Expr:
    """A map becomes two columns; so can only a map, where one thing is given and two are named."""
    alias = node.args.get("alias")
    if len(node.expressions) != 1 or alias is None or len(alias.columns) != 2 or node.args.get("offset"):
        return node
    entries = exp.Unnest(
        expressions=[_call("map_entries", node.expressions[0])],
        alias=exp.TableAlias(this=exp.to_identifier("entries"), columns=[exp.to_identifier("entry")]),
    )
    both = [exp.Dot(this=exp.column("entry"), expression=exp.to_identifier(name)) for name in ("key", "value")]
    return exp.Lateral(this=exp.Subquery(this=exp.select(*both).from_(entries)), alias=alias)


def _json_value(node: exp.Expr) -> exp.Expr:
    raise _refuse("json_value", "write json_extract_scalar(text, '$.name')")


def _renamed(node: exp.Expr) -> exp.Expr:
    """Functions that the tree has no class for."""
    name = node.name.lower()
    if name == "json_exists":
        raise _refuse(name, "write json_extract(text, '$.name') IS NOT NULL")
    made = _OTHER.get(name)
    return made(*node.expressions) if made else node


def _share(list_: exp.Expr, test: exp.Expr) -> exp.Expr:
    return _call("len", _call("list_filter", list_, test))


_OTHER: dict[str, Callable[..., exp.Expr]] = {
    "millisecond": lambda moment: _call("milliseconds_of", moment),
    "json_array_length": lambda text: _call("json_length", text),
    "every": lambda test: _call("bool_and", test),
    "map_agg": lambda key, value: _call("map", _call("list", key), _call("list", value.copy())),
    "any_match": lambda list_, test: exp.paren(exp.GT(this=_share(list_, test), expression=exp.Literal.number(0))),
    "none_match": lambda list_, test: exp.paren(exp.EQ(this=_share(list_, test), expression=exp.Literal.number(0))),
    "array_union": lambda one, other: _call("each_once", _call("list_concat", one, other)),
    "url_extract_host": lambda url: _call(
        "first_match",
        url,
        exp.Literal.string("^[A-Za-z][A-Za-z0-9+.-]*://([^/?#:@]+@)?([^/?#:]+)"),
        exp.Literal.number(2),
    ),
}

_TRANSLATED: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Add: _of_a_time,
    exp.Anonymous: _renamed,
    exp.ArgMax: _extreme("arg_max_null"),
    exp.ArgMin: _extreme("arg_min_null"),
    exp.ArrayDistinct: lambda node: _call("each_once", node.this),
    exp.ArrayPosition: lambda node: _call("place_in", node.this, node.expression),
    exp.ArraySize: _size,
    exp.ArraySlice: _some_of,
    exp.Cast: _cast,
    exp.DateAdd: _of_a_time,
    exp.DateDiff: _whole_units,
    exp.DateTrunc: _of_a_time,
    exp.Div: _quotient,
    exp.Escape: _plainly,
    exp.Extract: _field,
    exp.Fetch: _fetch,
    exp.Format: _format,
    exp.GenerateSeries: _steps,
    exp.JSONExtract: _json("json_part"),
    exp.JSONExtractScalar: _scalar,
    exp.JSONFormat: _json_text,
    exp.JSONValue: _json_value,
    exp.Like: _plainly,
    exp.RegexpExtract: _first_match,
    exp.RegexpLike: _words,
    exp.RegexpReplace: _replacement,
    exp.Repeat: lambda node: _call("repeated", node.this, node.args["times"]),
    exp.Split: _split,
    exp.SplitPart: _part_of,
    exp.StrPosition: _position,
    exp.Struct: _row,
    exp.Sub: _of_a_time,
    exp.Substring: _piece,
    exp.TimestampTrunc: _of_a_time,
    exp.TryCast: _cast,
    exp.Unnest: _unnest,
}
