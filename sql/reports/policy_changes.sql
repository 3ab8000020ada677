-- title = "Changes to policies, and what they say"
-- doc = "Which policy was changed, what does it say now, what is it attached to, and which of them grant everything?"
-- why = "A policy that grants everything makes whoever holds it an administrator: where `grants_all` is true, ask why, and take it back if nobody says."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change", "identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- policy = { type = "pattern", default = "*", doc = "A policy, or what it is attached to: a name or ARN, or a part of one such as *admin*." }

WITH changes AS (
  SELECT
    *,
    coalesce(
      json_extract_scalar(request_parameters, '$.policyDocument'),
      json_extract_scalar(request_parameters, '$.assumeRolePolicyDocument'),
      json_extract_scalar(request_parameters, '$.policy'),
      json_extract_scalar(request_parameters, '$.resourcePolicy'),
      json_extract_scalar(request_parameters, '$.policyText'),
      json_extract_scalar(request_parameters, '$.inlinePolicy'),
      json_extract_scalar(request_parameters, '$.content'),
      json_extract_scalar(request_parameters, '$.attributes.Policy'),
      CASE json_extract_scalar(request_parameters, '$.attributeName')
        WHEN 'Policy' THEN json_extract_scalar(request_parameters, '$.attributeValue')
      END,
      json_format(json_extract(request_parameters, '$.bucketPolicy'))
    ) AS document
  FROM actions
  WHERE event_date BETWEEN :since AND :until
    AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
    AND cardinality(filter(split(mentions, '"'), part -> part LIKE :policy ESCAPE '!')) > 0
    AND (
      action IN (
        'PutBucketPolicy', 'DeleteBucketPolicy', 'PutAccessPointPolicy', 'DeleteAccessPointPolicy', 'PutKeyPolicy',
        'PutResourcePolicy', 'DeleteResourcePolicy', 'PutFileSystemPolicy', 'DeleteFileSystemPolicy',
        'SetRepositoryPolicy', 'DeleteRepositoryPolicy', 'SetQueueAttributes', 'SetTopicAttributes'
      )
      OR action LIKE 'AddPermission%'
      OR action LIKE 'RemovePermission%'
      OR service IN ('iam', 'organizations', 'sso') AND (
        action LIKE '%Policy%' OR action LIKE '%PermissionsBoundary%' OR action = 'CreateRole'
      )
    )
),
read AS (
  SELECT
    *,
    coalesce(
      TRY(CAST(json_extract(document, '$.Statement') AS ARRAY(JSON))),
      ARRAY[json_extract(document, '$.Statement')]
    ) AS statements
  FROM changes
)
SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  source_ip,
  service,
  action,
  coalesce(
    json_extract_scalar(request_parameters, '$.policyArn'),
    json_extract_scalar(request_parameters, '$.managedPolicyArn'),
    json_extract_scalar(request_parameters, '$.policyName'),
    json_extract_scalar(request_parameters, '$.policyId'),
    json_extract_scalar(request_parameters, '$.permissionsBoundary'),
    json_extract_scalar(request_parameters, '$.statementId')
  ) AS policy,
  coalesce(
    json_extract_scalar(request_parameters, '$.roleName'),
    json_extract_scalar(request_parameters, '$.userName'),
    json_extract_scalar(request_parameters, '$.groupName'),
    json_extract_scalar(request_parameters, '$.targetId'),
    json_extract_scalar(request_parameters, '$.bucketName'),
    json_extract_scalar(request_parameters, '$.permissionSetArn'),
    json_extract_scalar(request_parameters, '$.resourceArn'),
    json_extract_scalar(request_parameters, '$.repositoryName'),
    resource
  ) AS attached_to,
  -- A boundary or a policy of the organization only limits; without Action there is NotAction, which is all but that.
  service IN ('iam', 'sso') AND action NOT LIKE 'Detach%' AND (
    coalesce(
      regexp_like(
        coalesce(json_extract_scalar(request_parameters, '$.policyArn'), json_extract_scalar(request_parameters, '$.managedPolicyArn')),
        '::aws:policy/(AdministratorAccess|IAMFullAccess)$'
      ),
      false
    )
    OR cardinality(
      filter(
        statements,
        s -> json_extract_scalar(s, '$.Effect') = 'Allow'
          AND regexp_like(lower(coalesce(json_format(json_extract(s, '$.Action')), '"*"')), '"(([*]:|iam:)?[*?]+)"')
      )
    ) > 0
  ) AS grants_all,
  document,
  outcome,
  event_id
FROM read
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
