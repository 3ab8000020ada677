-- title = "Integrity: what each event is worth as evidence"
-- doc = "One row per event: whether the bytes that it was ingested from are those that CloudTrail signed. What became of the log file afterwards changes nothing, and a file that was put right after its ingest is no excuse."
-- grain = ["source", "source_object", "record_index", "batch_id"]
-- tags = ["compliance", "investigation"]
-- [columns]
-- account_id = { type = "varchar", doc = "Account that received the event." }
-- region = { type = "varchar", doc = "Region of the event." }
-- event_date = { type = "date", doc = "UTC day of the event." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }
-- event_source = { type = "varchar", doc = "Service that was called." }
-- event_name = { type = "varchar", doc = "What was called." }
-- actor = { type = "varchar", doc = "Who did it, as one text." }
-- source = { type = "varchar", doc = "Where the log file lies." }
-- source_object = { type = "varchar", doc = "Key of the log file." }
-- record_index = { type = "integer", doc = "Place of the record in it, from 0." }
-- batch_id = { type = "varchar", doc = "The batch that published the row." }
-- verdict = { type = "varchar", doc = "valid, unchecked, unlisted (digests tell of that time, and none lists the file) or invalid." }
-- reason = { type = "varchar", doc = "Why it is not valid, in a word: not_verified (verify has not seen the file), not_in_ledger (no hash of what was ingested is known), not_listed, hash, digest_not_sound, or a check of the table integrity; NULL for what is valid." }
-- listed_by = { type = "varchar", doc = "Key of the digest that lists the file." }
-- checked_at = { type = "timestamp(6)", doc = "When trailhouse verify last read the file, UTC." }

WITH fed AS (
  SELECT
    source,
    key,
    batch_id,
    -- Of two generations in one batch nobody can say which one a row is of.
    CASE
      WHEN min(coalesce(sha256, '')) = max(coalesce(sha256, '')) THEN nullif(min(sha256), '')
    END AS sha256
  FROM trailhouse_ops.ledger
  WHERE state = 'done'
  GROUP BY source, key, batch_id
),
numbered AS (
  SELECT
    source,
    key,
    verdict,
    checks,
    listed_sha256,
    listed_by,
    evidence,
    checked_at,
    row_number() OVER (PARTITION BY source, key ORDER BY checked_at DESC NULLS LAST, verdict) AS place
  FROM integrity
),
verified AS (
  SELECT
    source,
    key,
    listed_sha256,
    listed_by,
    evidence,
    checked_at,
    -- What no digest lists is held against nothing: it is what the file is, and never valid.
    CASE WHEN verdict IN ('unlisted', 'unchecked', 'invalid') THEN verdict ELSE 'unchecked' END AS own_verdict,
    CASE
      WHEN verdict IN ('unlisted', 'unchecked', 'invalid') THEN element_at(checks, 1)
      ELSE 'not_listed'
    END AS own_reason,
    -- What is wrong with the listing itself, whatever the hash.
    element_at(filter(checks, word -> word IN ('account', 'algorithm', 'listed_twice')), 1) AS mislisted
  FROM numbered
  WHERE place = 1
)
SELECT
  events.account_id,
  events.region,
  events.event_date,
  events.event_time,
  events.event_id,
  events.event_source,
  events.event_name,
  events.actor,
  events.source,
  events.source_object,
  events.record_index,
  events.batch_id,
  CASE
    WHEN verified.key IS NULL OR fed.sha256 IS NULL THEN 'unchecked'
    WHEN verified.listed_sha256 IS NULL THEN verified.own_verdict
    WHEN verified.mislisted IS NOT NULL OR fed.sha256 <> verified.listed_sha256 THEN 'invalid'
    WHEN verified.evidence = 'valid' THEN 'valid'
    ELSE 'unchecked'
  END AS verdict,
  CASE
    WHEN verified.key IS NULL THEN 'not_verified'
    WHEN fed.sha256 IS NULL THEN 'not_in_ledger'
    WHEN verified.listed_sha256 IS NULL THEN verified.own_reason
    WHEN verified.mislisted IS NOT NULL THEN verified.mislisted
    WHEN fed.sha256 <> verified.listed_sha256 THEN 'hash'
    WHEN verified.evidence = 'valid' THEN NULL
    ELSE 'digest_not_sound'
  END AS reason,
  verified.listed_by,
  verified.checked_at
FROM events
LEFT JOIN fed
  ON fed.source = events.source AND fed.key = events.source_object AND fed.batch_id = events.batch_id
LEFT JOIN verified ON verified.source = events.source AND verified.key = events.source_object
