"""
The accounts of an AWS organization: walked from its root, so that each comes with the units that it stands in.

Reads alone. Asked with whatever credentials AWS's own configuration gives, which must be the management account's or a
delegated administrator's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.sources import aws
from trailhouse.upkeep.accounts import Account

RIGHTS = {
    "ListRoots": "organizations:ListRoots",
    "ListOrganizationalUnitsForParent": "organizations:ListOrganizationalUnitsForParent",
    "ListAccountsForParent": "organizations:ListAccountsForParent",
    "ListTagsForResource": "organizations:ListTagsForResource",
}
_REFUSED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation")


def accounts() -> list[Account]:
    """Every account; owner and environment are its tags of these names, in any case."""
    with _told():
        client = aws.client("organizations")
        roots = _pages(client, "list_roots", "Roots")
        return [account for root in roots for account in _below(client, root["Id"], root["Name"])]


def _below(client: Any, parent: str, path: str) -> Iterator[Account]:
    for each in _pages(client, "list_accounts_for_parent", "Accounts", ParentId=parent):
        tags = {tag["Key"].lower(): tag["Value"] for tag in _tags(client, each["Id"])}
        yield Account(each["Id"], each.get("Name") or None, tags.get("owner"), path, tags.get("environment"))
    for unit in _pages(client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent):
        yield from _below(client, unit["Id"], f"{path}/{unit['Name']}")


def _tags(client: Any, account_id: str) -> Iterator[dict[str, str]]:
    return _pages(client, "list_tags_for_resource", "Tags", ResourceId=account_id)


def _pages(client: Any, operation: str, what: str, **asked: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page[what]


@contextmanager
def _told() -> Iterator[None]:
    """Says what is missing in words."""
    try:
        yield
    except ClientError as error:
        code, said = error.response["Error"].get("Code", ""), str(error)
        if code == "AWSOrganizationsNotInUseException":
            raise UsageError("this account is in no organization: import a CSV file instead") from error
        if code in _REFUSED:
            right = RIGHTS.get(error.operation_name, error.operation_name)
            raise TrailhouseError(
                f"AWS Organizations refused {right}: ask as the management account or a delegated administrator, with "
                f"the rights {', '.join(RIGHTS.values())} ({said})"
            ) from error
        raise TrailhouseError(
            f"AWS Organizations could not be asked: {said}; nothing was changed: run again"
        ) from error
    except BotoCoreError as error:
        raise TrailhouseError(
            f"AWS Organizations could not be asked: {error}; check AWS's own configuration (profile, AWS_… variables)"
        ) from error
