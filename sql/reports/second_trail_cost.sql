-- title = "What is delivered more than once"
-- doc = "How many records were delivered more than once, into which folders, and what do these copies cost?"
-- why = "Only the first copy of management events is free: where every record comes twice, a second trail records the same, and one of the two can go. The folder is that of the copy that came later; AWS's own redeliveries are among them, few and free."
-- grain = ["month", "account_id", "kind", "folder"]
-- tags = ["cost"]
-- [params]
-- since = { type = "date", default = "-90d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- price = { type = "number", default = "2.00", doc = "Dollars for 100,000 management events of a further copy." }

WITH counted AS (
  SELECT
    CAST(date_trunc('month', key_day) AS date) AS month,
    account_id,
    kind,
    concat(source, '/', coalesce(regexp_extract(key, '^(.*AWSLogs/(o-[a-z0-9]+/)?)', 1), '')) AS folder,
    count(*) AS objects,
    sum(records) AS records,
    sum(duplicates) AS duplicates
  FROM ingest_accounting
  WHERE key_day BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY 1, 2, 3, 4
)
SELECT
  month,
  account_id,
  accounts.name AS account_name,
  kind,
  folder,
  objects,
  records,
  duplicates,
  round(100.0 * CAST(duplicates AS double) / nullif(records, 0), 1) AS duplicates_percent,
  round(CAST(:price AS double) * CAST(duplicates AS double) / 100000, 4) AS dollars
FROM counted
LEFT JOIN accounts USING (account_id)
WHERE duplicates > 0
ORDER BY month DESC, dollars DESC, account_id, kind, folder
