-- title = "Calls that were refused, and why"
-- doc = "One row per call that was refused for want of permission, with what its message tells of the reason. What VPC endpoints refuse is in `network_denials`."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["identity", "detection"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day of the call." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- account_id = { type = "varchar", doc = "Account in whose log it is." }
-- account_name = { type = "varchar", doc = "What people call the account." }
-- region = { type = "varchar", doc = "Region that the call was made to." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }
-- actor = { type = "varchar", doc = "Who called." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, service, root, …" }
-- actor_account_id = { type = "varchar", doc = "Account that the actor belongs to." }
-- via = { type = "varchar", doc = "Service that made the call with the actor's rights." }
-- access_key_id = { type = "varchar", doc = "Access key that signed the call." }
-- source_ip = { type = "varchar", doc = "Where the call came from." }
-- user_agent = { type = "varchar", doc = "What the caller said it was." }
-- service = { type = "varchar", doc = "Service that was called." }
-- action = { type = "varchar", doc = "What was called." }
-- needed_action = { type = "varchar", doc = "Permission that was missing, such as s3:DeleteBucket; not always that of the call." }
-- needed_resource = { type = "varchar", doc = "What it was missing for." }
-- reason = { type = "varchar", doc = "explicit deny, nothing allows, encoded (`aws sts decode-authorization-message` opens it); NULL where the message doesn't tell." }
-- policy_type = { type = "varchar", doc = "Kind of policy that denies, or that would have to allow." }
-- error_code = { type = "varchar", doc = "The error." }
-- error_message = { type = "varchar", doc = "Its text." }

WITH refused AS (
  SELECT
    *
  FROM events
  WHERE regexp_like(error_code, '^(Client[.])?(AccessDenied|Unauthorized|NotAuthorized|Forbidden|Authorization|AuthFailure|InsufficientPrivileges)')
    -- Whatever its code: a role that may not be passed on is an invalid parameter to some services.
    OR error_message LIKE '%not authorized to perform%'
)
SELECT
  event_date,
  event_time,
  refused.account_id,
  accounts.name AS account_name,
  region,
  event_id,
  actor,
  actor_type,
  actor_account_id,
  actor_via AS via,
  identity_access_key_id AS access_key_id,
  source_ip,
  user_agent,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  nullif(regexp_extract(error_message, 'not authorized to perform:? ([a-zA-Z0-9-]+:[a-zA-Z0-9*]+)', 1), '') AS needed_action,
  nullif(regexp_extract(error_message, ' on resource:? "?([^ "]+)', 1), '') AS needed_resource,
  CASE
    WHEN error_message LIKE '%explicit deny%' THEN 'explicit deny'
    WHEN regexp_like(error_message, 'because no .* allows') THEN 'nothing allows'
    WHEN error_message LIKE '%Encoded authorization failure message%' THEN 'encoded'
  END AS reason,
  nullif(
    regexp_extract(
      error_message,
      '(identity-based policy|resource-based policy|service control policy|resource control policy|session policy|permissions boundary|VPC endpoint policy|role trust policy)',
      1
    ),
    ''
  ) AS policy_type,
  error_code,
  error_message
FROM refused
LEFT JOIN accounts ON accounts.account_id = refused.account_id
