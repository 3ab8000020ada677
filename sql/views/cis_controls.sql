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
-- form = { type = "varchar", doc = "literal: the benchmark's own pattern, where != holds for a missing field too; strict: with the service tested, and the calls that the pattern misses." }
-- actor = { type = "varchar", doc = "Who did it." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, service, root, …" }
-- source_ip = { type = "varchar", doc = "Where the call came from." }
-- event_source = { type = "varchar", doc = "Service that was called." }
-- event_name = { type = "varchar", doc = "What was called." }
-- error_code = { type = "varchar", doc = "Error of a call that did not succeed." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }

WITH read AS (
  SELECT
    *,
    CASE WHEN event_name = 'ConsoleLogin' THEN json_extract_scalar(additional_event_data, '$.MFAUsed') END AS mfa_used,
    CASE WHEN event_name = 'ConsoleLogin' THEN json_extract_scalar(response_elements, '$.ConsoleLogin') END AS console_login
  FROM events
),
judged AS (
  SELECT
    *,
    ARRAY[
      CASE WHEN error_code LIKE '%UnauthorizedOperation' OR error_code LIKE 'AccessDenied%'
        THEN CAST(ROW('4.1', 'Unauthorized calls', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN (error_code LIKE '%UnauthorizedOperation' OR error_code LIKE 'AccessDenied%') AND coalesce(source_ip,
        '') <> 'delivery.logs.amazonaws.com' AND event_name <> 'HeadBucket'
        THEN CAST(ROW('4.1', 'Unauthorized calls', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name = 'ConsoleLogin' AND coalesce(mfa_used, '') <> 'Yes'
        THEN CAST(ROW('4.2', 'Console sign-in without MFA', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name = 'ConsoleLogin' AND coalesce(mfa_used, '') <> 'Yes' AND identity_type = 'IAMUser' AND
        console_login = 'Success'
        THEN CAST(ROW('4.2', 'Console sign-in without MFA', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN identity_type = 'Root' AND identity_invoked_by IS NULL AND coalesce(event_type, '') <>
        'AwsServiceEvent'
        THEN CAST(ROW('4.3', 'Use of root', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN (identity_type = 'Root' AND identity_invoked_by IS NULL OR assumed_root = true) AND
        coalesce(event_type, '') <> 'AwsServiceEvent'
        THEN CAST(ROW('4.3', 'Use of root', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('DeleteGroupPolicy', 'DeleteRolePolicy', 'DeleteUserPolicy', 'PutGroupPolicy',
        'PutRolePolicy', 'PutUserPolicy', 'CreatePolicy', 'DeletePolicy', 'CreatePolicyVersion',
        'DeletePolicyVersion', 'AttachRolePolicy', 'DetachRolePolicy', 'AttachUserPolicy', 'DetachUserPolicy',
        'AttachGroupPolicy', 'DetachGroupPolicy')
        THEN CAST(ROW('4.4', 'IAM policy changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'iam.amazonaws.com' AND event_name IN ('DeleteGroupPolicy', 'DeleteRolePolicy',
        'DeleteUserPolicy', 'PutGroupPolicy', 'PutRolePolicy', 'PutUserPolicy', 'CreatePolicy',
        'DeletePolicy', 'CreatePolicyVersion', 'DeletePolicyVersion', 'AttachRolePolicy', 'DetachRolePolicy',
        'AttachUserPolicy', 'DetachUserPolicy', 'AttachGroupPolicy', 'DetachGroupPolicy',
        'SetDefaultPolicyVersion', 'UpdateAssumeRolePolicy', 'PutRolePermissionsBoundary',
        'PutUserPermissionsBoundary', 'DeleteRolePermissionsBoundary', 'DeleteUserPermissionsBoundary')
        THEN CAST(ROW('4.4', 'IAM policy changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('CreateTrail', 'UpdateTrail', 'DeleteTrail', 'StartLogging', 'StopLogging')
        THEN CAST(ROW('4.5', 'CloudTrail configuration changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'cloudtrail.amazonaws.com' AND event_name IN ('CreateTrail', 'UpdateTrail',
        'DeleteTrail', 'StartLogging', 'StopLogging', 'PutEventSelectors', 'PutInsightSelectors',
        'RemoveTags')
        THEN CAST(ROW('4.5', 'CloudTrail configuration changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name = 'ConsoleLogin' AND error_message = 'Failed authentication'
        THEN CAST(ROW('4.6', 'Console authentication failures', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'signin.amazonaws.com' AND event_name = 'ConsoleLogin' AND console_login = 'Failure'
        THEN CAST(ROW('4.6', 'Console authentication failures', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'kms.amazonaws.com' AND event_name IN ('DisableKey', 'ScheduleKeyDeletion')
        THEN CAST(ROW('4.7', 'Keys disabled or scheduled for deletion', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'kms.amazonaws.com' AND event_name IN ('DisableKey', 'ScheduleKeyDeletion',
        'DeleteImportedKeyMaterial')
        THEN CAST(ROW('4.7', 'Keys disabled or scheduled for deletion', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 's3.amazonaws.com' AND event_name IN ('PutBucketAcl', 'PutBucketPolicy',
        'PutBucketCors', 'PutBucketLifecycle', 'PutBucketReplication', 'DeleteBucketPolicy',
        'DeleteBucketCors', 'DeleteBucketLifecycle', 'DeleteBucketReplication')
        THEN CAST(ROW('4.8', 'S3 bucket policy changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 's3.amazonaws.com' AND event_name IN ('PutBucketAcl', 'PutBucketPolicy',
        'PutBucketCors', 'PutBucketLifecycle', 'PutBucketReplication', 'DeleteBucketPolicy',
        'DeleteBucketCors', 'DeleteBucketLifecycle', 'DeleteBucketReplication', 'PutBucketPublicAccessBlock',
        'DeleteBucketPublicAccessBlock', 'PutAccountPublicAccessBlock', 'DeleteAccountPublicAccessBlock')
        THEN CAST(ROW('4.8', 'S3 bucket policy changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'config.amazonaws.com' AND event_name IN ('StopConfigurationRecorder',
        'DeleteDeliveryChannel', 'PutDeliveryChannel', 'PutConfigurationRecorder')
        THEN CAST(ROW('4.9', 'AWS Config changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'config.amazonaws.com' AND event_name IN ('StopConfigurationRecorder',
        'DeleteDeliveryChannel', 'PutDeliveryChannel', 'PutConfigurationRecorder',
        'DeleteConfigurationRecorder')
        THEN CAST(ROW('4.9', 'AWS Config changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('AuthorizeSecurityGroupIngress', 'AuthorizeSecurityGroupEgress',
        'RevokeSecurityGroupIngress', 'RevokeSecurityGroupEgress', 'CreateSecurityGroup',
        'DeleteSecurityGroup')
        THEN CAST(ROW('4.10', 'Security group changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'ec2.amazonaws.com' AND event_name IN ('AuthorizeSecurityGroupIngress',
        'AuthorizeSecurityGroupEgress', 'RevokeSecurityGroupIngress', 'RevokeSecurityGroupEgress',
        'CreateSecurityGroup', 'DeleteSecurityGroup', 'ModifySecurityGroupRules')
        THEN CAST(ROW('4.10', 'Security group changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('CreateNetworkAcl', 'CreateNetworkAclEntry', 'DeleteNetworkAcl',
        'DeleteNetworkAclEntry', 'ReplaceNetworkAclEntry', 'ReplaceNetworkAclAssociation')
        THEN CAST(ROW('4.11', 'Network ACL changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'ec2.amazonaws.com' AND event_name IN ('CreateNetworkAcl', 'CreateNetworkAclEntry',
        'DeleteNetworkAcl', 'DeleteNetworkAclEntry', 'ReplaceNetworkAclEntry', 'ReplaceNetworkAclAssociation')
        THEN CAST(ROW('4.11', 'Network ACL changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('CreateCustomerGateway', 'DeleteCustomerGateway', 'AttachInternetGateway',
        'CreateInternetGateway', 'DeleteInternetGateway', 'DetachInternetGateway')
        THEN CAST(ROW('4.12', 'Network gateway changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'ec2.amazonaws.com' AND event_name IN ('CreateCustomerGateway',
        'DeleteCustomerGateway', 'AttachInternetGateway', 'CreateInternetGateway', 'DeleteInternetGateway',
        'DetachInternetGateway', 'CreateNatGateway', 'DeleteNatGateway', 'CreateEgressOnlyInternetGateway',
        'DeleteEgressOnlyInternetGateway')
        THEN CAST(ROW('4.12', 'Network gateway changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('CreateRoute', 'CreateRouteTable', 'ReplaceRoute', 'ReplaceRouteTableAssociation',
        'DeleteRouteTable', 'DeleteRoute', 'DisassociateRouteTable')
        THEN CAST(ROW('4.13', 'Route table changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'ec2.amazonaws.com' AND event_name IN ('CreateRoute', 'CreateRouteTable',
        'ReplaceRoute', 'ReplaceRouteTableAssociation', 'DeleteRouteTable', 'DeleteRoute',
        'DisassociateRouteTable', 'AssociateRouteTable')
        THEN CAST(ROW('4.13', 'Route table changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_name IN ('CreateVpc', 'DeleteVpc', 'ModifyVpcAttribute', 'AcceptVpcPeeringConnection',
        'CreateVpcPeeringConnection', 'DeleteVpcPeeringConnection', 'RejectVpcPeeringConnection',
        'AttachClassicLinkVpc', 'DetachClassicLinkVpc', 'DisableVpcClassicLink', 'EnableVpcClassicLink')
        THEN CAST(ROW('4.14', 'VPC changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'ec2.amazonaws.com' AND event_name IN ('CreateVpc', 'DeleteVpc', 'ModifyVpcAttribute',
        'AcceptVpcPeeringConnection', 'CreateVpcPeeringConnection', 'DeleteVpcPeeringConnection',
        'RejectVpcPeeringConnection', 'AttachClassicLinkVpc', 'DetachClassicLinkVpc', 'DisableVpcClassicLink',
        'EnableVpcClassicLink')
        THEN CAST(ROW('4.14', 'VPC changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'organizations.amazonaws.com' AND event_name IN ('AcceptHandshake', 'AttachPolicy',
        'CreateAccount', 'CreateOrganizationalUnit', 'CreatePolicy', 'DeclineHandshake', 'DeleteOrganization',
        'DeleteOrganizationalUnit', 'DeletePolicy', 'DetachPolicy', 'DisablePolicyType', 'EnablePolicyType',
        'InviteAccountToOrganization', 'LeaveOrganization', 'MoveAccount', 'RemoveAccountFromOrganization',
        'UpdatePolicy', 'UpdateOrganizationalUnit')
        THEN CAST(ROW('4.15', 'Organizations changes', 'literal') AS ROW(control varchar, title varchar, form varchar)) END,
      CASE WHEN event_source = 'organizations.amazonaws.com' AND event_name IN ('AcceptHandshake', 'AttachPolicy',
        'CreateAccount', 'CreateOrganizationalUnit', 'CreatePolicy', 'DeclineHandshake', 'DeleteOrganization',
        'DeleteOrganizationalUnit', 'DeletePolicy', 'DetachPolicy', 'DisablePolicyType', 'EnablePolicyType',
        'InviteAccountToOrganization', 'LeaveOrganization', 'MoveAccount', 'RemoveAccountFromOrganization',
        'UpdatePolicy', 'UpdateOrganizationalUnit', 'CancelHandshake', 'CreateOrganization',
        'EnableAllFeatures')
        THEN CAST(ROW('4.15', 'Organizations changes', 'strict') AS ROW(control varchar, title varchar, form varchar)) END
    ] AS verdicts
  FROM read
)
SELECT
  j.event_date,
  j.event_time,
  j.account_id,
  j.region,
  v.verdict.control AS control,
  v.verdict.title AS title,
  v.verdict.form AS form,
  j.actor,
  j.actor_type,
  j.source_ip,
  j.event_source,
  j.event_name,
  j.error_code,
  j.event_id
FROM judged AS j
CROSS JOIN UNNEST(j.verdicts) AS v(verdict)
WHERE v.verdict IS NOT NULL
