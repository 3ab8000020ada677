"""What a report is given is a value of its type, or refused by name; nothing of it becomes another part of the SQL (H43–H46)."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.ask import dialect, parameters, queries
from trailhouse.ask.queries import Param
from trailhouse.errors import UsageError

TODAY = date(2026, 3, 31)
CANARIES = [
    "x' OR '1'='1", "--", "/* */", "';DROP TABLE events", "\\", "\\'", "ʼ", "＇", "’", "'", "''", "a\nb", "?", ":since", "$1", "{x}", "\u202e", "\x1b[2J",
]  # fmt: skip

REPORT = """\
-- title = "t"
-- doc = "d?"
-- why = "w"
-- grain = ["x"]
-- tags = ["cost"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day." }
-- until = { type = "date", default = "today", doc = "Last day." }
-- name = { type = "text", default = "it's", doc = "A name." }
-- like = { type = "pattern", default = "*", doc = "A pattern." }
-- least = { type = "integer", default = "3", doc = "A number." }
-- ratio = { type = "number", default = "2.5", doc = "A number." }
-- account = { type = "account", default = "all", doc = "An account." }
-- region = { type = "region", default = "all", doc = "A region." }

SELECT ':since' AS kept, a::varchar -- :name
FROM events /* :like */ AS ":least"
WHERE event_date BETWEEN :since AND :until AND name = :name AND name LIKE :like ESCAPE '!' AND n > :least AND r > :ratio
  AND account_id LIKE :account AND region LIKE :region
"""


def report() -> queries.Report:
    return queries.parse_report("r", REPORT)


def read(kind: str, text: str):
    return parameters.read(Param("p", kind, "", ""), text, TODAY)


def test_defaults_stand_where_nothing_is_given():
    sql = parameters.bound(report(), {}, TODAY)
    assert "BETWEEN DATE '2026-03-24' AND DATE '2026-03-31' AND name = 'it''s' AND name LIKE '%' ESCAPE '!'" in sql
    assert "n > 3 AND r > 2.5\n  AND account_id LIKE '%' AND region LIKE '%'" in sql


def test_what_is_quoted_or_commented_is_left_alone():
    sql = parameters.bound(report(), {}, TODAY)
    assert "':since' AS kept, a::varchar -- :name" in sql
    assert '/* :like */ AS ":least"' in sql


def test_a_saved_query_counts_from_the_day_on_which_it_is_run():
    assert "BETWEEN date_add('day', -7, current_date) AND current_date AND name = 'it''s'" in parameters.saved(report())


def test_a_prepared_statement_asks_in_the_order_of_its_marks():
    sql, asked = parameters.prepared(report())
    assert "BETWEEN ? AND ? AND name = ? AND name LIKE replace(" in sql and "'%') ESCAPE '!' AND n > ? AND r > ?" in sql
    assert "account_id LIKE regexp_replace(?, '^all$', '%') AND region LIKE regexp_replace(?" in sql
    assert [param.name for param in asked] == ["since", "until", "name", "like", "least", "ratio", "account", "region"]


@given(st.sampled_from(["pattern", "account", "region"]), st.text(st.sampled_from("ab%_!*'\\"), max_size=8))
def test_a_prepared_statement_makes_of_a_value_what_a_bound_one_has(kind, text):
    spelled = text if kind == "pattern" else {"account": "111122223333", "region": "eu-west-1"}[kind] if text else "all"
    made = duckdb.execute(f"SELECT {parameters.TYPES[kind].asked}", [spelled]).fetchone()
    assert made == (read(kind, spelled),)


@pytest.mark.parametrize(("kind", "text"), [
    ("date", "2026-01-01' OR"), ("date", "2026-13-01"), ("date", "20260101"), ("date", "tomorrow"), ("date", ""), ("date", "-99999d"), ("date", "2026-W01-1"),
    ("date", "٢٠٢٦-٠١-٠١"), ("text", "a\0b"), ("text", "x" * 2001), ("text", "\ud800"), ("pattern", "a\0b"), ("account", "1"), ("account", "11112222333x"), ("account", "%"),
    ("account", "111122223333' OR '1'='1"), ("account", "١١١١٢٢٢٢٣٣٣٣"), ("region", "eu"), ("region", "eu-west-1'"), ("region", "%"), ("integer", "-1"), ("integer", "1e3"), ("integer", "1" * 16),
    ("integer", "1;DROP"), ("integer", ""), ("integer", "٣"), ("number", "nan"), ("number", "inf"), ("number", "-1"), ("number", "1e9"), ("number", "1."),
])  # fmt: skip
def test_what_is_not_of_its_type_is_refused_by_name_and_type(kind, text):
    with pytest.raises(UsageError, match=r"^the parameter `p` must be "):
        read(kind, text)


@pytest.mark.parametrize("days", ["today", "yesterday", "-0d", "-30d", "2024-02-29"])
def test_days(days):
    wanted = {"today": TODAY, "yesterday": date(2026, 3, 30), "-0d": TODAY, "-30d": date(2026, 3, 1)}
    assert read("date", days) == wanted.get(days, date(2024, 2, 29))


def test_days_that_end_before_they_begin_are_refused():
    with pytest.raises(UsageError, match=r"`since` \(2026-03-31\) is after `until` \(2026-03-30\)"):
        parameters.bound(report(), {"since": "today", "until": "yesterday"}, TODAY)
    assert "BETWEEN DATE '2026-03-31' AND DATE '2026-03-31'" in parameters.bound(report(), {"since": "today"}, TODAY)


def test_an_unknown_parameter_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no parameter `sinse`: did you mean `since`"):
        parameters.bound(report(), {"sinse": "today"}, TODAY)


@pytest.mark.parametrize("text", CANARIES)
def test_a_text_comes_back_as_it_went_in(text):
    assert duckdb.sql(f"SELECT {parameters.literal(read('text', text))}").fetchone() == (text,)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50))
def test_any_text_is_one_literal(text):
    """To sqlglot, which reads as Athena does, and to DuckDB."""
    sql = f"SELECT {parameters.literal(read('text', text))}"
    assert dialect.parse(sql).expressions[0].this == text
    assert duckdb.sql(sql).fetchone() == (text,)


@given(st.text(st.sampled_from("ab%_!*'\\"), max_size=8), st.text(st.sampled_from("ab%_!*'\\"), max_size=8))
def test_only_a_star_means_anything_in_a_pattern(pattern, text):
    import re

    like = f"SELECT {parameters.literal(text)} LIKE {parameters.literal(read('pattern', pattern))} ESCAPE '!'"
    wanted = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert duckdb.sql(like).fetchone() == (wanted,)
