-- title = "What was done to the logs and the guards"
-- doc = "Who stopped, deleted or changed a trail, a log bucket, a log group, or the services that watch?"
-- why = "Whoever breaks in first blinds the guards: a line here that no change ticket explains is the beginning of an incident."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["detection", "compliance", "change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- logs = { type = "pattern", default = "*trail*", doc = "The bucket that holds the logs, or the id of its key: a name, or a part such as *trail*." }

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
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND (
    service IN ('cloudtrail', 'config', 'guardduty', 'securityhub', 'access-analyzer', 'macie2', 'detective', 'inspector2')
    OR action IN (
      'DeleteLogGroup', 'DeleteLogStream', 'DeleteSubscriptionFilter', 'DeleteMetricFilter', 'PutRetentionPolicy',
      'DeleteAlarms', 'DisableAlarmActions', 'DeleteFlowLogs'
    )
    OR service IN ('s3', 'kms') AND action <> 'PutObject'
  )
  AND regexp_like(action, '^(Stop|Delete|Update|Put|Disable|Disassociate|Deregister|Remove|Leave|Archive|BatchDisable|ScheduleKeyDeletion)')
  AND action NOT IN ('PutEvaluations', 'PutExternalEvaluation')
  AND coalesce(
    CASE service
      WHEN 's3' THEN coalesce(json_extract_scalar(request_parameters, '$.bucketName'), '')
      WHEN 'kms' THEN coalesce(json_extract_scalar(request_parameters, '$.keyId'), '')
    END LIKE :logs ESCAPE '!',
    true
  )
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
