-- title = "Principals at addresses that are new for them"
-- doc = "From which addresses did a known user or role come that it never came from before?"
-- why = "Credentials that turn up somewhere else may have been stolen: find out whether the address is yours."
-- grain = ["account_id", "principal", "source_ip"]
-- tags = ["detection", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "30", doc = "Days before the first one that count as the past." }

WITH seen AS (
  SELECT
    account_id,
    coalesce(
      session_issuer_arn,
      identity_arn,
      on_behalf_of_user_id,
      -- Of another account's role only the id is told, with the session.
      CASE identity_type WHEN 'AWSAccount' THEN split_part(identity_principal_id, ':', 1) ELSE identity_principal_id END
    ) AS principal,
    source_ip AS source_ip,
    min(event_date) AS first_day,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    count(*) AS calls,
    count(error_code) AS errors
  FROM events
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
    AND regexp_like(source_ip, '^[0-9a-fA-F.:]+$')
  GROUP BY 1, 2, 3
),
compared AS (
  SELECT
    *,
    min(first_day) OVER (PARTITION BY account_id, principal) AS known_since
  FROM seen
  WHERE principal IS NOT NULL
)
SELECT
  first_at,
  account_id,
  accounts.name AS account_name,
  principal,
  source_ip,
  calls,
  errors,
  last_at,
  known_since
FROM compared
LEFT JOIN accounts USING (account_id)
WHERE first_day >= :since
  AND known_since < :since
ORDER BY first_at, account_id, principal, source_ip
