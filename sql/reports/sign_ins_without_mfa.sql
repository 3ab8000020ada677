-- title = "Sign-ins without a second factor"
-- doc = "Who came in without a second factor?"
-- why = "A password alone can be guessed or stolen: demand a second factor of these users. Of those who come from an identity provider AWS can't tell; ask for them with `mfa=unknown`."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- mfa = { type = "pattern", default = "no", doc = "no, unknown or yes; * for all." }

SELECT
  event_time,
  account_id,
  account_name,
  kind,
  actor,
  actor_type,
  is_root,
  mfa,
  source_ip,
  user_agent,
  region,
  event_id
FROM logins
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND succeeded
  AND kind NOT IN ('mfa_check', 'credential_check')
  AND mfa LIKE :mfa ESCAPE '!'
ORDER BY event_time DESC, account_id, region, event_id, kind, actor, source_ip
