"""What AWS answers otherwise than expected: in pages, of another account, of another region, with fields that came or went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.doctor import breaking
from tests.infra.clouds import ACCOUNT, LAKE, LOGS, client
from trailhouse import cli, settings
from trailhouse.doctor import checks, reading

OTHER = "444455556666"
Answer = Callable[[dict[str, Any], Callable[[], dict[str, Any]]], dict[str, Any]]


@pytest.fixture(autouse=True)
def outputs(house):
    breaking.OUTPUTS.update(house.outputs)


@pytest.fixture
def answers(monkeypatch) -> dict[str, Answer]:
    """By operation: what is answered instead, from what was asked and what moto would say."""
    call, told = BaseClient._make_api_call, {}

    def answered(self, operation, given):
        if operation not in told:
            return call(self, operation, given)
        return told[operation](given, lambda: call(self, operation, given))

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
    return told


def refuse(code: str) -> Answer:
    def answer(given: dict[str, Any], _: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")

    return answer


# ── in pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_at_a_time(what: str) -> Answer:
    """As IAM may: fewer than were asked for, and a mark where it goes on."""

    def answer(given: dict[str, Any], moto: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        at = int(given.pop("Marker", "0"))
        told = moto()[what]
        more = {"IsTruncated": True, "Marker": str(at + 1)} if at + 1 < len(told) else {"IsTruncated": False}
        return {what: told[at : at + 1], **more}

    return answer


def test_every_policy_of_a_role_is_looked_at_however_iam_cuts_the_list(house, answers):
    answers["ListRolePolicies"] = one_at_a_time("PolicyNames")
    answers["ListAttachedRolePolicies"] = one_at_a_time("AttachedPolicies")
    assert house.words() == [], "all that a role needs is in one of them"
    client("iam").put_role_policy(
        RoleName="trailhouse-analyst", PolicyName="zz-last",
        PolicyDocument='{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "cloudtrail:StopLogging", "Resource": "*"}}',
    )  # fmt: skip
    assert house.words() == ["role_too_wide"]
    client("iam").delete_role_policy(RoleName="trailhouse-analyst", PolicyName="zz-last")


def test_a_policy_that_says_numbers_and_truths_without_quotes_is_read(house, answers):
    """As IAM keeps what it was given."""
    plain = {"NumericLessThan": {"s3:TlsVersion": 1.2}, "Bool": {"aws:SecureTransport": False}}
    denial = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": plain}

    def answer(given: dict[str, Any], moto: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        told = moto()["PolicyDocument"]
        return {"PolicyDocument": told | {"Statement": [*told["Statement"], denial]}}

    answers["GetRolePolicy"] = answer
    assert house.words() == []


# ── trails of other regions and accounts ─────────────────────────────────────────────────────────────────────────────


def test_a_trail_of_another_region_alone_is_seen(house, answers):
    import boto3

    away = boto3.client("cloudtrail", region_name="eu-west-1")
    away.create_trail(Name="away", S3BucketName=LOGS, IsMultiRegionTrail=False)
    arn = f"arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/away"
    # moto lists as DescribeTrails does; AWS lists the trails of every region.
    answers["ListTrails"] = lambda given, moto: {"Trails": [*moto()["Trails"], {"TrailARN": arn, "Name": "away"}]}
    told = {each.check for each in house.examine().findings if each.where == arn}
    assert told >= {"trail_one_region", "trail_off", "trail_no_validation"}
    away.delete_trail(Name="away")


def of_the_organization(given: dict[str, Any], moto: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    (trail,) = moto()["trailList"]
    arn = trail["TrailARN"].replace(ACCOUNT, OTHER)
    return {"trailList": [trail | {"TrailARN": arn, "IsOrganizationTrail": True}]}


def test_the_organizations_trail_is_seen_from_a_member_and_what_it_hides_is_unchecked(house, answers):
    """AWS refuses a member the selectors: TrailNotFoundException, or that the account in the ARN is another."""
    answers["DescribeTrails"] = of_the_organization
    answers["ListTrails"] = lambda *_: {"Trails": []}
    answers["GetTrailStatus"] = lambda *_: {"IsLogging": True}
    answers["GetEventSelectors"] = answers["GetInsightSelectors"] = refuse("TrailNotFoundException")
    (finding,) = house.examine().findings
    assert (finding.check, finding.severity) == ("unchecked", "unchecked")
    assert OTHER in finding.where and "GetEventSelectors" in finding.what
    assert finding.mend == checks.ELSEWHERE.format(account=OTHER), "and no right helps"
    answers["GetTrailStatus"] = lambda *_: {"IsLogging": False}
    assert set(house.words()) == {"unchecked", "trail_off"}


# ── what is not there, or may not be asked ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("failing", "mend"),
    [
        (refuse("AccessDenied"), checks.NO_RIGHT),
        (refuse("AccessDeniedException"), checks.NO_RIGHT),
        (refuse("Throttling"), checks.NO_ANSWER),
        (refuse("ExpiredTokenException"), checks.NO_ANSWER),
    ],
)
def test_a_right_is_asked_for_where_a_right_is_missing(house, answers, failing, mend):
    answers["GetDatabase"] = failing
    assert {each.mend for each in house.examine().findings} == {mend}


def test_no_answer_at_all_is_unchecked(house, answers):
    def nobody(*_):
        raise EndpointConnectionError(endpoint_url="https://glue.example.com")

    answers["GetDatabase"] = nobody
    report = house.examine()
    assert report.status == "unchecked" and {each.mend for each in report.findings} == {checks.NO_ANSWER}


def test_a_bucket_of_another_account_is_looked_at_there(house, answers):
    (source,) = house.config.sources
    theirs = replace(house.config, sources=(replace(source, expected_owner=OTHER),))
    answers["GetBucketLocation"] = lambda given, moto: (
        refuse("AccessDenied")(given, moto) if given["Bucket"] == LOGS else moto()
    )
    told = {each.check: each for each in house.examine(theirs).findings}
    assert set(told) == {"unchecked"} and told["unchecked"].mend == checks.ELSEWHERE.format(account=OTHER)


def test_the_accounts_block_of_public_access_is_enough(house):
    s3 = client("s3")
    before = s3.get_public_access_block(Bucket=LAKE)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=LAKE)
    assert house.words() == ["bucket_public"]
    control = client("s3control")
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=dict.fromkeys(before, True))
    assert house.words() == []
    control.delete_public_access_block(AccountId=ACCOUNT)
    s3.put_public_access_block(Bucket=LAKE, PublicAccessBlockConfiguration=before)


def test_a_key_that_aws_cannot_rotate_is_not_asked_about_it(house, answers):
    answers["GetKeyRotationStatus"] = refuse("UnsupportedOperationException")
    assert house.words() == []

    def imported(given: dict[str, Any], moto: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        told = moto()
        return {"KeyMetadata": told["KeyMetadata"] | {"Origin": "EXTERNAL"}}

    answers["DescribeKey"] = imported
    answers["GetKeyRotationStatus"] = lambda *_: {"KeyRotationEnabled": False}
    assert house.words() == []


def test_an_account_alone_has_no_organization_to_cover(house, answers):
    answers["ListAccounts"] = refuse("AWSOrganizationsNotInUseException")
    assert house.words(organization=True) == []


@pytest.mark.parametrize("field", ["State", "Status"])
def test_an_account_that_was_closed_need_not_be_covered(house, answers, field):
    """AWS gives up `Status` for `State`."""
    theirs = {"Id": OTHER, field: "SUSPENDED"}
    answers["ListAccounts"] = lambda *_: {"Accounts": [{"Id": ACCOUNT, field: "ACTIVE"}, theirs]}
    assert house.words(organization=True) == []
    theirs[field] = "ACTIVE"
    assert house.words(organization=True) == ["accounts_uncovered"]


def test_one_bucket_for_logs_lake_and_results_is_looked_at_as_each():
    config = settings.Settings(
        lake=settings.Lake(location="s3://one/lake"),
        athena=settings.Athena(output="s3://one/athena"),
        sources=(
            settings.Source(url="s3://one", expected_owner=ACCOUNT),
            settings.Source(url="s3://one/org"),
            settings.Source(url="s3://two/flat", layout="flat", copy_of="one"),
            settings.Source(url="/logs"),
        ),
    )
    named = [(each.name, each.use, each.prefixes, each.owner, each.copied) for each in reading._named(config, ACCOUNT)]
    assert named == [
        ("one", "logs", ("AWSLogs/", "org/AWSLogs/"), ACCOUNT, False),
        ("two", "logs", ("flat/",), "", True),
        ("one", "lake", ("lake/",), ACCOUNT, False),
        ("one", "results", ("athena/",), ACCOUNT, False),
    ]


# ── names from hostile hands ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_policies_and_rules_are_called_does_nothing_to_a_terminal(house, tmp_path, capsys):
    hostile = "\x1b]0;owned\x07\x1b[2J\u202eevil\nall is well {where}"
    path = tmp_path / "trailhouse.toml"
    path.write_text(house.outputs["Settings"])

    def let_in(named: dict[str, dict[str, Any]]) -> None:
        breaking.let_in(named)
        named["World"]["Sid"] = hostile

    with breaking.policy(LAKE, let_in), pytest.raises(SystemExit):
        cli.main(["doctor", "--config", str(path)])
    out = capsys.readouterr().out
    assert "bucket_open" in out and "evil" in out
    assert not set(out) & set("\x1b\x07\u202e")
    assert [line for line in out.splitlines() if line.startswith("all is well")] == []
