-- title = "Events, with JSON that every engine can open"
-- doc = "The table `events`, and beside each text of JSON the same as far as it can be opened: what would stop the parser of Athena's engine, and the query with it (a name of 50,000 characters, a thousand levels), is NULL in `opened_…`. Look into JSON by these."
-- grain = ["account_id", "region", "event_id", "source_object", "record_index"]
-- tags = ["compatibility"]
-- [columns]
-- account_id = { type = "varchar", doc = "Account whose log this is: recipientAccountId, else userIdentity.accountId; `_invalid` when that is not 12 digits." }
-- region = { type = "varchar", doc = "Region the request was made to (awsRegion); `_invalid` outside the grammar of region names." }
-- event_date = { type = "date", doc = "UTC date of event_time; NULL when the time can't be read or lies outside 2013 to 2099." }
-- event_time = { type = "timestamp(6)", doc = "When the request was completed, UTC, by the clock of the service's host." }
-- event_id = { type = "varchar", doc = "Identifier of the event; with account and region its key." }
-- event_source = { type = "varchar", doc = "Service that was called, such as s3.amazonaws.com." }
-- event_name = { type = "varchar", doc = "Action that was called, such as DeleteBucket." }
-- event_type = { type = "varchar", doc = "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn, AwsVpceEvent, …: an open set." }
-- event_category = { type = "varchar", doc = "Management, Data, NetworkActivity, …; absent below eventVersion 1.07." }
-- event_version = { type = "varchar", doc = "Version of the record format, as text: 1.10 is later than 1.09." }
-- read_only = { type = "boolean", doc = "Whether the action only reads; absent on network events and some old ones." }
-- management_event = { type = "boolean", doc = "Whether it is a management event; from eventVersion 1.06." }
-- aws_region = { type = "varchar", doc = "awsRegion as delivered." }
-- recipient_account_id = { type = "varchar", doc = "recipientAccountId as delivered: the account this copy went to." }
-- source_ip = { type = "varchar", doc = "Address the call came from; a service's name or `AWS Internal` when AWS made it." }
-- user_agent = { type = "varchar", doc = "What the caller said it was. Anyone can claim anything here." }
-- error_code = { type = "varchar", doc = "Error of a failed call; absent when it succeeded." }
-- error_message = { type = "varchar", doc = "Text of the error; may stand without a code (failed sign-ins)." }
-- request_id = { type = "varchar", doc = "The service's identifier of the request." }
-- shared_event_id = { type = "varchar", doc = "Joins the copies of one action in several accounts." }
-- vpc_endpoint_id = { type = "varchar", doc = "VPC endpoint the call came through." }
-- vpc_endpoint_account_id = { type = "varchar", doc = "Owner of the VPC endpoint; not always 12 digits." }
-- api_version = { type = "varchar", doc = "Version of the service's API." }
-- annotation = { type = "varchar", doc = "annotation as delivered; AWS never described it." }
-- session_credential_from_console = { type = "varchar", doc = "The text `true` when the console made the credentials." }
-- actor = { type = "varchar", doc = "Who did it, as one text: user, role/session, service, or the person behind a session." }
-- actor_type = { type = "varchar", doc = "What kind of actor: user, role, service, root, federated, identity_center, saml, web_identity, account, anonymous, directory, delegate, assumed_root, unknown." }
-- actor_account_id = { type = "varchar", doc = "Account that the actor belongs to, where known." }
-- actor_session = { type = "varchar", doc = "Name of the role session or federated session." }
-- actor_via = { type = "varchar", doc = "Service (or delegate) that made the call with the actor's rights." }
-- identity_type = { type = "varchar", doc = "Kind of identity that made the call; absent on events that a service made." }
-- identity_principal_id = { type = "varchar", doc = "Stable identifier of the caller; survives a rename." }
-- identity_arn = { type = "varchar", doc = "ARN of the caller; of the session, for roles." }
-- identity_account_id = { type = "varchar", doc = "Account of the entity that granted the permissions." }
-- identity_access_key_id = { type = "varchar", doc = "Access key that signed the request; ASIA… for temporary ones." }
-- identity_user_name = { type = "varchar", doc = "Name of the user, or what a failed sign-in typed." }
-- identity_invoked_by = { type = "varchar", doc = "Service that made the request on somebody's behalf." }
-- identity_provider = { type = "varchar", doc = "Provider of a SAML or web identity." }
-- identity_credential_id = { type = "varchar", doc = "Credential of a bearer-token caller." }
-- session_issuer_type = { type = "varchar", doc = "What issued the session: Role, Root, IAMUser." }
-- session_issuer_principal_id = { type = "varchar", doc = "Stable identifier of the issuer." }
-- session_issuer_arn = { type = "varchar", doc = "ARN of the role behind the session: the stable name to group by." }
-- session_issuer_account_id = { type = "varchar", doc = "Account of the issuer." }
-- session_issuer_user_name = { type = "varchar", doc = "Name of the role or user that issued the session." }
-- session_mfa = { type = "boolean", doc = "Whether the session was made with a second factor." }
-- session_created = { type = "timestamp(6)", doc = "When the session was made, UTC." }
-- source_identity = { type = "varchar", doc = "Identity set when the role was first assumed; survives role chaining." }
-- ec2_role_delivery = { type = "varchar", doc = "1.0 for IMDSv1, 2.0 for IMDSv2." }
-- assumed_root = { type = "boolean", doc = "Whether it is a privileged root session (sts:AssumeRoot)." }
-- federated_provider = { type = "varchar", doc = "Provider of the web identity behind the session." }
-- on_behalf_of_user_id = { type = "varchar", doc = "Identity Center user on whose behalf the call was made." }
-- on_behalf_of_store_arn = { type = "varchar", doc = "Identity store of that user." }
-- invoked_by_delegate_account_id = { type = "varchar", doc = "Account of a partner with temporary delegated access." }
-- in_scope_of_source_arn = { type = "varchar", doc = "Workload behind the credentials: Lambda function, ECS task, …" }
-- in_scope_of_issuer_type = { type = "varchar", doc = "Kind of that workload." }
-- user_identity = { type = "varchar", doc = "userIdentity, the exact text." }
-- request_parameters = { type = "varchar", doc = "Parameters of the call, the exact text." }
-- response_elements = { type = "varchar", doc = "What a change returned, the exact text." }
-- additional_event_data = { type = "varchar", doc = "More about the call, the exact text; some services put a string here." }
-- resources = { type = "varchar", doc = "Resources that the call touched, the exact text." }
-- service_event_details = { type = "varchar", doc = "What a service reports of its own doing, the exact text." }
-- addendum = { type = "varchar", doc = "Why an event came late or again, the exact text." }
-- event_context = { type = "varchar", doc = "Condition keys and tags (CloudTrail Lake only), the exact text." }
-- edge_device_details = { type = "varchar", doc = "Device outside the region that served the call, the exact text." }
-- tls_details = { type = "varchar", doc = "TLS version, cipher and host name of the call, the exact text." }
-- extra = { type = "varchar", doc = "JSON object of the fields that no column holds: unknown ones, and known ones of an unexpected type." }
-- shape = { type = "varchar", doc = "Fields that were there with the value null, as their names with commas: what NULL alone can't tell from absent." }
-- raw = { type = "varbinary", doc = "The record's own bytes, only where the columns can't rebuild it (bad UTF-8, lone surrogates)." }
-- parse_flags = { type = "array(varchar)", doc = "What was odd about the record, as fixed words; NULL when nothing was." }
-- source = { type = "varchar", doc = "Where the object lies: s3://bucket, or file:///folder." }
-- source_object = { type = "varchar", doc = "Key of the object that delivered the row." }
-- record_index = { type = "integer", doc = "Place of the record in its object, from 0." }
-- batch_id = { type = "varchar", doc = "The batch that published the row." }
-- content_hash = { type = "bigint", doc = "First 64 bits of the SHA-256 of the record's bytes." }
-- event_time_text = { type = "varchar", doc = "eventTime as delivered, as text: files are pruned by filters that compare it as text; NULL when absent or no string." }
-- opened_user_identity = { type = "varchar", doc = "user_identity, where every engine can open it." }
-- opened_request_parameters = { type = "varchar", doc = "request_parameters, where every engine can open it." }
-- opened_response_elements = { type = "varchar", doc = "response_elements, where every engine can open it." }
-- opened_additional_event_data = { type = "varchar", doc = "additional_event_data, where every engine can open it." }
-- opened_resources = { type = "varchar", doc = "resources, where every engine can open it." }
-- opened_service_event_details = { type = "varchar", doc = "service_event_details, where every engine can open it." }
-- opened_addendum = { type = "varchar", doc = "addendum, where every engine can open it." }
-- opened_tls_details = { type = "varchar", doc = "tls_details, where every engine can open it." }
-- opened_event_context = { type = "varchar", doc = "event_context, where every engine can open it." }
-- opened_edge_device_details = { type = "varchar", doc = "edge_device_details, where every engine can open it." }
-- opened_extra = { type = "varchar", doc = "extra, where every engine can open it." }
-- json_left_closed = { type = "boolean", doc = "Whether one of the texts is there and can not be opened." }

SELECT
  account_id,
  region,
  event_date,
  event_time,
  event_id,
  event_source,
  event_name,
  event_type,
  event_category,
  event_version,
  read_only,
  management_event,
  aws_region,
  recipient_account_id,
  source_ip,
  user_agent,
  error_code,
  error_message,
  request_id,
  shared_event_id,
  vpc_endpoint_id,
  vpc_endpoint_account_id,
  api_version,
  annotation,
  session_credential_from_console,
  actor,
  actor_type,
  actor_account_id,
  actor_session,
  actor_via,
  identity_type,
  identity_principal_id,
  identity_arn,
  identity_account_id,
  identity_access_key_id,
  identity_user_name,
  identity_invoked_by,
  identity_provider,
  identity_credential_id,
  session_issuer_type,
  session_issuer_principal_id,
  session_issuer_arn,
  session_issuer_account_id,
  session_issuer_user_name,
  session_mfa,
  session_created,
  source_identity,
  ec2_role_delivery,
  assumed_root,
  federated_provider,
  on_behalf_of_user_id,
  on_behalf_of_store_arn,
  invoked_by_delegate_account_id,
  in_scope_of_source_arn,
  in_scope_of_issuer_type,
  user_identity,
  request_parameters,
  response_elements,
  additional_event_data,
  resources,
  service_event_details,
  addendum,
  event_context,
  edge_device_details,
  tls_details,
  extra,
  shape,
  raw,
  parse_flags,
  source,
  source_object,
  record_index,
  batch_id,
  content_hash,
  event_time_text,
  opened_user_identity,
  opened_request_parameters,
  opened_response_elements,
  opened_additional_event_data,
  opened_resources,
  opened_service_event_details,
  opened_addendum,
  opened_tls_details,
  opened_event_context,
  opened_edge_device_details,
  opened_extra,
  (user_identity IS NOT NULL AND opened_user_identity IS NULL)
  OR (request_parameters IS NOT NULL AND opened_request_parameters IS NULL)
  OR (response_elements IS NOT NULL AND opened_response_elements IS NULL)
  OR (additional_event_data IS NOT NULL AND opened_additional_event_data IS NULL)
  OR (resources IS NOT NULL AND opened_resources IS NULL)
  OR (service_event_details IS NOT NULL AND opened_service_event_details IS NULL)
  OR (addendum IS NOT NULL AND opened_addendum IS NULL)
  OR (tls_details IS NOT NULL AND opened_tls_details IS NULL)
  OR (event_context IS NOT NULL AND opened_event_context IS NULL)
  OR (edge_device_details IS NOT NULL AND opened_edge_device_details IS NULL)
  OR (extra IS NOT NULL AND opened_extra IS NULL) AS json_left_closed
FROM (
  SELECT
    *,
    IF(
      NOT too_deep
      AND (length(user_identity) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(user_identity, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      user_identity
    ) AS opened_user_identity,
    IF(
      NOT too_deep
      AND (length(request_parameters) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(request_parameters, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      request_parameters
    ) AS opened_request_parameters,
    IF(
      NOT too_deep
      AND (length(response_elements) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(response_elements, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      response_elements
    ) AS opened_response_elements,
    IF(
      NOT too_deep
      AND (length(additional_event_data) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(additional_event_data, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      additional_event_data
    ) AS opened_additional_event_data,
    IF(
      NOT too_deep
      AND (length(resources) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(resources, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      resources
    ) AS opened_resources,
    IF(
      NOT too_deep
      AND (length(service_event_details) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(service_event_details, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      service_event_details
    ) AS opened_service_event_details,
    IF(
      NOT too_deep
      AND (length(addendum) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(addendum, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      addendum
    ) AS opened_addendum,
    IF(
      NOT too_deep
      AND (length(tls_details) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(tls_details, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      tls_details
    ) AS opened_tls_details,
    IF(
      NOT too_deep
      AND (length(event_context) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(event_context, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      event_context
    ) AS opened_event_context,
    IF(
      NOT too_deep
      AND (length(edge_device_details) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(edge_device_details, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      edge_device_details
    ) AS opened_edge_device_details,
    IF(
      NOT too_deep
      AND (length(extra) <= 25000 OR cardinality(filter(
        split(regexp_replace(replace(replace(extra, '\\', '__'), '\"', '__'), '"\s*:', chr(1)), '"'),
        part -> strpos(part, chr(1)) > 25000
      )) = 0),
      extra
    ) AS opened_extra
  FROM (
    SELECT
      *,
      coalesce(contains(parse_flags, 'depth'), false) AS too_deep
    FROM events
  )
)
