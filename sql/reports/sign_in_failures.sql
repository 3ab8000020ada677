-- title = "Bursts of failed sign-ins"
-- doc = "From which addresses did sign-ins fail again and again within an hour of the clock, for which user or for how many, and did one succeed after that?"
-- why = "Many failures are somebody guessing: at one password, or, where `user_name` is NULL and `users` are many, at those of all. Where `came_in_later` is true, he may have guessed right: end that session and change the password."
-- grain = ["account_id", "hour", "source_ip", "user_name", "users"]
-- tags = ["detection", "identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- at_least = { type = "integer", default = "3", doc = "Failures of one user, or users that failed, from which they count as a burst: from one address, between one full hour and the next." }

WITH tries AS (
  SELECT
    *
  FROM logins
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
),
failed AS (
  SELECT
    *,
    date_trunc('hour', event_time) AS hour
  FROM tries
  WHERE NOT succeeded
),
-- Each user of an address, and the address with all of them: one try at each of many is no burst of any.
bursts AS (
  SELECT
    account_id,
    max(account_name) AS account_name,
    hour,
    source_ip,
    user_name,
    count(DISTINCT user_name) AS users,
    count(*) AS failures,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM failed
  GROUP BY GROUPING SETS ((account_id, hour, source_ip, user_name), (account_id, hour, source_ip))
  HAVING CASE grouping(user_name) WHEN 0 THEN count(*) >= :at_least ELSE count(DISTINCT user_name) >= greatest(:at_least, 2) END
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
  users,
  failures,
  first_at,
  last_at,
  coalesce(came_in_at > first_at, false) AS came_in_later
FROM bursts
LEFT JOIN entries USING (account_id, source_ip)
ORDER BY failures DESC, hour, account_id, source_ip, user_name, users
