-- title = "Who came in from another account"
-- doc = "Which principals of other accounts called which services here, or assumed which roles?"
-- why = "Each way in from another account should be one that you gave: an account that nobody knows (`from_name` is empty) and a role that it assumes are where to start."
-- grain = ["account_id", "from_account", "actor", "service", "role"]
-- tags = ["investigation", "identity", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH calls AS (
  SELECT
    account_id,
    actor_account_id AS from_account,
    actor,
    max(actor_type) AS kind,
    split_part(event_source, '.', 1) AS service,
    CASE event_name WHEN 'AssumeRole' THEN json_extract_scalar(opened_request_parameters, '$.roleArn') END AS role,
    nullif(array_join(array_sort(array_agg(DISTINCT event_name)), ', '), '') AS actions,
    count(*) AS calls,
    count(error_code) AS errors,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM events_json
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND actor_account_id <> account_id
    AND actor_type <> 'service'
  GROUP BY 1, 2, 3, 5, 6
),
others AS (
  SELECT
    account_id AS from_account,
    name AS from_name
  FROM accounts
)
SELECT
  account_id,
  accounts.name AS account_name,
  from_account,
  from_name,
  actor,
  kind,
  service,
  role,
  actions,
  calls,
  errors,
  first_at,
  last_at
FROM calls
LEFT JOIN others USING (from_account)
LEFT JOIN accounts USING (account_id)
ORDER BY account_id, from_account, actor, service, role
