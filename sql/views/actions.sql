-- title = "Changes: who did what to which resource"
-- doc = "One row per change that a person would call a change: calls that write, without sign-ins and without asking for credentials. What was recorded in several accounts is one row, as the caller's account saw it; `accounts` has them all."
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
-- request_parameters = { type = "varchar", doc = "What was asked for, the record's own text; NULL where no parser should open it: over 50,000 characters or 64 levels. `mentions` has it." }
-- response_elements = { type = "varchar", doc = "What was answered, likewise." }
-- mentions = { type = "varchar", doc = "All that the record says of what it was done to, as text: resources, parameters, response. For searches." }
-- outcome = { type = "varchar", doc = "succeeded, denied or failed." }
-- error_code = { type = "varchar", doc = "Error of a call that did not succeed." }
-- error_message = { type = "varchar", doc = "Its text." }
-- data_event = { type = "boolean", doc = "Whether it was done to data (an object, an item) and not to a resource." }
-- service_noise = { type = "boolean", doc = "Whether a service did it of its own accord, or in a role that only the service can have." }
-- accounts = { type = "array(varchar)", doc = "All accounts in whose logs it is." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }
-- shared_event_id = { type = "varchar", doc = "What joins the copies in several accounts." }

WITH changes AS (
  SELECT
    *,
    -- What the copies of one action agree on: whoever only borrows an id stands apart.
    CASE WHEN shared_event_id IS NOT NULL THEN concat_ws(' ', shared_event_id, event_source, event_name, actor_account_id) END AS shared,
    CASE WHEN account_id = actor_account_id THEN '' ELSE account_id END AS nearness,
    -- Trino's parser gives up, and the query with it, at names of 50,000 characters and at 1,000 levels.
    CASE WHEN contains(parse_flags, 'depth') THEN NULL ELSE CASE greatest(length(resources), 50000) WHEN 50000 THEN resources END END AS resource_list,
    CASE WHEN contains(parse_flags, 'depth') THEN NULL ELSE CASE greatest(length(request_parameters), 50000) WHEN 50000 THEN request_parameters END END AS asked_for,
    CASE WHEN contains(parse_flags, 'depth') THEN NULL ELSE CASE greatest(length(response_elements), 50000) WHEN 50000 THEN response_elements END END AS answered
  FROM events
  WHERE NOT coalesce(read_only, regexp_like(event_name, '^(Get|List|Describe|Head|Lookup|Search|BatchGet|Query|Scan|View)'), false)
    AND coalesce(event_category, event_type, '') NOT IN ('NetworkActivity', 'AwsVpceEvent', 'AwsVpceEvents')
    AND coalesce(event_name, '') NOT IN (
      'ConsoleLogin', 'CheckMfa', 'SwitchRole', 'ExitRole', 'RenewRole', 'GetSigninToken', 'Authenticate', 'Federate',
      'Logout', 'UserAuthentication', 'CredentialChallenge', 'CredentialVerification', 'ExternalIdPDirectoryLogin',
      'AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot', 'PasswordRecoveryRequested'
    )
),
copies AS (
  SELECT
    event_date,
    shared,
    min(nearness) AS nearest,
    array_sort(array_agg(DISTINCT account_id)) AS seen_in
  FROM changes
  GROUP BY event_date, shared
)
SELECT
  event_date,
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  actor,
  actor_type,
  actor_account_id,
  actor_session,
  actor_via AS via,
  identity_access_key_id AS access_key_id,
  source_ip,
  user_agent,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  coalesce(
    json_extract_scalar(resource_list, '$[0].ARN'),
    json_extract_scalar(asked_for, '$.bucketName'),
    json_extract_scalar(asked_for, '$.userName'),
    json_extract_scalar(asked_for, '$.roleName'),
    json_extract_scalar(asked_for, '$.policyArn'),
    json_extract_scalar(asked_for, '$.functionName'),
    json_extract_scalar(asked_for, '$.instanceId'),
    json_extract_scalar(asked_for, '$.instancesSet.items[0].instanceId'),
    json_extract_scalar(answered, '$.instancesSet.items[0].instanceId'),
    json_extract_scalar(asked_for, '$.volumeId'),
    json_extract_scalar(answered, '$.volumeId'),
    json_extract_scalar(asked_for, '$.snapshotId'),
    json_extract_scalar(asked_for, '$.imageId'),
    json_extract_scalar(asked_for, '$.groupId'),
    json_extract_scalar(asked_for, '$.groupName'),
    json_extract_scalar(asked_for, '$.keyId'),
    json_extract_scalar(asked_for, '$.tableName'),
    json_extract_scalar(asked_for, '$.dBInstanceIdentifier'),
    json_extract_scalar(asked_for, '$.secretId'),
    json_extract_scalar(asked_for, '$.topicArn'),
    json_extract_scalar(asked_for, '$.queueUrl'),
    json_extract_scalar(asked_for, '$.stackName'),
    json_extract_scalar(asked_for, '$.vpcId'),
    json_extract_scalar(asked_for, '$.name')
  ) AS resource,
  asked_for AS request_parameters,
  answered AS response_elements,
  concat_ws(' ', resources, request_parameters, response_elements, '""') AS mentions,
  CASE
    WHEN error_code IS NULL AND error_message IS NULL THEN 'succeeded'
    WHEN regexp_like(error_code, '^(Client[.])?(AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authorization|AuthFailure)') THEN 'denied'
    ELSE 'failed'
  END AS outcome,
  error_code,
  error_message,
  coalesce(management_event = false OR event_category = 'Data', false) AS data_event,
  coalesce(actor_type = 'service', false)
    OR coalesce(session_issuer_arn LIKE '%:role/aws-service-role/%', false) AS service_noise,
  coalesce(seen_in, ARRAY[account_id]) AS accounts,
  event_id,
  shared_event_id
FROM changes
LEFT JOIN copies USING (event_date, shared)
LEFT JOIN accounts USING (account_id)
WHERE coalesce(nearness = nearest, true)
