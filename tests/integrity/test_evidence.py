"""
The evidence: the same bytes whoever makes it, all that was found in it, and commands that check a digest without us.

Its page is opened in a real browser: it asks nothing of any network, and shows what comes from outside as text.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.integrity.chains import FIRST, Trail, Vault
from tests.integrity.cloudtrail_api import ANYWHERE
from tests.integrity.tamperings import TAMPERINGS, tampered, untouched
from tests.integrity.verifying import keys_of, proof_of
from tests.test_page import Opened
from tools import setup
from trailhouse import __version__, proof_page, settings
from trailhouse.integrity import evidence

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def document(proof) -> dict:
    return evidence.evidence(proof, __version__)


@pytest.fixture
def folder(tmp_path):
    """Saves a vault as a folder, the copy of its bucket."""

    def saved(vault: Vault) -> settings.Source:
        return settings.Source(url=str(vault.save(tmp_path / "logs")), copy_of=vault.bucket)

    return saved


@pytest.fixture
def two_regions() -> Vault:
    vault = Vault()
    vault.chain("ok", "restart", "backfill")
    vault.chain("ok", *["empty"] * 3, "ok", trail=Trail(region="eu-west-1"))
    return vault


# ── what stands in it ────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_the_same_bytes_in_another_lake_by_another_run_and_after_a_full_one(tmp_path, folder, two_regions):
    source, keys = folder(two_regions), keys_of(two_regions, tmp_path)
    lakes = [settings.Lake(str(tmp_path / n), catalog_uri=str(tmp_path / n / "c.sqlite")) for n in ("a", "b")]
    made = {evidence.text(document(proof_of(lake, source, keys=keys))) for lake in (*lakes, lakes[0])}
    made.add(evidence.text(document(proof_of(lakes[0], source, keys=keys, full=True))))
    assert len(made) == 1


def test_every_chain_and_day_has_its_verdict_and_what_explains_a_pause_is_told(tmp_path, folder, lake, two_regions):
    made = document(proof_of(lake, folder(two_regions), keys=keys_of(two_regions, tmp_path)))
    assert made["verdict"] == "valid" and not made["not_valid"]
    chains = {(each["region"], each["backfill"]): each for each in made["chains"]}
    assert {each["verdict"] for each in made["chains"]} == {"valid"} and set(chains) == {
        ("us-east-1", False), ("us-east-1", True), ("eu-west-1", False),
    }  # fmt: skip
    assert sum(each["digests"] for each in made["chains"]) == made["counts"]["digests"]["valid"] == 9
    assert sum(each["log_files"] for each in made["days"]) == made["counts"]["log_files"]["valid"] == 11
    (pause,) = made["explained"]
    assert "StopLogging" in pause["said"] and "StartLogging" in pause["said"]
    assert [each["digests"] for each in made["keys"]] == [9] and made["keys"][0]["fingerprint"] == FIRST.fingerprint


@pytest.mark.parametrize("name", ["log_record_changed", "digest_deleted", "log_planted", "lie_no_previous"])
def test_what_is_not_valid_is_named_with_why_and_its_chain_and_day_are_not_valid(tmp_path, folder, lake, name):
    vault, touched = tampered(name)
    made = document(proof_of(lake, folder(vault), keys=keys_of(vault, tmp_path)))
    assert made["verdict"] == made["not_valid"][0]["verdict"] != "valid"
    assert all(each["said"] and each["checks"] for each in made["not_valid"])
    if name != "lie_no_previous":
        assert set(touched) <= {each["key"] for each in made["not_valid"]}
    wrong = {each["day"] for each in made["days"] if each["verdict"] != "valid"}
    assert "2026-03-02" in wrong
    if name != "log_planted":  # which no chain knows
        assert [each["verdict"] for each in made["chains"] if not each["backfill"]] == [made["verdict"]]


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def opened(chromium, tmp_path, folder, lake):
    """The page of a bucket to which somebody has done something."""
    vault, _ = tampered("log_record_changed")
    hostile = next(key for key in vault.objects if "/CloudTrail/" in key).rpartition("/")[0]
    vault.objects[f"{hostile}/{HOSTILE}.json.gz"] = next(iter(vault.objects.values()))
    made = document(proof_of(lake, folder(vault), keys=keys_of(vault, tmp_path)))
    path = tmp_path / "evidence.html"
    path.write_text(proof_page.html(made, "0" * 64), "utf-8")
    context = chromium.new_context()
    yield Opened(context, path)
    context.close()


def test_the_page_asks_nothing_says_nothing_and_runs_nothing(opened):
    assert opened.asked == [opened.page.url] and not opened.said
    assert opened.page.locator("script, img").count() == 0


def test_the_page_tells_the_verdict_the_counts_and_each_finding(opened):
    page = opened.page
    assert page.locator("h1").inner_text() == "Log file integrity: invalid"
    row = page.locator("table[aria-labelledby=counts] tr", has_text="invalid").first
    assert row.locator("td.number").all_inner_texts() == ["0", "1", "0"]
    found = page.locator("table[aria-labelledby=found] tbody tr")
    assert found.count() == 2
    assert "invalid" in found.nth(0).inner_text() and "SHA-256" in found.nth(0).inner_text()
    assert "<img src=x" in found.nth(1).inner_text() and "\u202e" not in page.content()


def test_the_page_holds_what_a_third_party_needs(opened):
    page = opened.page
    page.locator("details").first.locator("summary").click()
    commands = page.locator("details").first.locator("pre").all_inner_texts()
    assert "openssl dgst -sha256 -verify" in commands[0] and "validate-logs" in commands[1]
    assert FIRST.fingerprint in page.locator("table[aria-labelledby=keys]").inner_text()
    assert "0" * 64 in page.content() and __version__ in page.content()


def test_each_verdict_can_be_read_in_light_and_in_dark(opened):
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        for word in opened.page.locator(".word").all()[:8]:
            colours = word.evaluate("e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]")
            assert contrast(*colours) >= 4.5, (scheme, word.inner_text(), colours)


def contrast(one: str, other: str) -> float:
    """As WCAG has it."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[4:-1].split(",")]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


# ── without us ───────────────────────────────────────────────────────────────────────────────────────────────────────


def ran(script: str, where: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    shell = ["bash", "-euc", script]
    return subprocess.run(shell, cwd=where, env=env or {**os.environ}, capture_output=True, text=True, check=False)


@pytest.fixture
def by_cli(aws_cli, s3, cloudtrail, filled, lake, monkeypatch):
    """The evidence of a vault in a bucket, and an environment in which the AWS CLI is found."""
    for name, value in cloudtrail.env().items():
        monkeypatch.setenv(name, value)

    def made(vault: Vault):
        cloudtrail.keys = {ANYWHERE: vault.keys}
        proof = proof_of(lake, f"s3://{filled(vault)}")
        env = aws_cli.env() | {"PATH": f"{setup.awscli_path().parent}:{os.environ['PATH']}"}
        return document(proof)["recheck"], env

    return made


def test_openssl_alone_verifies_the_digest_of_each_chain_in_the_bucket(by_cli, two_regions, tmp_path):
    chains, env = by_cli(two_regions)
    assert len(chains) == 2
    for each in chains:
        done = ran(each["openssl"], tmp_path, env)
        assert done.stdout.splitlines()[-1] == "Verified OK", done.stderr


def test_openssl_does_not_verify_one_that_was_changed(by_cli, filled, tmp_path):
    vault, made = untouched()
    chains, env = by_cli(vault)
    changed = TAMPERINGS["digest_edited"].change(vault, made)
    filled(vault)
    (each,) = chains
    script = each["openssl"].replace(shlex.quote(each["key"]), shlex.quote(changed[0]))
    assert "Verified OK" not in ran(script, tmp_path, env).stdout


def test_openssl_verifies_the_digest_in_a_folder_that_is_a_copy(folder, lake, tmp_path):
    vault, _ = untouched()
    made = document(proof_of(lake, folder(vault), keys=keys_of(vault, tmp_path)))
    (each,) = made["recheck"]
    done = ran(each["openssl"], tmp_path)
    assert done.stdout.splitlines()[-1] == "Verified OK", done.stderr


def test_awss_own_command_finds_the_chain_valid(by_cli, two_regions, tmp_path):
    chains, env = by_cli(two_regions)
    for each in chains:
        done = ran(each["aws"], tmp_path, env)
        assert done.returncode == 0 and "valid" in done.stdout and "INVALID" not in done.stdout, done


def test_awss_own_command_finds_an_organizations_chain_once_its_owner_is_named(by_cli, cloudtrail, tmp_path):
    vault = Vault()
    trail = Trail(organization="o-exampleorgid", account="444455556666", owner="777788889999", prefix="o")
    vault.chain("ok", "ok", trail=trail)
    cloudtrail.organization = trail.organization
    cloudtrail.add_trail(trail, vault.bucket)
    (each,), env = by_cli(vault)
    done = ran(each["aws"].replace("OWNER", trail.owner), tmp_path, env)
    assert done.returncode == 0 and "2/2 digest files valid" in done.stdout, done


def test_the_document_is_plain_json(folder, lake, tmp_path):
    vault, _ = untouched()
    made = document(proof_of(lake, folder(vault), keys=keys_of(vault, tmp_path)))
    assert json.loads(evidence.text(made)) == made
