-- title = "Regions in which an account had never changed anything"
-- doc = "In which regions did an account change something for the first time, and who did it?"
-- why = "Intruders like regions that nobody looks at; where you don't work, forbid it by a policy of the organization."
-- grain = ["account_id", "region"]
-- tags = ["detection", "change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "30", doc = "Days before the first one that count as the past." }

WITH changes AS (
  SELECT
    account_id,
    max(account_name) AS account_name,
    region,
    -- Who was refused has changed nothing: an attempt in the past doesn't make a region known.
    coalesce(min(CASE outcome WHEN 'succeeded' THEN event_date END), min(event_date)) AS first_day,
    coalesce(min(CASE outcome WHEN 'succeeded' THEN event_time END), min(event_time)) AS first_at,
    count(*) AS changes,
    count(CASE WHEN outcome = 'succeeded' THEN 1 END) AS succeeded,
    coalesce(array_join(array_sort(array_agg(DISTINCT actor)), ', '), '') AS actors,
    coalesce(array_join(array_sort(array_agg(DISTINCT service)), ', '), '') AS services
  FROM actions
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
    AND service_noise = false
  GROUP BY account_id, region
)
SELECT
  first_at,
  account_id,
  account_name,
  region,
  changes,
  succeeded,
  actors,
  services
FROM changes
WHERE first_day >= :since
ORDER BY first_at, account_id, region
