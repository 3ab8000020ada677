-- title = "What was shared with which other accounts"
-- doc = "Which snapshots, images, buckets, keys, functions, roles and other resources were shared with which other accounts, and by whom?"
-- why = "A snapshot shared with a stranger's account is a copy of the data that no log of yours will show again: an account without a name here needs an explanation."
-- grain = ["account_id", "region", "event_id", "shared_with"]
-- tags = ["compliance", "detection", "data"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH changes AS (
  SELECT
    *,
    coalesce(
      json_extract_scalar(request_parameters, '$.policy'),
      json_extract_scalar(request_parameters, '$.resourcePolicy'),
      json_extract_scalar(request_parameters, '$.policyText'),
      json_extract_scalar(request_parameters, '$.policyDocument'),
      json_extract_scalar(request_parameters, '$.assumeRolePolicyDocument'),
      json_extract_scalar(request_parameters, '$.policyInJson'),
      json_extract_scalar(request_parameters, '$.accessPolicies'),
      json_extract_scalar(request_parameters, '$.attributes.Policy'),
      CASE json_extract_scalar(request_parameters, '$.attributeName')
        WHEN 'Policy' THEN json_extract_scalar(request_parameters, '$.attributeValue')
      END,
      json_format(json_extract(request_parameters, '$.bucketPolicy'))
    ) AS document
  FROM actions
  WHERE event_date BETWEEN :since AND :until
    AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
    AND (
      action IN (
        'ModifySnapshotAttribute', 'ModifyImageAttribute', 'ModifyDBSnapshotAttribute', 'ModifyDBClusterSnapshotAttribute',
        'PutBucketPolicy', 'PutAccessPointPolicy', 'PutKeyPolicy', 'PutResourcePolicy', 'SetRepositoryPolicy',
        'SetQueueAttributes', 'SetTopicAttributes', 'CreateGrant', 'CreateResourceShare', 'AssociateResourceShare',
        'AuthorizeSnapshotAccess', 'AuthorizeDataShare', 'CreateKey', 'CreateQueue', 'CreateTopic', 'PutFileSystemPolicy',
        'PutBackupVaultAccessPolicy', 'CreateRole', 'UpdateAssumeRolePolicy', 'ModifyDocumentPermission',
        'PutBucketReplication', 'CreateDomain', 'UpdateDomainConfig', 'CreateElasticsearchDomain',
        'UpdateElasticsearchDomainConfig'
      )
      OR action LIKE 'Add%Permission%'
    )
),
read AS (
  SELECT
    *,
    filter(
      coalesce(TRY(CAST(json_extract(document, '$.Statement') AS ARRAY(JSON))), ARRAY[json_extract(document, '$.Statement')]),
      s -> json_extract_scalar(s, '$.Effect') = 'Allow'
    ) AS allowing
  FROM changes
),
named AS (
  SELECT
    *,
    concat_ws(
      ' ',
      array_join(transform(allowing, s -> json_format(json_extract(s, '$.Principal'))), ' '),
      json_format(json_extract(request_parameters, '$.createVolumePermission.add')),
      json_format(json_extract(request_parameters, '$.launchPermission.add')),
      json_format(json_extract(request_parameters, '$.valuesToAdd')),
      json_format(json_extract(request_parameters, '$.principals')),
      json_extract_scalar(request_parameters, '$.principal'),
      json_extract_scalar(request_parameters, '$.granteePrincipal'),
      json_extract_scalar(request_parameters, '$.accountWithRestoreAccess'),
      json_extract_scalar(request_parameters, '$.consumerIdentifier'),
      json_format(json_extract(request_parameters, '$.aWSAccountIds')),
      json_format(json_extract(request_parameters, '$.aWSAccountId')),
      json_format(json_extract(request_parameters, '$.accountIdsToAdd')),
      array_join(regexp_extract_all(json_format(json_extract(request_parameters, '$.ReplicationConfiguration')), '"Account" *: *"?[0-9]{12}'), ' ')
    ) AS whom
  FROM read
),
others AS (
  SELECT
    account_id AS shared_with,
    name AS shared_with_name
  FROM accounts
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
  resource,
  shared_with,
  shared_with_name,
  outcome,
  event_id
FROM named
CROSS JOIN UNNEST(array_distinct(regexp_extract_all(whom, '[0-9]{12}'))) AS t (shared_with)
LEFT JOIN others USING (shared_with)
-- Of several copies the row is that of the caller, who may have shared it with himself.
WHERE shared_with <> account_id OR cardinality(accounts) > 1
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip, shared_with
