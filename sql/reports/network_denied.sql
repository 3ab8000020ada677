-- title = "What VPC endpoints refused"
-- doc = "Whose calls did the policies of VPC endpoints refuse, to which services, and how often?"
-- why = "A foreign caller on your endpoint is data on its way out, or in; one of your own is a policy that is too narrow."
-- grain = ["account_id", "endpoint", "caller", "caller_account_id", "service", "action"]
-- tags = ["network", "detection"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- endpoint = { type = "pattern", default = "*", doc = "A VPC endpoint: its id." }

SELECT
  account_id,
  max(account_name) AS account_name,
  endpoint,
  endpoint_account_id,
  caller,
  caller_account_id,
  foreign_caller,
  service,
  action,
  count(*) AS calls,
  count(DISTINCT source_ip) AS addresses,
  min(event_time) AS first_at,
  max(event_time) AS last_at
FROM network_denials
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND coalesce(endpoint, '') LIKE :endpoint ESCAPE '!'
GROUP BY account_id, endpoint, endpoint_account_id, caller, caller_account_id, foreign_caller, service, action
ORDER BY calls DESC, account_id, endpoint, endpoint_account_id, caller, caller_account_id, service, action
