-- title = "Unusual rates of calls and errors"
-- doc = "One row per anomaly that CloudTrail Insights found, its start and its end joined."
-- grain = ["account_id", "region", "anomaly_id"]
-- tags = ["detection"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day on which it began; of one whose start is not here, on which it ended." }
-- started_at = { type = "timestamp(6)", doc = "Minute in which it began, UTC; NULL where its start is not here." }
-- ended_at = { type = "timestamp(6)", doc = "Minute in which it ended, UTC; NULL while it is open, or its end is not here." }
-- account_id = { type = "varchar", doc = "Account that it was found in." }
-- account_name = { type = "varchar", doc = "What people call the account." }
-- region = { type = "varchar", doc = "Region." }
-- anomaly_id = { type = "varchar", doc = "What joins start and end: sharedEventID, else the record's own." }
-- kind = { type = "varchar", doc = "ApiCallRateInsight or ApiErrorRateInsight." }
-- service = { type = "varchar", doc = "Service whose calls were unusual." }
-- action = { type = "varchar", doc = "Action that was unusual." }
-- error_code = { type = "varchar", doc = "Error whose rate was unusual." }
-- baseline = { type = "double", doc = "Usual calls or errors per minute." }
-- at_start = { type = "double", doc = "Calls or errors per minute when it was noticed." }
-- on_average = { type = "double", doc = "Calls or errors per minute over all of it; known from its end." }
-- ratio = { type = "double", doc = "The rate (over all of it, else at its start) as a multiple of the usual; NULL where that was 0." }
-- minutes = { type = "double", doc = "How long it lasted: as its end says, else between start and end." }
-- attributions = { type = "varchar", doc = "Identities, user agents and errors that had the largest share, as JSON: over all of it, else at its start." }

WITH opened AS (
  SELECT
    *,
    json_format(json_extract(
      -- Trino's parser gives up, and the query with it, at names of 50,000 characters and at 1,000 levels; what is
      -- too deep has no state.
      CASE WHEN insight_state IS NULL THEN NULL ELSE CASE greatest(length(insight_details), 50000) WHEN 50000 THEN insight_details END END,
      '$.insightContext.attributions'
    )) AS shares
  FROM insight_events
),
anomalies AS (
  SELECT
    account_id,
    region,
    coalesce(shared_event_id, event_id) AS anomaly_id,
    min(event_date) AS event_date,
    min(CASE WHEN insight_state = 'Start' THEN event_time END) AS started_at,
    max(CASE WHEN insight_state = 'End' THEN event_time END) AS ended_at,
    max(insight_type) AS kind,
    max(insight_event_source) AS event_source,
    max(insight_event_name) AS action,
    max(insight_error_code) AS error_code,
    max(baseline_average) AS baseline,
    max(CASE WHEN insight_state = 'Start' THEN insight_average END) AS at_start,
    max(CASE WHEN insight_state = 'End' THEN insight_average END) AS on_average,
    max(insight_duration) AS duration,
    -- The end's are of all of it, the start's of its first minute.
    coalesce(max(CASE WHEN insight_state = 'End' THEN shares END), max(shares)) AS attributions
  FROM opened
  GROUP BY account_id, region, coalesce(shared_event_id, event_id)
)
SELECT
  event_date,
  started_at,
  ended_at,
  anomalies.account_id,
  accounts.name AS account_name,
  region,
  anomaly_id,
  kind,
  split_part(event_source, '.', 1) AS service,
  action,
  error_code,
  baseline,
  at_start,
  on_average,
  coalesce(on_average, at_start) / nullif(baseline, 0) AS ratio,
  coalesce(duration, date_diff('minute', started_at, ended_at)) AS minutes,
  attributions
FROM anomalies
LEFT JOIN accounts ON accounts.account_id = anomalies.account_id
