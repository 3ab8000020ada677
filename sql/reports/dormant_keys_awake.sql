-- title = "Long-lived keys that were used again after a silence"
-- doc = "Which long-lived access keys were used again after days of silence, or of none that is known?"
-- why = "A key that nobody used for weeks and that wakes is either forgotten automation or a find of somebody's: see `key_activity`, and delete it if nobody claims it. Where `used_before` is NULL, the silence is longer than the past that is looked at, and the key was not made in it."
-- grain = ["account_id", "access_key_id", "event_date"]
-- tags = ["detection", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "180", doc = "Days before the first one that count as the past; of what lies before, nothing is known." }
-- silence = { type = "integer", default = "30", doc = "Days without use that count as a silence." }

WITH span AS (
  SELECT
    *
  FROM events
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
),
days AS (
  SELECT
    account_id,
    identity_access_key_id AS access_key_id,
    event_date,
    max(actor) AS actor,
    count(*) AS calls,
    count(DISTINCT event_name) AS actions,
    min(event_time) AS first_at
  FROM span
  WHERE identity_access_key_id LIKE 'AKIA%'
  GROUP BY account_id, identity_access_key_id, event_date
),
made AS (
  SELECT DISTINCT
    account_id,
    regexp_extract(response_elements, '"accessKeyId" *: *"(AKIA[^"]*)"', 1) AS access_key_id,
    true AS is_new
  FROM span
  WHERE event_name = 'CreateAccessKey'
),
known AS (
  SELECT
    account_id,
    min(event_date) AS known_since
  FROM span
  GROUP BY account_id
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
LEFT JOIN made USING (account_id, access_key_id)
LEFT JOIN known USING (account_id)
LEFT JOIN accounts USING (account_id)
WHERE event_date >= :since
  AND (
    date_diff('day', used_before, event_date) >= :silence
    -- Neither its use before nor its making is known, of an account that is: silent for longer than we look back.
    OR used_before IS NULL AND is_new IS NULL AND date_diff('day', known_since, event_date) >= :silence
  )
ORDER BY days_between DESC, event_date, account_id, access_key_id
