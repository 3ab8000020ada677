-- title = "Sign-ins: who came in, from where, with a second factor or without"
-- doc = "One row per sign-in, tried or done: console, Identity Center, federation and switches of role; checks of a factor stand among them, marked as such."
-- grain = ["account_id", "region", "event_id"]
-- tags = ["identity"]
-- [columns]
-- event_date = { type = "date", doc = "UTC day of the sign-in." }
-- event_time = { type = "timestamp(6)", doc = "When, UTC." }
-- account_id = { type = "varchar", doc = "Account that was signed in to." }
-- account_name = { type = "varchar", doc = "What people call the account." }
-- region = { type = "varchar", doc = "Region whose sign-in page was used; of root always us-east-1." }
-- event_id = { type = "varchar", doc = "Identifier of the event." }
-- kind = { type = "varchar", doc = "console, switch_role, identity_center, federation; or mfa_check, credential_check: a step of a sign-in, not a sign-in." }
-- succeeded = { type = "boolean", doc = "Whether it went through." }
-- mfa = { type = "varchar", doc = "yes, no, or unknown: of those who come from an identity provider, AWS does not see the second factor." }
-- is_root = { type = "boolean", doc = "Whether it was the root user." }
-- actor = { type = "varchar", doc = "Who signed in, as far as it is told." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, root, identity_center, …" }
-- user_name = { type = "varchar", doc = "Name that was typed or given; hidden by AWS where no such user exists." }
-- came_from = { type = "varchar", doc = "Of a switch of role: the identity before it." }
-- source_ip = { type = "varchar", doc = "Where it came from." }
-- user_agent = { type = "varchar", doc = "Browser, as it says." }
-- signed_in_to = { type = "varchar", doc = "Page that was asked for." }
-- error_code = { type = "varchar", doc = "Error of one that failed." }
-- error_message = { type = "varchar", doc = "Its text, such as Failed authentication." }

WITH sign_ins AS (
  SELECT
    *
  FROM events_json
  WHERE event_source IN ('signin.amazonaws.com', 'sso.amazonaws.com')
    AND event_name IN (
      'ConsoleLogin', 'SwitchRole', 'CheckMfa', 'CredentialVerification', 'UserAuthentication',
      'ExternalIdPDirectoryLogin', 'Authenticate', 'Federate'
    )
),
opened AS (
  SELECT
    *,
    CASE event_name
      WHEN 'ConsoleLogin' THEN 'console'
      WHEN 'SwitchRole' THEN 'switch_role'
      WHEN 'CheckMfa' THEN 'mfa_check'
      WHEN 'CredentialVerification' THEN 'credential_check'
      WHEN 'UserAuthentication' THEN 'identity_center'
      ELSE 'federation'
    END AS kind,
    -- Each kind says it in a field of its own name.
    coalesce(
      json_extract_scalar(opened_response_elements, '$.ConsoleLogin'),
      json_extract_scalar(opened_response_elements, '$.SwitchRole'),
      json_extract_scalar(opened_response_elements, '$.CheckMfa'),
      json_extract_scalar(opened_service_event_details, '$.CredentialVerification'),
      json_extract_scalar(opened_service_event_details, '$.UserAuthentication'),
      json_extract_scalar(opened_service_event_details, '$.ExternalIdPDirectoryLogin')
    ) AS said,
    json_extract_scalar(opened_additional_event_data, '$.MFAUsed') AS mfa_used,
    json_extract_scalar(opened_additional_event_data, '$.CredentialType') AS credentials
  FROM sign_ins
)
SELECT
  event_date,
  event_time,
  opened.account_id,
  accounts.name AS account_name,
  region,
  event_id,
  kind,
  CASE
    WHEN said IS NULL THEN error_code IS NULL AND error_message IS NULL
    ELSE said = 'Success'
  END AS succeeded,
  CASE
    WHEN mfa_used = 'Yes' THEN 'yes'
    WHEN session_mfa THEN 'yes'
    WHEN regexp_like(credentials, 'TOTP|WEBAUTHN|EMAIL_OTP') THEN 'yes'
    WHEN mfa_used = 'No' AND identity_type IN ('IAMUser', 'Root') THEN 'no'
    WHEN credentials = 'PASSWORD' THEN 'no'
    ELSE 'unknown'
  END AS mfa,
  coalesce(identity_type = 'Root', false) AS is_root,
  actor,
  actor_type,
  coalesce(identity_user_name, json_extract_scalar(opened_additional_event_data, '$.UserName')) AS user_name,
  json_extract_scalar(opened_additional_event_data, '$.SwitchFrom') AS came_from,
  source_ip,
  user_agent,
  json_extract_scalar(opened_additional_event_data, '$.LoginTo') AS signed_in_to,
  error_code,
  error_message
FROM opened
LEFT JOIN accounts ON accounts.account_id = opened.account_id
