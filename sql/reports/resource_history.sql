-- title = "What was done to a resource"
-- doc = "What was done to this resource, when, and by whom?"
-- why = "Tells how a resource came to be as it is: each call that names it anywhere in its parameters, its answer or its list of resources."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["investigation", "change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- resource = { type = "pattern", default = "*", doc = "What it was done to: a name, an id or an ARN, or a part of one such as *backup*." }
-- kind = { type = "pattern", default = "*", doc = "write or read; * for both." }

WITH calls AS (
  SELECT
    *,
    CASE
      WHEN coalesce(read_only, regexp_like(event_name, '^(Get|List|Describe|Head)'), false) THEN 'read'
      ELSE 'write'
    END AS kind
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND cardinality(filter(split(concat_ws(' ', resources, request_parameters, response_elements, '""'), '"'), part -> part LIKE :resource ESCAPE '!')) > 0
)
SELECT
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  kind,
  actor,
  actor_via AS via,
  source_ip,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  error_code,
  event_id
FROM calls
LEFT JOIN accounts USING (account_id)
WHERE kind LIKE :kind ESCAPE '!'
ORDER BY event_time, account_id, region, event_id, action, actor, source_ip
