"""
What DuckDB has to be told before it is asked Athena's SQL: functions that do as Trino's do.

Pure. `ask.translate` calls them. One with several bodies is chosen by what it is given: how many, and of which
types, which a tree of SQL doesn't tell.
"""

from __future__ import annotations

_SQL = r"""
-- JSON: Trino answers NULL where a text is no JSON or its path leads to an object; DuckDB stops the query, or hands out
-- text. The type is asked for once: NOT IN would be two comparisons, whose common part DuckDB works out for every row
-- of a coalesce, needed or not.
json_scalar(text, path) AS
  CASE WHEN NOT contains('OBJECT ARRAY', TRY(json_type(text, path))) THEN TRY(json_extract_string(text, path)) END;
json_part(text, path) AS TRY(json_extract(text, path));
json_array_get(part, place) AS json_part(part, '$[' || place || ']');
json_length(part) AS CASE WHEN TRY(json_type(part)) = 'ARRAY' THEN json_array_length(part) END;
json_items(part) AS CASE WHEN json_type(part) = 'ARRAY' THEN CAST(part AS JSON[]) END;

-- A path that is worked out names one member: `$["name"]`, with `\"` and `\\` in the name. DuckDB knows pointers.
json_member(text, path) AS json_scalar(text, '/' || replace(replace(replace(replace(
  substr(path, 4, length(path) - 5), '\"', '"'), '\\', '\'), '~', '~0'), '/', '~1'));

-- Trino refuses an object with a name twice; DuckDB does so with an error that no TRY takes.
json_members(part) AS CASE
  WHEN json_type(part) = 'OBJECT' AND len(json_keys(part)) = len(list_distinct(json_keys(part)))
  THEN CAST(part AS MAP(VARCHAR, JSON))
END;

-- Lists and maps.
size_of(held) AS CASE json_type(to_json(held))
  WHEN 'OBJECT' THEN len(json_keys(to_json(held))) ELSE json_array_length(to_json(held))
END;
arrays_overlap(one, other) AS list_has_any(one, other);
place_in(items, item) AS
  CASE WHEN items IS NOT NULL AND item IS NOT NULL THEN coalesce(list_position(items, item), 0) END;
some_of(items, start, count) AS CASE
  WHEN start > 0 THEN items[start:start + count - 1]
  ELSE items[len(items) + start + 1:len(items) + start + count]
END;
each_once(items) AS list_filter(items, lambda x, n: list_position(items, x) = n)
  || CASE WHEN len(list_filter(items, lambda x: x IS NULL)) > 0 THEN [NULL] ELSE [] END;
repeated(item, times) AS list_transform(range(times), lambda n: item);
steps(first BIGINT, last BIGINT)
  AS generate_series(first, last, CASE WHEN first <= last THEN 1 ELSE -1 END),
  (first DATE, last DATE) AS list_transform(
    generate_series(
      CAST(first AS TIMESTAMP), CAST(last AS TIMESTAMP), INTERVAL (CASE WHEN first <= last THEN 1 ELSE -1 END) DAY
    ),
    lambda x: CAST(x AS DATE)
  ),
  (first BIGINT, last BIGINT, step BIGINT) AS generate_series(first, last, step),
  (first TIMESTAMP, last TIMESTAMP, step INTERVAL) AS generate_series(first, last, step),
  (first DATE, last DATE, step INTERVAL) AS list_transform(
    generate_series(CAST(first AS TIMESTAMP), CAST(last AS TIMESTAMP), step), lambda x: CAST(x AS DATE)
  );

-- Texts: what isn't there is NULL, not empty.
first_match(text, pattern, part) AS
  CASE WHEN regexp_matches(text, pattern) THEN regexp_extract(text, pattern, part) END;
part_of(text, mark, place) AS
  CASE WHEN place <= len(string_split(text, mark)) THEN split_part(text, mark, place) END;
piece(text, start)
  AS CASE WHEN start = 0 OR -start > length(text) THEN '' ELSE substr(text, start) END,
  (text, start, count) AS CASE WHEN start = 0 OR -start > length(text) THEN '' ELSE substr(text, start, count) END;

-- Numbers: whole ones divide to whole ones, halves are rounded up, and a text is a whole number or none.
quotient(one BIGINT, other BIGINT)
  AS one // other,
  (one HUGEINT, other HUGEINT) AS one // other,
  (one HUGEINT, other BIGINT) AS one // other,
  (one BIGINT, other HUGEINT) AS one // other,
  (one DOUBLE, other DOUBLE) AS one / other,
  (one INTERVAL, other DOUBLE) AS one / other;
whole(x BIGINT)
  AS x,
  (x HUGEINT) AS x,
  (x BOOLEAN) AS CAST(x AS BIGINT),
  (x DOUBLE) AS round(x),
  (x VARCHAR) AS CASE WHEN regexp_full_match(x, '[+-]?[0-9]+') THEN x END;
whole_or_error(x BIGINT)
  AS x,
  (x HUGEINT) AS x,
  (x BOOLEAN) AS CAST(x AS BIGINT),
  (x DOUBLE) AS round(x),
  (x VARCHAR) AS CASE
    WHEN x IS NULL OR regexp_full_match(x, '[+-]?[0-9]+') THEN x ELSE 'no whole number: ' || x -- which its cast says
  END;
truth(x BOOLEAN)
  AS x,
  (x DOUBLE) AS x <> 0,
  (x VARCHAR) AS CASE
    WHEN lower(x) IN ('t', 'true', '1') THEN true WHEN lower(x) IN ('f', 'false', '0') THEN false
  END;

-- Times: what is done to a day gives a day.
as_given(given DATE, made)
  AS CAST(made AS DATE),
  (given TIMESTAMP, made) AS made,
  (given TIMESTAMPTZ, made) AS made,
  (given TIME, made) AS made,
  (given INTERVAL, made) AS made;
at_timezone(moment, zone) AS timezone(zone, moment);
milliseconds_of(moment) AS date_part('millisecond', moment) % 1000;
"""

MACROS = tuple(f"CREATE MACRO {body.strip()}" for body in _SQL.split(";\n") if body.strip())
