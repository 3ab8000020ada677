-- title = "Hours with far more errors than usual"
-- doc = "In which hours did the calls of a user or a role, of all its sessions, fail many times as often as usual?"
-- why = "Either something broke, or somebody is finding out what stolen credentials can do: `denied_calls` tells which."
-- grain = ["account_id", "principal", "hour"]
-- tags = ["detection", "health"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "30", doc = "Days before the first one that count as the past." }
-- times = { type = "number", default = "5", doc = "How many times the usual." }
-- at_least = { type = "integer", default = "10", doc = "Errors in the hour from which they count." }

WITH failed AS (
  SELECT
    account_id,
    coalesce(session_issuer_arn, actor) AS principal,
    event_date,
    date_trunc('hour', event_time) AS hour,
    count(*) AS errors,
    count(DISTINCT event_name) AS actions
  FROM events
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
    AND error_code IS NOT NULL
  GROUP BY 1, 2, 3, 4
),
compared AS (
  SELECT
    *,
    coalesce(sum(CASE WHEN event_date < :since THEN errors END) OVER (PARTITION BY account_id, principal), 0)
      / nullif(24.0e0 * :baseline, 0) AS usual_per_hour
  FROM failed
)
SELECT
  hour,
  account_id,
  accounts.name AS account_name,
  principal,
  errors,
  actions,
  usual_per_hour
FROM compared
LEFT JOIN accounts USING (account_id)
WHERE event_date >= :since
  AND errors >= :at_least
  AND errors > coalesce(:times * usual_per_hour, 0)
ORDER BY errors DESC, hour, account_id, principal
