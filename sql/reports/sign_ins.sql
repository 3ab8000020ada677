-- title = "Sign-ins"
-- doc = "Who signed in, or tried to, when and from where?"
-- why = "A sign-in from where nobody of yours is, or at an hour when nobody works, is worth a call."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["identity", "investigation"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- user = { type = "pattern", default = "*", doc = "Who, such as alice or root." }
-- address = { type = "pattern", default = "*", doc = "Where from, such as 192.0.2.*." }

SELECT
  event_time,
  account_id,
  account_name,
  kind,
  actor,
  user_name,
  source_ip,
  succeeded,
  mfa,
  is_root,
  came_from,
  user_agent,
  region,
  event_id
FROM logins
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND kind NOT IN ('mfa_check', 'credential_check')
  AND (coalesce(user_name, '') LIKE :user ESCAPE '!' OR coalesce(actor, '') LIKE :user ESCAPE '!')
  AND coalesce(source_ip, '') LIKE :address ESCAPE '!'
ORDER BY event_time DESC, account_id, region, event_id, kind, actor, source_ip
