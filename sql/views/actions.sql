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
-- resource = { type = "varchar", doc = "What it was done to: its ARN where the record has one, else its name; of instances, all." }
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
    CASE WHEN account_id = actor_account_id THEN '' ELSE account_id END AS nearness
  FROM events_json
  WHERE NOT coalesce(read_only, regexp_like(event_name, '^(Get|List|Describe|Head|Lookup|Search|BatchGet|Query|Scan|View)'), false)
    AND coalesce(event_category, event_type, '') NOT IN ('NetworkActivity', 'AwsVpceEvent', 'AwsVpceEvents')
    AND coalesce(event_name, '') NOT IN (
      'ConsoleLogin', 'CheckMfa', 'SwitchRole', 'ExitRole', 'RenewRole', 'GetSigninToken', 'Authenticate', 'Federate',
      'Logout', 'UserAuthentication', 'CredentialChallenge', 'CredentialVerification', 'ExternalIdPDirectoryLogin',
      'AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot', 'GetSessionToken',
      'GetFederationToken', 'PasswordRecoveryRequested'
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
  changes.event_date,
  event_time,
  changes.account_id,
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
    json_extract_scalar(opened_resources, '$[0].ARN'),
    json_extract_scalar(opened_request_parameters, '$.bucketName'),
    json_extract_scalar(opened_request_parameters, '$.userName'),
    json_extract_scalar(opened_request_parameters, '$.roleName'),
    json_extract_scalar(opened_request_parameters, '$.policyArn'),
    json_extract_scalar(opened_request_parameters, '$.functionName'),
    json_extract_scalar(opened_request_parameters, '$.instanceId'),
    nullif(
      array_join(
        transform(
          TRY(CAST(json_extract(opened_request_parameters, '$.instancesSet.items') AS ARRAY(JSON))),
          x -> json_extract_scalar(x, '$.instanceId')
        ),
        ', '
      ),
      ''
    ),
    json_extract_scalar(opened_response_elements, '$.instancesSet.items[0].instanceId'),
    json_extract_scalar(opened_request_parameters, '$.volumeId'),
    json_extract_scalar(opened_response_elements, '$.volumeId'),
    json_extract_scalar(opened_request_parameters, '$.snapshotId'),
    json_extract_scalar(opened_request_parameters, '$.imageId'),
    json_extract_scalar(opened_request_parameters, '$.groupId'),
    json_extract_scalar(opened_request_parameters, '$.groupName'),
    json_extract_scalar(opened_request_parameters, '$.keyId'),
    json_extract_scalar(opened_request_parameters, '$.tableName'),
    json_extract_scalar(opened_request_parameters, '$.dBInstanceIdentifier'),
    json_extract_scalar(opened_request_parameters, '$.dBClusterIdentifier'),
    json_extract_scalar(opened_request_parameters, '$.logGroupName'),
    json_extract_scalar(opened_request_parameters, '$.repositoryName'),
    json_extract_scalar(opened_request_parameters, '$.secretId'),
    json_extract_scalar(opened_request_parameters, '$.topicArn'),
    json_extract_scalar(opened_request_parameters, '$.queueUrl'),
    json_extract_scalar(opened_request_parameters, '$.stackName'),
    json_extract_scalar(opened_request_parameters, '$.vpcId'),
    json_extract_scalar(opened_request_parameters, '$.name')
  ) AS resource,
  opened_request_parameters AS request_parameters,
  opened_response_elements AS response_elements,
  concat_ws(' ', resources, request_parameters, response_elements, '""') AS mentions,
  CASE
    WHEN error_code IS NULL AND error_message IS NULL THEN 'succeeded'
    WHEN regexp_like(error_code, '^(Client[.])?(AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authorization|AuthFailure|InsufficientPrivileges)') THEN 'denied'
    -- Whatever its code: a role that may not be passed on is an invalid parameter to some services.
    WHEN error_message LIKE '%not authorized to perform%' THEN 'denied'
    ELSE 'failed'
  END AS outcome,
  error_code,
  error_message,
  coalesce(management_event = false OR event_category = 'Data', false) AS data_event,
  coalesce(actor_type = 'service', false)
    OR coalesce(session_issuer_arn LIKE '%:role/aws-service-role/%', false) AS service_noise,
  coalesce(seen_in, ARRAY[changes.account_id]) AS accounts,
  event_id,
  shared_event_id
FROM changes
-- ON, not USING: what USING makes of both sides hides the days from the engine, which then reads all of them.
LEFT JOIN copies ON copies.event_date = changes.event_date AND copies.shared = changes.shared
LEFT JOIN accounts ON accounts.account_id = changes.account_id
WHERE coalesce(nearness = nearest, true)
