-- title = "Changes to security groups, rule by rule"
-- doc = "Which rules of security groups were added, changed or taken away, by whom, and which of them open a port to the whole world?"
-- why = "A port that is open to everybody is found by scanners within minutes: where `open_to_world` is true, ask the actor or take the rule back."
-- grain = ["account_id", "region", "event_id", "rule"]
-- tags = ["change", "network", "compliance"]
-- [params]
-- since = { type = "date", default = "-7d", doc = "First day (UTC)." }
-- until = { type = "date", default = "today", doc = "Last day (UTC)." }
-- account = { type = "account", default = "all", doc = "One account, or all." }
-- group = { type = "pattern", default = "*", doc = "A security group: its id." }

WITH changes AS (
  SELECT
    *,
    nullif(
      coalesce(
        TRY(CAST(json_extract(request_parameters, '$.ipPermissions.items') AS ARRAY(JSON))),
        TRY(CAST(json_extract(request_parameters, '$.ModifySecurityGroupRulesRequest.SecurityGroupRule') AS ARRAY(JSON))),
        ARRAY[json_extract(request_parameters, '$.ModifySecurityGroupRulesRequest.SecurityGroupRule')]
      ),
      ARRAY[]
    ) AS rules
  FROM actions
  WHERE event_date BETWEEN :since AND :until
    AND cardinality(filter(accounts, seen -> seen LIKE :account)) > 0
    AND service = 'ec2'
    AND action LIKE '%SecurityGroup%'
    AND cardinality(filter(split(mentions, '"'), part -> part LIKE :group ESCAPE '!')) > 0
),
each_rule AS (
  SELECT
    changes.*,
    number AS rule,
    coalesce(
      json_extract_scalar(rule_text, '$.ipProtocol'),
      json_extract_scalar(request_parameters, '$.ipProtocol'),
      json_extract_scalar(rule_text, '$.SecurityGroupRule.IpProtocol')
    ) AS protocol,
    coalesce(
      json_extract_scalar(rule_text, '$.fromPort'),
      json_extract_scalar(request_parameters, '$.fromPort'),
      json_extract_scalar(rule_text, '$.SecurityGroupRule.FromPort')
    ) AS from_port,
    coalesce(
      json_extract_scalar(rule_text, '$.toPort'),
      json_extract_scalar(request_parameters, '$.toPort'),
      json_extract_scalar(rule_text, '$.SecurityGroupRule.ToPort')
    ) AS to_port,
    concat_ws(
      ', ',
      array_join(transform(TRY(CAST(json_extract(rule_text, '$.ipRanges.items') AS ARRAY(JSON))), x -> json_extract_scalar(x, '$.cidrIp')), ', '),
      array_join(transform(TRY(CAST(json_extract(rule_text, '$.ipv6Ranges.items') AS ARRAY(JSON))), x -> json_extract_scalar(x, '$.cidrIpv6')), ', '),
      json_extract_scalar(request_parameters, '$.cidrIp'),
      json_extract_scalar(rule_text, '$.SecurityGroupRule.CidrIpv4'),
      json_extract_scalar(rule_text, '$.SecurityGroupRule.CidrIpv6')
    ) AS networks
  FROM changes
  CROSS JOIN UNNEST(coalesce(rules, ARRAY[CAST(NULL AS JSON)])) WITH ORDINALITY AS listed(rule_text, number)
)
SELECT
  event_time,
  account_id,
  account_name,
  region,
  actor,
  source_ip,
  action,
  coalesce(resource, json_extract_scalar(request_parameters, '$.ModifySecurityGroupRulesRequest.GroupId')) AS security_group,
  rule,
  protocol,
  from_port,
  to_port,
  networks,
  -- The whole, or so much of it that a few such rules are all; of IPv6 all that is given out is an eighth.
  regexp_like(networks, '(^| )([0-9.]+/[0-7]|[0-9a-fA-F.]*:[0-9a-fA-F.:]*/[0-3])(,|$)')
    AND NOT regexp_like(action, '^(Revoke|Delete|Update)|Egress$') AS open_to_world,
  outcome,
  event_id
FROM each_rule
ORDER BY event_time DESC, account_id, region, event_id, action, actor, source_ip, rule
