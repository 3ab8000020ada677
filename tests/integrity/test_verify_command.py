"""`trailhouse verify` as a process: what it prints, its exit codes, what it writes, and what it says of mistakes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrity.chains import Vault
from tests.integrity.tamperings import tampered, untouched
from tests.integrity.verifying import keys_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verify(tmp_path):
    """Runs the command over a vault in a folder."""

    def ran(vault: Vault, *options: str, keys: bool = True) -> subprocess.CompletedProcess[str]:
        logs = tmp_path / "logs"
        if not logs.exists():  # written again, files would have another time
            vault.save(logs)
        given = ["--public-keys", str(keys_of(vault, tmp_path))] if keys else []
        command = [sys.executable, str(ROOT / "jobs" / "verify.py"), str(logs), "--lake", str(tmp_path / "lake")]
        return subprocess.run(
            [*command, "--source-copy-of", vault.bucket, *given, *options], capture_output=True, text=True, check=False
        )

    return ran


def test_an_untouched_folder_is_valid_and_exit_code_0(verify, tmp_path):
    done = verify(untouched()[0], "--evidence", str(tmp_path / "evidence"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "valid: 1 accounts, 2 chains, 9 digests, 15 log files; read 9 digests and 15 log files"
    )
    assert {path.name for path in (tmp_path / "evidence").iterdir()} == {"evidence.json", "evidence.html"}
    again = verify(untouched()[0], "--evidence", str(tmp_path / "again"))
    assert "read 0 digests and 0 log files" in again.stdout
    for name in ("evidence.json", "evidence.html"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "evidence" / name).read_bytes()


def test_a_finding_is_exit_code_4_and_json_names_every_object(verify):
    vault, touched = tampered("logs_swapped")
    done = verify(vault, "--format", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 4 and told["status"] == "invalid"
    assert {each["key"] for each in told["not_valid"]} == set(touched)
    assert told["counts"]["log_files"] == {"valid": 13, "invalid": 2}


def test_what_could_only_not_be_checked_is_exit_code_5(verify):
    vault, _ = untouched()
    done = verify(Vault(vault.bucket, vault.keys[:1], vault.objects), "--format", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 5 and told["status"] == "unchecked"
    assert {check for each in told["not_valid"] for check in each["checks"]} == {"no_key", "digest_not_sound"}


def test_findings_are_told_line_by_line_up_to_a_limit(verify):
    vault, _ = tampered("digests_deleted_all")
    done = verify(vault, "--limit", "3")
    lines = [line for line in done.stdout.splitlines() if line.startswith("unchecked (")]
    assert len(lines) == 3 and "no digests of its account and region" in lines[0]
    assert "and 12 more: --limit N" in done.stderr


def test_rows_can_be_had_as_csv(verify):
    done = verify(tampered("log_planted")[0], "--format", "csv")
    head, row = csv.reader(done.stdout.splitlines())
    assert head == ["verdict", "what", "checks", "account", "region", "source", "key", "said"]
    assert row[:4] == ["unlisted", "log_file", "unlisted", "111122223333"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--public-keys", "nowhere.json"], "the file of public keys nowhere.json can't be read"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "--since 2026-03-02 is after --until 2026-03-01"),
        (["--since", "yesterday"], "'yesterday' is no date such as 2026-03-01"),
        (["--source-live", "perhaps"], "`source.live` on the command line must be true or false"),
        (["--source-copy-of", "A bucket"], "must be the name of a bucket, such as org-trail-logs"),
    ],
)
def test_a_mistake_is_told_and_what_to_do(verify, options, said):
    done = verify(untouched()[0], *options, keys=False)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_help_has_examples(verify):
    done = subprocess.run(
        [sys.executable, str(ROOT / "jobs" / "verify.py"), "--help"], capture_output=True, text=True, check=True
    )
    assert "trailhouse verify s3://org-trail" in done.stdout and "Exit code 4" in done.stdout
