-- title = "Ingest: what became of every object"
-- doc = "One row per source object and generation: its records, what became of them, and how long it took from delivery to the tables."
-- grain = ["source", "key", "etag"]
-- tags = ["health", "compliance"]
-- [columns]
-- key_day = { type = "date", doc = "Day in the key: when the object was delivered." }
-- account_id = { type = "varchar", doc = "Account in the key." }
-- region = { type = "varchar", doc = "Region in the key." }
-- kind = { type = "varchar", doc = "Folder of the key: CloudTrail, CloudTrail-Insight, …" }
-- source = { type = "varchar", doc = "Where the object lies." }
-- key = { type = "varchar", doc = "Key of the object." }
-- etag = { type = "varchar", doc = "Its generation." }
-- state = { type = "varchar", doc = "done, quarantined or held." }
-- reason = { type = "varchar", doc = "Why it was quarantined." }
-- records = { type = "bigint", doc = "Records found in it." }
-- rows = { type = "bigint", doc = "Rows that it added." }
-- duplicates = { type = "bigint", doc = "Records that were there already." }
-- quarantined = { type = "bigint", doc = "Records that went to quarantine." }
-- conflicts = { type = "bigint", doc = "Rows flagged id_conflict." }
-- unaccounted = { type = "bigint", doc = "Records that are neither rows nor duplicates nor quarantined: 0, or something is wrong." }
-- delivered_at = { type = "timestamp(6)", doc = "When it was last written, as its store says, UTC." }
-- settled_at = { type = "timestamp(6)", doc = "When it was read, UTC." }
-- delay_seconds = { type = "bigint", doc = "From delivery to the tables." }
-- batch_id = { type = "varchar", doc = "The batch that settled it." }
-- batch_state = { type = "varchar", doc = "State of that batch." }

SELECT
  l.key_day,
  l.account_id,
  l.region,
  l.kind,
  l.source,
  l.key,
  l.etag,
  l.state,
  l.reason,
  l.records,
  l.rows,
  l.duplicates,
  l.quarantined,
  l.conflicts,
  l.records - l.rows - l.duplicates - l.quarantined AS unaccounted,
  l.modified AS delivered_at,
  l.settled_at,
  date_diff('second', l.modified, l.settled_at) AS delay_seconds,
  l.batch_id,
  b.state AS batch_state
FROM trailhouse_ops.ledger AS l
LEFT JOIN trailhouse_ops.batches AS b ON b.batch_id = l.batch_id
