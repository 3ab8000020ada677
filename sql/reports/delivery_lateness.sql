-- title = "How late AWS delivered"
-- doc = "How long after the call did AWS deliver its event, and how many events came later than expected?"
-- why = "About five minutes are usual, and nothing is promised: what is asked for the last minutes is answered without the events that are still on their way. The time of delivery is that in the file's name."
-- grain = ["event_date", "account_id", "region"]
-- tags = ["health"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }

WITH delays AS (
  SELECT
    event_date,
    account_id,
    region,
    date_diff(
      'minute', event_time,
      TRY(date_parse(regexp_extract(source_object, '_([0-9]{8}T[0-9]{4})Z_', 1), '%Y%m%dT%H%i'))
    ) AS minutes
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
)
SELECT
  event_date,
  account_id,
  accounts.name AS account_name,
  region,
  count(*) AS events,
  round(avg(CAST(minutes AS double)), 1) AS minutes_on_average,
  max(minutes) AS minutes_at_most,
  count(CASE WHEN minutes > 5 THEN 1 END) AS after_5_minutes,
  count(CASE WHEN minutes > 15 THEN 1 END) AS after_15_minutes,
  count(CASE WHEN minutes > 60 THEN 1 END) AS after_an_hour,
  count(CASE WHEN minutes > 1440 THEN 1 END) AS after_a_day
FROM delays
LEFT JOIN accounts USING (account_id)
GROUP BY event_date, account_id, accounts.name, region
ORDER BY event_date DESC, account_id, region
