-- title = "What became of what was delivered"
-- doc = "How many objects and records were delivered each day, and how many became rows, were there already, could not be read, or wait for a decision?"
-- why = "Every record must be accounted for: `unaccounted` other than 0 is a defect; `held` waits for somebody to release or discard the batch; `quarantined` is in the report of that name."
-- grain = ["key_day", "account_id", "kind", "state"]
-- tags = ["health", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH counted AS (
  SELECT
    key_day,
    account_id,
    kind,
    state,
    count(*) AS objects,
    sum(records) AS records,
    sum(rows) AS rows,
    sum(duplicates) AS duplicates,
    sum(quarantined) AS quarantined,
    sum(conflicts) AS conflicts,
    sum(unaccounted) AS unaccounted
  FROM ingest_accounting
  WHERE key_day BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY key_day, account_id, kind, state
)
SELECT
  key_day,
  account_id,
  accounts.name AS account_name,
  kind,
  state,
  objects,
  records,
  counted.rows AS rows,
  duplicates,
  quarantined,
  conflicts,
  unaccounted
FROM counted
LEFT JOIN accounts USING (account_id)
ORDER BY key_day DESC, account_id, kind, state
