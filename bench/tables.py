"""
What a table `events` is to those who have no lake: DuckDB's SQL over raw log files, or over a contender's Parquet.

Over raw files it is what Athena's documented table of trails is: each question opens every file, unless its pattern
names a day's folders. The columns are the lake's; who did it is worked out from them, as `trailhouse.decode.actor`
does; what only a lake can know (hashes, lineage, flags) is NULL.
"""

from __future__ import annotations

from bench.contenders.columns import PARTITION, columns, fields
from bench.contenders.duckdb_job import expression
from bench.contenders.duckdb_job import kind as kind_of
from trailhouse.lake import schema

LARGEST = 256 * 2**20  # bytes of a file, inflated

_DERIVED = {
    **{name: name for name in PARTITION},
    "actor": "actor_of(identity_type, invoked_by_delegate_account_id, identity_invoked_by, on_behalf_of_user_id, "
    "role_and_person(identity_arn, identity_principal_id, session_issuer_user_name, session_issuer_arn, "
    "source_identity), identity_arn, identity_principal_id, identity_account_id, "
    "named_of(identity_user_name, identity_arn, identity_principal_id, identity_credential_id))",
    "actor_type": "actor_type_of(identity_type, invoked_by_delegate_account_id, identity_invoked_by, "
    "on_behalf_of_user_id, identity_account_id, assumed_root)",
    "actor_account_id": "nullif(nullif(coalesce(nullif(invoked_by_delegate_account_id, ''), "
    "nullif(identity_account_id, ''), session_issuer_account_id), 'anonymous'), 'ANONYMOUS_PRINCIPAL')",
    "actor_via": "CASE WHEN coalesce(identity_type, 'AWSService') <> 'AWSService' THEN identity_invoked_by END",
}

MACROS = [
    f"CREATE MACRO {each}"
    for each in (
        "after_slash(arn) AS CASE WHEN contains(arn, '/') THEN nullif(split_part(arn, '/', -1), '') END",
        "after_colon(one) AS CASE WHEN contains(one, ':') THEN nullif(substr(one, strpos(one, ':') + 1), '') END",
        "named_of(user_name, arn, principal, credential) AS "
        "coalesce(nullif(user_name, ''), after_slash(arn), nullif(principal, ''), nullif(credential, ''))",
        "role_and_person(arn, principal, issuer_name, issuer_arn, source_identity) AS nullif(concat_ws('/', "
        "coalesce(nullif(issuer_name, ''), after_slash(issuer_arn), "
        "CASE WHEN len(split(arn, '/')) = 3 THEN nullif(split_part(arn, '/', 2), '') END), "
        "coalesce(nullif(source_identity, ''), after_slash(arn), after_colon(principal))), '')",
        "actor_of(kind, delegate, invoked_by, on_behalf_of, role, arn, principal, account, named) AS CASE "
        "WHEN delegate <> '' THEN delegate "
        "WHEN coalesce(kind, 'AWSService') = 'AWSService' THEN coalesce(nullif(invoked_by, ''), named) "
        "WHEN on_behalf_of <> '' AND kind IN ('IdentityCenterUser', 'Unknown') THEN on_behalf_of "
        "WHEN kind = 'AssumedRole' THEN coalesce(role, principal) "
        "WHEN kind = 'FederatedUser' THEN coalesce(after_slash(arn), after_colon(principal), principal) "
        "WHEN kind = 'AWSAccount' AND account IN ('anonymous', 'ANONYMOUS_PRINCIPAL') THEN 'anonymous' "
        "WHEN kind = 'AWSAccount' THEN coalesce(nullif(principal, ''), account) "
        "WHEN kind = 'Root' THEN 'root' ELSE named END",
        "actor_type_of(kind, delegate, invoked_by, on_behalf_of, account, assumed_root) AS CASE "
        "WHEN delegate <> '' THEN 'delegate' "
        "WHEN coalesce(kind, 'AWSService') = 'AWSService' THEN IF(invoked_by <> '', 'service', 'unknown') "
        "WHEN on_behalf_of <> '' AND kind IN ('IdentityCenterUser', 'Unknown') THEN 'identity_center' "
        "WHEN kind = 'AWSAccount' AND account IN ('anonymous', 'ANONYMOUS_PRINCIPAL') THEN 'anonymous' "
        "WHEN kind = 'Root' THEN CASE WHEN assumed_root THEN 'assumed_root' ELSE 'root' END "
        "ELSE coalesce(map {'AssumedRole': 'role', 'FederatedUser': 'federated', 'AWSAccount': 'account', "
        "'IAMUser': 'user', 'SAMLUser': 'saml', 'WebIdentityUser': 'web_identity', 'Directory': 'directory', "
        "'Role': 'role'}[kind], 'unknown') END",
    )
]


def events(kind: str, place: str) -> str:
    """The table, as a SELECT."""
    held = {column.name for column in columns()}
    asked = []
    for column in schema.table("events").columns:
        source = _DERIVED.get(column.name) or (column.name if column.name in held else "NULL")
        plain = column.name in PARTITION  # a cast would hide from DuckDB which folders it needs
        asked.append(f"{source if plain else f'CAST({source} AS {_TYPES[column.type]})'} AS {column.name}")
    return f"SELECT {', '.join(asked)} FROM ({raw(place) if kind == 'raw' else parquet(place)})"


_TYPES = {
    "string": "VARCHAR", "boolean": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "double": "DOUBLE", "date": "DATE",
    "timestamp": "TIMESTAMP", "binary": "BLOB", "list<string>": "VARCHAR[]",
}  # fmt: skip


def parquet(pattern: str) -> str:
    """What a contender wrote, with the partition's columns out of the folders' names."""
    types = "{'account_id': VARCHAR, 'region': VARCHAR, 'event_date': DATE}"
    return f"SELECT * FROM read_parquet('{pattern}', hive_partitioning = true, hive_types = {types})"


def raw(patterns: str) -> str:
    """Each record of the files, flat, as DuckDB's own job reads it. Patterns stand with commas between them."""
    chosen = ", ".join(f"{expression(column)} AS {column.name}" for column in columns())
    named = ", ".join(f"'{pattern}'" for pattern in patterns.split(","))
    return (
        "SELECT coalesce(r.recipientAccountId, r.userIdentity.accountId, '_invalid') AS account_id, "
        "coalesce(r.awsRegion, '_invalid') AS region, CAST(TRY_CAST(r.eventTime AS TIMESTAMP) AS DATE) AS event_date, "
        f"{chosen} FROM (SELECT unnest(Records) AS r FROM read_json([{named}], format = 'unstructured', "
        f"maximum_object_size = {LARGEST}, columns = {{Records: '{kind_of(fields())}[]'}}))"
    )
