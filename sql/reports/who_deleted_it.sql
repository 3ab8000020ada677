-- title = "What was deleted or switched off, and by whom"
-- doc = "Which deletions, terminations and switched-off protections went through, or were tried, and who made them?"
-- why = "The first question of most incidents; and whoever covers his tracks deletes something."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["investigation", "change"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- resource = { type = "pattern", default = "*", doc = "What was deleted: its name or ARN, or a part of it such as *backup*." }

SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  source_ip,
  service,
  action,
  resource,
  outcome,
  event_id
FROM actions
WHERE event_date BETWEEN :since AND :until
  AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
  AND cardinality(filter(split(mentions, '"'), part -> part LIKE :resource ESCAPE '!')) > 0
  AND service_noise = false
  AND (
    regexp_like(action, '^(Delete|Terminate|Stop|Disable|ScheduleKeyDeletion|Deregister|Detach|Disassociate|Remove|Purge|Revoke)')
    OR regexp_like(action, '^(Release|Close|Leave|Suspend|BatchDelete|BatchDisable|BatchDisassociate|BatchDetach|Modify|Update|Put)')
  )
  -- What is only changed counts where that switches off what kept it from being deleted.
  AND (
    NOT regexp_like(action, '^(Modify|Update|Put)')
    OR regexp_like(request_parameters, '"(deletionProtection|deletionProtectionEnabled|enableTerminationProtection)" *: *false|"Status" *: *"Suspended"')
    OR regexp_like(request_parameters, '"disableApiTermination" *: *[{] *"value" *: *false|"deletion_protection.enabled"[^}]*"false"')
  )
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip
