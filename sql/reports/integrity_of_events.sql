-- title = "How much of the log is proven"
-- doc = "How many events and log files of each account and day are what CloudTrail signed, how many are not, and of how many can nobody say?"
-- why = "Only `valid` is evidence. `unchecked` is not yet proven, by the reasons beside it: run `trailhouse verify`, or find out why digests are missing; `unlisted` and `invalid` are in `unproven_events` one by one."
-- grain = ["event_date", "account_id", "verdict"]
-- tags = ["compliance", "health"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH counted AS (
  SELECT
    event_date,
    account_id,
    verdict,
    count(*) AS events,
    count(DISTINCT source || '/' || source_object) AS objects,
    nullif(array_join(array_sort(array_agg(DISTINCT reason)), ', '), '') AS reasons,
    min(checked_at) AS oldest_check,
    max(checked_at) AS newest_check
  FROM event_integrity
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY event_date, account_id, verdict
)
SELECT
  event_date,
  account_id,
  accounts.name AS account_name,
  verdict,
  events,
  round(100.0 * CAST(events AS double) / sum(events) OVER (PARTITION BY event_date, account_id), 1) AS events_percent,
  objects,
  reasons,
  oldest_check,
  newest_check
FROM counted
LEFT JOIN accounts USING (account_id)
ORDER BY
  event_date DESC,
  account_id,
  CASE verdict WHEN 'invalid' THEN 1 WHEN 'unlisted' THEN 2 WHEN 'unchecked' THEN 3 ELSE 4 END
