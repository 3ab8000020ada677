-- title = "Changes: who did what to which resource"
-- doc = "One row per change that a person would call a change: calls that write, without sign-ins and without asking for credentials. What was recorded in several accounts is one row, as the caller's account saw it."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day of the change." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- account_id = { type = "varchar", doc = "Account in whose log it is; of several, the caller's." }
-- account_name = { type = "varchar", doc = "What people call the account." }
-- region = { type = "varchar", doc = "Region that the call was made to." }
-- actor = { type = "varchar", doc = "Who did it." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, service, root, …" }
-- actor_account_id = { type = "varchar", doc = "Account that the actor belongs to." }
-- actor_session = { type = "varchar", doc = "Name of the role session." }
-- via = { type = "varchar", doc = "Service that made the call with the actor's rights." }
-- access_key_id = { type = "varchar", doc = "Access key that signed the call." }
-- source_ip = { type = "varchar", doc = "Where the call came from." }
-- user_agent = { type = "varchar", doc = "What the caller said it was." }
-- service = { type = "varchar", doc = "Service that was called, such as s3." }
-- action = { type = "varchar", doc = "What was called, such as DeleteBucket." }
-- resource = { type = "varchar", doc = "What it was done to: its ARN where the record has one, else its name." }
-- outcome = { type = "varchar", doc = "succeeded, denied or failed." }
-- error_code = { type = "varchar", doc = "Error of a call that did not succeed." }
-- error_message = { type = "varchar", doc = "Its text." }
-- data_event = { type = "boolean", doc = "Whether it was done to data (an object, an item) and not to a resource." }
-- service_noise = { type = "boolean", doc = "Whether a service did it of its own accord." }
-- accounts = { type = "array(varchar)", doc = "All accounts in whose logs it is." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }
-- shared_event_id = { type = "varchar", doc = "What joins the copies in several accounts." }

WITH changes AS (
  SELECT
    *
  FROM events
  WHERE coalesce(read_only, false) = false
    AND coalesce(event_category, 'Management') <> 'NetworkActivity'
    AND coalesce(event_type, '') NOT IN ('AwsConsoleSignIn', 'AwsVpceEvent', 'AwsVpceEvents')
    AND coalesce(event_name, '') NOT IN ('GetSessionToken', 'GetFederationToken', 'AssumeRoot')
),
copies AS (
  SELECT
    *,
    rank() OVER (
      PARTITION BY event_date, shared_event_id
      ORDER BY CASE WHEN account_id = actor_account_id THEN 0 ELSE 1 END, account_id
    ) AS nearness,
    array_agg(account_id) OVER (PARTITION BY event_date, shared_event_id) AS seen_in
  FROM changes
  WHERE shared_event_id IS NOT NULL
),
each_once AS (
  SELECT
    event_date, event_time, account_id, region, actor, actor_type, actor_account_id, actor_session, actor_via,
    identity_access_key_id, source_ip, user_agent, event_source, event_name, resources, request_parameters,
    error_code, error_message, management_event, event_category, event_id, shared_event_id,
    ARRAY[account_id] AS seen_in
  FROM changes
  WHERE shared_event_id IS NULL
  UNION ALL
  SELECT
    event_date, event_time, account_id, region, actor, actor_type, actor_account_id, actor_session, actor_via,
    identity_access_key_id, source_ip, user_agent, event_source, event_name, resources, request_parameters,
    error_code, error_message, management_event, event_category, event_id, shared_event_id,
    array_sort(array_distinct(seen_in)) AS seen_in
  FROM copies
  WHERE nearness = 1
),
names AS (
  SELECT
    account_id,
    max(name) AS name
  FROM accounts
  GROUP BY account_id
)
SELECT
  e.event_date,
  e.event_time,
  e.account_id,
  n.name AS account_name,
  e.region,
  e.actor,
  e.actor_type,
  e.actor_account_id,
  e.actor_session,
  e.actor_via AS via,
  e.identity_access_key_id AS access_key_id,
  e.source_ip,
  e.user_agent,
  split_part(e.event_source, '.', 1) AS service,
  e.event_name AS action,
  coalesce(
    json_extract_scalar(e.resources, '$[0].ARN'),
    json_extract_scalar(e.request_parameters, '$.bucketName'),
    json_extract_scalar(e.request_parameters, '$.userName'),
    json_extract_scalar(e.request_parameters, '$.roleName'),
    json_extract_scalar(e.request_parameters, '$.groupName'),
    json_extract_scalar(e.request_parameters, '$.policyArn'),
    json_extract_scalar(e.request_parameters, '$.functionName'),
    json_extract_scalar(e.request_parameters, '$.instanceId'),
    json_extract_scalar(e.request_parameters, '$.instancesSet.items[0].instanceId'),
    json_extract_scalar(e.request_parameters, '$.groupId'),
    json_extract_scalar(e.request_parameters, '$.volumeId'),
    json_extract_scalar(e.request_parameters, '$.snapshotId'),
    json_extract_scalar(e.request_parameters, '$.imageId'),
    json_extract_scalar(e.request_parameters, '$.keyId'),
    json_extract_scalar(e.request_parameters, '$.tableName'),
    json_extract_scalar(e.request_parameters, '$.dBInstanceIdentifier'),
    json_extract_scalar(e.request_parameters, '$.secretId'),
    json_extract_scalar(e.request_parameters, '$.topicArn'),
    json_extract_scalar(e.request_parameters, '$.queueUrl'),
    json_extract_scalar(e.request_parameters, '$.stackName'),
    json_extract_scalar(e.request_parameters, '$.name')
  ) AS resource,
  CASE
    WHEN e.error_code IS NULL AND e.error_message IS NULL THEN 'succeeded'
    WHEN regexp_like(coalesce(e.error_code, ''), '(AccessDenied|Unauthorized|Forbidden)') THEN 'denied'
    ELSE 'failed'
  END AS outcome,
  e.error_code,
  e.error_message,
  coalesce(e.management_event = false OR e.event_category = 'Data', false) AS data_event,
  coalesce(e.actor_type = 'service', true) AS service_noise,
  e.seen_in AS accounts,
  e.event_id,
  e.shared_event_id
FROM each_once AS e
LEFT JOIN names AS n ON n.account_id = e.account_id
