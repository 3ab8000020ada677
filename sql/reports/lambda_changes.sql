-- title = "Changes to Lambda functions"
-- doc = "Which functions were made, changed, opened or deleted, by whom, and with which code, role and runtime?"
-- why = "New code in a function runs with the function's role: a change outside the pipeline, or a new role or layer, is how somebody gets rights that he has not."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- function = { type = "pattern", default = "*", doc = "The function: its name or ARN, or a part such as *orders*." }

SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  source_ip,
  regexp_replace(action, '[0-9]{8}(v[0-9]+)?$', '') AS action,
  coalesce(
    json_extract_scalar(response_elements, '$.functionArn'),
    json_extract_scalar(request_parameters, '$.functionName'),
    resource
  ) AS function_name,
  json_extract_scalar(request_parameters, '$.role') AS role,
  json_extract_scalar(request_parameters, '$.runtime') AS runtime,
  json_extract_scalar(response_elements, '$.codeSha256') AS code_sha256,
  json_format(json_extract(request_parameters, '$.layers')) AS layers,
  coalesce(
    json_extract_scalar(request_parameters, '$.principal'),
    json_extract_scalar(request_parameters, '$.eventSourceArn'),
    json_extract_scalar(request_parameters, '$.authType')
  ) AS opened_to,
  outcome,
  event_id
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND service = 'lambda'
  AND data_event = false
  AND cardinality(filter(split(mentions, '"'), part -> part LIKE :function ESCAPE '!')) > 0
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
