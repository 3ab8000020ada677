-- title = "Lambda: who invoked which function"
-- doc = "One row per invocation of a function that was recorded as a data event."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["data"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day of the event." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- account_id = { type = "varchar", doc = "Account in whose log it is." }
-- region = { type = "varchar", doc = "Region that the call was made to." }
-- actor = { type = "varchar", doc = "Who did it." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, service, root, …" }
-- actor_account_id = { type = "varchar", doc = "Account that the actor belongs to." }
-- principal = { type = "varchar", doc = "The actor without the session: ARN of the user or role, else its id. What to compare over time." }
-- via = { type = "varchar", doc = "Service that made the call with the actor's rights." }
-- access_key_id = { type = "varchar", doc = "Access key that signed the call." }
-- source_ip = { type = "varchar", doc = "Where the call came from." }
-- user_agent = { type = "varchar", doc = "What the caller said it was." }
-- function_arn = { type = "varchar", doc = "The function: its ARN where the record has one, else its name." }
-- qualifier = { type = "varchar", doc = "Version or alias that was asked for." }
-- source_arn = { type = "varchar", doc = "What made the service invoke it, such as a bucket or a rule." }
-- outcome = { type = "varchar", doc = "succeeded, denied or failed." }
-- error_code = { type = "varchar", doc = "Error of a call that did not succeed." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }

SELECT
  event_date,
  event_time,
  account_id,
  region,
  actor,
  actor_type,
  actor_account_id,
  coalesce(session_issuer_arn, identity_arn, identity_principal_id) AS principal,
  actor_via AS via,
  identity_access_key_id AS access_key_id,
  source_ip,
  user_agent,
  coalesce(
    json_extract_scalar(opened_resources, '$[0].ARN'),
    json_extract_scalar(opened_request_parameters, '$.functionName')
  ) AS function_arn,
  json_extract_scalar(opened_request_parameters, '$.qualifier') AS qualifier,
  json_extract_scalar(opened_request_parameters, '$.sourceArn') AS source_arn,
  CASE
    WHEN error_code IS NULL THEN 'succeeded'
    WHEN regexp_like(error_code, '^(Client[.])?(AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authorization|AuthFailure)') THEN 'denied'
    ELSE 'failed'
  END AS outcome,
  error_code,
  event_id
FROM events_json
WHERE event_source = 'lambda.amazonaws.com'
  AND event_name LIKE 'Invoke%'
  AND coalesce(event_category, event_type, '') NOT IN ('NetworkActivity', 'AwsVpceEvent', 'AwsVpceEvents')
