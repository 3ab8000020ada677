-- title = "Who read far more from S3 than before"
-- doc = "Which users and roles had S3 send them far more bytes in a day than they used to?"
-- why = "Data leaves in bulk: a day of many times the usual bytes is a new job, or theft. The objects are in the view `object_access`, of the buckets whose data events are recorded."
-- grain = ["account_id", "event_date", "principal"]
-- tags = ["detection", "data"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- baseline = { type = "integer", default = "30", doc = "Days before the first one that count as the past." }
-- min_bytes = { type = "integer", default = "100000000", doc = "Only days of at least so many bytes." }
-- ratio = { type = "number", default = "3", doc = "Only days of at least so many times the usual bytes." }

WITH days AS (
  SELECT
    account_id,
    principal,
    event_date,
    event_date < :since AS past,
    sum(CAST(bytes_out AS decimal(38, 0))) AS bytes_out,
    count(*) AS calls,
    count(DISTINCT bucket) AS buckets,
    count(DISTINCT source_ip) AS addresses
  FROM object_access
  WHERE event_date BETWEEN date_add('day', -:baseline, :since) AND :until
    AND account_id LIKE :account
  GROUP BY 1, 2, 3, 4
),
compared AS (
  SELECT
    *,
    coalesce(avg(CASE WHEN past THEN CAST(bytes_out AS double) END) OVER (PARTITION BY account_id, principal), 0) AS usual_bytes_out
  FROM days
)
SELECT
  event_date,
  account_id,
  accounts.name AS account_name,
  principal,
  bytes_out,
  round(usual_bytes_out) AS usual_bytes_out,
  round(CAST(bytes_out AS double) / nullif(usual_bytes_out, 0), 1) AS ratio,
  calls,
  buckets,
  addresses
FROM compared
LEFT JOIN accounts USING (account_id)
WHERE NOT past
  AND bytes_out >= :min_bytes
  AND CAST(bytes_out AS double) >= :ratio * usual_bytes_out
ORDER BY bytes_out DESC, event_date, account_id, principal
