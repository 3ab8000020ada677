-- title = "Long-lived access keys: how old, and when last used"
-- doc = "How old is each long-lived access key that is known, who made it and for whom, and when was it last used?"
-- why = "Keys should be replaced at least every 90 days and deleted when nobody uses them. What was made before the lake's first day is known by its use alone: `created_at` is empty, and it is at least as old as told."
-- grain = ["account_id", "access_key_id"]
-- tags = ["identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "365", doc = "Days before the first one in which keys were made or used." }
-- min_age = { type = "integer", default = "0", doc = "Only keys of at least so many days." }

WITH span AS (
  SELECT
    *
  FROM events_json
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
),
used AS (
  SELECT
    account_id,
    identity_access_key_id AS access_key_id,
    max(identity_user_name) AS used_by,
    min(event_date) AS first_used,
    max(event_date) AS last_used,
    count(DISTINCT event_date) AS days_used
  FROM span
  WHERE identity_access_key_id LIKE 'AKIA%'
    AND account_id = actor_account_id
  GROUP BY account_id, identity_access_key_id
),
made AS (
  SELECT
    account_id,
    json_extract_scalar(opened_response_elements, '$.accessKey.accessKeyId') AS access_key_id,
    max(json_extract_scalar(opened_response_elements, '$.accessKey.userName')) AS owner,
    min(event_time) AS created_at,
    max(actor) AS created_by
  FROM span
  WHERE event_name = 'CreateAccessKey'
    AND error_code IS NULL
  GROUP BY account_id, json_extract_scalar(opened_response_elements, '$.accessKey.accessKeyId')
),
told AS (
  SELECT
    account_id,
    json_extract_scalar(opened_request_parameters, '$.accessKeyId') AS access_key_id,
    max_by(coalesce(json_extract_scalar(opened_request_parameters, '$.status'), 'Deleted'), concat(event_time_text, event_id)) AS state
  FROM span
  WHERE event_name IN ('UpdateAccessKey', 'DeleteAccessKey')
    AND error_code IS NULL
  GROUP BY account_id, json_extract_scalar(opened_request_parameters, '$.accessKeyId')
),
keys AS (
  SELECT
    *,
    date_diff('day', coalesce(CAST(created_at AS date), first_used), :until) AS age_days
  FROM used
  FULL OUTER JOIN made USING (account_id, access_key_id)
)
SELECT
  account_id,
  accounts.name AS account_name,
  access_key_id,
  coalesce(keys.owner, used_by) AS owner,
  age_days,
  created_at,
  created_by,
  first_used,
  last_used,
  coalesce(days_used, 0) AS days_used,
  coalesce(state, 'Active') AS state
FROM keys
LEFT JOIN told USING (account_id, access_key_id)
LEFT JOIN accounts USING (account_id)
WHERE access_key_id IS NOT NULL
  AND age_days >= :min_age
ORDER BY age_days DESC, account_id, access_key_id
