-- title = "Changes made by hand"
-- doc = "Which changes were made by hand in the console, and not by a program?"
-- why = "What was clicked together is in no template and is undone by the next deployment, or never found again: ask the actor to put it into code."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change"]
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
  coalesce(
    json_extract_scalar(opened_resources, '$[0].ARN'),
    json_extract_scalar(opened_request_parameters, '$.bucketName'),
    json_extract_scalar(opened_request_parameters, '$.userName'),
    json_extract_scalar(opened_request_parameters, '$.roleName'),
    json_extract_scalar(opened_request_parameters, '$.functionName'),
    json_extract_scalar(opened_request_parameters, '$.groupId'),
    json_extract_scalar(opened_request_parameters, '$.name')
  ) AS resource,
  error_code,
  user_agent,
  event_id
FROM events_json
LEFT JOIN accounts USING (account_id)
WHERE event_date BETWEEN :since AND :until
  AND account_id LIKE :account
  AND NOT coalesce(read_only, regexp_like(event_name, '^(Get|List|Describe|Head)'), false)
  AND coalesce(event_type, '') <> 'AwsConsoleSignIn'
  AND coalesce(actor_type, '') <> 'service'
  AND (
    session_credential_from_console = 'true'
    OR event_type = 'AwsConsoleAction'
    OR regexp_like(user_agent, '^\[?S3Console/|^AWS Console Mobile|^(console|signin)[.][a-z0-9.-]*amazonaws[.]com')
  )
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
