-- title = "Records of one event that say different things"
-- doc = "One row per record that has the account, region and event id of another and differs from it, beside the one that was here first."
-- grain = ["account_id", "region", "event_id", "later_content_hash"]
-- tags = ["health", "detection"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day that the later record claims." }
-- event_time = { type = "timestamp(6)", doc = "When, as the later record says." }
-- account_id = { type = "varchar", doc = "Account that both claim." }
-- account_name = { type = "varchar", doc = "What people call the account." }
-- region = { type = "varchar", doc = "Region that both claim." }
-- event_id = { type = "varchar", doc = "Identifier that both claim." }
-- first_event_time = { type = "timestamp(6)", doc = "When, as the first record says; this and what follows is NULL where no first one is left." }
-- first_actor = { type = "varchar", doc = "Who, as the first record says." }
-- later_actor = { type = "varchar", doc = "Who, as the later record says." }
-- first_action = { type = "varchar", doc = "What, as the first record says." }
-- later_action = { type = "varchar", doc = "What, as the later record says." }
-- first_source = { type = "varchar", doc = "Bucket or folder that the first came from." }
-- later_source = { type = "varchar", doc = "Bucket or folder that the later came from." }
-- first_object = { type = "varchar", doc = "Object that delivered the first." }
-- later_object = { type = "varchar", doc = "Object that delivered the later." }
-- first_record_index = { type = "integer", doc = "Place of the first in its object." }
-- later_record_index = { type = "integer", doc = "Place of the later in its object." }
-- first_batch_id = { type = "varchar", doc = "Batch that published the first." }
-- later_batch_id = { type = "varchar", doc = "Batch that published the later." }
-- first_flags = { type = "array(varchar)", doc = "What was odd about the first." }
-- later_flags = { type = "array(varchar)", doc = "What was odd about the later." }
-- later_addendum = { type = "varchar", doc = "Why AWS sent it again, if it says so." }
-- first_content_hash = { type = "bigint", doc = "Hash of the first record's bytes." }
-- later_content_hash = { type = "bigint", doc = "Hash of the later record's bytes." }

WITH later AS (
  SELECT
    *
  FROM events
  WHERE contains(parse_flags, 'id_conflict')
),
first_ones AS (
  SELECT
    *
  FROM events
  WHERE NOT coalesce(contains(parse_flags, 'id_conflict'), false)
)
SELECT
  later.event_date,
  later.event_time,
  later.account_id,
  accounts.name AS account_name,
  later.region,
  later.event_id,
  first_ones.event_time AS first_event_time,
  first_ones.actor AS first_actor,
  later.actor AS later_actor,
  first_ones.event_name AS first_action,
  later.event_name AS later_action,
  first_ones.source AS first_source,
  later.source AS later_source,
  first_ones.source_object AS first_object,
  later.source_object AS later_object,
  first_ones.record_index AS first_record_index,
  later.record_index AS later_record_index,
  first_ones.batch_id AS first_batch_id,
  later.batch_id AS later_batch_id,
  first_ones.parse_flags AS first_flags,
  later.parse_flags AS later_flags,
  later.addendum AS later_addendum,
  first_ones.content_hash AS first_content_hash,
  later.content_hash AS later_content_hash
FROM later
LEFT JOIN first_ones
  ON first_ones.account_id = later.account_id AND first_ones.region = later.region AND first_ones.event_id = later.event_id
LEFT JOIN accounts ON accounts.account_id = later.account_id
