-- title = "CIS monitoring: how often each control was met"
-- doc = "Which of the 15 events that the CIS benchmark wants watched have happened, how often, where and when last?"
-- why = "What an auditor of the CIS AWS Foundations Benchmark asks for in its chapter on monitoring; `literal` counts by the benchmark's own pattern, `strict` by what it means. The events themselves are in the view `cis_controls`."
-- grain = ["account_id", "control", "form"]
-- tags = ["compliance", "detection"]
-- [params]
-- since = { type = "date", default = "-30d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH counted AS (
  SELECT
    account_id,
    control,
    title,
    form,
    count(*) AS events,
    count(error_code) AS errors,
    count(DISTINCT actor) AS actors,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM cis_controls
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY account_id, control, title, form
)
SELECT
  account_id,
  accounts.name AS account_name,
  control,
  title,
  form,
  events,
  errors,
  actors,
  first_at,
  last_at
FROM counted
LEFT JOIN accounts USING (account_id)
ORDER BY account_id, CAST(split_part(control, '.', 2) AS integer), form
