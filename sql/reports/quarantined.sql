-- title = "What could not become a row"
-- doc = "Which objects and records could not be read into the lake, why, and what can still be told of them?"
-- why = "What is here is in no other report: a broken file may hide what it held. See `trailhouse quarantine` for the bytes, and `retry` once the reason is gone."
-- grain = ["account_id", "kind", "reason", "key"]
-- tags = ["health", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- reason = { type = "pattern", default = "*", doc = "Why, as a fixed word." }

SELECT
  key_day,
  account_id,
  region,
  kind,
  reason,
  source,
  key,
  count(*) AS pieces,
  count(record_index) AS records,
  sum(raw_size) AS bytes,
  nullif(array_join(array_sort(array_agg(DISTINCT event_name)), ', '), '') AS actions,
  nullif(array_join(array_sort(array_agg(DISTINCT identity_arn)), ', '), '') AS identities
FROM trailhouse_ops.quarantine
WHERE key_day BETWEEN :since AND :until
  AND account_id LIKE :account
  AND reason LIKE :reason ESCAPE '!'
GROUP BY key_day, account_id, region, kind, reason, source, key
ORDER BY key_day DESC, account_id, region, kind, key, reason
