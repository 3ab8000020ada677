-- title = "Who did it"
-- doc = "Which changes match this action, resource, actor and address, and who made them?"
-- why = "The question at three in the morning; the access key and the address lead on to `key_activity` and to what else came from there."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["investigation", "change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- action = { type = "pattern", default = "*", doc = "What was called, such as *Bucket*." }
-- resource = { type = "pattern", default = "*", doc = "What it was done to: a name, an id or an ARN, or a part of one such as *backup*." }
-- actor = { type = "pattern", default = "*", doc = "Who, such as *alice*." }
-- address = { type = "pattern", default = "*", doc = "Where from, such as 192.0.2.*." }

SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  via,
  access_key_id,
  source_ip,
  service,
  action,
  resource,
  outcome,
  event_id
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND coalesce(action, '') LIKE :action ESCAPE '!'
  AND cardinality(filter(split(mentions, '"'), part -> part LIKE :resource ESCAPE '!')) > 0
  AND coalesce(actor, '') LIKE :actor ESCAPE '!'
  AND coalesce(source_ip, '') LIKE :address ESCAPE '!'
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
