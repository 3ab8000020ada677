-- title = "KMS: who used or changed which key"
-- doc = "One row per call to KMS, and per thing that KMS did by itself: what was done with which key, for which service, and in which encryption context."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["data", "identity"]
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
-- operation = { type = "varchar", doc = "What was called, such as Decrypt." }
-- kind = { type = "varchar", doc = "use, where data was encrypted, decrypted, signed or verified; else management." }
-- key_arn = { type = "varchar", doc = "The key: its ARN where the record has one, else what the caller named." }
-- encryption_context = { type = "varchar", doc = "What the caller said the data is, JSON." }
-- request_parameters = { type = "varchar", doc = "What was asked for, the record's own text." }
-- response_elements = { type = "varchar", doc = "What was answered, the record's own text." }
-- mentions = { type = "varchar", doc = "All that the record says of what it was done to, as text: resources, parameters, response. For searches." }
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
  event_name AS operation,
  CASE
    WHEN regexp_like(event_name, '^(Decrypt|Encrypt|GenerateDataKey|GenerateMac|GenerateRandom|ReEncrypt|Sign|Verify|DeriveSharedSecret)') THEN 'use'
    ELSE 'management'
  END AS kind,
  coalesce(
    json_extract_scalar(opened_resources, '$[0].ARN'),
    json_extract_scalar(opened_request_parameters, '$.keyId'),
    json_extract_scalar(opened_response_elements, '$.keyMetadata.arn'),
    json_extract_scalar(opened_service_event_details, '$.keyId')
  ) AS key_arn,
  json_format(json_extract(opened_request_parameters, '$.encryptionContext')) AS encryption_context,
  request_parameters,
  response_elements,
  concat_ws(' ', resources, request_parameters, response_elements, service_event_details, '""') AS mentions,
  CASE
    WHEN error_code IS NULL THEN 'succeeded'
    WHEN regexp_like(error_code, '^(Client[.])?(AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authorization|AuthFailure)') THEN 'denied'
    ELSE 'failed'
  END AS outcome,
  error_code,
  event_id
FROM events_json
WHERE event_source = 'kms.amazonaws.com'
  AND coalesce(event_category, event_type, '') NOT IN ('NetworkActivity', 'AwsVpceEvent', 'AwsVpceEvents')
