-- title = "Events as a CloudTrail Lake event data store has them"
-- doc = "The columns of AWS's schema for event data stores of CloudTrail events, in its order, names and types: what `trailhouse lake-queries convert` makes of a query for CloudTrail Lake asks this view."
-- grain = ["recipientaccountid", "eventid"]
-- tags = ["compatibility"]
-- [columns]
-- eventversion = { type = "varchar", doc = "Version of the record format." }
-- useridentity = { type = "row(type varchar, principalid varchar, arn varchar, accountid varchar, accesskeyid varchar, username varchar, sessioncontext row(attributes row(creationdate timestamp(6), mfaauthenticated varchar), sessionissuer row(type varchar, principalid varchar, arn varchar, accountid varchar, username varchar), webidfederationdata row(federatedprovider varchar, attributes map(varchar, varchar)), sourceidentity varchar, ec2roledelivery varchar, ec2issuedinvpc varchar), onbehalfof row(userid varchar, identitystorearn varchar), inscopeof row(sourcearn varchar, sourceaccount varchar, issuertype varchar, credentiaisissuedto varchar, credentialsissuedto varchar), invokedby varchar, identityprovider varchar)", doc = "Who called; never NULL as a whole, its fields are. sessioncontext is NULL where there was no session. AWS spells credentiaisissuedto so; the right spelling is there as well." }
-- eventtime = { type = "timestamp(6)", doc = "When, UTC." }
-- eventsource = { type = "varchar", doc = "Service that was called." }
-- eventname = { type = "varchar", doc = "Action that was called." }
-- awsregion = { type = "varchar", doc = "Region of the call." }
-- sourceipaddress = { type = "varchar", doc = "Address the call came from, or a service's name." }
-- useragent = { type = "varchar", doc = "What the caller said it was." }
-- errorcode = { type = "varchar", doc = "Error of a failed call." }
-- errormessage = { type = "varchar", doc = "Text of the error." }
-- requestparameters = { type = "map(varchar, varchar)", doc = "Parameters of the call; values that are no text, number or boolean as their JSON text. A text that could not be parsed is under the one key _unparsed." }
-- responseelements = { type = "map(varchar, varchar)", doc = "What a change returned, as requestparameters." }
-- additionaleventdata = { type = "map(varchar, varchar)", doc = "More about the call, as requestparameters." }
-- requestid = { type = "varchar", doc = "The service's identifier of the request." }
-- eventid = { type = "varchar", doc = "Identifier of the event." }
-- readonly = { type = "boolean", doc = "Whether the action only reads." }
-- resources = { type = "array(row(accountid varchar, type varchar, arn varchar, arnprefix varchar))", doc = "Resources that the call touched." }
-- eventtype = { type = "varchar", doc = "Kind of event." }
-- apiversion = { type = "varchar", doc = "Version of the service's API." }
-- managementevent = { type = "boolean", doc = "Whether it is a management event." }
-- recipientaccountid = { type = "varchar", doc = "Account that the record was delivered for." }
-- sharedeventid = { type = "varchar", doc = "Joins the copies of one action in several accounts." }
-- annotation = { type = "varchar", doc = "annotation as delivered." }
-- vpcendpointid = { type = "varchar", doc = "VPC endpoint the call came through." }
-- vpcendpointaccountid = { type = "varchar", doc = "Owner of the VPC endpoint." }
-- serviceeventdetails = { type = "map(varchar, varchar)", doc = "What a service reports of its own doing, as requestparameters." }
-- addendum = { type = "map(varchar, varchar)", doc = "Why an event came late or again, as requestparameters." }
-- edgedevicedetails = { type = "map(varchar, varchar)", doc = "Device outside the region that served the call, as requestparameters." }
-- insightdetails = { type = "map(varchar, varchar)", doc = "Always NULL: Insights are in the table insight_events." }
-- eventcategory = { type = "varchar", doc = "Management, Data, NetworkActivity." }
-- tlsdetails = { type = "row(tlsversion varchar, ciphersuite varchar, clientprovidedhostheader varchar)", doc = "TLS of the call." }
-- sessioncredentialfromconsole = { type = "varchar", doc = "The text true when the console made the credentials." }
-- eventjson = { type = "varchar", doc = "The record as it was delivered: the same keys and values, but for the order of keys and the white space." }
-- eventjsonchecksum = { type = "varchar", doc = "Always NULL: AWS does not say how its own is computed." }

SELECT
  event_version AS eventversion,
  CAST(ROW(
    identity_type,
    identity_principal_id,
    identity_arn,
    identity_account_id,
    identity_access_key_id,
    identity_user_name,
    IF(
      in_session,
      ROW(
        ROW(session_created, json_extract_scalar(identity_text, '$.sessionContext.attributes.mfaAuthenticated')),
        ROW(
          session_issuer_type,
          session_issuer_principal_id,
          session_issuer_arn,
          session_issuer_account_id,
          session_issuer_user_name
        ),
        ROW(
          federated_provider,
          MAP(map_keys(claims), transform(map_values(claims), v -> coalesce(json_extract_scalar(v, '$'), json_format(v))))
        ),
        source_identity,
        ec2_role_delivery,
        json_extract_scalar(identity_text, '$.sessionContext.ec2IssuedInVpc')
      )
    ),
    IF(
      coalesce(on_behalf_of_user_id, on_behalf_of_store_arn) IS NOT NULL,
      ROW(on_behalf_of_user_id, on_behalf_of_store_arn)
    ),
    IF(
      coalesce(in_scope_of_source_arn, in_scope_of_issuer_type) IS NOT NULL,
      ROW(
        in_scope_of_source_arn,
        json_extract_scalar(identity_text, '$.inScopeOf.sourceAccount'),
        in_scope_of_issuer_type,
        json_extract_scalar(identity_text, '$.inScopeOf.credentialsIssuedTo'),
        json_extract_scalar(identity_text, '$.inScopeOf.credentialsIssuedTo')
      )
    ),
    identity_invoked_by,
    identity_provider
  ) AS ROW(
    type VARCHAR,
    principalid VARCHAR,
    arn VARCHAR,
    accountid VARCHAR,
    accesskeyid VARCHAR,
    username VARCHAR,
    sessioncontext ROW(
      attributes ROW(creationdate TIMESTAMP(6), mfaauthenticated VARCHAR),
      sessionissuer ROW(type VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, username VARCHAR),
      webidfederationdata ROW(federatedprovider VARCHAR, attributes MAP(VARCHAR, VARCHAR)),
      sourceidentity VARCHAR,
      ec2roledelivery VARCHAR,
      ec2issuedinvpc VARCHAR
    ),
    onbehalfof ROW(userid VARCHAR, identitystorearn VARCHAR),
    inscopeof ROW(
      sourcearn VARCHAR,
      sourceaccount VARCHAR,
      issuertype VARCHAR,
      credentiaisissuedto VARCHAR,
      credentialsissuedto VARCHAR
    ),
    invokedby VARCHAR,
    identityprovider VARCHAR
  )) AS useridentity,
  event_time AS eventtime,
  event_source AS eventsource,
  event_name AS eventname,
  aws_region AS awsregion,
  source_ip AS sourceipaddress,
  user_agent AS useragent,
  error_code AS errorcode,
  error_message AS errormessage,
  IF(
    request_parameters IS NOT NULL,
    IF(
      request_parameters_members IS NOT NULL,
      MAP(
        map_keys(request_parameters_members),
        transform(
          map_keys(request_parameters_members),
          k -> coalesce(
            json_extract_scalar(request_parameters_text, '$["' || replace(replace(k, '\', '\\'), '"', '\"') || '"]'),
            nullif(json_format(element_at(request_parameters_members, k)), 'null')
          )
        )
      ),
      MAP(ARRAY['_unparsed'], ARRAY[request_parameters])
    )
  ) AS requestparameters,
  IF(
    response_elements IS NOT NULL,
    IF(
      response_elements_members IS NOT NULL,
      MAP(
        map_keys(response_elements_members),
        transform(
          map_keys(response_elements_members),
          k -> coalesce(
            json_extract_scalar(response_elements_text, '$["' || replace(replace(k, '\', '\\'), '"', '\"') || '"]'),
            nullif(json_format(element_at(response_elements_members, k)), 'null')
          )
        )
      ),
      MAP(ARRAY['_unparsed'], ARRAY[response_elements])
    )
  ) AS responseelements,
  IF(
    additional_event_data IS NOT NULL,
    IF(
      additional_event_data_members IS NOT NULL,
      MAP(
        map_keys(additional_event_data_members),
        transform(
          map_keys(additional_event_data_members),
          k -> coalesce(
            json_extract_scalar(additional_event_data_text, '$["' || replace(replace(k, '\', '\\'), '"', '\"') || '"]'),
            nullif(json_format(element_at(additional_event_data_members, k)), 'null')
          )
        )
      ),
      MAP(ARRAY['_unparsed'], ARRAY[additional_event_data])
    )
  ) AS additionaleventdata,
  request_id AS requestid,
  event_id AS eventid,
  coalesce(read_only, TRY_CAST(lower(json_extract_scalar(extra_text, '$.readOnly')) AS BOOLEAN)) AS readonly,
  transform(
    items,
    r -> CAST(
      ROW(
        json_extract_scalar(r, '$.accountId'),
        json_extract_scalar(r, '$.type'),
        json_extract_scalar(r, '$.ARN'),
        json_extract_scalar(r, '$.ARNPrefix')
      ) AS ROW(accountid VARCHAR, type VARCHAR, arn VARCHAR, arnprefix VARCHAR)
    )
  ) AS resources,
  event_type AS eventtype,
  api_version AS apiversion,
  coalesce(management_event, TRY_CAST(lower(json_extract_scalar(extra_text, '$.managementEvent')) AS BOOLEAN)) AS managementevent,
  recipient_account_id AS recipientaccountid,
  shared_event_id AS sharedeventid,
  annotation,
  vpc_endpoint_id AS vpcendpointid,
  vpc_endpoint_account_id AS vpcendpointaccountid,
  IF(
    service_event_details IS NOT NULL,
    IF(
      service_event_details_members IS NOT NULL,
      MAP(
        map_keys(service_event_details_members),
        transform(
          map_keys(service_event_details_members),
          k -> coalesce(
            json_extract_scalar(service_event_details_text, '$["' || replace(replace(k, '\', '\\'), '"', '\"') || '"]'),
            nullif(json_format(element_at(service_event_details_members, k)), 'null')
          )
        )
      ),
      MAP(ARRAY['_unparsed'], ARRAY[service_event_details])
    )
  ) AS serviceeventdetails,
  IF(
    addendum IS NOT NULL,
    IF(
      addendum_members IS NOT NULL,
      MAP(
        map_keys(addendum_members),
        transform(
          map_keys(addendum_members),
          k -> coalesce(
            json_extract_scalar(addendum_text, '$["' || replace(replace(k, '\', '\\'), '"', '\"') || '"]'),
            nullif(json_format(element_at(addendum_members, k)), 'null')
          )
        )
      ),
      MAP(ARRAY['_unparsed'], ARRAY[addendum])
    )
  ) AS addendum,
  IF(
    edge_device_details IS NOT NULL,
    IF(
      edge_device_details_members IS NOT NULL,
      MAP(
        map_keys(edge_device_details_members),
        transform(
          map_keys(edge_device_details_members),
          k -> coalesce(
            json_extract_scalar(edge_device_details_text, '$["' || replace(replace(k, '\', '\\'), '"', '\"') || '"]'),
            nullif(json_format(element_at(edge_device_details_members, k)), 'null')
          )
        )
      ),
      MAP(ARRAY['_unparsed'], ARRAY[edge_device_details])
    )
  ) AS edgedevicedetails,
  CAST(NULL AS MAP(VARCHAR, VARCHAR)) AS insightdetails,
  event_category AS eventcategory,
  CAST(IF(
    tls_details IS NOT NULL,
    ROW(
      json_extract_scalar(tls_text, '$.tlsVersion'),
      json_extract_scalar(tls_text, '$.cipherSuite'),
      json_extract_scalar(tls_text, '$.clientProvidedHostHeader')
    )
  ) AS ROW(tlsversion VARCHAR, ciphersuite VARCHAR, clientprovidedhostheader VARCHAR)) AS tlsdetails,
  session_credential_from_console AS sessioncredentialfromconsole,
  -- As jobs/trailhouse/decode/rebuild.py does it; joined as lists, since Trino's || ends at a megabyte.
  IF(
    to_utf8(TRY(from_utf8(raw))) = raw,
    TRY(from_utf8(raw)),
    array_join(
      ARRAY[
        '{',
        substr(
          array_join(
            ARRAY[
              IF(event_time IS NOT NULL AND coalesce(extra NOT LIKE '{"eventTime":%', true), ',"eventTime":"'),
              IF(
                event_time IS NOT NULL AND coalesce(extra NOT LIKE '{"eventTime":%', true),
                date_format(event_time, '%Y-%m-%dT%H:%i:%sZ"')
              ),
              IF(event_version IS NOT NULL, ',"eventVersion":'),
              json_format(CAST(event_version AS JSON)),
              IF(user_identity IS NOT NULL, ',"userIdentity":'),
              user_identity,
              IF(event_source IS NOT NULL, ',"eventSource":'),
              json_format(CAST(event_source AS JSON)),
              IF(event_name IS NOT NULL, ',"eventName":'),
              json_format(CAST(event_name AS JSON)),
              IF(aws_region IS NOT NULL, ',"awsRegion":'),
              json_format(CAST(aws_region AS JSON)),
              IF(source_ip IS NOT NULL, ',"sourceIPAddress":'),
              json_format(CAST(source_ip AS JSON)),
              IF(user_agent IS NOT NULL, ',"userAgent":'),
              json_format(CAST(user_agent AS JSON)),
              IF(error_code IS NOT NULL, ',"errorCode":'),
              json_format(CAST(error_code AS JSON)),
              IF(error_message IS NOT NULL, ',"errorMessage":'),
              json_format(CAST(error_message AS JSON)),
              IF(request_parameters IS NOT NULL, ',"requestParameters":'),
              request_parameters,
              IF(response_elements IS NOT NULL, ',"responseElements":'),
              response_elements,
              IF(additional_event_data IS NOT NULL, ',"additionalEventData":'),
              additional_event_data,
              IF(request_id IS NOT NULL, ',"requestID":'),
              json_format(CAST(request_id AS JSON)),
              IF(event_id IS NOT NULL, ',"eventID":'),
              json_format(CAST(event_id AS JSON)),
              IF(read_only IS NOT NULL, ',"readOnly":'),
              IF(read_only, 'true', IF(NOT read_only, 'false')),
              IF(management_event IS NOT NULL, ',"managementEvent":'),
              IF(management_event, 'true', IF(NOT management_event, 'false')),
              IF(resources IS NOT NULL, ',"resources":'),
              resources,
              IF(event_type IS NOT NULL, ',"eventType":'),
              json_format(CAST(event_type AS JSON)),
              IF(api_version IS NOT NULL, ',"apiVersion":'),
              json_format(CAST(api_version AS JSON)),
              IF(recipient_account_id IS NOT NULL, ',"recipientAccountId":'),
              json_format(CAST(recipient_account_id AS JSON)),
              IF(service_event_details IS NOT NULL, ',"serviceEventDetails":'),
              service_event_details,
              IF(shared_event_id IS NOT NULL, ',"sharedEventID":'),
              json_format(CAST(shared_event_id AS JSON)),
              IF(annotation IS NOT NULL, ',"annotation":'),
              json_format(CAST(annotation AS JSON)),
              IF(vpc_endpoint_id IS NOT NULL, ',"vpcEndpointId":'),
              json_format(CAST(vpc_endpoint_id AS JSON)),
              IF(vpc_endpoint_account_id IS NOT NULL, ',"vpcEndpointAccountId":'),
              json_format(CAST(vpc_endpoint_account_id AS JSON)),
              IF(event_category IS NOT NULL, ',"eventCategory":'),
              json_format(CAST(event_category AS JSON)),
              IF(addendum IS NOT NULL, ',"addendum":'),
              addendum,
              IF(session_credential_from_console IS NOT NULL, ',"sessionCredentialFromConsole":'),
              json_format(CAST(session_credential_from_console AS JSON)),
              IF(event_context IS NOT NULL, ',"eventContext":'),
              event_context,
              IF(edge_device_details IS NOT NULL, ',"edgeDeviceDetails":'),
              edge_device_details,
              IF(tls_details IS NOT NULL, ',"tlsDetails":'),
              tls_details,
              IF(shape IS NOT NULL, ',"'),
              replace(shape, ',', '":null,"'),
              IF(shape IS NOT NULL, '":null'),
              IF(extra IS NOT NULL, ','),
              substr(extra, 2, length(extra) - 2)
            ],
            ''
          ),
          2
        ),
        '}'
      ],
      ''
    )
  ) AS eventjson,
  CAST(NULL AS VARCHAR) AS eventjsonchecksum
FROM (
  SELECT
    *,
    IF(
      identity_text IS NOT NULL,
      TRY(CAST(json_extract(identity_text, '$.sessionContext.webIdFederationData.attributes') AS MAP(VARCHAR, JSON)))
    ) AS claims,
    TRY(CAST(json_extract(request_parameters_text, '$') AS MAP(VARCHAR, JSON))) AS request_parameters_members,
    TRY(CAST(json_extract(response_elements_text, '$') AS MAP(VARCHAR, JSON))) AS response_elements_members,
    TRY(CAST(json_extract(additional_event_data_text, '$') AS MAP(VARCHAR, JSON))) AS additional_event_data_members,
    TRY(CAST(json_extract(service_event_details_text, '$') AS MAP(VARCHAR, JSON))) AS service_event_details_members,
    TRY(CAST(json_extract(addendum_text, '$') AS MAP(VARCHAR, JSON))) AS addendum_members,
    TRY(CAST(json_extract(edge_device_details_text, '$') AS MAP(VARCHAR, JSON))) AS edge_device_details_members,
    TRY(CAST(json_extract(resources_text, '$') AS ARRAY(JSON))) AS items
  FROM (
    -- What a parser may stumble over (Trino: names of 50,000 characters, 1,000 levels), or the engines read in two
    -- ways, is not parsed.
    SELECT
      *,
      IF(readable, opened_user_identity) AS identity_text,
      IF(readable, opened_resources) AS resources_text,
      IF(readable, opened_tls_details) AS tls_text,
      IF(readable, opened_extra) AS extra_text,
      IF(readable, opened_request_parameters) AS request_parameters_text,
      IF(readable, opened_response_elements) AS response_elements_text,
      IF(readable, opened_additional_event_data) AS additional_event_data_text,
      IF(readable, opened_service_event_details) AS service_event_details_text,
      IF(readable, opened_addendum) AS addendum_text,
      IF(readable, opened_edge_device_details) AS edge_device_details_text
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
      FROM events_json
    ) AS marked
  ) AS guarded
) AS opened
