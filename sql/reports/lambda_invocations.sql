-- title = "Who invoked which function"
-- doc = "Which functions were invoked, by whom or by what, from how many addresses, and how often in vain?"
-- why = "An invocation by somebody who is not the function's service is a test or an abuse. Only the functions whose data events are recorded are here."
-- grain = ["account_id", "region", "function_arn", "actor", "source_arn"]
-- tags = ["data", "investigation"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- function = { type = "pattern", default = "*", doc = "The function: its ARN, or a part such as *orders*." }

WITH calls AS (
  SELECT
    account_id,
    region,
    function_arn,
    coalesce(principal, actor) AS caller,
    max(actor_type) AS caller_type,
    via,
    source_arn,
    count(*) AS calls,
    count(error_code) AS errors,
    count(DISTINCT source_ip) AS addresses,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM function_invocations
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND coalesce(function_arn, '') LIKE :function ESCAPE '!'
  GROUP BY 1, 2, 3, 4, 6, 7
)
SELECT
  account_id,
  accounts.name AS account_name,
  region,
  function_arn,
  caller,
  caller_type,
  via,
  source_arn,
  calls,
  errors,
  addresses,
  first_at,
  last_at
FROM calls
LEFT JOIN accounts USING (account_id)
ORDER BY account_id, region, function_arn, calls DESC, caller, via, source_arn
