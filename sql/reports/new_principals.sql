-- title = "Users and roles that were not there before"
-- doc = "Which users, roles and foreign principals were seen for the first time in this period?"
-- why = "Each should be somebody's new colleague or new deployment; one that nobody knows is a way in that somebody made."
-- grain = ["account_id", "principal"]
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
    max(actor_type) AS kind,
    min(event_date) AS first_day,
    min(event_time) AS first_at,
    count(*) AS calls,
    count(DISTINCT event_name) AS actions,
    count(DISTINCT source_ip) AS addresses,
    count(error_code) AS errors
  FROM events
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
  GROUP BY 1, 2
)
SELECT
  first_at,
  account_id,
  accounts.name AS account_name,
  principal,
  kind,
  calls,
  actions,
  addresses,
  errors
FROM seen
LEFT JOIN accounts USING (account_id)
WHERE principal IS NOT NULL
  AND first_day >= :since
ORDER BY first_at, account_id, principal
