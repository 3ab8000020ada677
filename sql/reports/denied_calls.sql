-- title = "Who was refused what"
-- doc = "Which actors were refused which calls, how often, and why?"
-- why = "A program that lacks a permission shows here as the same call over and over; somebody who tries doors shows as many different ones."
-- grain = ["account_id", "actor", "service", "action", "needed_action", "needed_resource", "reason", "policy_type"]
-- tags = ["identity", "investigation", "detection"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- actor = { type = "pattern", default = "*", doc = "Who, such as *alice*." }

SELECT
  account_id,
  max(account_name) AS account_name,
  actor,
  service,
  action,
  needed_action,
  needed_resource,
  reason,
  policy_type,
  count(*) AS calls,
  count(DISTINCT source_ip) AS addresses,
  min(event_time) AS first_at,
  max(event_time) AS last_at
FROM denials
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND coalesce(actor, '') LIKE :actor ESCAPE '!'
GROUP BY account_id, actor, service, action, needed_action, needed_resource, reason, policy_type
ORDER BY calls DESC, account_id, actor, service, action, needed_action, needed_resource, reason, policy_type
