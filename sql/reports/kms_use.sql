-- title = "Who used which key, and for which service"
-- doc = "Which keys were used to encrypt, decrypt, sign or verify, by whom, how often, and for which service?"
-- why = "Who decrypts has the data: a name that doesn't belong to a key's data is a leak or a grant too many; a key that nobody uses can be disabled, and then deleted."
-- grain = ["account_id", "region", "key_arn", "actor", "via", "operation"]
-- tags = ["data", "identity"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- key = { type = "pattern", default = "*", doc = "The key, or one of two that a call uses: its ARN, or a part such as *1234abcd*." }

WITH uses AS (
  SELECT
    account_id,
    region,
    key_arn,
    actor,
    via,
    operation,
    count(*) AS calls,
    count(error_code) AS errors,
    count(DISTINCT source_ip) AS addresses,
    min(event_time) AS first_at,
    max(event_time) AS last_at
  FROM key_usage
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
    -- Of two keys that a call uses, key_arn is the first.
    AND cardinality(filter(split(mentions, '"'), part -> part LIKE :key ESCAPE '!')) > 0
    AND kind = 'use'
  GROUP BY account_id, region, key_arn, actor, via, operation
)
SELECT
  account_id,
  accounts.name AS account_name,
  region,
  key_arn,
  actor,
  via,
  operation,
  calls,
  errors,
  addresses,
  first_at,
  last_at
FROM uses
LEFT JOIN accounts USING (account_id)
ORDER BY account_id, region, key_arn, calls DESC, actor, via, operation
