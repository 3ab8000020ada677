"""
What AWS's own verifier says of an untouched bucket, of chains of every kind, and of each tampering.

The last is kept in `aws_cli_says.toml` (see `golden`): who claims to be stricter notices at least that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.buckets import OTHER
from tests.integrity import golden
from tests.integrity.aws_cli import VALID, Said
from tests.integrity.chains import FIRST, SECOND, Trail, Vault
from tests.integrity.cloudtrail_api import ANYWHERE
from tests.integrity.tamperings import TAMPERINGS, tampered, untouched

ENDLESS = {"lie_previous_is_itself"}  # what it goes round and round in, until it is stopped


@pytest.fixture
def ask(aws_cli, filled, cloudtrail):
    """What the CLI says of a chain in a vault. The keys of the vault are those that AWS lists."""

    def asked(vault, chain, **options) -> Said:
        cloudtrail.keys = {ANYWHERE: vault.keys}
        return aws_cli.validate(chain, filled(vault), **options)

    return asked


# ── untouched ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_untouched_bucket_is_valid_to_the_last_object(ask):
    vault, made = untouched()
    said = ask(vault, made)
    assert said.exit == 0 and not said.complains and not said.aborted
    assert said.verdicts == dict.fromkeys(vault.objects, VALID)


@pytest.mark.parametrize(
    "trail",
    [
        Trail(prefix="audit/aws"),
        Trail(name="a_trail-1.x", region="eu-west-1"),
        Trail(region="us-gov-west-1", home="us-gov-east-1"),
    ],
    ids=lambda trail: f"{trail.name}-{trail.region}",
)
def test_a_chain_of_any_trail_is_valid(ask, trail):
    vault = Vault()
    made = vault.chain("ok", "empty", "backfill", "ok", trail=trail)
    assert ask(vault, made).verdicts == dict.fromkeys(vault.objects, VALID)


def test_a_chain_of_an_organizations_trail_is_valid_once_it_is_looked_up(ask, aws_cli, filled, cloudtrail):
    vault = Vault()
    trail = Trail(organization="o-exampleorgid", account=OTHER, owner="777788889999", prefix="o")
    made = vault.chain("ok", "ok", trail=trail)
    cloudtrail.keys = {trail.region: vault.keys}
    cloudtrail.organization = trail.organization
    cloudtrail.add_trail(trail, filled(vault))
    assert aws_cli.validate(made).verdicts == dict.fromkeys(vault.objects, VALID)
    assert [each.operation for each in cloudtrail.asked][:2] == ["DescribeTrails", "DescribeOrganization"]


def test_a_missing_digest_and_a_restart_are_told_apart(ask):
    vault = Vault()
    made = vault.chain("ok", "missing", "ok", "restart", "unlisted", "unexplained")
    said = ask(vault, made)
    assert said.invalid == {made.hours[1].digest: "INVALID: not found"}
    assert len(said.gaps) == 2
    assert not set(made.hours[4].unlisted) & set(said.verdicts)


def test_it_does_not_know_the_longer_form_of_a_key(ask):
    long = replace(FIRST, spki=True)
    vault = Vault(keys=(long, SECOND))
    made = vault.chain("ok", "ok", signers={0: long, 1: SECOND})
    assert list(ask(vault, made).invalid) == [made.hours[0].digest]


def test_a_key_that_was_valid_only_when_it_signed_is_found(ask):
    vault = Vault()
    made = vault.chain("ok", "ok", "ok", signers={0: FIRST, 1: SECOND})
    turn = made.hours[1].start
    first, second = replace(FIRST, until=turn), replace(SECOND, since=turn + timedelta(seconds=1))
    assert ask(replace(vault, keys=(first, second)), made).exit == 0


def test_without_any_key_it_gives_up(ask):
    vault = Vault()
    made = vault.chain("ok")
    said = ask(replace(vault, keys=()), made)
    assert said.aborted and said.exit not in (0, 1)


# ── tampered ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_it_says_of_a_tampering_is_as_last_read(ask, update_golden, name):
    vault, _ = tampered(name)
    said = golden.brief(ask(vault, untouched()[1], patience=5 if name in ENDLESS else 60))
    if update_golden:
        golden.write(golden.read() | {name: said})
    assert golden.read().get(name) == said, "make golden, and read the diff"


def test_each_tampering_has_its_verdict_and_no_other_is_kept():
    assert list(golden.read()) == list(TAMPERINGS)


@pytest.mark.parametrize("name", [name for name, tampering in TAMPERINGS.items() if tampering.harmless])
def test_it_says_nothing_of_what_is_harmless(name):
    assert not golden.read()[name].noticed
