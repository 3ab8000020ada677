-- title = "Use of root"
-- doc = "What did root do itself, and from where?"
-- why = "Root can do anything and no policy of the account holds it: there is hardly a good reason to use it, so each row should have a ticket."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["identity", "compliance", "detection"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH calls AS (
  SELECT
    *
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND identity_type = 'Root'
    AND identity_invoked_by IS NULL
    AND coalesce(event_type, '') <> 'AwsServiceEvent'
)
SELECT
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  coalesce(actor_type = 'assumed_root', false) AS by_central_session,
  session_mfa AS mfa,
  nullif(identity_access_key_id, '') AS access_key_id,
  source_ip,
  user_agent,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  coalesce(error_code, error_message) AS error,
  event_id
FROM calls
LEFT JOIN accounts USING (account_id)
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
