-- title = "Events that are not proven"
-- doc = "Which events are not what CloudTrail signed, or can't be shown to be: who, what, when, and why not?"
-- why = "Before an event is shown to somebody as evidence, it must not be in here. `invalid` and `unlisted` come first: somebody may have written into the log files before they were ingested."
-- grain = ["source", "source_object", "record_index", "batch_id"]
-- tags = ["compliance", "investigation"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- verdict = { type = "pattern", default = "*", doc = "invalid, unlisted or unchecked." }
-- reason = { type = "pattern", default = "*", doc = "Why, as a fixed word such as hash." }
-- actor = { type = "pattern", default = "*", doc = "Who, such as *alice*." }
-- action = { type = "pattern", default = "*", doc = "What was called, such as *Bucket*." }
-- top = { type = "integer", default = "1000", doc = "How many lines, the worst first." }

WITH unproven AS (
  SELECT
    *
  FROM event_integrity
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND verdict <> 'valid'
    AND verdict LIKE :verdict ESCAPE '!'
    AND coalesce(reason, '') LIKE :reason ESCAPE '!'
    AND coalesce(actor, '') LIKE :actor ESCAPE '!'
    AND coalesce(event_name, '') LIKE :action ESCAPE '!'
)
SELECT
  verdict,
  reason,
  event_time,
  account_id,
  accounts.name AS account_name,
  region,
  actor,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  event_id,
  source,
  source_object,
  record_index,
  batch_id,
  listed_by,
  checked_at
FROM unproven
LEFT JOIN accounts USING (account_id)
ORDER BY
  CASE verdict WHEN 'invalid' THEN 1 WHEN 'unlisted' THEN 2 ELSE 3 END,
  event_time DESC,
  account_id,
  region,
  event_id,
  source,
  source_object,
  record_index,
  batch_id
LIMIT :top
