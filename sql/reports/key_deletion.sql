-- title = "Keys that were disabled or are to be deleted"
-- doc = "Which KMS keys were disabled or scheduled for deletion, by whom, after which waiting time, and was it taken back?"
-- why = "What a deleted key has encrypted is lost for good: where `last_word` is true and the operation is ScheduleKeyDeletion, the waiting time is all that is left to cancel it."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change", "data", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- key = { type = "pattern", default = "*", doc = "The key: its ARN, or a part such as *1234abcd*." }

WITH changes AS (
  SELECT
    *,
    -- What happens to the material of a key takes back no deletion of the key, nor the other way round.
    max(CASE outcome WHEN 'succeeded' THEN event_time END) OVER (
      PARTITION BY account_id, region, key_arn, operation IN ('DeleteImportedKeyMaterial', 'ImportKeyMaterial')
    ) AS last_at
  FROM key_usage
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND coalesce(key_arn, '') LIKE :key ESCAPE '!'
    AND operation IN (
      'ScheduleKeyDeletion', 'CancelKeyDeletion', 'DisableKey', 'EnableKey', 'DeleteImportedKeyMaterial',
      'ImportKeyMaterial', 'DeleteKey'
    )
)
SELECT
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  actor,
  via,
  source_ip,
  operation,
  key_arn,
  CASE operation
    WHEN 'ScheduleKeyDeletion' THEN coalesce(json_extract_scalar(request_parameters, '$.pendingWindowInDays'), '30')
  END AS waiting_days,
  json_extract_scalar(response_elements, '$.deletionDate') AS deletion_date,
  coalesce(event_time = last_at, false) AS last_word,
  outcome,
  error_code,
  event_id
FROM changes
LEFT JOIN accounts USING (account_id)
ORDER BY event_time DESC, account_id, region, event_id, operation, actor, source_ip
