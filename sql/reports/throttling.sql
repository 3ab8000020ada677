-- title = "Throttled calls and exhausted quotas"
-- doc = "Which calls were slowed down or met a quota, whose were they, and how often?"
-- why = "Throttled calls are repeated, which makes it worse: spread them or ask for a higher limit; a quota that is met stops deployments."
-- grain = ["account_id", "region", "service", "action", "actor", "kind"]
-- tags = ["health", "cost"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH refused AS (
  SELECT
    *,
    CASE
      WHEN regexp_like(error_code, 'Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|RateExceeded|ThroughputExceeded') THEN 'throttled'
      WHEN regexp_like(error_code, 'LimitExceeded|QuotaExceeded') THEN 'quota'
    END AS kind
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
),
counted AS (
  SELECT
    account_id,
    region,
    split_part(event_source, '.', 1) AS service,
    event_name AS action,
    actor,
    kind,
    count(*) AS calls,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM refused
  WHERE kind IS NOT NULL
  GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
  account_id,
  accounts.name AS account_name,
  region,
  service,
  action,
  actor,
  kind,
  calls,
  first_at,
  last_at
FROM counted
LEFT JOIN accounts USING (account_id)
ORDER BY calls DESC, account_id, region, service, action, actor, kind
