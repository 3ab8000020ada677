"""A cloud as infra/ makes it is well; of each thing that is set wrongly the doctor says exactly that, until it is mended."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.doctor import breaking
from tests.infra.clouds import client
from trailhouse import cli, settings
from trailhouse.doctor import checks


@pytest.fixture(autouse=True)
def outputs(house):
    breaking.OUTPUTS.update(house.outputs)


def test_all_is_well(house):
    report = house.examine()
    assert report.findings == ()
    assert report.status == "well"
    assert report.calls > 50 and report.caller.startswith("arn:aws:")


@pytest.mark.parametrize(("word", "where", "broken"), [(w, where, b) for w, _, where, b in breaking.WAYS], ids=[f"{w}: {name}" for w, name, *_ in breaking.WAYS])  # fmt: skip
def test_what_is_wrong_is_found_and_nothing_else(house, word, where, broken):
    with broken():
        findings = house.examine().findings
    assert [each.check for each in findings] == [word], findings
    (finding,) = findings
    assert where in finding.where
    assert finding.mend and "{" not in finding.mend + finding.what
    assert house.words() == [], "mended"


def test_a_source_without_an_owner_is_found(house):
    (source,) = house.config.sources
    assert house.words(replace(house.config, sources=(replace(source, expected_owner=""),))) == ["source_no_owner"]


def test_an_organization_without_a_trail_of_its_own_is_found(house):
    client("organizations").create_organization(FeatureSet="ALL")
    client("organizations").create_account(Email="a@example.com", AccountName="second")
    assert house.words() == [], "nobody asked"
    assert house.words(organization=True) == ["accounts_uncovered"]
    with breaking.trail(IsOrganizationTrail=True):
        assert house.words(organization=True) == []


# ── what may not be looked at ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def refusing(monkeypatch):
    """AWS refuses an operation; which were called is kept."""
    call, refused, called = BaseClient._make_api_call, set(), []

    def answered(self, operation, given):
        called.append(operation)
        if operation in refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, operation)
        return call(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
    return refused, called


def test_what_may_not_be_looked_at_is_never_well(house, refusing):
    refused, called = refusing
    assert house.words() == []
    for operation in sorted(set(called)):
        refused.clear()
        refused.add(operation)
        report = house.examine()
        assert report.status == "unchecked", operation
        assert {each.check for each in report.findings} == {"unchecked"}, operation
    assert len(set(called)) > 20


def test_nobody_to_aws_is_unchecked(house, refusing):
    refusing[0].update({"GetCallerIdentity"})
    assert house.words() == ["unchecked"]


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def call(house, tmp_path, capsys):
    path = tmp_path / "trailhouse.toml"
    path.write_text(house.outputs["Settings"])

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(["doctor", "--config", str(path), *arguments])
        return int(left.value.code or 0), capsys.readouterr().out

    return run


def test_the_command_says_that_all_is_well_and_as_whom_it_looked(call):
    code, out = call()
    assert (code, out.splitlines()[0]) == (0, "all is well")
    assert "they show in the trail's own events" in out and "user agent trailhouse/" in out


@pytest.mark.parametrize(
    ("word", "severity", "code"),
    [("trail_off", "wrong", 4), ("results_stay", "costly", 4), ("key_no_rotation", "advice", 0)],
)
def test_the_exit_code_says_how_bad_it_is(call, word, severity, code):
    broken = next(b for w, _, _, b in breaking.WAYS if w == word)
    with broken():
        left, out = call("--format", "json")
        assert left == code
        told = json.loads(out)
        assert [(each["check"], each["severity"]) for each in told["findings"]] == [(word, severity)]
        assert told["status"] == ("well" if severity == "advice" else severity)
        left, out = call()
        assert left == code and f"{severity}: {word}: " in out and "mend: " in out
        assert word in call("--format", "csv")[1]


def test_what_could_not_be_looked_at_has_a_code_of_its_own(call, refusing):
    refusing[0].add("GetBucketPolicy")
    code, out = call("--format", "json")
    assert code == 5
    assert {each["what"].split()[0] for each in json.loads(out)["findings"]} == {"s3:GetBucketPolicy"}
    with breaking.stopped():
        assert call()[0] == 4, "what is wrong comes before what is not known"


def test_every_word_is_put_to_the_test():
    elsewhere = {
        "unchecked", "source_no_owner", "accounts_uncovered", "account_unseen", "source_no_external_id",
        "trail_unseen", "key_unusable", "roles_unknown", "endpoint_elsewhere", "lake_missing", "ingest_overdue", "batch_held", "objects_pending", "maintain_overdue",
    }  # fmt: skip
    assert {word for word, *_ in breaking.WAYS} | elsewhere == set(checks.CHECKS)
    assert settings.Doctor().ingest_within


def test_a_secret_of_the_environment_is_never_told(call, monkeypatch, capsys):
    """S9: whatever is found, and whatever fails."""
    canary = "canary-9d1f"
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, canary)
    with breaking.stopped(), breaking.unblocked(breaking.LOGS):
        said = [call(*arguments)[1] for arguments in ((), ("--format", "json"), ("--verbose",))]
    assert not [each for each in said if canary in each]
    assert all("trail_off" in each for each in said)


def test_roles_of_other_names_are_looked_for_or_not_at_all(house):
    other = replace(house.config, doctor=settings.Doctor(roles="other"))
    assert set(house.words(other)) == {"role_missing"}
    assert house.words(replace(house.config, doctor=settings.Doctor(roles="none"))) == []
