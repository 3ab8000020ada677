-- title = "Access keys and how they were used"
-- doc = "Which access keys were used, by whom, how much, for which services and from how many addresses?"
-- why = "An overview before the details of `key_activity`: long-lived keys (AKIA…) that are used little can be deleted, and one used from many addresses may have leaked."
-- grain = ["account_id", "access_key_id"]
-- tags = ["identity", "investigation"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- key = { type = "pattern", default = "AKIA*", doc = "The key's id; * for all, temporary ones too." }

WITH uses AS (
  SELECT
    account_id,
    identity_access_key_id AS access_key_id,
    max(actor) AS actor,
    count(*) AS calls,
    count(error_code) AS errors,
    count(DISTINCT event_date) AS days_used,
    count(DISTINCT source_ip) AS addresses,
    nullif(array_join(array_sort(array_agg(DISTINCT split_part(event_source, '.', 1))), ', '), '') AS services,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND identity_access_key_id LIKE :key ESCAPE '!'
    AND identity_access_key_id <> ''
  GROUP BY account_id, identity_access_key_id
)
SELECT
  account_id,
  accounts.name AS account_name,
  access_key_id,
  CASE substr(access_key_id, 1, 4) WHEN 'AKIA' THEN 'long-lived' WHEN 'ASIA' THEN 'temporary' ELSE 'other' END AS kind,
  actor,
  calls,
  errors,
  days_used,
  addresses,
  services,
  first_at,
  last_at
FROM uses
LEFT JOIN accounts USING (account_id)
ORDER BY calls DESC, account_id, access_key_id
