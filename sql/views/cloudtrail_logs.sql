-- title = "Events as Athena's documented table for trails has them"
-- doc = "The columns of AWS's CREATE TABLE cloudtrail_logs, in its order, names and types (all text), then what AWS added later, then the usual partition columns: queries written for that table run unchanged. The partition columns are of the event's own date and place, not of its delivery."
-- grain = ["recipientaccountid", "eventid"]
-- tags = ["compatibility"]
-- [columns]
-- eventversion = { type = "varchar", doc = "Version of the record format." }
-- useridentity = { type = "row(type varchar, principalid varchar, arn varchar, accountid varchar, invokedby varchar, accesskeyid varchar, username varchar, onbehalfof row(userid varchar, identitystorearn varchar), sessioncontext row(attributes row(mfaauthenticated varchar, creationdate varchar), sessionissuer row(type varchar, principalid varchar, arn varchar, accountid varchar, username varchar), ec2roledelivery varchar, webidfederationdata row(federatedprovider varchar, attributes map(varchar, varchar))))", doc = "Who called; never NULL as a whole, its fields are. sessioncontext is NULL where there was no session." }
-- eventtime = { type = "varchar", doc = "When, as text that from_iso8601_timestamp reads: 2026-03-01T12:00:00Z; NULL where it could not be read, and then in `unread`." }
-- eventsource = { type = "varchar", doc = "Service that was called." }
-- eventname = { type = "varchar", doc = "Action that was called." }
-- awsregion = { type = "varchar", doc = "Region of the call." }
-- sourceipaddress = { type = "varchar", doc = "Address the call came from, or a service's name." }
-- useragent = { type = "varchar", doc = "What the caller said it was." }
-- errorcode = { type = "varchar", doc = "Error of a failed call." }
-- errormessage = { type = "varchar", doc = "Text of the error." }
-- requestparameters = { type = "varchar", doc = "Parameters of the call, the exact JSON text." }
-- responseelements = { type = "varchar", doc = "What a change returned, the exact JSON text." }
-- additionaleventdata = { type = "varchar", doc = "More about the call, the exact JSON text." }
-- requestid = { type = "varchar", doc = "The service's identifier of the request." }
-- eventid = { type = "varchar", doc = "Identifier of the event." }
-- readonly = { type = "varchar", doc = "The text true or false." }
-- resources = { type = "array(row(arn varchar, accountid varchar, type varchar))", doc = "Resources that the call touched." }
-- eventtype = { type = "varchar", doc = "Kind of event." }
-- apiversion = { type = "varchar", doc = "Version of the service's API." }
-- recipientaccountid = { type = "varchar", doc = "Account that the record was delivered for." }
-- serviceeventdetails = { type = "varchar", doc = "What a service reports of its own doing, the exact JSON text." }
-- sharedeventid = { type = "varchar", doc = "Joins the copies of one action in several accounts." }
-- vpcendpointid = { type = "varchar", doc = "VPC endpoint the call came through." }
-- vpcendpointaccountid = { type = "varchar", doc = "Owner of the VPC endpoint." }
-- eventcategory = { type = "varchar", doc = "Management, Data, NetworkActivity." }
-- addendum = { type = "row(reason varchar, updatedfields varchar, originalrequestid varchar, originaleventid varchar)", doc = "Why an event came late or again." }
-- sessioncredentialfromconsole = { type = "varchar", doc = "The text true when the console made the credentials." }
-- edgedevicedetails = { type = "varchar", doc = "Device outside the region that served the call, the exact JSON text." }
-- tlsdetails = { type = "row(tlsversion varchar, ciphersuite varchar, clientprovidedhostheader varchar)", doc = "TLS of the call." }
-- managementevent = { type = "varchar", doc = "The text true or false; not in AWS's table." }
-- annotation = { type = "varchar", doc = "annotation as delivered; not in AWS's table." }
-- eventcontext = { type = "varchar", doc = "Condition keys and tags, the exact JSON text; not in AWS's table." }
-- unread = { type = "varchar", doc = "NULL but for records of which something could not be read (an unexpected type, nested too deep, no time): those parts as they were delivered." }
-- timestamp = { type = "varchar", doc = "Date of the event, as partition projection spells it: 2026/03/01." }
-- year = { type = "varchar", doc = "Year of the event, four digits." }
-- month = { type = "varchar", doc = "Month of the event, two digits." }
-- day = { type = "varchar", doc = "Day of the event, two digits." }
-- region = { type = "varchar", doc = "Region of the event, `_invalid` where it is none." }
-- account = { type = "varchar", doc = "Account of the event, `_invalid` where it is none." }

SELECT
  event_version AS eventversion,
  CAST(ROW(
    identity_type,
    identity_principal_id,
    identity_arn,
    identity_account_id,
    identity_invoked_by,
    identity_access_key_id,
    identity_user_name,
    IF(
      coalesce(on_behalf_of_user_id, on_behalf_of_store_arn) IS NOT NULL,
      ROW(on_behalf_of_user_id, on_behalf_of_store_arn)
    ),
    IF(
      in_session,
      ROW(
        ROW(
          json_extract_scalar(identity_text, '$.sessionContext.attributes.mfaAuthenticated'),
          json_extract_scalar(identity_text, '$.sessionContext.attributes.creationDate')
        ),
        ROW(
          session_issuer_type,
          session_issuer_principal_id,
          session_issuer_arn,
          session_issuer_account_id,
          session_issuer_user_name
        ),
        ec2_role_delivery,
        ROW(
          federated_provider,
          MAP(map_keys(claims), transform(map_values(claims), v -> coalesce(json_extract_scalar(v, '$'), json_format(v))))
        )
      )
    )
  ) AS ROW(
    type VARCHAR,
    principalid VARCHAR,
    arn VARCHAR,
    accountid VARCHAR,
    invokedby VARCHAR,
    accesskeyid VARCHAR,
    username VARCHAR,
    onbehalfof ROW(userid VARCHAR, identitystorearn VARCHAR),
    sessioncontext ROW(
      attributes ROW(mfaauthenticated VARCHAR, creationdate VARCHAR),
      sessionissuer ROW(type VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, username VARCHAR),
      ec2roledelivery VARCHAR,
      webidfederationdata ROW(federatedprovider VARCHAR, attributes MAP(VARCHAR, VARCHAR))
    )
  )) AS useridentity,
  eventtime,
  event_source AS eventsource,
  event_name AS eventname,
  aws_region AS awsregion,
  source_ip AS sourceipaddress,
  user_agent AS useragent,
  error_code AS errorcode,
  error_message AS errormessage,
  request_parameters AS requestparameters,
  response_elements AS responseelements,
  additional_event_data AS additionaleventdata,
  request_id AS requestid,
  event_id AS eventid,
  CASE WHEN read_only THEN 'true' WHEN NOT read_only THEN 'false' ELSE json_extract_scalar(extra_text, '$.readOnly') END
    AS readonly,
  transform(
    items,
    r -> CAST(
      ROW(json_extract_scalar(r, '$.ARN'), json_extract_scalar(r, '$.accountId'), json_extract_scalar(r, '$.type'))
      AS ROW(arn VARCHAR, accountid VARCHAR, type VARCHAR)
    )
  ) AS resources,
  event_type AS eventtype,
  api_version AS apiversion,
  recipient_account_id AS recipientaccountid,
  service_event_details AS serviceeventdetails,
  shared_event_id AS sharedeventid,
  vpc_endpoint_id AS vpcendpointid,
  vpc_endpoint_account_id AS vpcendpointaccountid,
  event_category AS eventcategory,
  CAST(IF(
    addendum IS NOT NULL,
    ROW(
      json_extract_scalar(addendum_text, '$.reason'),
      json_extract_scalar(addendum_text, '$.updatedFields'),
      json_extract_scalar(addendum_text, '$.originalRequestID'),
      json_extract_scalar(addendum_text, '$.originalEventID')
    )
  ) AS ROW(reason VARCHAR, updatedfields VARCHAR, originalrequestid VARCHAR, originaleventid VARCHAR)) AS addendum,
  session_credential_from_console AS sessioncredentialfromconsole,
  edge_device_details AS edgedevicedetails,
  CAST(IF(
    tls_details IS NOT NULL,
    ROW(
      json_extract_scalar(tls_text, '$.tlsVersion'),
      json_extract_scalar(tls_text, '$.cipherSuite'),
      json_extract_scalar(tls_text, '$.clientProvidedHostHeader')
    )
  ) AS ROW(tlsversion VARCHAR, ciphersuite VARCHAR, clientprovidedhostheader VARCHAR)) AS tlsdetails,
  CASE
    WHEN management_event THEN 'true'
    WHEN NOT management_event THEN 'false'
    ELSE json_extract_scalar(extra_text, '$.managementEvent')
  END AS managementevent,
  annotation,
  event_context AS eventcontext,
  IF(
    NOT readable
    OR contains(parse_flags, 'time')
    OR array_join(parse_flags, ',') LIKE '%type:%'
    OR (user_identity IS NOT NULL AND identity_text IS NULL)
    OR (resources IS NOT NULL AND items IS NULL)
    OR (addendum IS NOT NULL AND addendum_text IS NULL)
    OR (tls_details IS NOT NULL AND tls_text IS NULL)
    OR (extra IS NOT NULL AND extra_text IS NULL),
    array_join(
      ARRAY[
        '{"flags":"',
        array_join(parse_flags, ','),
        '"',
        IF(user_identity IS NOT NULL, ',"userIdentity":'),
        user_identity,
        IF(resources IS NOT NULL, ',"resources":'),
        resources,
        IF(addendum IS NOT NULL, ',"addendum":'),
        addendum,
        IF(tls_details IS NOT NULL, ',"tlsDetails":'),
        tls_details,
        IF(extra IS NOT NULL, ','),
        substr(extra, 2, length(extra) - 2),
        '}'
      ],
      ''
    )
  ) AS unread,
  date_format(event_date, '%Y/%m/%d') AS "timestamp",
  date_format(event_date, '%Y') AS year,
  date_format(event_date, '%m') AS month,
  date_format(event_date, '%d') AS day,
  region,
  account_id AS account
FROM (
  SELECT
    *,
    IF(
      identity_text IS NOT NULL,
      TRY(CAST(json_extract(identity_text, '$.sessionContext.webIdFederationData.attributes') AS MAP(VARCHAR, JSON)))
    ) AS claims,
    TRY(CAST(json_extract(resources_text, '$') AS ARRAY(JSON))) AS items
  FROM (
    -- What a parser may stumble over (Trino: names of 50,000 characters, 1,000 levels), or the engines read in two
    -- ways, is not parsed: its text is in `unread`.
    SELECT
      *,
      IF(readable, opened_user_identity) AS identity_text,
      IF(readable, opened_resources) AS resources_text,
      IF(readable, opened_addendum) AS addendum_text,
      IF(readable, opened_tls_details) AS tls_text,
      IF(readable, opened_extra) AS extra_text
    FROM (
      SELECT
        *,
        NOT coalesce(
          arrays_overlap(parse_flags, ARRAY['depth', 'surrogate', 'ctrl', 'utf8', 'nul_key', 'type:userIdentity']),
          false
        ) AS readable,
        coalesce(
          session_issuer_type, session_issuer_principal_id, session_issuer_arn, session_issuer_account_id,
          session_issuer_user_name, CAST(session_mfa AS VARCHAR), CAST(session_created AS VARCHAR), source_identity,
          ec2_role_delivery, CAST(assumed_root AS VARCHAR), federated_provider
        ) IS NOT NULL AS in_session
      FROM (
        -- In three parts, so that the engine leaves out files by the bounds of event_time_text, and by having no row
        -- of a part at all. A time in an odd spelling is in `extra` as well; the files of older releases have no text.
        SELECT *, event_time_text AS eventtime FROM events_json WHERE event_time_text IS NOT NULL AND extra IS NULL
        UNION ALL
        SELECT *, date_format(event_time, '%Y-%m-%dT%H:%i:%sZ') AS eventtime
        FROM events_json
        WHERE event_time_text IS NOT NULL AND extra IS NOT NULL
        UNION ALL
        SELECT *, date_format(event_time, '%Y-%m-%dT%H:%i:%sZ') AS eventtime FROM events_json WHERE event_time_text IS NULL
      ) AS timed
    ) AS marked
  ) AS guarded
) AS opened
