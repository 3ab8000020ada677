-- title = "What was opened to everybody"
-- doc = "Which buckets, objects, ports, snapshots, images, databases, functions, keys, queues and roles were opened to everybody, and by whom?"
-- why = "What is open to everybody is found within minutes: close it first, then ask the actor. An opening on conditions may be harmless: read them in the record."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["compliance", "detection", "data", "network"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- resource = { type = "pattern", default = "*", doc = "What was opened: its name, id or ARN, or a part such as *backup*." }

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
    AND cardinality(filter(split(mentions, '"'), part -> part LIKE :resource ESCAPE '!')) > 0
    AND (
      action IN (
        'PutBucketPolicy', 'PutAccessPointPolicy', 'PutKeyPolicy', 'PutResourcePolicy', 'SetRepositoryPolicy',
        'SetQueueAttributes', 'SetTopicAttributes', 'PutBucketAcl', 'PutObjectAcl', 'CreateBucket',
        'DeleteBucketPublicAccessBlock', 'DeleteAccountPublicAccessBlock',
        'PutBucketPublicAccessBlock', 'PutAccountPublicAccessBlock',
        'AuthorizeSecurityGroupIngress', 'ModifySecurityGroupRules', 'ModifySnapshotAttribute', 'ModifyImageAttribute',
        'DisableSnapshotBlockPublicAccess', 'DisableImageBlockPublicAccess', 'ModifyDBInstance', 'ModifyDBCluster',
        'ModifyDBSnapshotAttribute', 'ModifyDBClusterSnapshotAttribute', 'CreateCluster', 'ModifyCluster',
        'RestoreFromClusterSnapshot', 'CreateKey', 'CreateQueue', 'CreateTopic', 'PutFileSystemPolicy',
        'PutBackupVaultAccessPolicy', 'CreateRole', 'UpdateAssumeRolePolicy', 'CreateDomain', 'UpdateDomainConfig',
        'CreateElasticsearchDomain', 'UpdateElasticsearchDomainConfig', 'ModifyDocumentPermission',
        'PutObject', 'CopyObject', 'CreateMultipartUpload'
      )
      OR regexp_like(action, '^(CreateFunctionUrlConfig|UpdateFunctionUrlConfig|CreateDB|RestoreDB)')
      OR action LIKE 'Add%Permission%'
    )
),
read AS (
  SELECT
    *,
    filter(
      coalesce(TRY(CAST(json_extract(document, '$.Statement') AS ARRAY(JSON))), ARRAY[json_extract(document, '$.Statement')]),
      s -> json_extract_scalar(s, '$.Effect') = 'Allow'
        AND (
          regexp_like(json_format(json_extract(s, '$.Principal')), '^"[*]"|"AWS":("[*]"|[^]]*"[*]")')
          OR json_extract(s, '$.NotPrincipal') IS NOT NULL
        )
    ) AS for_all,
    concat_ws(
      ' ',
      json_format(json_extract(request_parameters, '$.createVolumePermission.add')),
      json_format(json_extract(request_parameters, '$.launchPermission.add')),
      json_format(json_extract(request_parameters, '$.valuesToAdd')),
      json_format(json_extract(request_parameters, '$.accountIdsToAdd'))
    ) AS shared_with
  FROM changes
),
judged AS (
  SELECT
    *,
    CASE
      WHEN cardinality(filter(for_all, s -> coalesce(json_format(json_extract(s, '$.Condition')), '{}') = '{}')) > 0
        THEN 'a policy for everybody'
      WHEN cardinality(for_all) > 0 THEN 'a policy for everybody, on conditions'
      -- A policy may name such a list to refuse it.
      WHEN regexp_like(request_parameters, '"x-amz-acl"[^"]*"(public-read|public-read-write|authenticated-read)"')
        OR document IS NULL AND regexp_like(request_parameters, 'groups/global/(AllUsers|AuthenticatedUsers)')
        THEN 'an access list for everybody'
      WHEN regexp_like(action, '^(Delete|Disable)') THEN 'the block of public access taken away'
      -- What is not named is off.
      WHEN action IN ('PutBucketPublicAccessBlock', 'PutAccountPublicAccessBlock')
        AND cardinality(regexp_extract_all(request_parameters, '"(BlockPublicAcls|IgnorePublicAcls|BlockPublicPolicy|RestrictPublicBuckets)" *: *"?true')) < 4
        THEN 'the block of public access taken away in part'
      -- The whole, or so much of it that a few such rules are all; of IPv6 all that is given out is an eighth.
      WHEN action LIKE '%SecurityGroup%' AND regexp_like(request_parameters, '"([0-9.]+/[0-7]|[0-9a-fA-F.]*:[0-9a-fA-F.:]*/[0-3])"')
        THEN 'a port for the whole internet'
      WHEN lower(shared_with) LIKE '%"all"%' THEN 'a snapshot, image or document for all accounts'
      WHEN json_extract_scalar(request_parameters, '$.publiclyAccessible') = 'true' THEN 'a database with a public address'
      WHEN json_extract_scalar(request_parameters, '$.authType') = 'NONE' THEN 'a function URL without sign-in'
      WHEN json_extract_scalar(request_parameters, '$.principal') = '*'
        OR json_format(json_extract(request_parameters, '$.aWSAccountIds')) LIKE '%"*"%'
        THEN 'something that everybody may use'
    END AS opened
  FROM read
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
  opened,
  outcome,
  event_id
FROM judged
WHERE opened IS NOT NULL
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
