"""The chains that other tests stand on hold together, and are laid down as they say."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from tests.integrity.chains import ATTACKER, FIRST, SECOND, Key, Trail, Vault
from tests.integrity.tamperings import TAMPERINGS, tampered, untouched


def loose(vault: Vault, digests: list[str]) -> list[str]:
    """The digests whose link to the one before does not hold."""
    return [
        key
        for key, before in zip(digests[1:], digests, strict=False)
        if vault.body(key).items() & vault.link(before).items() != vault.link(before).items()
    ]


def test_each_digest_names_the_one_before_and_lists_what_was_delivered_in_its_hour():
    vault, made = untouched()
    assert loose(vault, made.digests) == []
    assert vault.body(made.digests[0])["previousDigestS3Object"] is None
    for hour in made.hours:
        assert [each["s3Object"] for each in vault.body(hour.digest)["logFiles"]] == list(hour.logs)
    listed = {key for hour in made.hours for key in (hour.digest, hour.backfill, *hour.logs, *hour.backfilled)}
    assert listed - {None} == set(vault.objects)


def test_windows_meet_but_where_logging_was_off():
    made = Vault().chain("ok", "empty", "restart", "ok")
    assert [
        (after.start - before.end).seconds // 3600 for before, after in zip(made.hours, made.hours[1:], strict=False)
    ] == [0, 2, 0]


def test_a_restart_is_told_by_events_of_the_trail_unless_it_is_unexplained():
    vault = Vault()
    made = vault.chain("ok", "restart", "unexplained+CreateTrail", trail=Trail("other"))
    told = {
        key: [
            each["eventName"]
            for each in json.loads(vault.inflated(key))["Records"]
            if "name" in each["requestParameters"]
        ]
        for key in vault.objects
        if "/CloudTrail/" in key
    }
    assert [told[key] for hour in made.hours for key in hour.logs] == [
        [],
        ["StopLogging"],
        ["StartLogging"],
        [],
        ["CreateTrail"],
        [],
    ]


def test_a_digest_that_lies_is_named_rightly_by_those_that_follow():
    vault, made = untouched()
    vault.rewrite(made.digests[2], vault.body(made.digests[2]) | {"awsAccountId": "0" * 12})
    assert loose(vault, made.digests) == []


def test_a_vault_is_saved_with_its_metadata_beside(tmp_path):
    vault, made = untouched()
    vault.save(tmp_path)
    digest = tmp_path / made.digests[0]
    assert digest.read_bytes() == vault.objects[made.digests[0]].data
    assert (
        json.loads((digest.parent / f"{digest.name}.metadata.json").read_text())
        == vault.objects[made.digests[0]].metadata
    )
    assert not list((tmp_path / made.hours[0].logs[0]).parent.glob("*.metadata.json"))


@pytest.mark.parametrize(("spki", "begins"), [(False, "MIIBCgKCAQEA"), (True, "MIIBIjANBgkq")])
def test_public_keys_have_the_forms_that_aws_gives(spki, begins):
    (told,) = Vault(keys=(Key("first", spki=spki),)).public_keys()["PublicKeyList"]
    assert told["Value"].startswith(begins)
    assert told["Fingerprint"] == hashlib.md5(base64.b64decode(told["Value"])).hexdigest()


def test_the_attackers_key_is_not_listed():
    assert ATTACKER.fingerprint not in {key.fingerprint for key in (FIRST, SECOND)}
    assert {each["Fingerprint"] for each in Vault().public_keys()["PublicKeyList"]} == {
        FIRST.fingerprint,
        SECOND.fingerprint,
    }


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_changes_what_it_touches_and_else_only_what_is_signed_over_it(name):
    (before, made), (after, touched) = untouched(), tampered(name)
    changed = {key for key in before.objects | after.objects if before.objects.get(key) != after.objects.get(key)}
    assert set(touched) & changed and len(set(touched)) == len(touched)
    assert changed - set(touched) <= (set(made.digests) if name.startswith("lie_") else set())


@pytest.mark.parametrize("name", [name for name, tampering in TAMPERINGS.items() if tampering.harmless])
def test_what_is_harmless_leaves_the_content(name):
    before, (after, touched) = untouched()[0], tampered(name)
    assert [after.inflated(key) for key in touched] == [before.inflated(key) for key in touched]
