-- title = "Who changed what"
-- doc = "The actors that made the most changes, with what they changed; service noise left out."
-- grain = ["actor", "event_source", "event_name"]

SELECT
  actor,
  event_source,
  event_name,
  count(*) AS changes,
  min(event_time) AS first_time,
  max(event_time) AS last_time
FROM events
WHERE read_only = false
  AND management_event = true
  AND error_code IS NULL
  AND actor_type <> 'service'
GROUP BY actor, event_source, event_name
ORDER BY changes DESC, actor, event_source, event_name
LIMIT 10
