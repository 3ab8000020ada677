-- title = "Anomalies that CloudTrail Insights found"
-- doc = "Which actions were called, or failed, at an unusual rate?"
-- why = "AWS compares each action with its own past: a burst of CreateAccessKey or of AccessDenied is a lead, and `attributions` names who had the largest share."
-- grain = ["account_id", "region", "anomaly_id"]
-- tags = ["detection"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- action = { type = "pattern", default = "*", doc = "The action, such as *AccessKey*." }

SELECT
  event_date,
  started_at,
  ended_at,
  account_id,
  account_name,
  region,
  kind,
  service,
  action,
  error_code,
  baseline,
  coalesce(on_average, at_start) AS rate,
  ratio,
  minutes,
  attributions,
  anomaly_id
FROM insights
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND coalesce(action, '') LIKE :action ESCAPE '!'
ORDER BY event_date DESC, started_at DESC, account_id, region, anomaly_id
