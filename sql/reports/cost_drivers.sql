-- title = "What CloudTrail is paid for"
-- doc = "Which calls, of which services and by whom, cause the most events, and what do they cost?"
-- why = "A few noisy callers usually make most of the bill: leave their data events out by selectors, or make them call less. The first copy of management events is free; prices differ by region and year, so check them."
-- grain = ["account_id", "category", "service", "action", "principal"]
-- tags = ["cost"]
-- [params]
-- since = { type = "date", default = "-30d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- data_price = { type = "number", default = "0.10", doc = "Dollars for 100,000 data events." }
-- network_price = { type = "number", default = "0.10", doc = "Dollars for 100,000 network activity events." }
-- management_price = { type = "number", default = "2.00", doc = "Dollars for 100,000 management events of a further copy." }
-- further_copies = { type = "integer", default = "0", doc = "How many trails beside the first record management events." }
-- top = { type = "integer", default = "100", doc = "How many lines." }

WITH counted AS (
  SELECT
    account_id,
    CASE
      WHEN coalesce(event_category, event_type) IN ('NetworkActivity', 'AwsVpceEvent', 'AwsVpceEvents') THEN 'network'
      WHEN event_category = 'Data' THEN 'data'
      WHEN NOT management_event THEN 'data'
      ELSE 'management'
    END AS category,
    split_part(event_source, '.', 1) AS service,
    event_name AS action,
    coalesce(session_issuer_arn, identity_arn, identity_invoked_by, identity_principal_id) AS principal,
    count(*) AS events
  FROM events
  WHERE event_date BETWEEN :since AND :until
    AND account_id LIKE :account
  GROUP BY 1, 2, 3, 4, 5
),
priced AS (
  SELECT
    *,
    CASE category
      WHEN 'data' THEN CAST(:data_price AS double)
      WHEN 'network' THEN CAST(:network_price AS double)
      ELSE :further_copies * CAST(:management_price AS double)
    END * events / 100000 AS dollars
  FROM counted
)
SELECT
  account_id,
  accounts.name AS account_name,
  category,
  service,
  action,
  principal,
  events,
  round(dollars, 4) AS dollars,
  round(100.0 * CAST(events AS double) / sum(events) OVER (), 1) AS events_percent
FROM priced
LEFT JOIN accounts USING (account_id)
ORDER BY dollars DESC, events DESC, account_id, category, service, action, principal
LIMIT :top
