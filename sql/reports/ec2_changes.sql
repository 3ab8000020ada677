-- title = "Changes to EC2 instances"
-- doc = "Which instances, images and launch templates were made, changed, stopped or terminated, and by whom?"
-- why = "Unexpected large instances are the usual sign of stolen credentials; a terminated one is the usual outage."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- resource = { type = "pattern", default = "*", doc = "An instance, an image, …: its id." }

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
  coalesce(
    json_extract_scalar(request_parameters, '$.instanceType'),
    json_extract_scalar(request_parameters, '$.instanceType.value')
  ) AS instance_type,
  json_extract_scalar(request_parameters, '$.instancesSet.items[0].imageId') AS image,
  json_extract_scalar(request_parameters, '$.instancesSet.items[0].maxCount') AS how_many,
  outcome,
  error_code,
  event_id
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND service = 'ec2'
  AND regexp_like(action, 'Instance|Image|KeyPair|LaunchTemplate|Fleet')
  AND cardinality(filter(split(mentions, '"'), part -> part LIKE :resource ESCAPE '!')) > 0
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
