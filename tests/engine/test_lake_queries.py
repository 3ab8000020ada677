"""Queries of CloudTrail Lake that were converted are taken by Athena's engine, and mean there what they meant."""

from __future__ import annotations

import pytest

from trailhouse.ask import lake_queries, local

BOTH = [
    # With an upper bound: the text NaN is the largest number on one engine, and none on the other.
    "SELECT eventID FROM $EDS WHERE element_at(additionalEventData, 'bytesTransferredOut') > 999 "
    "AND element_at(additionalEventData, 'bytesTransferredOut') < 1e18",
    "SELECT eventID FROM $EDS WHERE element_at(additionalEventData, 'bytesTransferredOut') BETWEEN 2 AND 10000",
    "SELECT eventID FROM $EDS WHERE recipientAccountId = 100000000053",
    "SELECT eventID FROM $EDS WHERE eventTime LIKE '2026-03%'",
    "SELECT eventID FROM $EDS WHERE eventTime NOT LIKE '2026-03-01 1%' AND eventTime LIKE '2026%'",
    "SELECT eventID FROM $EDS WHERE CAST(eventTime AS varchar) LIKE '2026-03-01T10%'",
    "SELECT eventID FROM $EDS WHERE CAST(eventTime AS varchar) = '2026-03-01 10:00:00.000'",
    "SELECT eventID FROM $EDS WHERE CASE eventTime WHEN '2026-03-01 10:00:00' THEN true END",
    "SELECT eventID FROM $EDS WHERE IF(readOnly, eventTime) > '2026-03-01'",
    "SELECT eventID FROM $EDS WHERE date_diff('day', eventTime, '2026-03-03') = 1",
    "SELECT eventID FROM $EDS WHERE coalesce(eventTime, '2026-03-01') > '2026-03-01'",
    "WITH a AS (SELECT * FROM $EDS WHERE readOnly) SELECT eventID FROM a WHERE eventTime < '2026-04-01'",
    "SELECT eventID FROM (SELECT e.* FROM $EDS e) WHERE eventTime < '2026-04-01'",
    "SELECT eventID FROM (SELECT eventID, lag(eventTime) OVER (ORDER BY eventTime, eventID) AS t FROM $EDS) WHERE t > '2026-03-01'",
    "SELECT e.userIdentity.arn, count(*) FROM $EDS e GROUP BY userIdentity.arn",
    "SELECT eventName, count(*) FILTER (WHERE errorCode IS NOT NULL) FROM $EDS GROUP BY ROLLUP (eventName)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t",
    "SELECT eventID FROM eds-1 UNION ALL SELECT eventID FROM eds-2",
]
THERE = [
    "SELECT userIdentity.arn, count(*) FROM $EDS GROUP BY userIdentity",
    "SELECT e.*, row_number() OVER (PARTITION BY e.eventName ORDER BY e.eventTime) AS n FROM $EDS e",
    *(f"SELECT eventName, {call} FROM $EDS GROUP BY eventName" for call in (
        "map_agg(eventID, eventTime)", "multimap_agg(awsRegion, eventID)", "histogram(awsRegion)", "every(readOnly)", "checksum(eventID)",
        "cardinality(approx_set(eventID))", "approx_most_frequent(3, awsRegion, 10)", "geometric_mean(length(eventID))",
        "numeric_histogram(3, length(eventID))", "map_union(requestParameters)", "reduce_agg(length(eventID), 0, (a, b) -> a + b, (a, b) -> a + b)",
    )),
]  # fmt: skip


def converted(sql: str) -> str:
    (made,) = lake_queries.convert("q", sql)
    assert made.sql is not None, made.reasons
    return made.sql


@pytest.fixture(scope="module")
def here(lake, published):
    with local.asking(lake.where) as asked:
        yield asked


@pytest.mark.parametrize("sql", BOTH)
def test_both_engines_find_the_same_rows_and_some(here, athena, published, sql):
    _, rows = athena(converted(sql))
    assert rows
    assert sorted(map(str, rows)) == sorted(map(str, here(converted(sql)).rows))


@pytest.mark.parametrize("sql", THERE)
def test_athenas_engine_takes_it(athena, published, sql):
    assert athena(converted(sql))[1]
