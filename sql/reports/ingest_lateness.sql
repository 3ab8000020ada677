-- title = "How late what was delivered came into the lake"
-- doc = "How long did delivered objects wait until their events were in the tables, and which days and accounts waited too long?"
-- why = "Reports are as fresh as this: a wait longer than the schedule means that runs fail or can't keep up. Of a first load it tells of the files' age."
-- grain = ["key_day", "account_id", "region"]
-- tags = ["health"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- minutes = { type = "integer", default = "60", doc = "From how many minutes on an object counts as late." }
-- objects = { type = "integer", default = "0", doc = "Only days with at least so many late objects." }

WITH waits AS (
  SELECT
    key_day,
    account_id,
    region,
    count(*) AS objects,
    count(CASE WHEN delay_seconds >= 60 * :minutes THEN 1 END) AS objects_late,
    avg(CAST(delay_seconds AS double)) AS seconds_on_average,
    max(delay_seconds) AS seconds_at_most,
    max(settled_at) AS last_settled_at
  FROM ingest_accounting
  WHERE key_day BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY key_day, account_id, region
)
SELECT
  key_day,
  account_id,
  accounts.name AS account_name,
  region,
  objects,
  objects_late,
  round(seconds_on_average / 60, 1) AS minutes_on_average,
  round(CAST(seconds_at_most AS double) / 60, 1) AS minutes_at_most,
  last_settled_at
FROM waits
LEFT JOIN accounts USING (account_id)
WHERE objects_late >= :objects
ORDER BY key_day DESC, account_id, region
