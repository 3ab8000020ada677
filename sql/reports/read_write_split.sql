-- title = "Reads and writes by service"
-- doc = "How many calls to each service only read, how many wrote, and how many failed?"
-- why = "Shows what an account is for: a service that is only read from needs no right to write, and where writes appear for the first time something has changed."
-- grain = ["account_id", "service"]
-- tags = ["cost", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH calls AS (
  SELECT
    account_id,
    split_part(event_source, '.', 1) AS service,
    count(*) AS calls,
    count(CASE WHEN read_only THEN 1 END) AS reads,
    count(CASE WHEN NOT read_only THEN 1 END) AS writes,
    count(error_code) AS errors
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY account_id, split_part(event_source, '.', 1)
)
SELECT
  account_id,
  accounts.name AS account_name,
  service,
  calls,
  reads,
  writes,
  calls - reads - writes AS unsaid,
  errors,
  round(100.0 * CAST(reads AS double) / calls, 1) AS reads_percent,
  round(100.0 * CAST(calls AS double) / sum(calls) OVER (PARTITION BY account_id), 1) AS calls_percent
FROM calls
LEFT JOIN accounts USING (account_id)
ORDER BY account_id, calls DESC, service
