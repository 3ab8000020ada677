-- title = "Who assumed which role, and what was done with it"
-- doc = "Who assumed which role, with which temporary key, and how much was then read, changed or refused with it?"
-- why = "Tells who stands behind a role's calls, step by step: look for a session's key as the caller's key of the next line. A session of many errors is somebody trying what he may."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["investigation", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- role = { type = "pattern", default = "*", doc = "The role: its ARN, or a part such as *Admin*; of AssumeRoot, the account." }

WITH span AS (
  SELECT
    *
  FROM events_json
  WHERE event_date BETWEEN :since AND :until
),
used AS (
  SELECT
    identity_access_key_id AS session_key_id,
    count(*) AS calls,
    count(CASE WHEN NOT read_only THEN 1 END) AS writes,
    count(error_code) AS errors,
    count(DISTINCT source_ip) AS addresses,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM span
  GROUP BY identity_access_key_id
),
assumed AS (
  SELECT
    *,
    -- AssumeRoot takes an account for a role.
    coalesce(
      json_extract_scalar(opened_request_parameters, '$.roleArn'),
      json_extract_scalar(opened_request_parameters, '$.targetPrincipal')
    ) AS role,
    json_extract_scalar(opened_request_parameters, '$.roleSessionName') AS session_name,
    json_extract_scalar(opened_response_elements, '$.credentials.accessKeyId') AS session_key_id
  FROM span
  WHERE event_name IN ('AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot')
    AND account_id LIKE :account
    AND coalesce(actor_type, '') <> 'service'
)
SELECT
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  actor,
  actor_account_id,
  identity_access_key_id AS caller_key_id,
  source_ip,
  role,
  session_name,
  session_key_id,
  error_code,
  coalesce(calls, 0) AS calls,
  coalesce(writes, 0) AS writes,
  coalesce(errors, 0) AS errors,
  coalesce(addresses, 0) AS addresses,
  first_at,
  last_at,
  event_id
FROM assumed
LEFT JOIN used USING (session_key_id)
LEFT JOIN accounts USING (account_id)
WHERE coalesce(role, '') LIKE :role ESCAPE '!'
ORDER BY event_time DESC, account_id, region, event_id, actor, source_ip, session_key_id
