-- title = "Calls that a VPC endpoint refused"
-- doc = "One row per call that the policy of a VPC endpoint refused, as the owner of the endpoint saw it."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["network", "detection"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day of the call." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- account_id = { type = "varchar", doc = "Account in whose log it is." }
-- account_name = { type = "varchar", doc = "What people call the account." }
-- region = { type = "varchar", doc = "Region that the call was made to." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }
-- endpoint = { type = "varchar", doc = "VPC endpoint that refused." }
-- endpoint_account_id = { type = "varchar", doc = "Its owner; not always an account's number." }
-- caller = { type = "varchar", doc = "Who called; of a foreign account only the principal's id is told." }
-- caller_type = { type = "varchar", doc = "What kind of actor: user, role, account, …" }
-- caller_account_id = { type = "varchar", doc = "Account of the caller, where it is told." }
-- foreign_caller = { type = "boolean", doc = "Whether the caller's account is another than the endpoint's owner; NULL where it isn't told." }
-- source_ip = { type = "varchar", doc = "Where the call came from." }
-- service = { type = "varchar", doc = "Service that was called." }
-- action = { type = "varchar", doc = "What was called." }
-- error_message = { type = "varchar", doc = "What was said of it." }
-- shared_event_id = { type = "varchar", doc = "Joins the copies in several accounts." }

SELECT
  event_date,
  event_time,
  events.account_id,
  accounts.name AS account_name,
  region,
  event_id,
  vpc_endpoint_id AS endpoint,
  vpc_endpoint_account_id AS endpoint_account_id,
  actor AS caller,
  actor_type AS caller_type,
  actor_account_id AS caller_account_id,
  actor_account_id <> vpc_endpoint_account_id AS foreign_caller,
  source_ip,
  split_part(event_source, '.', 1) AS service,
  event_name AS action,
  error_message,
  shared_event_id
FROM events
LEFT JOIN accounts ON accounts.account_id = events.account_id
WHERE error_code = 'VpceAccessDenied'
