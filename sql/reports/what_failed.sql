-- title = "What was refused"
-- doc = "The calls that failed most, by error and actor: denied ones are where an intruder feels his way."
-- grain = ["error_code", "actor", "event_name"]

SELECT
  error_code,
  actor,
  event_name,
  count(*) AS times,
  count(DISTINCT source_ip) AS addresses,
  max(event_time) AS last_time
FROM events
WHERE error_code IS NOT NULL
GROUP BY error_code, actor, event_name
ORDER BY times DESC, error_code, actor, event_name
LIMIT 10
