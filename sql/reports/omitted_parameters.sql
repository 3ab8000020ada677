-- title = "Changes whose parameters AWS left out"
-- doc = "Which changes were too large to be recorded whole, so that their log doesn't say what they did?"
-- why = "AWS leaves parameters of over 100 KB out of the log: who pads a policy with spaces hides what it grants. Read the policy itself."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["detection", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

SELECT
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  actor,
  source_ip,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  json_extract_scalar(opened_request_parameters, '$.originalSize') AS request_size,
  json_extract_scalar(opened_response_elements, '$.originalSize') AS response_size,
  error_code,
  event_id
FROM events_json
LEFT JOIN accounts USING (account_id)
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND contains(parse_flags, 'omitted')
  AND NOT coalesce(read_only, false)
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
