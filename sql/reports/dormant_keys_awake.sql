-- title = "Long-lived keys that were used again after a silence"
-- doc = "Which long-lived access keys were used again after days of silence?"
-- why = "A key that nobody used for weeks and that wakes is either forgotten automation or a find of somebody's: see `key_activity`, and delete it if nobody claims it."
-- grain = ["account_id", "access_key_id", "event_date"]
-- tags = ["detection", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "180", doc = "Days before the first one that count as the past." }
-- silence = { type = "integer", default = "30", doc = "Days without use that count as a silence." }

WITH days AS (
  SELECT
    account_id,
    identity_access_key_id AS access_key_id,
    event_date,
    max(actor) AS actor,
    count(*) AS calls,
    count(DISTINCT event_name) AS actions,
    min(event_time) AS first_at
  FROM events
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
    AND identity_access_key_id LIKE 'AKIA%'
  GROUP BY account_id, identity_access_key_id, event_date
),
spaced AS (
  SELECT
    *,
    lag(event_date) OVER (PARTITION BY account_id, access_key_id ORDER BY event_date) AS used_before
  FROM days
)
SELECT
  event_date,
  account_id,
  accounts.name AS account_name,
  access_key_id,
  actor,
  used_before,
  date_diff('day', used_before, event_date) AS days_between,
  first_at,
  calls,
  actions
FROM spaced
LEFT JOIN accounts USING (account_id)
WHERE event_date >= :since
  AND date_diff('day', used_before, event_date) >= :silence
ORDER BY days_between DESC, event_date, account_id, access_key_id
