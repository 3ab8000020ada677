-- title = "CIS monitoring controls: which events meet which"
-- doc = "One row per event, control and form: the 15 monitoring controls of the CIS AWS Foundations Benchmark, as the benchmark words them and as they are meant."
-- grain = ["account_id", "region", "event_id", "control", "form"]
-- tags = ["compliance", "detection"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day of the event." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- account_id = { type = "varchar", doc = "Account in whose log it is." }
-- region = { type = "varchar", doc = "Region that the call was made to." }
-- control = { type = "varchar", doc = "Number of the control, by version 1.4 of the benchmark; 4.x is 3.x before and 5.x from 6.0 on." }
-- title = { type = "varchar", doc = "What it watches." }
-- form = { type = "varchar", doc = "literal: the benchmark's own pattern, where != holds for a missing field too (4.1 as from version 4.0 on, since what stands before matches every event); strict: with the service tested, and the calls that the pattern misses." }
-- actor = { type = "varchar", doc = "Who did it." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, service, root, …" }
-- source_ip = { type = "varchar", doc = "Where the call came from." }
-- event_source = { type = "varchar", doc = "Service that was called." }
-- event_name = { type = "varchar", doc = "What was called." }
-- error_code = { type = "varchar", doc = "Error of a call that did not succeed." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }

-- Controls that ask for nothing but names of calls, with the service that the form wants.
WITH calls (control, title, form, service, names) AS (
  VALUES
    ('4.4', 'IAM policy changes', 'literal', '%', ARRAY[
      'DeleteGroupPolicy', 'DeleteRolePolicy', 'DeleteUserPolicy', 'PutGroupPolicy', 'PutRolePolicy',
      'PutUserPolicy', 'CreatePolicy', 'DeletePolicy', 'CreatePolicyVersion', 'DeletePolicyVersion',
      'AttachRolePolicy', 'DetachRolePolicy', 'AttachUserPolicy', 'DetachUserPolicy', 'AttachGroupPolicy',
      'DetachGroupPolicy'
    ]),
    ('4.4', 'IAM policy changes', 'strict', 'iam.amazonaws.com', ARRAY[
      'DeleteGroupPolicy', 'DeleteRolePolicy', 'DeleteUserPolicy', 'PutGroupPolicy', 'PutRolePolicy',
      'PutUserPolicy', 'CreatePolicy', 'DeletePolicy', 'CreatePolicyVersion', 'DeletePolicyVersion',
      'AttachRolePolicy', 'DetachRolePolicy', 'AttachUserPolicy', 'DetachUserPolicy', 'AttachGroupPolicy',
      'DetachGroupPolicy', 'SetDefaultPolicyVersion', 'UpdateAssumeRolePolicy', 'PutRolePermissionsBoundary',
      'PutUserPermissionsBoundary', 'DeleteRolePermissionsBoundary', 'DeleteUserPermissionsBoundary'
    ]),
    ('4.5', 'CloudTrail configuration changes', 'literal', '%', ARRAY[
      'CreateTrail', 'UpdateTrail', 'DeleteTrail', 'StartLogging', 'StopLogging'
    ]),
    ('4.5', 'CloudTrail configuration changes', 'strict', 'cloudtrail.amazonaws.com', ARRAY[
      'CreateTrail', 'UpdateTrail', 'DeleteTrail', 'StartLogging', 'StopLogging', 'PutEventSelectors',
      'PutInsightSelectors', 'UpdateEventDataStore', 'DeleteEventDataStore', 'StopEventDataStoreIngestion'
    ]),
    ('4.7', 'Keys disabled or scheduled for deletion', 'literal', 'kms.amazonaws.com', ARRAY[
      'DisableKey', 'ScheduleKeyDeletion'
    ]),
    ('4.7', 'Keys disabled or scheduled for deletion', 'strict', 'kms.amazonaws.com', ARRAY[
      'DisableKey', 'ScheduleKeyDeletion', 'DeleteImportedKeyMaterial'
    ]),
    ('4.8', 'S3 bucket policy changes', 'literal', 's3.amazonaws.com', ARRAY[
      'PutBucketAcl', 'PutBucketPolicy', 'PutBucketCors', 'PutBucketLifecycle', 'PutBucketReplication',
      'DeleteBucketPolicy', 'DeleteBucketCors', 'DeleteBucketLifecycle', 'DeleteBucketReplication'
    ]),
    ('4.8', 'S3 bucket policy changes', 'strict', 's3.amazonaws.com', ARRAY[
      'PutBucketAcl', 'PutBucketPolicy', 'PutBucketCors', 'PutBucketLifecycle', 'PutBucketReplication',
      'DeleteBucketPolicy', 'DeleteBucketCors', 'DeleteBucketLifecycle', 'DeleteBucketReplication',
      'PutBucketPublicAccessBlock', 'DeleteBucketPublicAccessBlock', 'PutAccountPublicAccessBlock',
      'DeleteAccountPublicAccessBlock'
    ]),
    ('4.9', 'AWS Config changes', 'literal', 'config.amazonaws.com', ARRAY[
      'StopConfigurationRecorder', 'DeleteDeliveryChannel', 'PutDeliveryChannel', 'PutConfigurationRecorder'
    ]),
    ('4.9', 'AWS Config changes', 'strict', 'config.amazonaws.com', ARRAY[
      'StopConfigurationRecorder', 'DeleteDeliveryChannel', 'PutDeliveryChannel', 'PutConfigurationRecorder',
      'DeleteConfigurationRecorder'
    ]),
    ('4.10', 'Security group changes', 'literal', '%', ARRAY[
      'AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress', 'RevokeSecurityGroupIngress',
      'RevokeSecurityGroupEgress', 'CreateSecurityGroup', 'DeleteSecurityGroup'
    ]),
    ('4.10', 'Security group changes', 'strict', 'ec2.amazonaws.com', ARRAY[
      'AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress', 'RevokeSecurityGroupIngress',
      'RevokeSecurityGroupEgress', 'CreateSecurityGroup', 'DeleteSecurityGroup', 'ModifySecurityGroupRules'
    ]),
    ('4.11', 'Network ACL changes', 'literal', '%', ARRAY[
      'CreateNetworkAcl', 'CreateNetworkAclEntry', 'DeleteNetworkAcl', 'DeleteNetworkAclEntry',
      'ReplaceNetworkAclEntry', 'ReplaceNetworkAclAssociation'
    ]),
    ('4.11', 'Network ACL changes', 'strict', 'ec2.amazonaws.com', ARRAY[
      'CreateNetworkAcl', 'CreateNetworkAclEntry', 'DeleteNetworkAcl', 'DeleteNetworkAclEntry',
      'ReplaceNetworkAclEntry', 'ReplaceNetworkAclAssociation'
    ]),
    ('4.12', 'Network gateway changes', 'literal', '%', ARRAY[
      'CreateCustomerGateway', 'DeleteCustomerGateway', 'AttachInternetGateway', 'CreateInternetGateway',
      'DeleteInternetGateway', 'DetachInternetGateway'
    ]),
    ('4.12', 'Network gateway changes', 'strict', 'ec2.amazonaws.com', ARRAY[
      'CreateCustomerGateway', 'DeleteCustomerGateway', 'AttachInternetGateway', 'CreateInternetGateway',
      'DeleteInternetGateway', 'DetachInternetGateway', 'CreateNatGateway', 'DeleteNatGateway',
      'CreateEgressOnlyInternetGateway', 'DeleteEgressOnlyInternetGateway'
    ]),
    ('4.13', 'Route table changes', 'literal', '%', ARRAY[
      'CreateRoute', 'CreateRouteTable', 'ReplaceRoute', 'ReplaceRouteTableAssociation', 'DeleteRouteTable',
      'DeleteRoute', 'DisassociateRouteTable'
    ]),
    ('4.13', 'Route table changes', 'strict', 'ec2.amazonaws.com', ARRAY[
      'CreateRoute', 'CreateRouteTable', 'ReplaceRoute', 'ReplaceRouteTableAssociation', 'DeleteRouteTable',
      'DeleteRoute', 'DisassociateRouteTable', 'AssociateRouteTable'
    ]),
    ('4.14', 'VPC changes', 'literal', '%', ARRAY[
      'CreateVpc', 'DeleteVpc', 'ModifyVpcAttribute', 'AcceptVpcPeeringConnection',
      'CreateVpcPeeringConnection', 'DeleteVpcPeeringConnection', 'RejectVpcPeeringConnection',
      'AttachClassicLinkVpc', 'DetachClassicLinkVpc', 'DisableVpcClassicLink', 'EnableVpcClassicLink'
    ]),
    ('4.14', 'VPC changes', 'strict', 'ec2.amazonaws.com', ARRAY[
      'CreateVpc', 'DeleteVpc', 'ModifyVpcAttribute', 'AcceptVpcPeeringConnection',
      'CreateVpcPeeringConnection', 'DeleteVpcPeeringConnection', 'RejectVpcPeeringConnection',
      'AttachClassicLinkVpc', 'DetachClassicLinkVpc', 'DisableVpcClassicLink', 'EnableVpcClassicLink'
    ]),
    ('4.15', 'Organizations changes', 'literal', 'organizations.amazonaws.com', ARRAY[
      'AcceptHandshake', 'AttachPolicy', 'CreateAccount', 'CreateOrganizationalUnit', 'CreatePolicy',
      'DeclineHandshake', 'DeleteOrganization', 'DeleteOrganizationalUnit', 'DeletePolicy', 'DetachPolicy',
      'DisablePolicyType', 'EnablePolicyType', 'InviteAccountToOrganization', 'LeaveOrganization',
      'MoveAccount', 'RemoveAccountFromOrganization', 'UpdatePolicy', 'UpdateOrganizationalUnit'
    ]),
    ('4.15', 'Organizations changes', 'strict', 'organizations.amazonaws.com', ARRAY[
      'AcceptHandshake', 'AttachPolicy', 'CreateAccount', 'CreateOrganizationalUnit', 'CreatePolicy',
      'DeclineHandshake', 'DeleteOrganization', 'DeleteOrganizationalUnit', 'DeletePolicy', 'DetachPolicy',
      'DisablePolicyType', 'EnablePolicyType', 'InviteAccountToOrganization', 'LeaveOrganization',
      'MoveAccount', 'RemoveAccountFromOrganization', 'UpdatePolicy', 'UpdateOrganizationalUnit',
      'CancelHandshake', 'CreateOrganization', 'EnableAllFeatures'
    ])
),
named AS (
  SELECT
    control,
    title,
    form,
    service,
    name
  FROM calls
  CROSS JOIN UNNEST(names) AS t (name)
),
signs AS (
  SELECT
    *,
    CASE event_name WHEN 'ConsoleLogin' THEN json_extract_scalar(opened_additional_event_data, '$.MFAUsed') END AS mfa_used,
    CASE event_name WHEN 'ConsoleLogin' THEN json_extract_scalar(opened_response_elements, '$.ConsoleLogin') END AS console_login
  FROM events_json
),
judged AS (
  SELECT
    *,
    concat_ws(
      ';',
      CASE
        WHEN error_code LIKE '%UnauthorizedOperation'
          OR error_code LIKE 'AccessDenied%'
          AND coalesce(source_ip, '') <> 'delivery.logs.amazonaws.com'
          AND coalesce(event_name, '') <> 'HeadBucket'
          THEN '4.1|Unauthorized calls|literal'
      END,
      CASE
        WHEN (error_code LIKE '%UnauthorizedOperation' OR error_code LIKE 'AccessDenied%')
          AND coalesce(source_ip, '') <> 'delivery.logs.amazonaws.com'
          AND coalesce(event_name, '') <> 'HeadBucket'
          THEN '4.1|Unauthorized calls|strict'
      END,
      CASE
        WHEN event_name = 'ConsoleLogin' AND coalesce(mfa_used, '') <> 'Yes'
          THEN '4.2|Console sign-in without MFA|literal'
      END,
      CASE
        WHEN console_login = 'Success' AND coalesce(mfa_used, '') <> 'Yes' AND identity_type = 'IAMUser'
          THEN '4.2|Console sign-in without MFA|strict'
      END,
      CASE
        WHEN identity_type = 'Root'
          AND identity_invoked_by IS NULL
          AND coalesce(event_type, '') <> 'AwsServiceEvent'
          THEN '4.3|Use of root|literal'
      END,
      CASE
        WHEN (identity_type = 'Root' AND identity_invoked_by IS NULL OR assumed_root = true)
          AND coalesce(event_type, '') <> 'AwsServiceEvent'
          THEN '4.3|Use of root|strict'
      END,
      CASE
        WHEN event_name = 'ConsoleLogin' AND error_message = 'Failed authentication'
          THEN '4.6|Console authentication failures|literal'
      END,
      CASE
        WHEN event_source = 'signin.amazonaws.com' AND console_login = 'Failure'
          THEN '4.6|Console authentication failures|strict'
      END
    ) AS verdicts
  FROM signs
)
SELECT
  event_date,
  event_time,
  account_id,
  region,
  control,
  title,
  form,
  actor,
  actor_type,
  source_ip,
  event_source,
  event_name,
  error_code,
  event_id
FROM events_json
INNER JOIN named ON event_name = name AND coalesce(event_source, '') LIKE service
UNION ALL
SELECT
  event_date,
  event_time,
  account_id,
  region,
  split_part(verdict, '|', 1) AS control,
  split_part(verdict, '|', 2) AS title,
  split_part(verdict, '|', 3) AS form,
  actor,
  actor_type,
  source_ip,
  event_source,
  event_name,
  error_code,
  event_id
FROM judged
CROSS JOIN UNNEST(split(verdicts, ';')) AS t (verdict)
WHERE verdicts <> ''
