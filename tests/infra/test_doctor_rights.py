"""The doctor's role: what it asks of AWS, recorded at boto3 against moto, and nothing of what its policy lists unused."""

from __future__ import annotations

from collections import defaultdict

import pytest
from botocore.client import BaseClient

from tests.infra.actions import S3_ACTIONS
from tests.infra.clouds import ACCOUNT, LAKE, LOGS, REGION, client, cloud, deploy_all
from tests.infra.house import held_by
from trailhouse import settings
from trailhouse.doctor import examine
from trailhouse.doctor.rights import Call, allowed, applies

BY_OPERATION = {operation: action for action, operation in S3_ACTIONS.items()}


def call_of(service: str, operation: str, given: dict[str, object]) -> Call:
    """As IAM would be asked; of what lists everything there is no resource."""
    if service == "s3control":
        return Call("s3:GetAccountPublicAccessBlock", "*")
    if service == "s3":
        return Call(BY_OPERATION[operation], f"arn:aws:s3:::{given['Bucket']}")
    base = f"arn:aws:{service}:{REGION}:{ACCOUNT}"
    resource = {
        "cloudtrail": str(given.get("TrailName") or given.get("Name") or "*"),
        "kms": str(given.get("KeyId")),
        "iam": str(given.get("PolicyArn") or f"arn:aws:iam::{ACCOUNT}:role/{given.get('RoleName')}"),
        "glue": f"{base}:database/{given.get('Name')}",  # and the catalog, which is asked for with it
        "athena": f"{base}:workgroup/{given.get('WorkGroup')}",
        "scheduler": f"{base}:schedule/{given.get('GroupName')}/{given.get('Name')}",
    }.get(service, "*")
    return Call(f"{service}:{operation}", resource)


CATALOG = Call("glue:GetDatabase", f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """(the calls of one round, the policy)"""
    path, found, call = tmp_path_factory.mktemp("settings") / "trailhouse.toml", [], BaseClient._make_api_call

    def recorded(self, operation, given):
        found.append(call_of(self.meta.service_model.service_name, operation, given))
        return call(self, operation, given)

    with cloud(), pytest.MonkeyPatch.context() as patch:
        path.write_text(deploy_all()["Settings"])
        client("organizations").create_organization(FeatureSet="ALL")
        held = held_by("trailhouse-doctor")
        patch.setattr(examine.books, "read", lambda where: None)
        patch.setattr(BaseClient, "_make_api_call", recorded)
        examine.examine(settings.load(path, {}, {}), examine.Asked(organization=True))
    return [
        CATALOG,
        *(each for each in found if each.action != "sts:GetCallerIdentity"),
    ], held  # for which nobody needs a right


def test_every_look_is_allowed_by_the_doctors_policy(asked):
    calls, held = asked
    assert [str(each) for each in calls if allowed(held, each) is not True] == []
    assert {each.resource for each in calls} >= {f"arn:aws:s3:::{LOGS}", f"arn:aws:s3:::{LAKE}"}


def test_no_look_that_it_lists_is_unused(asked):
    calls, held = asked
    unused = defaultdict(set)
    for each in held:
        if not each["Sid"].startswith("Looks"):
            continue  # the lake's books, which are held against the wire
        for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
            if not any(call.action == action and applies(each, call) for call in calls):
                unused[each["Sid"]].add(action)
        for resource in [each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"]:
            if not any(applies({**each, "Resource": resource}, call) for call in calls):
                unused[each["Sid"]].add(resource)
    assert unused == {}


def test_nothing_that_it_asks_changes_anything(asked):
    names = {each.action.partition(":")[2] for each in asked[0]}
    assert all(name.startswith(("Get", "List", "Describe")) for name in names)
    assert len(names) > 20
