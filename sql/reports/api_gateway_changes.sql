-- title = "Changes to API Gateway"
-- doc = "Which APIs, routes, methods, stages and authorizers were changed, by whom, and which were left without authorization?"
-- why = "A method without authorization is open to whoever finds it: where `without_authorization` is true, ask whether it is meant to be."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change", "network"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- api = { type = "pattern", default = "*", doc = "The API: its id, or a part of it." }

SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  source_ip,
  action,
  coalesce(
    json_extract_scalar(request_parameters, '$.restApiId'),
    json_extract_scalar(request_parameters, '$.apiId'),
    json_extract_scalar(response_elements, '$.id'),
    json_extract_scalar(response_elements, '$.apiId'),
    resource
  ) AS api,
  coalesce(
    json_extract_scalar(request_parameters, '$.stageName'),
    json_extract_scalar(request_parameters, '$.createDeploymentInput.stageName')
  ) AS stage,
  coalesce(
    json_extract_scalar(request_parameters, '$.httpMethod'),
    json_extract_scalar(request_parameters, '$.routeKey')
  ) AS method,
  -- It stands at several depths: in the parameters, in the input of the call, in a patch of the method.
  coalesce(
    regexp_like(request_parameters, '"authorizationType" *: *"NONE"|"/authorizationType"[^}]*"NONE"|"NONE"[^}]*"/authorizationType"'),
    false
  )
  -- A route that is made without a word of it is open.
  OR action = 'CreateRoute' AND json_extract_scalar(request_parameters, '$.authorizationType') IS NULL AS without_authorization,
  outcome,
  event_id
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND service = 'apigateway'
  AND cardinality(filter(split(mentions, '"'), part -> part LIKE :api ESCAPE '!')) > 0
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
