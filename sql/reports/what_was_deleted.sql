-- title = "What was deleted or switched off"
-- doc = "The newest deletions, terminations and switched-off protections that went through."
-- grain = ["account_id", "event_id"]

SELECT
  event_time,
  account_id,
  actor,
  event_source,
  event_name,
  source_ip,
  event_id
FROM events
WHERE error_code IS NULL
  AND management_event = true
  AND (
    event_name LIKE 'Delete%'
    OR event_name LIKE 'Terminate%'
    OR event_name LIKE 'Stop%'
    OR event_name LIKE 'Disable%'
    OR event_name LIKE 'ScheduleKeyDeletion%'
  )
ORDER BY event_time DESC, account_id, event_id
LIMIT 10
