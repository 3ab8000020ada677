-- title = "What an access key did"
-- doc = "Which services and actions was this access key used for, from which addresses, day by day?"
-- why = "When a key has leaked, this is what whoever holds it has done; an address that isn't yours dates the leak."
-- grain = ["account_id", "event_date", "access_key_id", "service", "action", "source_ip"]
-- tags = ["investigation", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- key = { type = "pattern", default = "AKIA*", doc = "The key's id; * for all, temporary ones too." }

WITH uses AS (
  SELECT
    account_id,
    event_date,
    identity_access_key_id AS access_key_id,
    split_part(event_source, '.', 1) AS service,
    event_name AS action,
    source_ip,
    max(actor) AS actor,
    count(*) AS calls,
    count(error_code) AS errors,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    AND identity_access_key_id LIKE :key ESCAPE '!'
    AND identity_access_key_id <> ''
  GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
  event_date,
  account_id,
  accounts.name AS account_name,
  access_key_id,
  actor,
  service,
  action,
  source_ip,
  calls,
  errors,
  first_at,
  last_at
FROM uses
LEFT JOIN accounts USING (account_id)
ORDER BY event_date, account_id, access_key_id, first_at, service, action, source_ip
