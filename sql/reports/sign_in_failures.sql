-- title = "Bursts of failed sign-ins"
-- doc = "From which addresses did sign-ins fail again and again within an hour, for which user, and did one succeed in the end?"
-- why = "Many failures are somebody guessing; where `came_in_later` is true, he may have guessed right: end that session and change the password."
-- grain = ["account_id", "hour", "source_ip", "user_name"]
-- tags = ["detection", "identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- at_least = { type = "integer", default = "3", doc = "Failures within the hour from which they count as a burst." }

WITH tries AS (
  SELECT
    *
  FROM logins
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
),
bursts AS (
  SELECT
    account_id,
    max(account_name) AS account_name,
    date_trunc('hour', event_time) AS hour,
    source_ip,
    user_name,
    count(*) AS failures,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM tries
  WHERE NOT succeeded
  GROUP BY account_id, date_trunc('hour', event_time), source_ip, user_name
),
entries AS (
  SELECT
    account_id,
    source_ip,
    max(event_time) AS came_in_at
  FROM tries
  WHERE succeeded AND kind NOT IN ('mfa_check', 'credential_check')
  GROUP BY account_id, source_ip
)
SELECT
  hour,
  account_id,
  account_name,
  source_ip,
  user_name,
  failures,
  first_at,
  last_at,
  coalesce(came_in_at > last_at, false) AS came_in_later
FROM bursts
LEFT JOIN entries USING (account_id, source_ip)
WHERE failures >= :at_least
ORDER BY failures DESC, hour, account_id, source_ip, user_name
