-- title = "Changes to volumes and snapshots"
-- doc = "Which volumes and snapshots were made, changed, shared or deleted, and by whom?"
-- why = "A snapshot that is shared with a stranger or with `all` is a copy of the disk in his hands; deleted ones are backups that are gone."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change", "data"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- resource = { type = "pattern", default = "*", doc = "A volume or a snapshot: its id." }

SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  via,
  source_ip,
  action,
  resource,
  json_extract_scalar(request_parameters, '$.encrypted') AS encrypted,
  nullif(
    array_join(
      transform(
        TRY(CAST(json_extract(request_parameters, '$.createVolumePermission.add.items') AS ARRAY(JSON))),
        x -> coalesce(json_extract_scalar(x, '$.group'), json_extract_scalar(x, '$.userId'))
      ),
      ', '
    ),
    ''
  ) AS shared_with,
  outcome,
  event_id
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND service = 'ec2'
  AND regexp_like(action, 'Volume|Snapshot')
  AND cardinality(filter(split(mentions, '"'), part -> part LIKE :resource ESCAPE '!')) > 0
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
