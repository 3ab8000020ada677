-- title = "Changes to users, roles, groups, policies and keys"
-- doc = "Who changed users, roles, groups, keys, policies or assignments of permissions, and how?"
-- why = "Whoever wants to stay makes a user, a key or a trust of his own: each line should be somebody's task."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change", "identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- entity = { type = "pattern", default = "*", doc = "What it was done to, or what it names: a user, role, group, policy or key, or a part of the name such as *admin*." }

WITH changes AS (
  SELECT
    *,
    coalesce(
      json_extract_scalar(request_parameters, '$.userName'),
      json_extract_scalar(request_parameters, '$.roleName'),
      json_extract_scalar(request_parameters, '$.groupName'),
      json_extract_scalar(request_parameters, '$.policyName'),
      json_extract_scalar(request_parameters, '$.principalId'),
      json_extract_scalar(response_elements, '$.accessKey.userName'),
      resource
    ) AS entity
  FROM actions
  WHERE event_date BETWEEN :since AND :until
    AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
    AND service IN ('iam', 'sso', 'sso-directory', 'identitystore', 'rolesanywhere')
    AND cardinality(filter(split(mentions, '"'), part -> part LIKE :entity ESCAPE '!')) > 0
)
SELECT
  event_time,
  account_id,
  account_name,
  actor,
  source_ip,
  service,
  action,
  entity,
  array_join(
    filter(
      ARRAY[
        json_extract_scalar(request_parameters, '$.groupName'),
        json_extract_scalar(request_parameters, '$.policyName'),
        json_extract_scalar(request_parameters, '$.policyArn'),
        json_extract_scalar(request_parameters, '$.managedPolicyArn'),
        json_extract_scalar(request_parameters, '$.permissionsBoundary'),
        json_extract_scalar(request_parameters, '$.instanceProfileName'),
        json_extract_scalar(request_parameters, '$.accessKeyId'),
        json_extract_scalar(response_elements, '$.accessKey.accessKeyId'),
        json_extract_scalar(request_parameters, '$.status'),
        json_extract_scalar(request_parameters, '$.serialNumber'),
        json_extract_scalar(request_parameters, '$.permissionSetArn'),
        json_extract_scalar(request_parameters, '$.targetId')
      ],
      x -> coalesce(x <> entity, x IS NOT NULL)
    ),
    ', '
  ) AS details,
  outcome,
  event_id
FROM changes
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
