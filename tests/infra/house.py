"""The policies of the roles, as the templates say: deployed, and read back from IAM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tests.infra.clouds import client, cloud, deploy_all

ROLES = ("ingest", "maintain", "verify", "publish", "analyst", "doctor", "scheduler")
Statements = list[dict[str, Any]]


def policies(**lake: object) -> tuple[dict[str, Statements], dict[str, str]]:
    """By role, every statement that it holds, its own and shared ones; and the outputs of the stacks."""
    with cloud():
        outputs = deploy_all(lake=lake)
        return {role: held_by(f"trailhouse-{role}") for role in ROLES}, outputs


def held_by(name: str) -> Statements:
    iam, found = client("iam"), []
    for each in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        found.append(iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"])
    for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]["DefaultVersionId"]
        told = iam.get_policy_version(PolicyArn=each["PolicyArn"], VersionId=version)
        found.append(told["PolicyVersion"]["Document"])
    return [each for document in found for each in parsed(document)["Statement"]]


def parsed(document: Any) -> Mapping[str, Any]:
    return json.loads(unquote(document)) if isinstance(document, str) else document


def actions(statements: Statements) -> set[str]:
    """What they allow."""
    allowed = [each["Action"] for each in statements if each["Effect"] == "Allow"]
    return {action for each in allowed for action in ([each] if isinstance(each, str) else each)}


def there() -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Of the stack: its databases, its work group, and the settings that it tells."""
    with cloud():
        outputs = deploy_all()
        databases = client("glue").get_databases()["DatabaseList"]
        group = client("athena").get_work_group(WorkGroup="trailhouse")["WorkGroup"]
    inputs = [{name: each[name] for name in ("Name", "Description", "LocationUri")} for each in databases]
    return inputs, {name: group[name] for name in ("Name", "Description", "Configuration")}, outputs["Settings"]
