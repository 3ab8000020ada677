-- title = "What was done to the logs and the guards"
-- doc = "Who stopped, deleted or changed a trail, a log file, a log bucket, a log group, or the services that watch?"
-- why = "Whoever breaks in first blinds the guards: a line here that no change ticket explains is the beginning of an incident."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["detection", "compliance", "change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- logs = { type = "pattern", default = "*trail*", doc = "The bucket that holds the logs, or the id of its key: a name, or a part such as *trail*. Log files by their names, buckets of Control Tower and keys that are disabled or deleted are told in any case." }

WITH changes AS (
  SELECT
    *,
    -- Parameters that AWS left out as too long: the name still stands among the resources.
    coalesce(json_extract_scalar(request_parameters, '$.bucketName'), regexp_extract(resource, ':s3:::([^/]+)', 1), '') AS bucket,
    coalesce(json_extract_scalar(request_parameters, '$.key'), resource) AS object
  FROM actions
  WHERE event_date BETWEEN :since AND :until
    AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
    AND (
      regexp_like(action, '^(Stop|Delete|Update|Put|Disable|Disassociate|Deregister|Remove|Leave|Archive|BatchDisable|ScheduleKeyDeletion)')
      OR action IN (
        'CopyObject', 'CompleteMultipartUpload', 'BatchUpdateFindings', 'BatchUpdateFindingsV2', 'CreateFilter',
        'CreateIPSet', 'CreateFindingsFilter', 'CreateArchiveRule', 'CreateAutomationRule', 'CreateAutomationRuleV2'
      )
    )
    AND action NOT IN ('PutEvaluations', 'PutExternalEvaluation')
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
  outcome,
  error_code,
  event_id
FROM changes
WHERE service IN ('cloudtrail', 'config', 'guardduty', 'securityhub', 'access-analyzer', 'macie2', 'detective', 'inspector2')
  OR action IN (
    'DeleteLogGroup', 'DeleteLogStream', 'DeleteSubscriptionFilter', 'DeleteMetricFilter', 'PutRetentionPolicy',
    'DeleteAlarms', 'DisableAlarmActions', 'DeleteFlowLogs', 'DisableKey', 'ScheduleKeyDeletion',
    'DisableAWSServiceAccess', 'DeregisterDelegatedAdministrator'
  )
  OR service = 'events' AND action IN ('DisableRule', 'DeleteRule', 'RemoveTargets')
  OR service = 'kms' AND json_extract_scalar(request_parameters, '$.keyId') LIKE :logs ESCAPE '!'
  OR service = 's3' AND (
    -- A log file, wherever it lies; services deliver them, and let them expire.
    object LIKE '%AWSLogs/%/CloudTrail%' AND service_noise = false
    OR action NOT IN ('PutObject', 'CopyObject', 'CompleteMultipartUpload')
    AND (bucket LIKE :logs ESCAPE '!' OR bucket LIKE 'aws-controltower-logs-%')
  )
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
