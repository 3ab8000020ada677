-- title = "S3: who read or wrote which object"
-- doc = "One row per S3 data event: which object, how many bytes, by whom and from where."
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
-- operation = { type = "varchar", doc = "What was called, such as GetObject." }
-- bucket = { type = "varchar", doc = "The bucket." }
-- object_key = { type = "varchar", doc = "Key of the object; NULL for calls of many." }
-- read_only = { type = "boolean", doc = "Whether it only read." }
-- bytes_in = { type = "bigint", doc = "Bytes sent to S3." }
-- bytes_out = { type = "bigint", doc = "Bytes that left S3." }
-- bytes_unreadable = { type = "boolean", doc = "Whether the record has a number of bytes that is none, so that bytes_in or bytes_out is NULL." }
-- vpc_endpoint_id = { type = "varchar", doc = "VPC endpoint that the call came through." }
-- outcome = { type = "varchar", doc = "succeeded, denied or failed." }
-- error_code = { type = "varchar", doc = "Error of a call that did not succeed." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }

WITH said AS (
  SELECT
    *,
    json_extract_scalar(opened_additional_event_data, '$.bytesTransferredIn') AS said_in,
    json_extract_scalar(opened_additional_event_data, '$.bytesTransferredOut') AS said_out
  FROM events_json
  WHERE event_source = 's3.amazonaws.com'
    AND (event_category = 'Data' OR management_event = false)
),
-- S3 has written whole numbers as 12.0 and as 1.2E1; what else an engine takes for a number differs.
counted AS (
  SELECT
    *,
    TRY(CAST(TRY(CAST(regexp_extract(said_in, '^[0-9.eE+-]+$') AS double)) AS bigint)) AS bytes_in,
    TRY(CAST(TRY(CAST(regexp_extract(said_out, '^[0-9.eE+-]+$') AS double)) AS bigint)) AS bytes_out
  FROM said
)
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
  json_extract_scalar(opened_request_parameters, '$.bucketName') AS bucket,
  json_extract_scalar(opened_request_parameters, '$.key') AS object_key,
  read_only,
  bytes_in,
  bytes_out,
  said_in IS NOT NULL AND bytes_in IS NULL OR said_out IS NOT NULL AND bytes_out IS NULL AS bytes_unreadable,
  vpc_endpoint_id,
  CASE
    WHEN error_code IS NULL THEN 'succeeded'
    WHEN regexp_like(error_code, '^(Client[.])?(AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authorization|AuthFailure)') THEN 'denied'
    ELSE 'failed'
  END AS outcome,
  error_code,
  event_id
FROM counted
