-- title = "What trailhouse verify found"
-- doc = "Which log files and digests are not valid, and what times does no digest tell of?"
-- why = "The worst first: `invalid` was changed, `missing` was there and is gone, `unlisted` is a file that CloudTrail did not deliver, `unexplained` a silence without a call that explains it; `unchecked` could not be looked at. `ingested` says whether what was changed is in the lake: see `unproven_events`."
-- grain = ["what", "source", "key", "window_start"]
-- tags = ["compliance", "detection"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC) of delivery; a gap that reaches into it counts." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- what = { type = "pattern", default = "*", doc = "log_file, digest or gap." }
-- verdict = { type = "pattern", default = "*", doc = "invalid, missing, unlisted, unexplained or unchecked." }
-- top = { type = "integer", default = "1000", doc = "How many lines, the worst first." }

WITH found AS (
  SELECT
    'log_file' AS what,
    verdict,
    key_day,
    account_id,
    region,
    CAST(NULL AS varchar) AS trail,
    CAST(NULL AS timestamp(6)) AS window_start,
    CAST(NULL AS timestamp(6)) AS window_end,
    source,
    key,
    checks,
    said,
    ingested,
    listed_by,
    checked_at
  FROM integrity
  WHERE key_day BETWEEN :since AND :until
  UNION ALL
  SELECT
    what,
    verdict,
    key_day,
    account_id,
    region,
    trail,
    window_start,
    window_end,
    source,
    key,
    checks,
    said,
    CAST(NULL AS varchar) AS ingested,
    CAST(NULL AS varchar) AS listed_by,
    checked_at
  FROM digests
  WHERE key_day BETWEEN :since AND :until
    OR (key_day < :since AND CAST(window_end AS date) >= :since)
)
SELECT
  verdict,
  what,
  key_day,
  found.account_id,
  accounts.name AS account_name,
  region,
  trail,
  window_start,
  window_end,
  source,
  key,
  array_join(checks, ', ') AS checks,
  said,
  ingested,
  listed_by,
  checked_at
FROM found
LEFT JOIN accounts ON accounts.account_id = found.account_id
WHERE found.account_id LIKE :account
  AND verdict <> 'valid'
  AND verdict LIKE :verdict ESCAPE '!'
  AND what LIKE :what ESCAPE '!'
ORDER BY
  CASE verdict WHEN 'invalid' THEN 1 WHEN 'missing' THEN 2 WHEN 'unlisted' THEN 3 WHEN 'unexplained' THEN 4 ELSE 5 END,
  key_day DESC,
  account_id,
  region,
  what,
  key,
  window_start,
  source
LIMIT :top
